"""The multi-scale RVQ-VAE of MoMask++: the first layers say what lasts long, with fewer codes than there are steps.

Source: Guo et al., "SnapMoGen: Human Motion Generation from Expressive Texts", arXiv:2507.09122, section 4.1; code at
c570c15. Departures: no attention in encoder and decoder; no convolution after interpolation; codes are (B, L, Q) like
all others, so a code of scale s is repeated over the s steps that it covers. It cannot be causal, as a coarse code sees
later steps.
"""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.layered import LayeredAutoencoder
from motionlib.tokenizers.residual import ResidualConfig


class MultiscaleRvqConfig(ResidualConfig):
    """Settings of `multiscale_rvq`; the defaults are MoMask++'s, but for `reset`."""

    scales: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        default=(8, 4, 2, 1), min_length=1, description="steps that a code of each layer covers"
    )
    shared: bool = Field(default=True, description="one codebook for all layers")
    layer_dropout: float = Field(
        default=0.0, ge=0.0, le=1.0, description="share of steps in which only the first of the layers are used"
    )
    temperature: float = Field(default=0.0, ge=0.0, description="of drawing codes in training; 0: always the nearest")
    causal: Literal[False] = Field(default=False, description="a coarse code sees later steps")


class MultiscaleRvq(LayeredAutoencoder):
    """A layer of scale s has a code for s steps; where s does not divide L, the last one stands for those left."""

    Config: ClassVar[type[Settings]] = MultiscaleRvqConfig

    def __init__(self, config: MultiscaleRvqConfig, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps, config.scales)

    @property
    def bits_per_second(self) -> float:
        """A code that is repeated counts once."""
        codes_per_step = sum(1 / scale for scale in self.quantizer.scales)
        return self.shape.steps_per_second * codes_per_step * math.log2(self.config.codes)
