"""Priors that write all steps of a motion at once, pass after pass: first codes, then the further ones layer by layer.

Source: MoMask (Guo et al., arXiv:2312.00063), sections 3.2 to 3.4: one network for the first code of each step and one
for its further codes (`residual_layers`), which one training learns side by side; they share no weight. The lengths of
motions are learned beside them. Where a step has one code, there is no second network.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, TypeVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from motionlib.priors.base import OPEN, Prior, PriorBatch, Score, TextFeatures, checked_given, with_null, without_text
from motionlib.priors.length import LengthEstimator
from motionlib.priors.residual_layers import ResidualLayers
from motionlib.priors.sampling import TokenSampling, draw, guide
from motionlib.priors.transformer import Trunk, initialise
from motionlib.training import Loss


class AtOnceConfig(Trunk):
    """Settings of all such priors; beside those of the trunk, of which each network has its own."""

    max_steps: PositiveInt = Field(default=50, description="code steps it can write (MoMask: 49)")
    text_drop: NonNegativeFloat = Field(default=0.1, le=1.0, description="share of captions replaced by the null text")
    residual_text_drop: NonNegativeFloat = Field(default=0.2, le=1.0, description="the same for the further codes")


class AtOnceSampling(TokenSampling):
    """How codes are drawn by all such priors."""

    residual_guidance: NonNegativeFloat = Field(default=1.0, description="guidance of the further codes; 1: off")
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="of layers while codes are drawn")


class Learned(NamedTuple):
    """Loss () of the first codes, what it is made of, and what `follow` is to see."""

    total: Tensor
    parts: dict[str, Tensor]
    seen: object = None


ConfigT = TypeVar("ConfigT", bound=AtOnceConfig)
SamplingT = TypeVar("SamplingT", bound=AtOnceSampling)


class AtOnce(Prior[ConfigT, SamplingT]):
    """Learns, scores and writes first codes as the kind says; further codes and lengths as MoMask does.

    Its likelihood is a bound for the first codes of the steps, and exact for the further ones.
    """

    likelihood: ClassVar[Literal["exact", "bound", "pseudo", "none"]] = "bound"
    writes_end = False

    def _finish(self, token_width: int) -> None:
        """Add what writes further codes, start all weights, add what draws lengths; call it last in `__init__`.

        Args:
            token_width: Of the further codes' tables.
        """
        self.residual: ResidualLayers | None = None
        if self.codes.codes_per_step > 1:
            self.residual = ResidualLayers(self.config, token_width, self.codes, self.text_dim, self.config.max_steps)
        self.apply(initialise)
        self.length = LengthEstimator(self.text_dim, self.config.max_steps)

    @property
    def max_steps(self) -> int:
        """Longest sequence, in code steps."""
        return self.config.max_steps

    @abstractmethod
    def _first_loss(self, batch: PriorBatch, generator: torch.Generator) -> Learned:
        """Loss of the first codes."""

    @abstractmethod
    def _first_score(self, batch: PriorBatch) -> tuple[Tensor, Tensor]:
        """Bound in nats (B,), and best guesses that were right (B,), of the first codes; float64."""

    @abstractmethod
    def _written(
        self, codes: Tensor, inside: Tensor, text: TextFeatures, sampling: SamplingT, generator: torch.Generator
    ) -> Tensor:
        """The codes (N, L, Q) with all first codes; what is not `OPEN` stays."""

    def loss(self, batch: PriorBatch, generator: torch.Generator) -> Loss:
        """Loss of first codes, cross entropy of one layer of further codes, and of the length."""
        first, length = self._first_loss(batch, generator), self.length.loss(batch)
        parts = first.parts | {"length": length}
        if self.residual is not None:
            text = dropped(batch.text, self.config.residual_text_drop, generator)
            parts["residual"] = self.residual.loss(batch.codes, batch.inside, text, generator)
        return Loss(first.total + length + parts.get("residual", 0.0), parts, first.seen)

    @torch.no_grad()
    def score(self, batch: PriorBatch) -> Score:
        """Bound of the likelihood per sequence."""
        inside = batch.inside
        nats, hits = self._first_score(batch)
        for layer in range(1, self.codes.codes_per_step):
            assert self.residual is not None
            logits = self.residual.logits(batch.codes, inside, batch.text, layer)[inside]
            each, right = told(logits, batch.codes[..., layer], inside)
            nats, hits = nats + each, hits + right
        return Score(nats, batch.lengths * self.codes.codes_per_step, hits.round().long())

    @torch.no_grad()
    def generate(
        self,
        text: TextFeatures,
        steps: Sequence[int] | None,
        sampling: SamplingT,
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

    def _refined(
        self, codes: Tensor, inside: Tensor, text: TextFeatures, sampling: SamplingT, generator: torch.Generator
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


def dropped(text: TextFeatures, share: float, generator: torch.Generator) -> TextFeatures:
    """The same with the null text in a share of the rows."""
    rows = torch.rand(len(text.sentence), generator=generator, device=text.sentence.device) < share
    return without_text(text, rows)


def told(logits: Tensor, codes: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Nats (B,) and right guesses (B,) of the codes (B, L) that logits (M, V) are for."""
    each = functional.cross_entropy(logits.double(), codes[where], reduction="none")
    right = (logits.argmax(dim=-1) == codes[where]).double()
    return summed(each, where), summed(right, where)


def summed(each: Tensor, where: Tensor) -> Tensor:
    """Sums (B,) of what is known (M,) of the places (B, L) that are True."""
    return torch.zeros(where.shape, dtype=each.dtype, device=where.device).masked_scatter(where, each).sum(dim=1)
