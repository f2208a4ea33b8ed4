"""Vector quantization with a codebook that follows the latents.

Source: van den Oord et al., "Neural Discrete Representation Learning", arXiv:1711.00937, section 3 and appendix A.1
(EMA); T2M-GPT, `models/quantize_cnn.py` at b1446f1 (reset). Departures, each with its reason:
- A forward pass changes no state; `follow` does. All state is in buffers, so a resumed training goes on (there the EMA
  sums are lost and the codebook starts over).
- `reset: reseed` gives a dead code a random latent of the batch *and* a fresh EMA state. The published rule
  (`t2mgpt`) gives it one of the batch's first rows and leaves the stale sum, so that the code jumps away again.
- `mode: reset` learns its codebook by gradient; there it got none at all.

`mode: simvq`: Zhu et al., "Addressing Representation Collapse in Vector Quantized Models with One Linear Layer",
arXiv:2411.02038, section 4: the codes are a learned linear map of random vectors at rest, so all move together.
`gradient: rotation`: Fifty et al., "Restructuring Vector Quantization with the Rotation Trick", arXiv:2410.06424,
section 4.
`cosine`: Yu et al., "Vector-quantized Image Modeling with Improved VQGAN", arXiv:2110.04627, section 3.2.
"""

from typing import Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn
from torch.nn import functional

from motionlib.tokenizers.autoencoder import ConvConfig
from motionlib.tokenizers.clusters import EPSILON, drawn_codes, kmeans, nearest_codes, shuffled, tiled, totals

Mode = Literal["naive", "ema", "reset", "ema_reset", "simvq"]
Gradient = Literal["straight_through", "rotation"]
Reset = Literal["t2mgpt", "reseed"]
RICH_BATCH = 5  # latents per code from which the published threshold of one use per step makes sense
SHARE_OF_FAIR_USE = 0.03  # of latents / codes: below it a code is dead in smaller batches


class VectorConfig(ConvConfig):
    """Settings of codebooks between convolutions; the defaults are T2M-GPT's, but for `reset` (T2M-GPT: `t2mgpt`)."""

    codes: int = Field(default=512, ge=2, le=65536, description="V, size of a codebook")
    mode: Mode = Field(default="ema_reset", description="how a codebook follows the latents")
    reset: Reset = Field(default="reseed", description="how a dead code is revived")
    reset_share: NonNegativeFloat = Field(
        default=1.0, le=1.0, description="share of training in which codes are revived"
    )
    decay: PositiveFloat = Field(default=0.99, lt=1.0, description="of a codebook's moving averages")
    threshold: NonNegativeFloat = Field(
        default=0.0, description="uses per step below which a code is dead; 0: by batch"
    )
    continuous_share: NonNegativeFloat = Field(
        default=0.0, lt=1.0, description="share of training before codes come in"
    )
    kmeans: bool = Field(default=False, description="cluster the first batch for the start")
    commitment: NonNegativeFloat = Field(default=0.02, description="weight of the commitment")
    pull: NonNegativeFloat = Field(
        default=1.0, description="weight of the way of learned codes to latents, in commitments; SimVQ: 4, of 0.25"
    )
    gradient: Gradient = Field(default="straight_through", description="how it passes the codes to the encoder")


class Snapped(NamedTuple):
    """`latent` (B, L, C) snapped to codes, with straight-through gradient; `codes` (B, L) int64; two scalar losses.

    `commitment` pulls latents to their codes; `codebook` pulls codes to latents, 0 where they follow by EMA.
    """

    latent: Tensor
    codes: Tensor
    commitment: Tensor
    codebook: Tensor


class VectorQuantizer(nn.Module):
    """A codebook of `codes` vectors of width C.

    Until `start_at` steps are done, latents pass unchanged in training: clusters are found in latents that already say
    something. Dead codes are revived until `reset_until` steps are done.

    Args:
        codes: V. width: C.
        mode: `naive` by gradient; `ema` by moving average; `reset` and `ema_reset` also revive dead codes; `simvq` by
            gradient of one linear map of all codes.
        reset: How a dead code is revived.
        decay: Of the moving averages, per step.
        threshold: Uses per step (EMA) below which a code is dead; 0: one, or in batches with fewer than 5 latents
            per code, 3 % of what each would get in fair shares (else every rare code is reset for ever).
        kmeans: Whether the first batch's latents are clustered for the start, rather than taken as they come.
        gradient: How it passes from vectors to latents.
        cosine: Whether latents and vectors are brought to the unit sphere first; how large a latent is gets lost.

    Shapes:
        latents (B, L, C), unitless; codes (B, L) in [0, V).
    """

    codebook: Tensor
    sums: Tensor
    counts: Tensor
    started: Tensor
    step: Tensor
    start_at: Tensor
    reset_until: Tensor

    def __init__(
        self,
        codes: int,
        width: int,
        *,
        mode: Mode = "ema_reset",
        reset: Reset = "reseed",
        decay: float = 0.99,
        threshold: float = 0.0,
        kmeans: bool = False,
        gradient: Gradient = "straight_through",
        cosine: bool = False,
    ) -> None:
        super().__init__()
        self.mode, self.reset, self.decay, self.threshold, self.kmeans = mode, reset, decay, threshold, kmeans
        self.gradient, self.cosine = gradient, cosine
        self.learned = mode in ("naive", "reset", "simvq")
        start = torch.empty(codes, width).uniform_(-1 / codes, 1 / codes)
        if mode == "simvq":
            self.register_buffer("codebook", nn.init.normal_(start, std=width**-0.5))
            self.map = nn.Linear(width, width, bias=False)
        elif self.learned:
            self.codebook = nn.Parameter(start)
        else:
            self.register_buffer("codebook", start)
        self.register_buffer("sums", start.detach().clone())
        self.register_buffer("counts", torch.ones(codes))
        self.register_buffer("started", torch.tensor([mode in ("naive", "simvq")]))
        self.register_buffer("step", torch.tensor([0]))
        self.register_buffer("start_at", torch.tensor([0]))
        self.register_buffer("reset_until", torch.tensor([torch.iinfo(torch.int64).max]))

    @classmethod
    def of(cls, config: VectorConfig, width: int, cosine: bool = False) -> "VectorQuantizer":
        """A codebook of vectors of `width` numbers, as the settings say."""
        return cls(
            config.codes,
            width,
            mode=config.mode,
            reset=config.reset,
            decay=config.decay,
            threshold=config.threshold,
            kmeans=config.kmeans,
            gradient=config.gradient,
            cosine=cosine,
        )

    def plan(self, config: VectorConfig, steps: int) -> None:
        """Shares of a training of `steps` become steps: when codes come in, when their revival ends."""
        self.start_at.fill_(round(config.continuous_share * steps))
        self.reset_until.fill_(round(config.reset_share * steps))

    @property
    def vectors(self) -> Tensor:
        """(V, C) what codes stand for."""
        if self.mode != "simvq":
            return self._placed(self.codebook)
        with torch.autocast(self.codebook.device.type, enabled=False):  # half precision would snap to other codes
            return self._placed(self.codebook @ self.map.weight.T)

    @property
    def idle(self) -> bool:
        """Whether codes have not come in yet, so that latents pass unchanged."""
        return self.training and int(self.step) < int(self.start_at)

    def nearest(self, latent: Tensor) -> Tensor:
        """Code of each latent by squared distance: (..., C) -> (...) int64; the lowest index of equals."""
        return nearest_codes(self._flat(latent), self.vectors.detach()).reshape(latent.shape[:-1])

    def drawn(self, latent: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """A code for each latent: (..., C) -> (...) int64, with probability in proportion to exp(-d^2 / temperature).

        Source: Guo et al., "MoMask", CVPR 2024, arXiv:2312.00063; code at 108003b (`sample_codebook_temp`).
        """
        drawn = drawn_codes(self._flat(latent).detach(), self.vectors.detach(), temperature, generator)
        return drawn.reshape(latent.shape[:-1])

    def lookup(self, codes: Tensor) -> Tensor:
        """Vector of each code: (...) -> (..., C)."""
        return functional.embedding(codes, self.vectors)

    def forward(self, latent: Tensor) -> Snapped:
        """Snap latents (B, L, C) to their nearest codes."""
        latent = latent.float()
        if self.idle:
            zero = latent.new_zeros(())
            return Snapped(latent, torch.zeros_like(latent[..., 0], dtype=torch.int64), zero, zero)
        latent = self._placed(latent)
        codes = self.nearest(latent)
        snapped = self.lookup(codes)
        return Snapped(passed(latent, snapped, self.gradient), codes, *self.pulls(latent, snapped))

    def pulls(self, latent: Tensor, snapped: Tensor) -> tuple[Tensor, Tensor]:
        """The two losses of latents and their codes' vectors, both (..., C); see `Snapped`."""
        codebook = functional.mse_loss(snapped, latent.detach()) if self.learned else latent.new_zeros(())
        return functional.mse_loss(latent, snapped.detach()), codebook

    @torch.no_grad()
    def follow(self, latent: Tensor, codes: Tensor, generator: torch.Generator) -> dict[str, float]:
        """Move the codebook after the latents (B, L, C) of a step and their codes, and revive dead codes.

        Returns:
            Values for the curves: perplexity and share of codes in use, both of the moving average, and resets.
        """
        flat = self._flat(latent).detach()
        self.step += 1
        if int(self.step) <= int(self.start_at):
            return {}
        if not bool(self.started):
            self.start(flat, generator)
            codes = self.nearest(flat)
        sums, counts = totals(flat, codes.reshape(-1), len(self.codebook))
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        dead = self.counts < self._threshold(len(flat))
        if not self.learned:
            alive = self.counts.clamp_min(torch.finfo(torch.float32).tiny).unsqueeze(1)
            self.codebook.copy_(torch.where(self.counts.unsqueeze(1) > 0, self.sums / alive, self.codebook))
        resets = 0
        if self.mode in ("reset", "ema_reset") and int(self.step) <= int(self.reset_until):
            resets = self._revive(flat, dead, generator)
        share = self.counts / self.counts.sum()
        perplexity = torch.exp(-(share * (share + 1e-10).log()).sum())
        return {"perplexity": float(perplexity), "usage": 1 - float(dead.float().mean()), "resets": float(resets)}

    @torch.no_grad()
    def start(self, latent: Tensor, generator: torch.Generator) -> None:
        """The first batch (..., C) gives the codebook: its rows as they come (T2M-GPT), or clustered."""
        flat = self._flat(latent)
        book = tiled(flat, len(self.codebook), generator)
        if self.kmeans:
            book = kmeans(flat, book[shuffled(len(book), generator)])
        self._begin(book, torch.ones_like(self.counts))

    @torch.no_grad()
    def cluster(self, latent: Tensor, generator: torch.Generator) -> None:
        """Start the codebook as clusters of latents (N, L, C), the more of them the better."""
        flat = self._flat(latent)
        flat = flat[shuffled(len(flat), generator)]
        book = kmeans(flat, tiled(flat, len(self.codebook), generator))
        counts = totals(flat, nearest_codes(flat, book), len(book))[1] * len(book) / len(flat)
        self._begin(book, counts.clamp_min(1.0 / len(book)))

    def _begin(self, book: Tensor, counts: Tensor) -> None:
        self.codebook.copy_(book)
        if self.mode == "simvq":
            nn.init.eye_(self.map.weight)
        self.sums.copy_(book * counts.unsqueeze(1))
        self.counts.copy_(counts)
        self.started.fill_(True)

    def _placed(self, vectors: Tensor) -> Tensor:
        return functional.normalize(vectors, dim=-1) if self.cosine else vectors

    def _flat(self, latent: Tensor) -> Tensor:
        """(..., C) -> (N, C) as they are compared with codes."""
        return self._placed(latent.reshape(-1, latent.shape[-1]).float())

    def _threshold(self, latents: int) -> float:
        if self.threshold:
            return self.threshold
        fair = latents / len(self.codebook)
        return 1.0 if fair >= RICH_BATCH else SHARE_OF_FAIR_USE * fair

    def _revive(self, flat: Tensor, dead: Tensor, generator: torch.Generator) -> int:
        indices = dead.nonzero().squeeze(1)
        if not len(indices):
            return 0
        rows = tiled(flat, len(self.codebook), generator)
        if self.reset == "t2mgpt":
            self.codebook[indices] = rows[indices]
            return len(indices)
        rows = tiled(flat[shuffled(len(flat), generator)], len(indices), generator)
        grace = max(self._threshold(len(flat)), len(flat) / len(self.codebook))
        self.codebook[indices] = rows
        self.sums[indices] = rows * grace
        self.counts[indices] = grace
        return len(indices)


def passed(latent: Tensor, snapped: Tensor, gradient: Gradient) -> Tensor:
    """The value of `snapped` with a gradient for `latent`, both (..., C).

    `straight_through`: as if there were no codes. `rotation`: as if a rotation and a scaling at rest led from latent to
    code, so that the gradient keeps its angle to the vector.
    """
    if gradient == "straight_through":
        return latent + (snapped - latent).detach()
    start, end = (functional.normalize(vector.detach(), dim=-1) for vector in (latent, snapped))
    middle = functional.normalize(start + end, dim=-1)
    scale = snapped.detach().norm(dim=-1, keepdim=True) / latent.detach().norm(dim=-1, keepdim=True).clamp_min(EPSILON)
    turned = latent - 2 * _along(latent, middle) * middle + 2 * _along(latent, start) * end
    scaled: Tensor = scale * turned
    return snapped.detach() + (scaled - scaled.detach())  # of `snapped` to the last bit


def _along(vector: Tensor, direction: Tensor) -> Tensor:
    share: Tensor = (vector * direction).sum(-1, keepdim=True)
    return share
