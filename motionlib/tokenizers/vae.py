"""A variational autoencoder of T2M-GPT's convolutions: latents that lie close together, for a prior that wants numbers.

The backbone is that of Zhang et al., "T2M-GPT", CVPR 2023, arXiv:2301.06052; the form, a small latent per four frames
with a weak divergence, that of Xiao et al., "MotionStreamer", ICCV 2025, arXiv:2503.15451, section 3.2 (there causal).
"""

from typing import ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from motionlib.tokenizers.autoencoder import ConvAutoencoder, ConvConfig
from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.conv import Encoder, same, to_image, to_rows
from motionlib.tokenizers.posterior import PosteriorConfig, PosteriorLatents
from motionlib.tokenizers.scalars import ScalarGrid

START_LOG_VARIANCE = -4.0  # of a calm start: deviations of 0.14, small beside latents of unit variance


class VaeConfig(PosteriorConfig, ConvConfig):
    """Settings of `vae`."""

    code_width: PositiveInt = Field(default=32, le=4096, description="C, width of a latent")


class Vae(ConvAutoencoder, PosteriorLatents):
    """The convolutions' last layer twice: once for the mean, once for the logarithm of the variance (`spread`)."""

    Config: ClassVar[type[Settings]] = VaeConfig
    config: VaeConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        c = self.config
        self.spread = same(c.width, c.code_width, c.causal)
        if c.start != "torch":
            nn.init.zeros_(self.spread.weight)
            assert self.spread.bias is not None
            nn.init.constant_(self.spread.bias, START_LOG_VARIANCE)
        self.grid = ScalarGrid.of(c, c.code_width)

    def posterior(self, normal: Tensor) -> Tensor:
        """See `PosteriorLatents.posterior`."""
        assert isinstance(self.encoder, Encoder)
        *inner, last = self.encoder.layers
        image = to_image(normal)
        for layer in inner:
            image = layer(image)
        return torch.cat([to_rows(last(image)), to_rows(self.spread(image))], dim=-1)
