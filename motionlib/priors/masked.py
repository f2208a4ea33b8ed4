"""Masked prior: hidden codes are guessed all at once, the most certain guesses stay, the others are guessed again.

Source: MoMask (Guo et al., arXiv:2312.00063), sections 3.2 to 3.4: one network for the first code of each step and one
for its further codes (`residual_layers`), which one training learns side by side; they share no weight. The lengths of
motions are learned beside them. Where a step has one code, there is no second network.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from motionlib.artifacts import CodeShape
from motionlib.params import Section
from motionlib.priors.base import (
    OPEN,
    Prior,
    PriorBatch,
    Score,
    TextFeatures,
    checked_given,
    with_null,
    without_text,
)
from motionlib.priors.length import LengthEstimator
from motionlib.priors.masking import bound_masks, corrupted, gumbel, hidden_counts, least_certain
from motionlib.priors.residual_layers import ResidualLayers
from motionlib.priors.sampling import TokenSampling, draw, guide
from motionlib.priors.text_trunk import TextTrunk
from motionlib.priors.transformer import Trunk, initialise
from motionlib.training import Loss

MARKS = 2  # ids after the codes: the mask, and padding


class MaskedConfig(Trunk):
    """Settings of the masked prior; beside those of the trunk, of which each network has its own."""

    max_steps: PositiveInt = Field(default=50, description="code steps it can write (MoMask: 49)")
    token_width: NonNegativeInt = Field(default=0, description="width of the code tables; 0: the trunk's (MoMask: 512)")
    text_drop: NonNegativeFloat = Field(default=0.1, le=1.0, description="share of captions replaced by the null text")
    residual_text_drop: NonNegativeFloat = Field(default=0.2, le=1.0, description="the same for the further codes")
    false_share: NonNegativeFloat = Field(default=0.1, le=1.0, description="of the hidden codes: shown as any code")
    mask_share: NonNegativeFloat = Field(default=0.88, le=1.0, description="of the others: not shown; the rest is true")
    score_draws: PositiveInt = Field(default=8, description="sets of hidden codes that a bound is estimated from")


class MaskedSampling(TokenSampling):
    """How codes are drawn. As published: top_k 52 of 512 codes, guidance 4 and residual_guidance 5."""

    iterations: PositiveInt = Field(default=10, description="passes in which the first codes are written")
    noise: NonNegativeFloat = Field(
        default=0.0, description="Gumbel noise on the certainty in nats, less with each pass; much: a random order"
    )
    residual_guidance: NonNegativeFloat = Field(default=1.0, description="guidance of the further codes; 1: off")
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="of layers while codes are drawn")


class Masked(Prior[MaskedConfig, MaskedSampling]):
    """Guesses hidden codes from those that are known, given a caption.

    Its likelihood is a bound over all orders of the first codes of the steps (exact for the further ones); motions are
    written in the order of certainty.
    """

    Config: ClassVar[type[Section]] = MaskedConfig
    Sampling: ClassVar[type[Section]] = MaskedSampling
    likelihood = "bound"
    writes_end = False

    def __init__(self, config: MaskedConfig, codes: CodeShape, text_dim: int) -> None:
        super().__init__(config, codes, text_dim)
        size, width, token_width = codes.codebook_size, config.width, config.token_width or config.width
        self.token = nn.Embedding(size + MARKS, token_width)
        self.enter = nn.Linear(token_width, width)
        self.mixer = TextTrunk(config, text_dim, config.max_steps)
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, size))
        self.residual: ResidualLayers | None = None
        if codes.codes_per_step > 1:
            self.residual = ResidualLayers(config, token_width, codes, text_dim, config.max_steps)
        self.apply(initialise)
        self.length = LengthEstimator(text_dim, config.max_steps)

    @property
    def max_steps(self) -> int:
        """Longest sequence, in code steps."""
        return self.config.max_steps

    def loss(self, batch: PriorBatch, generator: torch.Generator) -> Loss:
        """Cross entropy of hidden first codes, of one layer of further codes, and of the length."""
        inside, first = batch.inside, batch.codes[..., 0]
        shares = self.config.false_share, self.config.mask_share
        seen, hidden = corrupted(first, inside, self.codes.codebook_size, shares, generator)
        text = self._dropped(batch.text, self.config.text_drop, generator)
        logits, wanted = self._logits(seen, inside, text, hidden), first[hidden]
        base, length = functional.cross_entropy(logits, wanted), self.length.loss(batch)
        parts = {"base": base, "length": length, "accuracy": (logits.argmax(dim=-1) == wanted).float().mean()}
        if self.residual is not None:
            text = self._dropped(batch.text, self.config.residual_text_drop, generator)
            parts["residual"] = self.residual.loss(batch.codes, inside, text, generator)
        return Loss(base + length + parts.get("residual", 0.0), parts)

    @torch.no_grad()
    def score(self, batch: PriorBatch) -> Score:
        """Bound of the likelihood per sequence, estimated from `score_draws` sets of hidden codes."""
        inside, first = batch.inside, batch.codes[..., 0]
        nats, hits = torch.zeros(2, len(first), dtype=torch.float64, device=first.device)
        masks, weights = bound_masks(batch.codes, batch.lengths, self.config.score_draws)
        for hidden, weight in zip(masks, weights, strict=True):
            seen = first.masked_fill(hidden, self.codes.codebook_size)
            each, right = _told(self._logits(seen, inside, batch.text, hidden), first, hidden)
            nats, hits = nats + weight * each, hits + weight * right
        for layer in range(1, self.codes.codes_per_step):
            assert self.residual is not None
            logits = self.residual.logits(batch.codes, inside, batch.text, layer)[inside]
            each, right = _told(logits, batch.codes[..., layer], inside)
            nats, hits = nats + each, hits + right
        return Score(nats, batch.lengths * self.codes.codes_per_step, hits.round().long())

    @torch.no_grad()
    def generate(
        self,
        text: TextFeatures,
        steps: Sequence[int] | None,
        sampling: MaskedSampling,
        generator: torch.Generator,
        given: Sequence[Tensor] | None = None,
    ) -> list[Tensor]:
        """Draw one code sequence per text; without `steps` lengths are drawn. What is given is seen from the start."""
        wanted = self.length.lengths(text, steps, generator)
        kept = checked_given(given, steps, self.codes) if given is not None else None
        if not wanted:
            return []
        kept = kept or [torch.full((length, self.codes.codes_per_step), OPEN) for length in wanted]
        codes = pad_sequence(kept, batch_first=True, padding_value=OPEN).to(text.sentence.device)
        lengths = torch.tensor(wanted, device=codes.device)
        inside = torch.arange(codes.shape[1], device=codes.device) < lengths[:, None]
        with torch.autocast(codes.device.type, torch.bfloat16, enabled=sampling.precision == "bf16"):
            codes = self._written(codes, inside, text, sampling, generator)
            codes = self._refined(codes, inside, text, sampling, generator)
        return [row[:length] for row, length in zip(codes, wanted, strict=True)]

    def _written(
        self, codes: Tensor, inside: Tensor, text: TextFeatures, sampling: MaskedSampling, generator: torch.Generator
    ) -> Tensor:
        """The codes (N, L, Q) with all first codes."""
        first = codes[..., 0]
        hidden = inside & (first == OPEN)
        open_steps = hidden.sum(dim=1)
        for moment in range(sampling.iterations):
            if not bool(hidden.any()):
                break
            logits = self._guided(first.masked_fill(hidden, self.codes.codebook_size), inside, text, hidden, sampling)
            drawn = draw(logits, sampling, generator)
            told = logits.log_softmax(dim=-1).gather(1, drawn[:, None]).squeeze(1).double()
            noise = sampling.noise * (1 - moment / sampling.iterations) * gumbel(told, generator)
            first = first.masked_scatter(hidden, drawn)
            certainty = torch.zeros(hidden.shape, dtype=torch.float64, device=hidden.device)
            certainty = certainty.masked_scatter(hidden, told + noise)
            hidden = least_certain(hidden, certainty, hidden_counts(open_steps, sampling.iterations, moment + 1))
        return torch.cat((first[..., None], codes[..., 1:]), dim=-1)

    def _refined(
        self, codes: Tensor, inside: Tensor, text: TextFeatures, sampling: MaskedSampling, generator: torch.Generator
    ) -> Tensor:
        """The codes (N, L, Q) with all further codes."""
        scale = sampling.residual_guidance
        times, asked = (1, text) if scale == 1.0 else (2, with_null(text))
        for layer in range(1, self.codes.codes_per_step):
            assert self.residual is not None
            logits = self.residual.logits(codes.repeat(times, 1, 1), inside.repeat(times, 1), asked, layer).float()
            hidden = inside & (codes[..., layer] == OPEN)
            parts = [part[hidden] for part in logits.split(len(codes))]
            drawn = draw(guide(parts[0], parts[-1], scale), sampling, generator)
            row = codes[..., layer].masked_scatter(hidden, drawn)
            codes = torch.cat((codes[..., :layer], row[..., None], codes[..., layer + 1 :]), dim=-1)
        return codes

    def _guided(
        self, seen: Tensor, inside: Tensor, text: TextFeatures, hidden: Tensor, sampling: MaskedSampling
    ) -> Tensor:
        """Logits (M, V) of the M hidden codes, moved away from those without text."""
        if sampling.guidance == 1.0:
            return self._logits(seen, inside, text, hidden).float()
        told = self._logits(seen.repeat(2, 1), inside.repeat(2, 1), with_null(text), hidden.repeat(2, 1)).float()
        with_text, without = told.chunk(2)
        return guide(with_text, without, sampling.guidance)

    def _logits(self, seen: Tensor, inside: Tensor, text: TextFeatures, hidden: Tensor) -> Tensor:
        """(M, V) of the M hidden codes, from codes (B, L) that are seen, V for the mask."""
        ids = torch.where(inside, seen, self.codes.codebook_size + 1)
        logits: Tensor = self.head(self.mixer(self.enter(self.token(ids)), inside, text)[hidden])
        return logits

    def _dropped(self, text: TextFeatures, share: float, generator: torch.Generator) -> TextFeatures:
        rows = torch.rand(len(text.sentence), generator=generator, device=text.sentence.device) < share
        return without_text(text, rows)


def _told(logits: Tensor, codes: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Nats (B,) and right guesses (B,) of the codes (B, L) that logits (M, V) are for."""
    each = functional.cross_entropy(logits.double(), codes[where], reduction="none")
    right = (logits.argmax(dim=-1) == codes[where]).double()
    empty = torch.zeros(2, *codes.shape, dtype=torch.float64, device=codes.device)
    nats, hits = (
        blank.masked_scatter(where, found).sum(dim=1) for blank, found in zip(empty, (each, right), strict=True)
    )
    return nats, hits
