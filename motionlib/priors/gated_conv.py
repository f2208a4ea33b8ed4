"""Gated convolutional prior: PixelCNN over code steps, or over the grid of steps and levels.

Source: van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", arXiv:1606.05328, section 2: a gate
tanh(a) * sigmoid(b) moved by the caption, and for a grid two stacks without a blind spot. One code per step: causal
convolutions of three taps over time. Several: the stack of earlier steps sees them at all levels, that of the current
step sees earlier levels and, through a 1x1 convolution, the first stack. Departures: taps are dilated in time as in
WaveNet (arXiv:1609.03499), so that a motion's beginning is seen; inputs are corrupted in training as T2M-GPT's
(arXiv:2301.06052); captions are dropped for guidance.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.params import Section
from motionlib.priors.base import OPEN, PAD, PriorBatch, Score, TextFeatures, with_null, without_text
from motionlib.priors.flat import IGNORE
from motionlib.priors.in_order import InOrder
from motionlib.priors.sampling import TokenSampling, draw, guide
from motionlib.training import Loss

MARKS = 2  # ids after a level's codes, as inputs: before the motion, and padding
LINE_TAPS = (3, 1)  # steps and levels that a convolution over one code per step sees
GRID_TAPS = (2, 3)  # the same over several


class GatedConvConfig(Section):
    """Settings of the gated convolutions."""

    layers: PositiveInt = Field(default=12, le=64)
    width: PositiveInt = Field(default=256, le=4096, description="C of every layer")
    dilations: tuple[PositiveInt, ...] = Field(
        default=(1, 2, 4, 8), min_length=1, description="steps between taps, layer by layer, over and over"
    )
    dropout: NonNegativeFloat = Field(default=0.1, lt=1.0)
    max_steps: PositiveInt = Field(default=50, description="code steps it can write")
    keep: float = Field(default=0.7, ge=0.0, le=1.0, description="share of inputs left as they are in training")
    text_drop: NonNegativeFloat = Field(default=0.1, le=1.0, description="share of captions replaced by the null text")


class Memory:
    """The last inputs of each layer's convolution over time: what a generation need not compute again."""

    def __init__(self) -> None:
        self.rows: dict[int, Tensor] = {}

    def seen(self, layer: int, now: Tensor, reach: int) -> Tensor:
        """Steps (B, C, L, Q) with the `reach` steps before them; the last `reach` are kept."""
        before = self.rows.get(layer)
        before = _nothing(now, reach) if before is None else before
        whole = torch.cat((before, now), dim=2)
        self.rows[layer] = whole[:, :, whole.shape[2] - reach :]
        return whole


class _Layer(nn.Module):
    """One layer; all on (B, C, L, Q): steps L, levels Q."""

    def __init__(self, config: GatedConvConfig, text_dim: int, levels: int, layer: int) -> None:
        super().__init__()
        width, dilation = config.width, config.dilations[layer % len(config.dilations)]
        taps, across = LINE_TAPS if levels == 1 else GRID_TAPS
        self.layer, self.reach = layer, dilation * (taps - 1)
        around = (0, across // 2)
        self.past = nn.Conv2d(width, 2 * width, (taps, across), padding=around, dilation=(dilation, 1))
        self.said = nn.Linear(text_dim, 2 * width)
        self.out = nn.Conv2d(width, width, 1)
        self.dropout = nn.Dropout(config.dropout)
        if levels > 1:
            self.beside = nn.Conv2d(width, 2 * width, (1, 2))
            self.link = nn.Conv2d(2 * width, 2 * width, 1)

    def before(self, states: Tensor, memory: Memory | None) -> Tensor:
        """What a step and those before it say: (B, 2 C, L, Q), not yet gated."""
        if memory is None:
            whole = torch.cat((_nothing(states, self.reach), states), dim=2)
        else:
            whole = memory.seen(self.layer, states, self.reach)
        found: Tensor = self.past(whole)
        return found

    def gated(self, found: Tensor, sentence: Tensor) -> Tensor:
        """Through the gate, moved by captions (B, E): (B, 2 C, L, Q) -> (B, C, L, Q)."""
        said: Tensor = self.said(sentence)[:, :, None, None]
        one, other = (found + said).chunk(2, dim=1)
        return one.tanh() * other.sigmoid()

    def added(self, states: Tensor, found: Tensor, sentence: Tensor) -> Tensor:
        """States and what the gate lets through."""
        change: Tensor = self.dropout(self.out(self.gated(found, sentence)))
        return states + change

    def levels_before(self, states: Tensor) -> Tensor:
        """What a level and the one before it say: (B, 2 C, L, Q)."""
        found: Tensor = self.beside(functional.pad(states, (1, 0)))
        return found


class GatedConv(InOrder[GatedConvConfig, TokenSampling]):
    """Writes steps one after the other, the codes of a step level by level, given a caption."""

    Config: ClassVar[type[Section]] = GatedConvConfig
    Sampling: ClassVar[type[Section]] = TokenSampling
    levels: Tensor

    def __init__(self, config: GatedConvConfig, codes: CodeShape, text_dim: int) -> None:
        super().__init__(config, codes, text_dim)
        self.end, levels = codes.codebook_size, codes.codes_per_step  # as an output; as an input: before the motion
        self.token = nn.Embedding(levels * (self.end + MARKS), config.width)
        self.layers = nn.ModuleList(_Layer(config, text_dim, levels, i) for i in range(config.layers))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(config.width, config.width, 1), nn.ReLU(), nn.Conv2d(config.width, self.end + 1, 1)
        )
        self.register_buffer("levels", torch.arange(levels), persistent=False)

    @property
    def max_steps(self) -> int:
        """Longest sequence, in code steps."""
        return self.config.max_steps

    def loss(self, batch: PriorBatch, generator: torch.Generator) -> Loss:
        """Cross entropy of the next code after corrupted ones."""
        ids, targets = self._events(batch)
        rows = torch.rand(len(ids), generator=generator, device=ids.device) < self.config.text_drop
        logits = self._logits(self._corrupt(ids, generator), without_text(batch.text, rows).sentence)
        learned = targets != IGNORE
        total = _surprise(logits, targets).sum() / learned.sum()
        hits = ((logits.argmax(dim=-1) == targets) & learned).sum() / learned.sum()
        return Loss(total, {"accuracy": hits})

    @torch.no_grad()
    def score(self, batch: PriorBatch) -> Score:
        """Exact likelihood per sequence."""
        ids, targets = self._events(batch)
        logits = self._logits(ids, batch.text.sentence)
        nats = _surprise(logits.double(), targets).sum(dim=(1, 2))
        hits = (logits.argmax(dim=-1) == targets).sum(dim=(1, 2))
        return Score(nats, (targets != IGNORE).sum(dim=(1, 2)), hits)

    @torch.no_grad()
    def _written(
        self,
        text: TextFeatures,
        wanted: Sequence[int] | None,
        sampling: TokenSampling,
        generator: torch.Generator,
        fixed: Tensor | None,
    ) -> Iterator[Tensor]:
        count, guided = len(text.sentence), sampling.guidance != 1.0
        sentence = with_null(text).sentence if guided else text.sentence
        memory, ended = Memory(), torch.zeros(count, dtype=torch.bool, device=sentence.device)
        codes = torch.full((count, self.codes.codes_per_step), self.end, device=sentence.device)
        for step in range(self._longest(wanted)):
            may_end = wanted is None and step > 0  # never an empty motion
            past = self._past(self._many(codes, guided)[:, None], sentence, memory)
            codes = torch.full_like(codes, PAD)
            for level in range(self.codes.codes_per_step):
                logits = self._now(past, self._many(codes, guided)[:, None], sentence)[:, 0, level]
                logits = guide(logits[:count], logits[count:], sampling.guidance) if guided else logits
                if not may_end:
                    logits[:, self.end] = -torch.inf
                drawn = draw(logits, sampling, generator)
                known = drawn if fixed is None else fixed[:, step, level]
                codes[:, level] = torch.where(known == OPEN, drawn, known)
                ended = ended | (codes[:, level] == self.end)
            if bool(ended.all()):
                return
            yield codes.masked_fill(ended[:, None], PAD)

    def _many(self, codes: Tensor, guided: bool) -> Tensor:
        """Rows twice where guidance asks for the null text too."""
        return codes.repeat(2, 1) if guided else codes

    def _events(self, batch: PriorBatch) -> tuple[Tensor, Tensor]:
        """Codes (B, L, Q), and targets (B, L + 1, Q): the codes and, at the first level behind them, the end."""
        codes = batch.codes.masked_fill(~batch.inside[..., None], PAD)
        targets = functional.pad(codes.masked_fill(codes == PAD, IGNORE), (0, 0, 0, 1), value=IGNORE)
        end = torch.where(batch.ends, self.end, IGNORE)
        targets[torch.arange(len(end), device=end.device), batch.lengths, 0] = end
        return codes, targets

    def _corrupt(self, codes: Tensor, generator: torch.Generator) -> Tensor:
        """Replace a share of the inputs by any code."""
        replaced = torch.rand(codes.shape, generator=generator, device=codes.device) >= self.config.keep
        random = torch.randint(self.codes.codebook_size, codes.shape, generator=generator, device=codes.device)
        return torch.where(replaced & (codes != PAD), random, codes)

    def _logits(self, codes: Tensor, sentence: Tensor) -> Tensor:
        """(B, L, Q) codes -> (B, L + 1, Q, V + 1): of every code from those before it, and of what comes after all."""
        before = functional.pad(codes, (0, 0, 1, 0), value=self.end)
        return self._now(self._past(before, sentence, None), functional.pad(codes, (0, 0, 0, 1), value=PAD), sentence)

    def _embedded(self, codes: Tensor) -> Tensor:
        """Codes (B, L, Q), `end` before the motion and -1 where there is none, -> (B, C, L, Q)."""
        ids = torch.where(codes == PAD, self.end + 1, codes) + self.levels * (self.end + MARKS)
        embedded: Tensor = self.token(ids).permute(0, 3, 1, 2)
        return embedded

    def _past(self, before: Tensor, sentence: Tensor, memory: Memory | None) -> list[Tensor]:
        """What steps (B, L, Q), each the one before the step to write, say: with one code per step the last state, else
        the first stack of every layer.
        """
        states, found = self._embedded(before), []
        for layer in self.layers:
            assert isinstance(layer, _Layer)
            found.append(layer.before(states, memory))
            one = self.codes.codes_per_step == 1
            states = layer.added(states, found[-1], sentence) if one else layer.gated(found[-1], sentence)
        return [states] if self.codes.codes_per_step == 1 else found

    def _now(self, past: list[Tensor], codes: Tensor, sentence: Tensor) -> Tensor:
        """Logits (B, L, Q, V + 1) of codes (B, L, Q) from the past and the levels before them."""
        states = past[0]
        if self.codes.codes_per_step > 1:
            mark = torch.full_like(codes[..., :1], self.end)
            states = self._embedded(torch.cat((mark, codes), dim=-1)[..., :-1])
            for layer, found in zip(self.layers, past, strict=True):
                assert isinstance(layer, _Layer)
                states = layer.added(states, layer.levels_before(states) + layer.link(found), sentence)
        logits: Tensor = self.head(states).permute(0, 2, 3, 1).float()
        only = (self.levels > 0)[:, None] & (torch.arange(self.end + 1, device=logits.device) == self.end)
        return logits.masked_fill(only, -torch.inf)  # a motion ends where a step begins


def _nothing(states: Tensor, steps: int) -> Tensor:
    """Zeros (B, C, steps, Q) to stand before states."""
    return states.new_zeros(*states.shape[:2], steps, states.shape[3])


def _surprise(logits: Tensor, targets: Tensor) -> Tensor:
    """-log p (B, L, Q) of targets; 0 where there is none."""
    return functional.cross_entropy(logits.movedim(-1, 1), targets, ignore_index=IGNORE, reduction="none")
