"""The skeletal VAE of SALAD: seven parts of the body, each with a small latent of its own, and few parameters.

Source: Hong et al., "SALAD: Skeleton-aware Latent Diffusion for Text-driven Motion Generation and Editing", CVPR 2025,
arXiv:2503.13836, section 3.1. Its networks stand in `skeletal`.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

from motionlib.body.ric import feature_groups
from motionlib.tokenizers.autoencoder import Term
from motionlib.tokenizers.base import FPS, JOINTS_OF_WIDTH, Settings
from motionlib.tokenizers.posterior import PosteriorConfig, PosteriorLatents
from motionlib.tokenizers.scalars import ScalarGrid
from motionlib.tokenizers.skeletal import PARTS, JointLinear, Sizes, SkeletalDecoder, SkeletalEncoder


class SkeletalVaeConfig(PosteriorConfig):
    """Settings of `skeletal_vae`; the defaults are SALAD's."""

    joint_width: PositiveInt = Field(default=32, le=512, description="channels of a joint, of a part's latent too")
    blocks: PositiveInt = Field(default=2, le=8, description="residual blocks of a stage")
    dropout: NonNegativeFloat = Field(default=0.1, lt=1.0, description="at the end of a residual block")
    kl_weight: NonNegativeFloat = Field(default=0.02, description="weight of the divergence, in nats per channel")
    kl_warmup: NonNegativeFloat = Field(
        default=0.0, le=1.0, description="share of training in which its weight rises from 0"
    )
    free_bits: NonNegativeFloat = Field(default=0.0, description="nats per channel that cost nothing more than less")
    speed_weight: NonNegativeFloat = Field(default=0.5, description="weight of the features that are velocities")


class SkeletalVae(PosteriorLatents):
    """Latents of 7 parts of a body, side by side: C is 7 times `joint_width`."""

    Config: ClassVar[type[Settings]] = SkeletalVaeConfig
    config: SkeletalVaeConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        c = self.config
        sizes = Sizes(c.joint_width, c.blocks, c.dropout)
        self.encoder = SkeletalEncoder(self.width, sizes)
        self.decoder = SkeletalDecoder(self.width, sizes)
        parts = len(PARTS)
        self.said = JointLinear([c.joint_width] * parts, [2 * c.joint_width] * parts)
        self.grid = ScalarGrid.of(c, parts * c.joint_width)
        self.speeds = feature_groups(JOINTS_OF_WIDTH[self.width])["velocity"]

    def posterior(self, normal: Tensor) -> Tensor:
        """See `PosteriorLatents.posterior`."""
        mean, log_variance = self.said(self.encoder(normal)).chunk(2, dim=-1)
        return torch.cat([mean.flatten(-2), log_variance.flatten(-2)], dim=-1)

    def more_terms(self, made: Tensor, real: Tensor, generator: torch.Generator) -> Mapping[str, Term]:  # noqa: ARG002
        """The error of velocities as the features tell them, which `velocity_weight` does not mean."""
        at = self.speeds
        return {"speeds": Term(self.config.speed_weight, functional.smooth_l1_loss(made[..., at], real[..., at]))}

    def _rows(self, latent: Tensor) -> Tensor:
        return super()._rows(latent.unflatten(-1, (len(PARTS), -1)))
