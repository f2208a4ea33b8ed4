"""The VQ-VAE of T2M-GPT: the reference tokenizer.

Source: Zhang et al., "T2M-GPT", CVPR 2023, arXiv:2301.06052, section 3.1; code at b1446f1. The loss's second term is
called a velocity there but acts on positions; a true velocity is a term of its own here, as are the terms for
what MPJPE measures (`joint_weight`). All extra terms are off at 0.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.tokenizers.base import FPS, Settings, Tokenizer, position_slice
from motionlib.tokenizers.conv import STRIDE, Decoder, Encoder, Sizes, start_calmly
from motionlib.tokenizers.datastart import feature_metres, start_encoder
from motionlib.tokenizers.pose import facing_joints, floor_way, joint_distance
from motionlib.tokenizers.quantizers import Mode, Quantized, Reset, VectorQuantizer
from motionlib.training import Loss

HALVINGS = 2  # frames per code = 2^2


class VqVaeConfig(Settings):
    """Settings of `vqvae`; the defaults are T2M-GPT's as published, but for `reset` (T2M-GPT: `t2mgpt`)."""

    width: PositiveInt = Field(default=512, le=4096, description="channels of the convolutions")
    depth: PositiveInt = Field(default=3, le=8, description="residual blocks in a stack")
    growth: PositiveInt = Field(default=3, le=4, description="dilations are powers of this")
    activation: Literal["relu", "gelu", "silu"] = Field(default="relu")
    start: Literal["torch", "calm", "data"] = Field(
        default="torch", description="torch: as published; calm: residual blocks do nothing yet; data: calm, from PCA"
    )
    code_width: PositiveInt = Field(default=512, le=4096, description="C, width of a code")
    codes: int = Field(default=512, ge=2, le=65536, description="V, size of the codebook")
    mode: Mode = Field(default="ema_reset", description="how the codebook follows the latents")
    reset: Reset = Field(default="reseed", description="how a dead code is revived")
    reset_share: NonNegativeFloat = Field(
        default=1.0, le=1.0, description="share of training in which codes are revived"
    )
    decay: PositiveFloat = Field(default=0.99, lt=1.0, description="of the codebook's moving averages")
    threshold: NonNegativeFloat = Field(
        default=0.0, description="uses per step below which a code is dead; 0: by batch"
    )
    continuous_share: NonNegativeFloat = Field(
        default=0.0, lt=1.0, description="share of training before codes come in"
    )
    decoder_share: NonNegativeFloat = Field(
        default=0.0, le=1.0, description="share of training with the encoder at rest"
    )
    kmeans: bool = Field(default=False, description="cluster the first batch for the start")
    commitment: NonNegativeFloat = Field(default=0.02, description="weight of the commitment")
    position_weight: NonNegativeFloat = Field(default=0.5, description="weight of the second term, on joint positions")
    velocity_weight: NonNegativeFloat = Field(default=0.0, description="weight of the change of positions per frame")
    joint_weight: NonNegativeFloat = Field(
        default=0.0, description="weight of the joint error in metres, heading included"
    )
    travel_weight: NonNegativeFloat = Field(
        default=0.0,
        description="weight of the error of the pelvis's way in metres, which MPJPE leaves out",
    )
    root_bias: PositiveFloat = Field(
        default=1.0, description="factor on normalised root features and contacts; TM2T: 5"
    )


class Seen(NamedTuple):
    """What the codebook follows: `latent` (B, L, C) and `codes` (B, L)."""

    latent: Tensor
    codes: Tensor


class VqVae(Tokenizer):
    """Convolutions down to a quarter of the frame rate, one code per step, convolutions back up."""

    Config: ClassVar[type[Settings]] = VqVaeConfig
    config: VqVaeConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        c = self.config
        sizes = Sizes(c.width, c.code_width, HALVINGS, c.depth, c.growth, c.activation)
        self.encoder = Encoder(self.width, sizes)
        self.decoder = Decoder(self.width, sizes)
        if c.start != "torch":
            start_calmly(self.encoder, self.decoder)
        self.quantizer = VectorQuantizer(
            c.codes, c.code_width, mode=c.mode, reset=c.reset, decay=c.decay, threshold=c.threshold, kmeans=c.kmeans
        )
        self.positions = position_slice(self.width)
        self.register_buffer("encoder_from", torch.tensor([0]))
        self.encoder_from: Tensor
        scale = self.std.clone()
        scale[: self.positions.start] /= c.root_bias
        scale[-4:] /= c.root_bias  # foot contacts
        self.register_buffer("scale", scale, persistent=False)
        self.scale: Tensor

    @property
    def shape(self) -> CodeShape:
        """V, 1, 4 frames per step and steps per second."""
        return CodeShape(self.config.codes, 1, STRIDE**HALVINGS, self.fps / STRIDE**HALVINGS)

    def encode(self, features: Tensor) -> Tensor:
        """See `Tokenizer.encode`."""
        return self.quantizer.nearest(self._latent(self._normal(self.cropped(features)))).unsqueeze(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """See `Tokenizer.decode`."""
        latent = self.quantizer.lookup(self.checked_codes(codes).squeeze(-1))
        return self._rows(latent) * self.scale + self.mean

    def loss(self, batch: Any, generator: torch.Generator) -> Loss:  # noqa: ARG002
        """T2M-GPT's loss and, where weighted, the extra terms."""
        real = self._normal(self.cropped(batch.x))
        latent = self._latent(real)
        if int(self.quantizer.step) < int(self.encoder_from):
            latent = latent.detach()
        quantized = self.quantizer(latent)
        made = self._rows(quantized.latent).float()
        weighted = self._terms(made, real, quantized)
        total = torch.stack([weight * part for weight, part in weighted.values()]).sum()
        parts = {name: part for name, (_, part) in weighted.items()}
        return Loss(total, parts, Seen(latent.detach(), quantized.codes))

    def _terms(self, made: Tensor, real: Tensor, quantized: Quantized) -> dict[str, tuple[float, Tensor]]:
        c, at = self.config, self.positions
        terms = {
            "reconstruction": (1.0, functional.smooth_l1_loss(made, real)),
            "positions": (c.position_weight, functional.smooth_l1_loss(made[..., at], real[..., at])),
            "commitment": (c.commitment, quantized.commitment),
        }
        if c.mode in ("naive", "reset"):
            terms["codebook"] = (c.commitment, quantized.codebook)
        if c.velocity_weight:
            change = made[..., at].diff(dim=1), real[..., at].diff(dim=1)
            terms["velocity"] = (c.velocity_weight, functional.smooth_l1_loss(*change))
        raw = [x * self.scale + self.mean for x in (made, real)] if c.joint_weight or c.travel_weight else []
        if c.joint_weight:
            terms["joint_error"] = (c.joint_weight, joint_distance(*map(facing_joints, raw)))
        if c.travel_weight:
            terms["travel_error"] = (c.travel_weight, joint_distance(*map(floor_way, raw)))
        return terms

    def prepare(self, features: Tensor, seed: int) -> None:
        """With `start: data`, principal components and their clusters; (N, T, D) raw windows of the training clips."""
        if self.config.start != "data":
            return
        normal = self._normal(self.cropped(features))
        start_encoder(self.encoder, normal, feature_metres(self.width).to(normal.device) * self.scale)
        with torch.no_grad():
            self.quantizer.cluster(self._latent(normal), torch.Generator(normal.device).manual_seed(seed))

    def follow(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:
        """Move the codebook."""
        followed: Mapping[str, float] = self.quantizer.follow(seen.latent, seen.codes, generator)
        return followed

    def plan(self, steps: int) -> None:
        """Shares of the training become steps: when the encoder moves, when codes come in, revival ends."""
        self.encoder_from.fill_(round(self.config.decoder_share * steps))
        self.quantizer.start_at.fill_(round(self.config.continuous_share * steps))
        self.quantizer.reset_until.fill_(round(self.config.reset_share * steps))

    def _normal(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.scale

    def _latent(self, normal: Tensor) -> Tensor:
        latent: Tensor = self.encoder(normal)
        return latent.float()

    def _rows(self, latent: Tensor) -> Tensor:
        rows: Tensor = self.decoder(latent)
        return rows
