"""Vector quantization with a codebook that follows the latents.

Source: van den Oord et al., "Neural Discrete Representation Learning", arXiv:1711.00937, section 3 and appendix A.1
(EMA); T2M-GPT, `models/quantize_cnn.py` at b1446f1 (reset). Departures, each with its reason:
- A forward pass changes no state; `follow` does. All state is in buffers, so a resumed training goes on (there the EMA
  sums are lost and the codebook starts over).
- `reset: reseed` gives a dead code a random latent of the batch *and* a fresh EMA state. The published rule
  (`t2mgpt`) gives it one of the batch's first rows and leaves the stale sum, so that the code jumps away again.
- `mode: reset` learns its codebook by gradient; there it got none at all.
"""

import math
from typing import Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn
from torch.nn import functional

from motionlib.tokenizers.autoencoder import ConvConfig

Mode = Literal["naive", "ema", "reset", "ema_reset"]
Reset = Literal["t2mgpt", "reseed"]
TILE_NOISE = 0.01  # of T2M-GPT's `_tile`, divided by sqrt(C): spread of repeated latents
RICH_BATCH = 5  # latents per code from which the published threshold of one use per step makes sense
SHARE_OF_FAIR_USE = 0.03  # of latents / codes: below it a code is dead in smaller batches
KMEANS_STEPS = 20
BLOCK = 8192  # latents compared with all codes at once; bounds memory
EPSILON = torch.finfo(torch.float32).eps  # below a uniform number's resolution, noise would be infinite


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
        mode: `naive` by gradient; `ema` by moving average; `reset` and `ema_reset` also revive dead codes.
        reset: How a dead code is revived.
        decay: Of the moving averages, per step.
        threshold: Uses per step (EMA) below which a code is dead; 0: one, or in batches with fewer than 5 latents
            per code, 3 % of what each would get in fair shares (else every rare code is reset for ever).
        kmeans: Whether the first batch's latents are clustered for the start, rather than taken as they come.

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
    ) -> None:
        super().__init__()
        self.mode, self.reset, self.decay, self.threshold, self.kmeans = mode, reset, decay, threshold, kmeans
        self.learned = mode in ("naive", "reset")
        start = torch.empty(codes, width).uniform_(-1 / codes, 1 / codes)
        if self.learned:
            self.codebook = nn.Parameter(start)
        else:
            self.register_buffer("codebook", start)
        self.register_buffer("sums", start.detach().clone())
        self.register_buffer("counts", torch.ones(codes))
        self.register_buffer("started", torch.tensor([mode == "naive"]))
        self.register_buffer("step", torch.tensor([0]))
        self.register_buffer("start_at", torch.tensor([0]))
        self.register_buffer("reset_until", torch.tensor([torch.iinfo(torch.int64).max]))

    @classmethod
    def of(cls, config: VectorConfig, width: int) -> "VectorQuantizer":
        """A codebook of vectors of `width` numbers, as the settings say."""
        return cls(
            config.codes,
            width,
            mode=config.mode,
            reset=config.reset,
            decay=config.decay,
            threshold=config.threshold,
            kmeans=config.kmeans,
        )

    def plan(self, config: VectorConfig, steps: int) -> None:
        """Shares of a training of `steps` become steps: when codes come in, when their revival ends."""
        self.start_at.fill_(round(config.continuous_share * steps))
        self.reset_until.fill_(round(config.reset_share * steps))

    @property
    def idle(self) -> bool:
        """Whether codes have not come in yet, so that latents pass unchanged."""
        return self.training and int(self.step) < int(self.start_at)

    def nearest(self, latent: Tensor) -> Tensor:
        """Code of each latent by squared distance: (..., C) -> (...) int64; the lowest index of equals."""
        flat = latent.reshape(-1, latent.shape[-1]).float()
        return _nearest(flat, self.codebook.detach()).reshape(latent.shape[:-1])

    def drawn(self, latent: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        """A code for each latent: (..., C) -> (...) int64, with probability in proportion to exp(-d^2 / temperature).

        Source: Guo et al., "MoMask", CVPR 2024, arXiv:2312.00063; code at 108003b (`sample_codebook_temp`).
        """
        flat = latent.detach().reshape(-1, latent.shape[-1]).float()
        return _drawn(flat, self.codebook.detach(), temperature, generator).reshape(latent.shape[:-1])

    def lookup(self, codes: Tensor) -> Tensor:
        """Vector of each code: (...) -> (..., C)."""
        return functional.embedding(codes, self.codebook)

    def forward(self, latent: Tensor) -> Snapped:
        """Snap latents (B, L, C) to their nearest codes."""
        latent = latent.float()
        if self.idle:
            zero = latent.new_zeros(())
            return Snapped(latent, torch.zeros_like(latent[..., 0], dtype=torch.int64), zero, zero)
        codes = self.nearest(latent)
        snapped = self.lookup(codes)
        return Snapped(latent + (snapped - latent).detach(), codes, *self.pulls(latent, snapped))

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
        flat = latent.detach().reshape(-1, latent.shape[-1]).float()
        self.step += 1
        if int(self.step) <= int(self.start_at):
            return {}
        if not bool(self.started):
            self.start(flat, generator)
            codes = self.nearest(flat)
        sums, counts = _totals(flat, codes.reshape(-1), len(self.codebook))
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
        flat = latent.reshape(-1, latent.shape[-1]).float()
        book = _tiled(flat, len(self.codebook), generator)
        if self.kmeans:
            book = _kmeans(flat, book[_shuffled(len(book), generator)])
        self._begin(book, torch.ones_like(self.counts))

    @torch.no_grad()
    def cluster(self, latent: Tensor, generator: torch.Generator) -> None:
        """Start the codebook as clusters of latents (N, L, C), the more of them the better."""
        flat = latent.reshape(-1, latent.shape[-1]).float()
        flat = flat[_shuffled(len(flat), generator)]
        book = _kmeans(flat, _tiled(flat, len(self.codebook), generator))
        counts = _totals(flat, _nearest(flat, book), len(book))[1] * len(book) / len(flat)
        self._begin(book, counts.clamp_min(1.0 / len(book)))

    def _begin(self, book: Tensor, counts: Tensor) -> None:
        self.codebook.copy_(book)
        self.sums.copy_(book * counts.unsqueeze(1))
        self.counts.copy_(counts)
        self.started.fill_(True)

    def _threshold(self, latents: int) -> float:
        if self.threshold:
            return self.threshold
        fair = latents / len(self.codebook)
        return 1.0 if fair >= RICH_BATCH else SHARE_OF_FAIR_USE * fair

    def _revive(self, flat: Tensor, dead: Tensor, generator: torch.Generator) -> int:
        indices = dead.nonzero().squeeze(1)
        if not len(indices):
            return 0
        rows = _tiled(flat, len(self.codebook), generator)
        if self.reset == "t2mgpt":
            self.codebook[indices] = rows[indices]
            return len(indices)
        rows = _tiled(flat[_shuffled(len(flat), generator)], len(indices), generator)
        grace = max(self._threshold(len(flat)), len(flat) / len(self.codebook))
        self.codebook[indices] = rows
        self.sums[indices] = rows * grace
        self.counts[indices] = grace
        return len(indices)


def _nearest(flat: Tensor, book: Tensor) -> Tensor:
    size = book.square().sum(1)
    with torch.autocast(flat.device.type, enabled=False):  # half precision would snap to other codes
        # |z|^2 is the same for all codes and left out
        return torch.cat([(size - 2 * (part @ book.T)).argmin(1) for part in torch.split(flat, BLOCK)])


def _drawn(flat: Tensor, book: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    size = book.square().sum(1)
    found = []
    with torch.autocast(flat.device.type, enabled=False):
        for part in torch.split(flat, BLOCK):
            logits = (2 * (part @ book.T) - size) / temperature
            noise = torch.empty_like(logits).exponential_(generator=generator).clamp_min(EPSILON)
            found.append((logits - noise.log()).argmax(1))  # Gumbel's trick: -log of an exponential is Gumbel
    return torch.cat(found)


def _totals(flat: Tensor, codes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Sum (V, C) and number (V,) of the latents of each code."""
    sums: Tensor = torch.zeros(size, flat.shape[1], device=flat.device)
    sums.index_add_(0, codes, flat)
    return sums, torch.bincount(codes, minlength=size).to(flat.dtype)


def _shuffled(size: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(size, generator=generator, device=generator.device)


def _tiled(flat: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """The first `size` latents, repeated with a little noise where there are fewer (T2M-GPT's `_tile`)."""
    if len(flat) >= size:
        return flat[:size]
    repeats = -(-size // len(flat))
    noise = torch.randn(len(flat) * repeats, flat.shape[1], generator=generator, device=generator.device)
    spread = TILE_NOISE / math.sqrt(flat.shape[1])
    return (flat.repeat(repeats, 1) + noise * spread)[:size]


def _kmeans(flat: Tensor, book: Tensor) -> Tensor:
    """Lloyd's algorithm from `book`; a cluster that nothing falls to stays where it is."""
    for _ in range(KMEANS_STEPS):
        codes = _nearest(flat, book)
        sums, counts = _totals(flat, codes, len(book))
        means = sums / counts.clamp_min(1).unsqueeze(1)
        book = torch.where(counts.unsqueeze(1) > 0, means, book)
    return book
