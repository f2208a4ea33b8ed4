"""What every prior promises: integers and their sizes in, integers out; never a tokenizer."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from motionlib.artifacts import CodeShape, Float32, Int64
from motionlib.artifacts.modes import COMPAT
from motionlib.params import Section
from motionlib.text import Encoded
from motionlib.training import Loss

PAD = -1  # fills codes after the end of a sequence
OPEN = -1  # in codes that are given to `generate`: to be written

ConfigT = TypeVar("ConfigT", bound=Section)
SamplingT = TypeVar("SamplingT", bound=Section)


class TextFeatures(NamedTuple):
    """Embeddings of N captions.

    Attributes:
        sentence: (N, E) float32; a zero row is the null text.
        words: (N, S, E) float32. word_mask: (N, S) bool, True where there is a word; none in the null text.
        spans: (N, S, 2) int64, characters of the caption that each word stands for.
        captions: The N captions as they were written, lower-cased; "" for the null text.
    """

    sentence: Tensor
    words: Tensor
    word_mask: Tensor
    spans: Tensor
    captions: tuple[str, ...]

    def to(self, device: torch.device | str) -> "TextFeatures":
        """The same on another device."""
        return self.changed(lambda part: part.to(device), self.captions)

    def rows(self, chosen: Sequence[int]) -> "TextFeatures":
        """The texts with these numbers, in this order."""
        at = torch.tensor(chosen, dtype=torch.int64, device=self.sentence.device)
        return self.changed(lambda part: part[at], tuple(self.captions[i] for i in chosen))

    def changed(self, change: Callable[[Tensor], Tensor], captions: tuple[str, ...]) -> "TextFeatures":
        """Every tensor after a change, with the captions that stand there then."""
        return TextFeatures(
            change(self.sentence), change(self.words), change(self.word_mask), change(self.spans), captions
        )


class PriorBatch(NamedTuple):
    """Code sequences with their texts.

    Attributes:
        codes: (B, L, Q) int64, -1 after the end. lengths: (B,) int64 code steps of each.
        ends: (B,) bool; False where the motion goes on after the last code (a crop), so that no end is learned.
        text: B captions.
    """

    codes: Tensor
    lengths: Tensor
    ends: Tensor
    text: TextFeatures

    @property
    def inside(self) -> Tensor:
        """(B, L) bool, True where there is a code."""
        return torch.arange(self.codes.shape[1], device=self.codes.device) < self.lengths[:, None]

    def to(self, device: torch.device | str) -> "PriorBatch":
        """The same on another device."""
        return PriorBatch(self.codes.to(device), self.lengths.to(device), self.ends.to(device), self.text.to(device))

    def rows(self, chosen: Sequence[int]) -> "PriorBatch":
        """The sequences with these numbers, in this order."""
        at = torch.tensor(chosen, dtype=torch.int64, device=self.codes.device)
        return PriorBatch(self.codes[at], self.lengths[at], self.ends[at], self.text.rows(chosen))


class Score(NamedTuple):
    """Likelihood of held-out codes, one row per sequence; what kind of it, `Prior.likelihood` says.

    Attributes:
        nats: (B,) float64, -log p of the whole sequence given its text (and its length, where no end is written).
        events: (B,) int64: codes, and 1 for the end where the sequence ends and the prior writes ends.
        hits: (B,) int64 events whose most likely value was the true one.
    """

    nats: Tensor
    events: Tensor
    hits: Tensor


class Prior(nn.Module, ABC, Generic[ConfigT, SamplingT]):
    """Codes given text.

    Args:
        config: The model's own settings.
        codes: Sizes of the codes.
        text_dim: E, width of the text embeddings.

    Attributes:
        likelihood: What `score` gives: `exact` nats, an upper `bound` of them, `pseudo` nats (each code given all
            others), or `none`, where the family has no such number that compares.
        writes_end: Whether it writes the end of a motion itself; if not, its likelihood is that of codes whose number
            is known, and it draws a length where none is asked for.
    """

    Config: ClassVar[type[Section]]
    Sampling: ClassVar[type[Section]]
    likelihood: ClassVar[Literal["exact", "bound", "pseudo", "none"]] = "exact"
    writes_end: ClassVar[bool] = True
    mode: str = COMPAT  # of the features behind the codes

    def __init__(self, config: ConfigT, codes: CodeShape, text_dim: int) -> None:
        super().__init__()
        self.config, self.codes, self.text_dim = config, codes, text_dim

    @property
    @abstractmethod
    def max_steps(self) -> int:
        """Longest sequence it can learn and generate, in code steps."""

    def prepare(self, vectors: Sequence[Float32], captions: Sequence[str]) -> None:
        """Shown, before training, the vectors (V, C) of each codebook's codes (none where codes are no vectors) and the
        training captions. What a kind keeps of them it keeps in buffers and in `facts`.
        """

    def facts(self) -> Mapping[str, Any]:
        """What beside settings and weights rebuilds it, JSON-ready; `recall` takes it back before the weights."""
        return {}

    def recall(self, facts: Mapping[str, Any]) -> None:
        """Take back what `facts` gave."""

    @abstractmethod
    def loss(self, batch: PriorBatch, generator: torch.Generator) -> Loss:
        """Training loss; all randomness (dropout apart) comes from `generator`."""

    def follow(self, seen: Any, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """Nothing is learned without gradients."""
        return {}

    @abstractmethod
    def score(self, batch: PriorBatch) -> Score:
        """Likelihood per sequence, without corruption or text dropout; call it in eval mode.

        What is random in it depends on the sequence alone (`row_generator`), not on the batch.
        """

    def nll(self, batch: PriorBatch) -> tuple[float, int]:
        """Sum of nats and number of events (codes and ends) of a batch."""
        score = self.score(batch)
        return float(score.nats.sum()), int(score.events.sum())

    @abstractmethod
    def generate(
        self,
        text: TextFeatures,
        steps: Sequence[int] | None,
        sampling: SamplingT,
        generator: torch.Generator,
        given: Sequence[Tensor] | None = None,
    ) -> list[Tensor]:
        """Draw one code sequence per text.

        Args:
            text: N captions.
            steps: Code steps of each; without, the model ends each by itself, after at least one step.
            sampling: How to draw.
            generator: All randomness; on the model's device.
            given: N int64 tensors (steps, Q) of codes that stay exactly as they are, -1 where a code is to be written;
                `steps` must say their lengths.

        Returns:
            N int64 tensors (L, Q).

        Raises:
            ValueError: If `steps` has another length than `text`, or one is not in 1..max_steps; or if what is given
                does not fit.
        """

    def stream(
        self, text: TextFeatures, steps: Sequence[int], sampling: SamplingT, generator: torch.Generator
    ) -> Iterator[Tensor]:
        """The codes of `generate`, step by step: (N, Q) each, -1 where a motion has ended. A kind that does not write
        from left to right gives the first when the last is drawn.
        """
        made = self.generate(text, steps, sampling, generator)
        for step in range(max(steps, default=0)):
            yield torch.stack([row[step] if step < len(row) else torch.full_like(row[0], PAD) for row in made])


class Caption(NamedTuple):
    """One caption as a model sees it: `sentence` (E,), `words` (S, E), `spans` (S, 2) and the text itself."""

    sentence: Float32
    words: Float32
    spans: Int64
    text: str

    @classmethod
    def null(cls, width: int) -> "Caption":
        """The null text."""
        return cls(np.zeros(width, np.float32), np.zeros((0, width), np.float32), np.zeros((0, 2), np.int64), "")


def text_features(encoded: Encoded, captions: Sequence[str], device: torch.device | str = "cpu") -> TextFeatures:
    """What `text.encoder(...).encode(captions)` gives, padded to the longest caption (at least one word wide)."""
    cuts = list(zip(encoded.offsets, encoded.offsets[1:], strict=False))
    rows = [
        Caption(encoded.sentence[i], encoded.words[a:b], encoded.spans[a:b], captions[i])
        for i, (a, b) in enumerate(cuts)
    ]
    return pad_captions(rows, encoded.sentence.shape[1], device)


def pad_captions(captions: Sequence[Caption], width: int, device: torch.device | str = "cpu") -> TextFeatures:
    """Captions of E = `width`, padded to the longest."""
    longest = max([1, *(len(one.words) for one in captions)])
    words, spans = torch.zeros(len(captions), longest, width), torch.zeros(len(captions), longest, 2, dtype=torch.int64)
    mask = torch.zeros(len(captions), longest, dtype=torch.bool)
    for i, one in enumerate(captions):
        words[i, : len(one.words)] = torch.from_numpy(np.array(one.words))
        spans[i, : len(one.words)] = torch.from_numpy(np.array(one.spans))
        mask[i, : len(one.words)] = True
    sentence = torch.from_numpy(np.array([one.sentence for one in captions], np.float32).reshape(-1, width))
    return TextFeatures(sentence, words, mask, spans, tuple(one.text for one in captions)).to(device)


def without_text(text: TextFeatures, rows: Tensor) -> TextFeatures:
    """The same with the null text in the rows (N,) that are True."""
    return TextFeatures(
        text.sentence.masked_fill(rows[:, None], 0.0),
        text.words.masked_fill(rows[:, None, None], 0.0),
        text.word_mask & ~rows[:, None],
        text.spans.masked_fill(rows[:, None, None], 0),
        tuple("" if gone else one for gone, one in zip(rows.tolist(), text.captions, strict=True)),
    )


def with_null(text: TextFeatures) -> TextFeatures:
    """The texts, and after them as many null texts: what guidance asks a model at once."""
    null = without_text(text, torch.ones(len(text.sentence), dtype=torch.bool, device=text.sentence.device))
    return TextFeatures(
        torch.cat((text.sentence, null.sentence)),
        torch.cat((text.words, null.words)),
        torch.cat((text.word_mask, null.word_mask)),
        torch.cat((text.spans, null.spans)),
        text.captions + null.captions,
    )


def row_generator(codes: Tensor) -> torch.Generator:
    """A generator that depends on a sequence's codes (L, Q) alone, so that its score does not depend on its batch."""
    return torch.Generator(codes.device).manual_seed(zlib.crc32(codes.cpu().numpy().tobytes()))


def checked_given(given: Sequence[Tensor], steps: Sequence[int] | None, codes: CodeShape) -> list[Tensor]:
    """`given` after checking it.

    Raises:
        ValueError: If there is not one per text and length, or one is not (steps, Q) with codes in -1..V - 1.
    """
    if steps is None or len(given) != len(steps):
        raise ValueError(f"codes are given for {len(given)} texts; say the length of each of them, and of no others")
    for i, (one, length) in enumerate(zip(given, steps, strict=True)):
        if tuple(one.shape) != (length, codes.codes_per_step):
            raise ValueError(f"text {i}: expected codes ({length}, {codes.codes_per_step}), got {tuple(one.shape)}")
        if one.numel() and not OPEN <= int(one.min()) <= int(one.max()) < codes.codebook_size:
            raise ValueError(f"text {i}: codes reach from {int(one.min())} to {int(one.max())}; -1 is to be written")
    return list(given)


def checked_steps(steps: Sequence[int] | None, count: int, longest: int) -> list[int] | None:
    """`steps` after checking it.

    Raises:
        ValueError: If there is not one per text, or one is not in 1..longest.
    """
    if steps is None:
        return None
    wanted = [int(step) for step in steps]
    if len(wanted) != count:
        raise ValueError(f"{count} texts but {len(wanted)} lengths")
    for i, step in enumerate(wanted):
        if not 1 <= step <= longest:
            raise ValueError(f"text {i}: {step} code steps asked for; this prior generates 1 to {longest}")
    return wanted
