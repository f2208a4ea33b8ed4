"""Captioned motions of data/features: as training batches of the evaluator, and as cases of a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from motionlib.artifacts import BadArtifactError, FeatureSet, Float32, TextTable
from motionlib.evaluation.evaluator import EvaluatorConfig, PairBatch, pad, text_inputs
from motionlib.evaluation.networks import UNIT

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CaptionedMotion:
    """A span of a clip with all captions that were given to it.

    Attributes:
        clip, start, end: Rows [start, end) of that clip.
        captions: caption_ids, at least one.
    """

    clip: str
    start: int
    end: int
    captions: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Captioned motions of some splits.

    Attributes:
        features: Where their rows lie.
        motions: In the order of data/features' items.
    """

    features: FeatureSet
    motions: list[CaptionedMotion]

    def __len__(self) -> int:
        return len(self.motions)

    def rows(self, number: int, frames: int | None = None) -> Float32:
        """(T, D) raw features of one motion, its first `frames` at most."""
        motion = self.motions[number]
        end = motion.end if frames is None else min(motion.end, motion.start + frames)
        return self.features.of(self.features.by_id[motion.clip])[motion.start : end]

    @cached_property
    def clips(self) -> list[str]:
        """Clip of each motion: what hangs together in an interval."""
        return [motion.clip for motion in self.motions]

    @cached_property
    def cases(self) -> list[tuple[int, int]]:
        """Every (motion number, caption_id): what is generated and scored."""
        return [(number, caption) for number, motion in enumerate(self.motions) for caption in motion.captions]

    def draw(self, seed: int) -> list[int]:
        """One case per motion, drawn anew for every seed, as each repeat of the published protocol draws a caption."""
        rng = np.random.default_rng(seed)
        first = np.cumsum([0, *(len(motion.captions) for motion in self.motions)])
        return [int(start + rng.integers(len(m.captions))) for start, m in zip(first, self.motions, strict=False)]

    def positives(self, captions: Sequence[int], numbers: Sequence[int] | None = None) -> Bool:
        """Whether caption i describes motion j: it was said of a span that overlaps j, or j overlaps motion i.

        Args:
            captions: caption_id asked for motion i. numbers: Which motions; without: all.

        Returns:
            (N, N) bool with a True diagonal.
        """
        chosen = range(len(self)) if numbers is None else numbers
        columns: dict[int, list[int]] = {}
        for column, number in enumerate(chosen):
            columns.setdefault(number, []).append(column)
        positives: Bool = np.zeros((len(captions), len(chosen)), dtype=np.bool_)
        for row, (caption, number) in enumerate(zip(captions, chosen, strict=True)):
            for described in (*self._described[caption], *self._overlapping[number]):
                positives[row, columns.get(described, [])] = True
        return positives

    @cached_property
    def _overlapping(self) -> list[list[int]]:
        """Motions that share frames with each motion, itself among them."""
        of_clip: dict[str, list[int]] = {}
        for number, motion in enumerate(self.motions):
            of_clip.setdefault(motion.clip, []).append(number)
        return [[n for n in of_clip[one.clip] if _overlap(one, self.motions[n])] for one in self.motions]

    @cached_property
    def _described(self) -> dict[int, list[int]]:
        """Motions that each caption describes."""
        found: dict[int, list[int]] = {}
        for number, captions in enumerate(motion.captions for motion in self.motions):
            for caption in captions:
                found.setdefault(caption, []).extend(self._overlapping[number])
        return found


def read_pairs(features: FeatureSet, *splits: str, mirror: bool = False, min_frames: int = UNIT) -> Pairs:
    """Captioned motions of these splits, each span once with all its captions.

    Raises:
        BadArtifactError: If there is none.
    """
    spans: dict[tuple[str, int, int], list[int]] = {}
    for item in features.items:
        wanted = item.split in splits and (mirror or not features.by_id[item.clip].mirror)
        if wanted and item.end - item.start >= min_frames:
            spans.setdefault((item.clip, item.start, item.end), []).append(item.caption_id)
    if not spans:
        raise BadArtifactError(f"no captioned motion of {min_frames} frames in {', '.join(splits)}; see reports/ingest")
    motions = [CaptionedMotion(*span, tuple(dict.fromkeys(captions))) for span, captions in spans.items()]
    return Pairs(features, motions)


class Batches:
    """Training batches: every motion as likely, one of its captions, a random crop of it.

    Args:
        pairs: Training motions. text: data/text. config: Of the evaluator. size: B; less if there are fewer motions.
    """

    def __init__(
        self, pairs: Pairs, text: TextTable, config: EvaluatorConfig, size: int, device: torch.device | str = "cpu"
    ) -> None:
        self.pairs, self.text, self.config, self.device = pairs, text, config, device
        self.size = min(size, len(pairs))

    def draw(self, generator: torch.Generator) -> PairBatch:
        """One batch, all randomness from `generator`; no motion twice in it."""
        place = generator.device
        numbers = torch.randperm(len(self.pairs), generator=generator, device=place)[: self.size].tolist()
        chances = torch.rand((self.size, 4), generator=generator, device=place).tolist()
        captions = [
            _pick(self.pairs.motions[n].captions, chance[0]) for n, chance in zip(numbers, chances, strict=True)
        ]
        motions = [self._crop(self.pairs.rows(n), chance) for n, chance in zip(numbers, chances, strict=True)]
        batch = batch_of(self.pairs, self.text, numbers, captions, motions, self.config.sentence)
        return to_device(batch, self.device)

    def _crop(self, rows: Float32, chance: Sequence[float]) -> Float32:
        """Half of the time the whole, as far as `crop_frames` go; else a random part of at least `crop_min_frames`."""
        longest = min(len(rows), self.config.crop_frames)
        shortest = min(longest, self.config.crop_min_frames)
        frames = longest if chance[1] < 1 / 2 else shortest + int(chance[2] * (longest - shortest + 1))
        start = int(chance[3] * (len(rows) - frames + 1))
        return rows[start : start + frames]


def batch_of(
    pairs: Pairs,
    text: TextTable,
    numbers: Sequence[int],
    captions: Sequence[int],
    motions: Sequence[Float32],
    sentence: bool,
) -> PairBatch:
    """Motions `numbers` of `pairs` (their rows given, perhaps cropped) with one caption each."""
    padded, frames = pad(motions)
    words, tokens = text_inputs(text, captions, sentence)
    same = torch.from_numpy(pairs.positives(captions, numbers))
    ids = tuple(pairs.motions[number].clip for number in numbers)
    return PairBatch(padded, frames, words, tokens, None, same, ids)


def to_device(batch: PairBatch, device: torch.device | str) -> PairBatch:
    """The same batch where a model lies."""
    return batch._replace(
        motion=batch.motion.to(device),
        frames=batch.frames.to(device),
        words=batch.words.to(device),
        tokens=batch.tokens.to(device),
        tags=None if batch.tags is None else batch.tags.to(device),
        same=batch.same.to(device),
    )


def _pick(captions: tuple[int, ...], chance: float) -> int:
    return captions[int(chance * len(captions))]


def _overlap(a: CaptionedMotion, b: CaptionedMotion) -> bool:
    return a.clip == b.clip and a.start < b.end and b.start < a.end
