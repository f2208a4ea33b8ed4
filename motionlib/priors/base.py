"""What every prior promises: integers and their sizes in, integers out; never a tokenizer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from motionlib.artifacts import CodeShape
from motionlib.artifacts.modes import COMPAT
from motionlib.params import Section
from motionlib.text import Encoded
from motionlib.training import Loss

PAD = -1  # fills codes after the end of a sequence

ConfigT = TypeVar("ConfigT", bound=Section)
SamplingT = TypeVar("SamplingT", bound=Section)


class TextFeatures(NamedTuple):
    """Embeddings of N captions.

    Attributes:
        sentence: (N, E) float32; a zero row is the null text.
        words: (N, S, E) float32. word_mask: (N, S) bool, True where there is a word; none in the null text.
    """

    sentence: Tensor
    words: Tensor
    word_mask: Tensor


class PriorBatch(NamedTuple):
    """Code sequences with their texts.

    Attributes:
        codes: (B, L, Q) int64, -1 after the end. lengths: (B,) int64 code steps of each.
        sentence, words, word_mask: As in TextFeatures, (B, E), (B, S, E), (B, S).
        ends: (B,) bool; False where the motion goes on after the last code (a crop), so that no end is learned.
    """

    codes: Tensor
    lengths: Tensor
    sentence: Tensor
    words: Tensor
    word_mask: Tensor
    ends: Tensor

    @property
    def text(self) -> TextFeatures:
        """The texts alone."""
        return TextFeatures(self.sentence, self.words, self.word_mask)


class Score(NamedTuple):
    """Exact likelihood of held-out codes, one row per sequence, every code and the end counted.

    Attributes:
        nats: (B,) float64, -log p of the whole sequence given its text.
        events: (B,) int64: codes, and 1 for the end where the sequence ends.
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
    """

    Config: ClassVar[type[Section]]
    Sampling: ClassVar[type[Section]]
    mode: str = COMPAT  # of the features behind the codes

    def __init__(self, config: ConfigT, codes: CodeShape, text_dim: int) -> None:
        super().__init__()
        self.config, self.codes, self.text_dim = config, codes, text_dim

    @property
    @abstractmethod
    def max_steps(self) -> int:
        """Longest sequence it can learn and generate, in code steps."""

    @abstractmethod
    def loss(self, batch: PriorBatch, generator: torch.Generator) -> Loss:
        """Training loss; all randomness (dropout apart) comes from `generator`."""

    def follow(self, seen: Any, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """Nothing is learned without gradients."""
        return {}

    @abstractmethod
    def score(self, batch: PriorBatch) -> Score:
        """Exact likelihood per sequence, without corruption or text dropout; call it in eval mode."""

    def nll(self, batch: PriorBatch) -> tuple[float, int]:
        """Sum of nats and number of events (codes and ends) of a batch."""
        score = self.score(batch)
        return float(score.nats.sum()), int(score.events.sum())

    @abstractmethod
    def generate(
        self, text: TextFeatures, steps: Sequence[int] | None, sampling: SamplingT, generator: torch.Generator
    ) -> list[Tensor]:
        """Draw one code sequence per text.

        Args:
            text: N captions.
            steps: Code steps of each; without, the model ends each by itself, after at least one step.
            sampling: How to draw.
            generator: All randomness; on the model's device.

        Returns:
            N int64 tensors (L, Q).

        Raises:
            ValueError: If `steps` has another length than `text`, or one is not in 1..max_steps.
        """


def text_features(encoded: Encoded, device: torch.device | str = "cpu") -> TextFeatures:
    """What `text.encoder(...).encode(captions)` gives, padded to the longest caption (at least one word wide)."""
    rows = [torch.from_numpy(encoded.words[a:b]) for a, b in zip(encoded.offsets, encoded.offsets[1:], strict=False)]
    return pad_words(torch.from_numpy(encoded.sentence), rows, device)


def pad_words(sentence: Tensor, rows: Sequence[Tensor], device: torch.device | str = "cpu") -> TextFeatures:
    """Sentences (N, E) and word states (S, E) of each, padded to the longest."""
    longest = max([1, *(len(row) for row in rows)])
    words = sentence.new_zeros(len(rows), longest, sentence.shape[1])
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        words[i, : len(row)] = row
        mask[i, : len(row)] = True
    return TextFeatures(sentence.to(device), words.to(device), mask.to(device))


def without_text(text: TextFeatures, rows: Tensor) -> TextFeatures:
    """The same with the null text in the rows (N,) that are True."""
    return TextFeatures(
        text.sentence.masked_fill(rows[:, None], 0.0),
        text.words.masked_fill(rows[:, None, None], 0.0),
        text.word_mask & ~rows[:, None],
    )


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
