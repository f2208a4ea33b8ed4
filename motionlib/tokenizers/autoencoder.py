"""What tokenizers of the encoder-decoder form share: features -> latents -> codes -> latents -> features, and the loss.

A kind says how latents become codes (`quantize`, `nearest`, `lookup`) and, where it is not the usual one, which
networks stand on both sides. Source of networks and loss: Zhang et al., "T2M-GPT", CVPR 2023, arXiv:2301.06052,
section 3.1; code at b1446f1. The loss's second term is called a velocity there but acts on positions; a true velocity
is a term of its own here, as are the terms for what MPJPE measures (`joint_weight`). All extra terms are off at 0.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.tokenizers.base import FPS, Settings, Tokenizer, position_slice
from motionlib.tokenizers.conv import STRIDE, Decoder, Encoder, Sizes, start_calmly
from motionlib.tokenizers.datastart import feature_metres, start_encoder
from motionlib.tokenizers.pose import facing_joints, floor_way, joint_distance
from motionlib.training import Loss

HALVINGS = 2  # frames per code = 2^2
CONTACTS = 4  # the last features: heel and toe, left and right


class AutoencoderConfig(Settings):
    """Settings of the loss; the defaults are T2M-GPT's."""

    position_weight: NonNegativeFloat = Field(default=0.5, description="weight of the second term, on joint positions")
    velocity_weight: NonNegativeFloat = Field(default=0.0, description="weight of the change of positions per frame")
    joint_weight: NonNegativeFloat = Field(
        default=0.0, description="weight of the joint error in metres, heading included"
    )
    jitter_weight: NonNegativeFloat = Field(
        default=0.0, description="weight of the error of the joints' acceleration in metres per frame squared"
    )
    travel_weight: NonNegativeFloat = Field(
        default=0.0,
        description="weight of the error of the pelvis's way in metres, which MPJPE leaves out",
    )
    root_bias: PositiveFloat = Field(
        default=1.0, description="factor on normalised root features and contacts; TM2T: 5"
    )


class ConvConfig(AutoencoderConfig):
    """Settings of T2M-GPT's convolutions; the defaults are the published ones."""

    width: PositiveInt = Field(default=512, le=4096, description="channels of the convolutions")
    depth: PositiveInt = Field(default=3, le=8, description="residual blocks in a stack")
    growth: PositiveInt = Field(default=3, le=4, description="dilations are powers of this")
    activation: Literal["relu", "gelu", "silu"] = Field(default="relu")
    start: Literal["torch", "calm", "data"] = Field(
        default="torch", description="torch: as published; calm: residual blocks do nothing yet; data: calm, from PCA"
    )
    code_width: PositiveInt = Field(default=512, le=4096, description="C, width of a latent")
    causal: bool = Field(default=False, description="no code and no frame depends on later ones: for streaming")
    decoder_share: NonNegativeFloat = Field(
        default=0.0, le=1.0, description="share of training with the encoder at rest"
    )
    essential: bool = Field(
        default=False, description="networks see root and joint positions only; the rest comes back as its mean"
    )


class Term(NamedTuple):
    """A part () of the loss and its weight."""

    weight: float
    value: Tensor


class Quantized(NamedTuple):
    """`latent` (B, L, C) as the decoder shall see it, with gradient; `codes` (B, L, Q) int64; terms for the loss."""

    latent: Tensor
    codes: Tensor
    terms: Mapping[str, Term]


class Seen(NamedTuple):
    """What follows the latents without gradient: `latent` (B, L, C) before, `codes` (B, L, Q)."""

    latent: Tensor
    codes: Tensor


class Reconstructed(NamedTuple):
    """Normalised `rows` (B, T, D) that a decoder made in training, and the terms of their errors."""

    rows: Tensor
    terms: dict[str, Term]


class Autoencoder(Tokenizer):
    """Encoder, codes, decoder. `progress` tells a kind how much of the training is done."""

    config: AutoencoderConfig
    encoder: nn.Module
    decoder: nn.Module
    step: Tensor
    planned: Tensor
    scale: Tensor

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        self.positions = position_slice(self.width)
        self.register_buffer("step", torch.tensor([0]))
        self.register_buffer("planned", torch.tensor([0]))
        scale = self.std.clone()
        scale[: self.positions.start] /= self.config.root_bias
        scale[-CONTACTS:] /= self.config.root_bias
        self.register_buffer("scale", scale, persistent=False)

    @property
    def columns(self) -> int:
        """How many numbers of a row the networks see and make, the first ones; others come back as their mean."""
        return self.width

    @abstractmethod
    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:
        """What training sees of latents (B, L, C); changes no state."""

    @abstractmethod
    def nearest(self, latent: Tensor) -> Tensor:
        """Codes of latents: (B, L, C) -> (B, L, Q)."""

    @abstractmethod
    def lookup(self, codes: Tensor) -> Tensor:
        """Latents that codes stand for: (B, L, Q) -> (B, L, C)."""

    def begin_codes(self, latent: Tensor, generator: torch.Generator) -> None:
        """Put a kind's codes where the latents (N, L, C) of many training windows are."""

    def more_terms(self, made: Tensor, real: Tensor, generator: torch.Generator) -> Mapping[str, Term]:  # noqa: ARG002
        """What a kind adds to the loss of normalised rows made and real, both (B, T, D)."""
        return {}

    @property
    def progress(self) -> float:
        """Share of the planned training that is done; 0 where none is planned."""
        return int(self.step) / int(self.planned) if int(self.planned) else 0.0

    def plan(self, steps: int) -> None:
        """See `Tokenizer.plan`."""
        self.planned.fill_(steps)

    def encode(self, features: Tensor) -> Tensor:
        """See `Tokenizer.encode`."""
        return self.nearest(self.latents(features))

    def decode(self, codes: Tensor) -> Tensor:
        """See `Tokenizer.decode`."""
        return self._raw(self._rows(self.lookup(self.checked_codes(codes))))

    def latents(self, features: Tensor) -> Tensor:
        """What codes are made of: raw features (B, T, D) -> (B, L, C)."""
        return self._latent(self._normal(self.cropped(features)))

    def loss(self, batch: Any, generator: torch.Generator) -> Loss:
        """T2M-GPT's loss and, where weighted, the extra terms."""
        real = self._normal(self.cropped(batch.x))
        latent = self.training_latent(real, generator)
        quantized = self.quantize(latent, generator)
        made, own = self.reconstructed(quantized.latent, real)
        terms = own | dict(quantized.terms) | dict(self.more_terms(made, real, generator))
        total = torch.stack([weight * part for weight, part in terms.values()]).sum()
        parts = {name: term.value for name, term in terms.items()}
        return Loss(total, parts, Seen(latent.detach(), quantized.codes))

    def reconstructed(self, latent: Tensor, real: Tensor) -> Reconstructed:
        """What becomes of latents (B, L, C), and what it costs that normalised rows `real` (B, T, D) do not."""
        made = self._rows(latent).float()
        return Reconstructed(made, self._terms(made, real))

    def training_latent(self, normal: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Latents (B, L, C) of normalised rows as training sees them."""
        return self._latent(normal)

    def follow(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:
        """Count the step, and let the kind's codes follow."""
        followed = self.follow_codes(seen, generator)
        self.step += 1
        return followed

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """What of a kind's codes is not learned by gradient; values for the curves."""
        return {}

    def _terms(self, made: Tensor, real: Tensor) -> dict[str, Term]:
        c, at = self.config, self.positions
        terms = self._row_terms(made, real)
        if c.velocity_weight:
            change = made[..., at].diff(dim=1), real[..., at].diff(dim=1)
            terms["velocity"] = Term(c.velocity_weight, functional.smooth_l1_loss(*change))
        weighted = c.joint_weight or c.jitter_weight or c.travel_weight
        return terms | self._metre_terms(self._raw(made), self._raw(real)) if weighted else terms

    def _row_terms(self, made: Tensor, real: Tensor) -> dict[str, Term]:
        at = self.positions
        return {
            "reconstruction": Term(1.0, functional.smooth_l1_loss(made, real)),
            "positions": Term(self.config.position_weight, functional.smooth_l1_loss(made[..., at], real[..., at])),
        }

    def _metre_terms(self, made: Tensor, real: Tensor) -> dict[str, Term]:
        c = self.config
        terms = {}
        joints = [facing_joints(x) for x in (made, real)] if c.joint_weight or c.jitter_weight else []
        if c.joint_weight:
            terms["joint_error"] = Term(c.joint_weight, joint_distance(*joints))
        if c.jitter_weight:
            bends = [x.diff(n=2, dim=1) for x in joints]
            terms["jitter_error"] = Term(c.jitter_weight, joint_distance(*bends))
        if c.travel_weight:
            terms["travel_error"] = Term(c.travel_weight, joint_distance(floor_way(made), floor_way(real)))
        return terms

    def _normal(self, features: Tensor) -> Tensor:
        return ((features - self.mean) / self.scale)[..., : self.columns]

    def _raw(self, normal: Tensor) -> Tensor:
        return functional.pad(normal, (0, self.width - self.columns)) * self.scale + self.mean

    def _latent(self, normal: Tensor) -> Tensor:
        latent: Tensor = self.encoder(normal)
        return latent.float()

    def _rows(self, latent: Tensor) -> Tensor:
        rows: Tensor = self.decoder(latent)
        return rows


class ConvAutoencoder(Autoencoder):
    """T2M-GPT's convolutions down to a quarter of the frame rate and back up."""

    config: ConvConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        c = self.config
        sizes = Sizes(c.width, c.code_width, HALVINGS, c.depth, c.growth, c.activation, c.causal)
        self.encoder, self.decoder = self.networks(sizes)
        if c.start != "torch":
            assert isinstance(self.encoder, Encoder)
            assert isinstance(self.decoder, Decoder)
            start_calmly(self.encoder, self.decoder)

    @property
    def columns(self) -> int:
        """All, or root and joint positions."""
        return self.positions.stop if self.config.essential else self.width

    def networks(self, sizes: Sizes) -> tuple[nn.Module, nn.Module]:
        """Encoder (B, T, columns) -> (B, L, C) and decoder, the way back."""
        return Encoder(self.columns, sizes), Decoder(self.columns, sizes)

    def code_shape(self, codes: int, per_step: int) -> CodeShape:
        """Shape of `per_step` codes of `codes` kinds for every four frames."""
        return CodeShape(codes, per_step, STRIDE**HALVINGS, self.fps / STRIDE**HALVINGS)

    def training_latent(self, normal: Tensor, generator: torch.Generator) -> Tensor:
        """Without gradient while the encoder is at rest."""
        latent = super().training_latent(normal, generator)
        return latent.detach() if self.progress < self.config.decoder_share else latent

    def prepare(self, features: Tensor, seed: int) -> None:
        """With `start: data`, principal components and codes that lie where latents are; (N, T, D) raw windows."""
        if self.config.start != "data":
            return
        normal = self._normal(self.cropped(features))
        assert isinstance(self.encoder, Encoder)
        weights = feature_metres(self.width).to(normal.device) * self.scale
        start_encoder(self.encoder, normal, weights[: self.columns])
        with torch.no_grad():
            self.begin_codes(self._latent(normal), torch.Generator(normal.device).manual_seed(seed))
