"""What a prior learns from and is measured on: code sequences of captioned spans, and of motion without captions.

Sources: T2M-GPT (a random caption of a span; one step in three sequences is trimmed, METHODS of its data loader);
motion that no caption covers is learned with the null text, as classifier-free guidance needs one anyway.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from motionlib.artifacts import BadArtifactError, CodeSet, FeatureSet, Item, TextTable
from motionlib.params import PriorData
from motionlib.priors.base import PAD, Caption, PriorBatch, pad_captions

NULL = -1  # caption id of the null text


class Piece(NamedTuple):
    """A code sequence and the captions that describe it.

    Attributes:
        codes: (L, Q) int64. captions: Ids of any of which one is drawn; NULL for the null text.
        ends: Whether the motion ends there.
        weight: How often it is drawn, in captioned spans.
    """

    clip: str
    codes: Tensor
    captions: tuple[int, ...]
    ends: bool
    weight: float


class Splits(NamedTuple):
    """Pieces to learn from, to choose weights and smoothing by, and to measure on."""

    train: list[Piece]
    val: list[Piece]
    test: list[Piece]


def splits(codes: CodeSet, features: FeatureSet, untexted: float) -> Splits:
    """All three; see `training_pieces` and `held_out_pieces`."""
    held_out = (held_out_pieces(codes, features, split) for split in ("val", "test"))
    return Splits(training_pieces(codes, features, untexted), *held_out)


def training_pieces(codes: CodeSet, features: FeatureSet, untexted: float) -> list[Piece]:
    """Sequences of the train split, mirrored clips too: each captioned span once, then what captions leave over.

    Args:
        untexted: Weight of motion without a caption against captioned motion, per step.

    Raises:
        BadArtifactError: If there is nothing to learn from.
    """
    clips = {clip.id for clip in features.split("train")}
    spans: dict[tuple[str, int, int], list[Item]] = {}
    for item in features.items:
        if item.clip in clips:
            spans.setdefault((item.clip, item.start, item.end), []).append(item)
    pieces = []
    for (clip, _, _), items in spans.items():
        rows = _steps(codes, items[0])
        if len(rows):
            pieces.append(Piece(clip, rows, tuple(item.caption_id for item in items), True, 1.0))
    if untexted:
        mean = float(np.mean([len(piece.codes) for piece in pieces])) if pieces else 1.0
        pieces += _leftovers(codes, features, untexted / mean)
    if not pieces:
        raise BadArtifactError("no training clip is as long as one code step")
    return pieces


def _leftovers(codes: CodeSet, features: FeatureSet, weight_per_step: float) -> list[Piece]:
    covered = {clip.id: np.zeros(len(codes.of(clip.id)), bool) for clip in features.split("train")}
    for item in features.items:
        if item.clip in covered:
            per_step = codes.shape.frames_per_step
            covered[item.clip][-(-item.start // per_step) : item.end // per_step] = True
    pieces = []
    for clip, taken in covered.items():
        edges = np.flatnonzero(np.diff(np.concatenate(([True], taken, [True])).astype(int)))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            rows = torch.from_numpy(np.array(codes.of(clip)[start:end]))
            pieces.append(Piece(clip, rows, (NULL,), False, weight_per_step * (end - start)))
    return pieces


def held_out_pieces(codes: CodeSet, features: FeatureSet, split: str) -> list[Piece]:
    """One sequence per captioned span and caption of the unmirrored clips of `split`, in order."""
    clips = {clip.id for clip in features.split(split, mirror=False)}
    items = [item for item in features.items if item.clip in clips]
    found = [Piece(item.clip, _steps(codes, item), (item.caption_id,), True, 1.0) for item in items]
    return [piece for piece in found if len(piece.codes)]


def _steps(codes: CodeSet, item: Item) -> Tensor:
    return torch.from_numpy(np.array(codes.of_item(item)))


class Batches:
    """Makes batches of pieces.

    Args:
        text: Embeddings by caption id.
        max_steps: Longer pieces are cropped.
        settings: How training sequences are varied.
        device: Where batches go.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        text: TextTable,
        max_steps: int,
        settings: PriorData,
        device: torch.device | str = "cpu",
    ) -> None:
        self.pieces, self.text, self.max_steps, self.settings = pieces, text, max_steps, settings
        self.device = device
        self._by_length = sorted(range(len(pieces)), key=lambda i: (min(len(pieces[i].codes), max_steps), i))
        weights = torch.tensor([pieces[i].weight for i in self._by_length], dtype=torch.float64)
        self._cumulated = weights.cumsum(0)

    def draw(self, size: int, generator: torch.Generator) -> PriorBatch:
        """A training batch of `size` pieces by weight, each varied; all randomness from `generator`.

        Pieces stand on a circle in order of their length, each as wide as its weight; a batch comes from an arc
        that begins anywhere. So its pieces are about equally long, and yet each is drawn as often as its weight says.
        """
        uniform = torch.rand(size + 1, 5, generator=generator, device=generator.device, dtype=torch.float64).cpu()
        at = (uniform[0, 0] + self.settings.similar * uniform[1:, 0]) % 1.0 * self._cumulated[-1]
        chosen = torch.searchsorted(self._cumulated, at, right=True).clamp(max=len(self.pieces) - 1)
        rows = zip(chosen.tolist(), uniform[1:, 1:].tolist(), strict=True)
        return self._batch([self._vary(self.pieces[self._by_length[i]], numbers) for i, numbers in rows])

    def __iter__(self) -> Iterator[PriorBatch]:
        """All pieces once, in order, as they are; too long ones without their rest, and then without an end."""
        for start in range(0, len(self.pieces), self.settings.score_batch):
            yield self._batch([self._first(piece) for piece in self.pieces[start : start + self.settings.score_batch]])

    def _first(self, piece: Piece) -> Piece:
        whole = len(piece.codes) <= self.max_steps
        return piece._replace(codes=piece.codes[: self.max_steps], ends=piece.ends and whole)

    def _vary(self, piece: Piece, numbers: Sequence[float]) -> Piece:
        """Draw a caption, trim a step at one side, crop what is too long, cut a piece off the front."""
        which, trim, side, where = numbers
        caption = piece.captions[int(which * len(piece.captions))]
        first, last = 0, len(piece.codes)
        if trim < self.settings.trim and last > 1:
            first, last = (1, last) if side < 0.5 else (0, last - 1)
        spare = last - first - self.max_steps
        if spare > 0:
            first += int(where * (spare + 1))
            last = first + self.max_steps
        ends = piece.ends and last >= len(piece.codes) - 1
        return piece._replace(codes=piece.codes[first:last], captions=(caption,), ends=ends)

    def _batch(self, pieces: Sequence[Piece]) -> PriorBatch:
        lengths = torch.tensor([len(piece.codes) for piece in pieces])
        codes = torch.full((len(pieces), int(lengths.max()), pieces[0].codes.shape[1]), PAD)
        for row, piece in zip(codes, pieces, strict=True):
            row[: len(piece.codes)] = piece.codes
        text = pad_captions([self._caption(piece.captions[0]) for piece in pieces], self.text.sentence.shape[1])
        ends = torch.tensor([piece.ends for piece in pieces])
        return PriorBatch(codes, lengths, ends, text).to(self.device)

    def _caption(self, i: int) -> Caption:
        table = self.text
        if i == NULL:
            return Caption.null(table.sentence.shape[1])
        return Caption(table.sentence[i], table.words_of(i), table.spans_of(i), table.captions[i])
