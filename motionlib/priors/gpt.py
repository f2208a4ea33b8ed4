"""Autoregressive prior: a causal transformer that writes codes left to right and then an end mark.

Source: Zhang et al., "T2M-GPT", arXiv:2301.06052, section 3.2: the caption's sentence vector is the first input, inputs
are corrupted in training so that the model learns to go on from its own mistakes. Departures, each a setting: dropped
captions for guidance, rotary positions, attention to the caption's words, a token table that is also the output.
Several codes per step are written one after the other, each from its own part of the vocabulary.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.params import Section
from motionlib.priors.base import PAD, PriorBatch, Score, TextFeatures, with_null, without_text
from motionlib.priors.flat import IGNORE, MARKS, allowed, end_of, kept
from motionlib.priors.flat import score as score_of
from motionlib.priors.flat import tokens as tokens_of
from motionlib.priors.in_order import InOrder
from motionlib.priors.sampling import TokenSampling, draw, guide
from motionlib.priors.transformer import Memory, Transformer, Trunk, Words, initialise
from motionlib.training import Loss


class GptConfig(Trunk):
    """Settings of the GPT prior; beside the trunk's."""

    max_steps: PositiveInt = Field(default=50, description="code steps it can write (T2M-GPT: block 51 with the text)")
    keep: float = Field(default=0.5, ge=-1.0, le=1.0, description="share of inputs left as they are; -1: drawn anew")
    text_drop: NonNegativeFloat = Field(default=0.1, le=1.0, description="share of captions replaced by the null text")
    average: Literal["sequence", "code"] = Field(default="code", description="what weighs the same in the loss")
    label_smoothing: NonNegativeFloat = Field(default=0.0, lt=1.0)
    tied: bool = Field(default=False, description="the output layer is the token table")


class Gpt(InOrder[GptConfig, TokenSampling]):
    """Writes codes one after the other, given a caption; see `flat`."""

    Config: ClassVar[type[Section]] = GptConfig
    Sampling: ClassVar[type[Section]] = TokenSampling

    def __init__(self, config: GptConfig, codes: CodeShape, text_dim: int) -> None:
        super().__init__(config, codes, text_dim)
        if config.label_smoothing and codes.codes_per_step > 1:
            raise ValueError("label_smoothing would give probability to another level's codes; set it to 0")
        self.end_id = end_of(codes)
        self.pad_id = self.end_id + 1
        self.sentence = nn.Linear(text_dim, config.width)
        self.token = nn.Embedding(self.end_id + MARKS, config.width)
        self.trunk = Transformer(config, config.max_steps * codes.codes_per_step + 1, causal=True)
        if config.cross_attention:
            self.word = nn.Linear(text_dim, config.width)
        if not config.tied:
            self.head = nn.Linear(config.width, self.end_id + 1, bias=False)
        self.apply(initialise)
        self.register_buffer("allowed", allowed(codes), persistent=False)
        self.allowed: Tensor

    @property
    def max_steps(self) -> int:
        """Longest sequence, in code steps."""
        return self.config.max_steps

    def loss(self, batch: PriorBatch, generator: torch.Generator) -> Loss:
        """Cross entropy of the next code after corrupted ones."""
        tokens, targets = tokens_of(batch, self.codes)
        rows = torch.rand(len(tokens), generator=generator, device=tokens.device) < self.config.text_drop
        logits = self._logits(self._corrupt(tokens, generator), without_text(batch.text, rows))
        each = functional.cross_entropy(
            logits.transpose(1, 2),
            targets,
            ignore_index=IGNORE,
            reduction="none",
            label_smoothing=self.config.label_smoothing,
        )
        learned = targets != IGNORE
        if self.config.average == "sequence":
            total = (each.sum(dim=1) / learned.sum(dim=1)).mean()
        else:
            total = each.sum() / learned.sum()
        hits = ((logits.argmax(dim=-1) == targets) & learned).sum() / learned.sum()
        return Loss(total, {"accuracy": hits})

    @torch.no_grad()
    def score(self, batch: PriorBatch) -> Score:
        """Exact likelihood per sequence."""
        tokens, targets = tokens_of(batch, self.codes)
        return score_of(self._logits(tokens, batch.text), targets)

    @torch.no_grad()
    def _written(
        self,
        text: TextFeatures,
        wanted: Sequence[int] | None,
        sampling: TokenSampling,
        generator: torch.Generator,
        fixed: Tensor | None,
    ) -> Iterator[Tensor]:
        count, levels = len(text.sentence), self.codes.codes_per_step
        longest = self._longest(wanted)
        guided = sampling.guidance != 1.0
        both = with_null(text) if guided else text
        memory = Memory(self.config, len(both.sentence), longest * levels, both.sentence.device)
        words, state = self._words(both), self.sentence(both.sentence)[:, None]
        ended = torch.zeros(count, dtype=torch.bool, device=state.device)
        step: list[Tensor] = []
        for position in range(longest * levels):
            logits = self._head(self.trunk(state, words, memory), position)[:, 0]
            logits = guide(logits[:count], logits[count:], sampling.guidance) if guided else logits
            if wanted is not None or position == 0:  # never an empty motion
                logits[:, self.end_id] = -torch.inf
            ids = kept(draw(logits, sampling, generator), fixed, position, self.codes)
            ended = ended | (ids == self.end_id)
            if bool(ended.all()):
                return
            step.append((ids - position % levels * self.codes.codebook_size).masked_fill(ended, PAD))
            if len(step) == levels:
                yield torch.stack(step, dim=1)
                step = []
            state = self.token(ids.repeat(2) if guided else ids)[:, None]

    def _corrupt(self, tokens: Tensor, generator: torch.Generator) -> Tensor:
        """Replace a share of the inputs by any code of the same level."""
        device, keep = tokens.device, self.config.keep
        share = torch.rand(1, generator=generator, device=device) if keep < 0 else keep
        replaced = torch.rand(tokens.shape, generator=generator, device=device) >= share
        random = torch.randint(self.codes.codebook_size, tokens.shape, generator=generator, device=device)
        level = torch.arange(tokens.shape[1], device=device) % self.codes.codes_per_step
        return torch.where(replaced & (tokens != self.pad_id), random + level * self.codes.codebook_size, tokens)

    def _logits(self, tokens: Tensor, text: TextFeatures) -> Tensor:
        """(B, N) ids -> (B, N + 1, ids): of the first token from the text, then of each next one."""
        states = torch.cat((self.sentence(text.sentence)[:, None], self.token(tokens)), dim=1)
        return self._head(self.trunk(states, self._words(text)), 0)

    def _head(self, states: Tensor, position: int) -> Tensor:
        """Logits (B, N, ids) of states (B, N, C) that stand at `position` and after."""
        weight = self.token.weight[: self.end_id + 1] if self.config.tied else self.head.weight
        logits = functional.linear(states, weight)
        if self.codes.codes_per_step == 1:
            return logits
        level = torch.arange(position, position + states.shape[1], device=states.device) % self.codes.codes_per_step
        return logits.masked_fill(~self.allowed[level], -torch.inf)

    def _words(self, text: TextFeatures) -> Words | None:
        """The caption's words, behind its sentence so that the null text has something to look at."""
        if not self.config.cross_attention:
            return None
        states = torch.cat((self.sentence(text.sentence)[:, None], self.word(text.words)), dim=1)
        return Words(states, functional.pad(text.word_mask, (1, 0), value=True))
