"""The RVQ-VAE of MoMask: several codes per step, each for what those before it left over.

Source: Guo et al., "MoMask: Generative Masked Modeling of 3D Human Motions", CVPR 2024, arXiv:2312.00063, section 3.1;
code at 108003b. The gradient is fixed: see `residual`.
"""

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.layered import LayeredAutoencoder
from motionlib.tokenizers.residual import ResidualConfig


class RvqConfig(ResidualConfig):
    """Settings of `rvq`; the defaults are MoMask's as published, but for `reset` (MoMask: `t2mgpt`)."""

    layers: int = Field(default=6, ge=1, le=64, description="Q, codes per step")


class Rvq(LayeredAutoencoder):
    """All layers at every step."""

    Config: ClassVar[type[Settings]] = RvqConfig

    def __init__(self, config: RvqConfig, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps, (1,) * config.layers)
