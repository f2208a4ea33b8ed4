"""Residual vector quantization: each layer's codes say what the layers before it left over.

Source: Guo et al., "MoMask", CVPR 2024, arXiv:2312.00063, section 3.1; code at 108003b. Scales: Guo et al.,
"SnapMoGen", arXiv:2507.09122 (MoMask++), code at c570c15. Departures from MoMask, each with its reason:
- One straight-through for the sum of all layers. There each layer has its own and the gradient of the encoder is as
  many times too large as there are layers.
- A layer that is dropped still counts the step, so that all layers stop reviving dead codes at the same time.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import Float32
from motionlib.tokenizers.autoencoder import Quantized, Term
from motionlib.tokenizers.quantizers import VectorConfig, VectorQuantizer, passed

DROPPED = -1  # code of a layer that was left out in training
CLUSTER_ROUNDS = 3  # of a shared codebook: what layers leave over depends on the codebook itself
CLUSTERED = 40  # latents per code that are clustered, twice what k-means needs; there are many layers to do


class ResidualConfig(VectorConfig):
    """Settings of residual codebooks; the defaults are MoMask's, but for `reset`."""

    shared: bool = Field(default=False, description="one codebook for all layers")
    layer_dropout: NonNegativeFloat = Field(
        default=0.2, le=1.0, description="share of steps in which only the first of the layers are used, 1 to Q of them"
    )
    temperature: NonNegativeFloat = Field(
        default=0.5, description="of drawing codes in training, in units of squared distance; 0: always the nearest"
    )


class Layer(NamedTuple):
    """What a layer does: `residual` (B, L', C) that it is given, its `codes` (B, L') and their `vectors` (B, L', C)."""

    residual: Tensor
    codes: Tensor
    vectors: Tensor


class ResidualQuantizer(nn.Module):
    """Q layers of codebooks, the sum of whose vectors stands for a latent.

    Args:
        config: Of the codebooks.
        width: C of a latent.
        scales: Steps that one code of each of the Q layers covers; 1: as many codes as steps. A layer with scale s
            sees the means of s steps, and between its vectors latents are interpolated. In (B, L, Q) its code is
            repeated s times; where s does not divide L the last one covers the steps that are left.

    Shapes:
        latents (B, L, C), unitless; codes (B, L, Q) in [0, V); fewer layers, or DROPPED ones, also make a latent.
    """

    def __init__(self, config: ResidualConfig, width: int, scales: Sequence[int]) -> None:
        super().__init__()
        self.config, self.scales = config, tuple(scales)
        count = 1 if config.shared else len(self.scales)
        self.books = nn.ModuleList(VectorQuantizer.of(config, width) for _ in range(count))

    def book(self, layer: int) -> VectorQuantizer:
        """The codebook of a layer."""
        found = self.books[layer if len(self.books) > 1 else 0]
        assert isinstance(found, VectorQuantizer)
        return found

    def vectors(self) -> list[Float32]:
        """(V, C) codebook of each of the Q layers."""
        return [self.book(layer).vectors.detach().cpu().numpy() for layer in range(len(self.scales))]

    def plan(self, steps: int) -> None:
        """See `VectorQuantizer.plan`."""
        for layer in range(len(self.books)):
            self.book(layer).plan(self.config, steps)

    def nearest(self, latent: Tensor) -> Tensor:
        """Codes of latents, layer by layer the nearest: (B, L, C) -> (B, L, Q)."""
        return self._spread(self._layers(latent.float(), len(self.scales)), latent.shape[1])

    def lookup(self, codes: Tensor) -> Tensor:
        """Sum of the vectors of codes (B, L, q) of the first q layers -> (B, L, C); a code DROPPED adds nothing.

        Of each block of a coarse layer its first step's code counts.
        """
        steps = codes.shape[1]
        found = []
        for layer in range(codes.shape[-1]):
            vectors = self._vectors(layer, codes[:, :: self.scales[layer], layer])
            found.append(grown(vectors, self.scales[layer], steps))
        return torch.stack(found).sum(0)

    def forward(self, latent: Tensor, generator: torch.Generator) -> Quantized:
        """What training sees of latents (B, L, C): see `Quantized`. Changes no state.

        In training mode codes are drawn (`temperature`) and layers dropped. The commitment is the mean over the layers
        in use. `drawn_share`, for the curves: of codes that are not the nearest ones.
        """
        latent = latent.float()
        if self.book(0).idle:
            idle = torch.zeros(*latent.shape[:2], len(self.scales), dtype=torch.int64, device=latent.device)
            return Quantized(latent, idle, {})
        layers = self._layers(latent, self._used(generator), generator)
        total = self._sum(layers, latent.shape[1])
        codes = self._spread(layers, latent.shape[1])
        return Quantized(passed(latent, total, self.config.gradient), codes, self._terms(layers))

    @torch.no_grad()
    def follow(self, latent: Tensor, codes: Tensor, generator: torch.Generator) -> Mapping[str, float]:
        """Move the codebooks after the latents (B, L, C) of a step and their codes (B, L, Q), and revive dead codes.

        Returns:
            Values for the curves, perplexity and usage by layer unless a codebook is shared.
        """
        left, seen = latent.detach().float(), []
        for number, scale in enumerate(self.scales):
            book, residual, found = self.book(number), shrunk(left, scale), codes[:, ::scale, number]
            if not bool(book.started) and int(book.step) >= int(book.start_at):
                book.start(residual, generator)
                found = book.nearest(residual)
            seen.append(Layer(residual, found, self._vectors(number, found)))
            left = left - grown(seen[-1].vectors, scale, left.shape[1])
        return self._follow_shared(seen, generator) if self.config.shared else self._follow_own(seen, generator)

    def cluster(self, latent: Tensor, generator: torch.Generator) -> None:
        """Start the codebooks as clusters of what latents (N, L, C) leave over, layer by layer; N in random order."""
        left = latent.detach()[: -(-CLUSTERED * self.config.codes // latent.shape[1])]
        if self.config.shared:
            for _ in range(CLUSTER_ROUNDS):
                layers = self._layers(left, len(self.scales))
                self.book(0).cluster(_flat([layer.residual for layer in layers]), generator)
            return
        for number, scale in enumerate(self.scales):
            book, residual = self.book(number), shrunk(left, scale)
            book.cluster(residual, generator)
            left = left - grown(book.lookup(book.nearest(residual)).detach(), scale, left.shape[1])

    def _layers(self, latent: Tensor, used: int, generator: torch.Generator | None = None) -> list[Layer]:
        """The first layers' work; vectors are taken off the latent without gradient, so all that is left has its."""
        left, done = latent, []
        for number, scale in enumerate(self.scales[:used]):
            book, residual = self.book(number), shrunk(left, scale)
            codes = self._codes(book, residual, generator)
            done.append(Layer(residual, codes, book.lookup(codes)))
            left = left - grown(done[-1].vectors.detach(), scale, left.shape[1])
        return done

    def _vectors(self, layer: int, codes: Tensor) -> Tensor:
        """Vectors of a layer's codes, 0 for those that are DROPPED."""
        return self.book(layer).lookup(codes.clamp_min(0)) * (codes != DROPPED).unsqueeze(-1)

    def _codes(self, book: VectorQuantizer, residual: Tensor, generator: torch.Generator | None) -> Tensor:
        """Drawn in training, where there is something to draw with."""
        if generator is None or not self.training or not self.config.temperature:
            return book.nearest(residual)
        return book.drawn(residual, self.config.temperature, generator)

    def _used(self, generator: torch.Generator) -> int:
        """How many layers this step uses."""
        where, count = generator.device, len(self.scales)
        if not self.training or float(torch.rand((), generator=generator, device=where)) >= self.config.layer_dropout:
            return count
        return 1 + int(torch.randint(count, (), generator=generator, device=where))

    def _sum(self, layers: Sequence[Layer], steps: int) -> Tensor:
        each = [grown(layer.vectors, scale, steps) for layer, scale in zip(layers, self.scales, strict=False)]
        return torch.stack(each).sum(0)

    def _spread(self, layers: Sequence[Layer], steps: int) -> Tensor:
        """Codes (B, L, Q) of layers: each as often as it covers steps, DROPPED for layers that are not there."""
        each = [
            layer.codes.repeat_interleave(scale, 1)[:, :steps]
            for layer, scale in zip(layers, self.scales, strict=False)
        ]
        return functional.pad(torch.stack(each, -1), (0, len(self.scales) - len(each)), value=DROPPED)

    def _terms(self, layers: Sequence[Layer]) -> dict[str, Term]:
        weight = self.config.commitment
        pulls = [self.book(number).pulls(layer.residual, layer.vectors) for number, layer in enumerate(layers)]
        terms = {"commitment": Term(weight, torch.stack([commitment for commitment, _ in pulls]).mean())}
        if self.book(0).learned:
            terms["codebook"] = Term(weight * self.config.pull, torch.stack([codebook for _, codebook in pulls]).mean())
        if self.training and self.config.temperature:
            nearest = [self.book(number).nearest(layer.residual) for number, layer in enumerate(layers)]
            other = [layer.codes != codes for layer, codes in zip(layers, nearest, strict=True)]
            terms["drawn_share"] = Term(0.0, torch.cat([each.flatten() for each in other]).float().mean())
        return terms

    def _follow_shared(self, seen: Sequence[Layer], generator: torch.Generator) -> Mapping[str, float]:
        used = [layer for layer in seen if not _dropped(layer)]
        codes = torch.cat([layer.codes.flatten() for layer in used])
        return self.book(0).follow(_flat([layer.residual for layer in used]), codes, generator)

    def _follow_own(self, seen: Sequence[Layer], generator: torch.Generator) -> Mapping[str, float]:
        values = {"resets": 0.0}
        for number, layer in enumerate(seen):
            if _dropped(layer):
                self.book(number).step += 1
                continue
            found = self.book(number).follow(layer.residual, layer.codes, generator)
            values["resets"] += found.get("resets", 0.0)
            values |= {f"{name}_{number}": found[name] for name in ("perplexity", "usage") if name in found}
        return values


def shrunk(latent: Tensor, scale: int) -> Tensor:
    """Means of blocks of `scale` steps, the last one of those that are left: (B, L, C) -> (B, ceil(L / scale), C)."""
    if scale == 1:
        return latent
    return functional.avg_pool1d(latent.transpose(1, 2), scale, ceil_mode=True).transpose(1, 2)


def grown(blocks: Tensor, scale: int, steps: int) -> Tensor:
    """Blocks interpolated between their middles: (B, ceil(L / scale), C) -> (B, L, C), L = `steps`."""
    if scale == 1:
        return blocks
    wide = functional.interpolate(blocks.transpose(1, 2), scale_factor=scale, mode="linear", align_corners=False)
    return wide.transpose(1, 2)[:, :steps]


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.reshape(-1, part.shape[-1]) for part in parts])


def _dropped(layer: Layer) -> bool:
    return bool((layer.codes == DROPPED).all())
