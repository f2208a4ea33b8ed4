"""Lookup-free quantization: a code is the signs of its channels.

Source: Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation", arXiv:2310.05737,
section 3.1.
"""

from typing import ClassVar

from torch import Tensor

from motionlib.tokenizers.base import Settings
from motionlib.tokenizers.bits import BitAutoencoder, BitConfig


class LfqConfig(BitConfig):
    """Settings of `lfq`."""


class Lfq(BitAutoencoder):
    """Channels become -1 or 1."""

    Config: ClassVar[type[Settings]] = LfqConfig

    @property
    def size(self) -> float:
        """See `BitAutoencoder.size`."""
        return 1.0

    def bounded(self, channels: Tensor) -> Tensor:
        """As they are."""
        return channels
