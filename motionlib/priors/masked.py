"""Masked prior: hidden codes are guessed all at once, the most certain guesses stay, the others are guessed again.

Source: MoMask (Guo et al., arXiv:2312.00063), sections 3.2 to 3.4; see `at_once` for further codes and lengths.
"""

from typing import ClassVar

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.params import Section
from motionlib.priors.at_once import AtOnce, AtOnceConfig, AtOnceSampling, Learned, dropped, told
from motionlib.priors.base import OPEN, PriorBatch, TextFeatures, with_null
from motionlib.priors.masking import bound_masks, corrupted, gumbel, hidden_counts, least_certain
from motionlib.priors.sampling import draw, guide
from motionlib.priors.text_trunk import TextTrunk

MARKS = 2  # ids after the codes: the mask, and padding


class MaskedConfig(AtOnceConfig):
    """Settings of the masked prior."""

    token_width: NonNegativeInt = Field(default=0, description="width of the code tables; 0: the trunk's (MoMask: 512)")
    false_share: NonNegativeFloat = Field(default=0.1, le=1.0, description="of the hidden codes: shown as any code")
    mask_share: NonNegativeFloat = Field(default=0.88, le=1.0, description="of the others: not shown; the rest is true")
    score_draws: PositiveInt = Field(default=8, description="sets of hidden codes that a bound is estimated from")


class MaskedSampling(AtOnceSampling):
    """How codes are drawn. As published: top_k 52 of 512 codes, guidance 4 and residual_guidance 5."""

    iterations: PositiveInt = Field(default=10, description="passes in which the first codes are written")
    noise: NonNegativeFloat = Field(
        default=0.0, description="Gumbel noise on the certainty in nats, less with each pass; much: a random order"
    )


class Masked(AtOnce[MaskedConfig, MaskedSampling]):
    """Guesses hidden codes from those that are known, given a caption.

    Its likelihood is a bound over all orders of the first codes of the steps (exact for the further ones); motions are
    written in the order of certainty.
    """

    Config: ClassVar[type[Section]] = MaskedConfig
    Sampling: ClassVar[type[Section]] = MaskedSampling

    def __init__(self, config: MaskedConfig, codes: CodeShape, text_dim: int) -> None:
        super().__init__(config, codes, text_dim)
        size, width, token_width = codes.codebook_size, config.width, config.token_width or config.width
        self.token = nn.Embedding(size + MARKS, token_width)
        self.enter = nn.Linear(token_width, width)
        self.mixer = TextTrunk(config, text_dim, config.max_steps)
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, size))
        self._finish(token_width)

    def _first_loss(self, batch: PriorBatch, generator: torch.Generator) -> Learned:
        """Cross entropy of hidden codes."""
        inside, first = batch.inside, batch.codes[..., 0]
        shares = self.config.false_share, self.config.mask_share
        seen, hidden = corrupted(first, inside, self.codes.codebook_size, shares, generator)
        text = dropped(batch.text, self.config.text_drop, generator)
        logits, wanted = self._logits(seen, inside, text, hidden), first[hidden]
        base = functional.cross_entropy(logits, wanted)
        return Learned(base, {"base": base, "accuracy": (logits.argmax(dim=-1) == wanted).float().mean()})

    def _first_score(self, batch: PriorBatch) -> tuple[Tensor, Tensor]:
        """Estimated from `score_draws` sets of hidden codes."""
        inside, first = batch.inside, batch.codes[..., 0]
        nats, hits = torch.zeros(2, len(first), dtype=torch.float64, device=first.device)
        masks, weights = bound_masks(batch.codes, batch.lengths, self.config.score_draws)
        for hidden, weight in zip(masks, weights, strict=True):
            seen = first.masked_fill(hidden, self.codes.codebook_size)
            each, right = told(self._logits(seen, inside, batch.text, hidden), first, hidden)
            nats, hits = nats + weight * each, hits + weight * right
        return nats, hits

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
            sure = logits.log_softmax(dim=-1).gather(1, drawn[:, None]).squeeze(1).double()
            noise = sampling.noise * (1 - moment / sampling.iterations) * gumbel(sure, generator)
            first = first.masked_scatter(hidden, drawn)
            certainty = torch.zeros(hidden.shape, dtype=torch.float64, device=hidden.device)
            certainty = certainty.masked_scatter(hidden, sure + noise)
            hidden = least_certain(hidden, certainty, hidden_counts(open_steps, sampling.iterations, moment + 1))
        return torch.cat((first[..., None], codes[..., 1:]), dim=-1)

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
