"""Binary spherical quantization: channels are brought to the unit sphere, and a code is their signs.

Source: Zhao et al., "Image and Video Tokenization with Binary Spherical Quantization", arXiv:2406.07548, section 4;
sizes and weights as ScaleMoGen's for motion. The sphere is that of all groups together. It drops how large a latent is,
and with it some of a motion's amplitude.
"""

import math
from typing import ClassVar

from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.nn import functional

from motionlib.tokenizers.base import Settings
from motionlib.tokenizers.bits import BitAutoencoder, BitConfig


class BsqConfig(BitConfig):
    """Settings of `bsq`; the default of 24 bits is said in two codes."""

    bits: int = Field(default=12, ge=1, le=16, description="bits of a code")
    groups: int = Field(default=2, ge=1, le=64, description="codes side by side on one sphere")
    temperature: PositiveFloat = Field(default=1.0, description="of a bit's probability, in squared distance")


class Bsq(BitAutoencoder):
    """Channels become -1/sqrt(n) or 1/sqrt(n), n of all groups together."""

    Config: ClassVar[type[Settings]] = BsqConfig

    @property
    def size(self) -> float:
        """See `BitAutoencoder.size`."""
        return 1.0 / math.sqrt(self.config.groups * self.config.bits)

    def bounded(self, channels: Tensor) -> Tensor:
        """On the unit sphere."""
        return functional.normalize(channels, dim=-1)
