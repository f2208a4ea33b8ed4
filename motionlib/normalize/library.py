"""A library of takes -> features, splits, captioned spans and statistics, with few clips in memory at a time."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import ClipInfo, ClipLibrary, FeatureClip, Item
from motionlib.normalize.captions import Span, mirrored_text, spans
from motionlib.normalize.convert import Converted, convert_all
from motionlib.normalize.layout import HUMANML3D
from motionlib.normalize.split import motion_fingerprint, published_split, split_takes
from motionlib.normalize.statistics import Moments, Statistics, merge, moments, statistics
from motionlib.params import Normalize
from motionlib.progress import track
from motionlib.rig.canonical import frames_at

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]

MIRROR = "M:"  # before the id of a mirrored clip


class LeftOut(NamedTuple):
    """A take that is not in the features, and why."""

    id: str
    reason: str
    message: str


class Rows:
    """Feature rows that wait on disk, in the temporary folder, until the statistics of all are known."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - this object is the context manager
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def append(self, features: Float32) -> int:
        """Add (N, 263) rows and return where they begin."""
        start, self.count = self.count, self.count + len(features)
        self._file.write(np.ascontiguousarray(features, dtype=np.float32).data)
        return start

    def of(self, clips: Iterable[FeatureClip]) -> Iterator[tuple[FeatureClip, Float32]]:
        """Every clip with its rows, in the order given."""
        width = HUMANML3D.dimensions * np.dtype(np.float32).itemsize
        for clip in clips:
            self._file.seek(clip.start * width)
            rows = np.frombuffer(self._file.read(clip.frames * width), dtype=np.float32)
            yield clip, rows.reshape(clip.frames, -1)


@dataclass
class Normalized:
    """What a library became, apart from its rows; grows take by take.

    Attributes:
        clips, items: As in FeatureSet. caption_ids: Number of each unique caption.
        captions_left_out: How many, by reason.
        lengths: By rig, mean bone lengths (22,) m of each take.
        poses: By rig, one pose (22, 3) m.
        lowest, highest: (263,) over all rows.
        moments: Of the rows of the training clips, or None while there is none.
    """

    clips: list[FeatureClip] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    caption_ids: dict[str, int] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    captions_left_out: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, list[FloatArray]] = field(default_factory=dict)
    poses: dict[str, FloatArray] = field(default_factory=dict)
    lowest: FloatArray = field(default_factory=lambda: np.full(HUMANML3D.dimensions, np.inf))
    highest: FloatArray = field(default_factory=lambda: np.full(HUMANML3D.dimensions, -np.inf))
    moments: Moments | None = None

    @property
    def statistics(self) -> Statistics:
        """Mean and std of the training clips, their mirror images included.

        Raises:
            ValueError: If there is none, with the reasons why takes were left out.
        """
        if self.moments is None:
            reasons = dict(Counter(take.reason for take in self.left_out))
            raise ValueError(f"no training clip among {len(self.clips)} clips; takes left out: {reasons}")
        return statistics(self.moments)

    def add(self, info: ClipInfo, split: str, one: Converted, rows: Rows, config: Normalize) -> None:
        """Take in one take: its rows go to `rows`, its captions become items."""
        if one.features is None or one.lengths is None or one.pose is None:
            self.left_out.append(LeftOut(info.id, one.reason, one.message))
            return
        self.lengths.setdefault(one.rig, []).append(one.lengths)
        self.poses.setdefault(one.rig, one.pose)
        found = spans(info.captions, len(one.features), config.fps, split, config.min_frames, config.max_frames)
        self.captions_left_out.update(found.left_out)
        self._add_clip(info, split, one.features, False, rows, found.kept)
        if one.mirror is not None:
            self._add_clip(info, split, one.mirror, True, rows, found.kept)

    def _add_clip(
        self, info: ClipInfo, split: str, features: Float32, mirror: bool, rows: Rows, found: Sequence[Span]
    ) -> None:
        clip_id = MIRROR + info.id if mirror else info.id
        known = {name: getattr(info, name) for name in ("delivery", "subject", "action", "style", "licence")}
        self.clips.append(FeatureClip(clip_id, rows.append(features), len(features), split, mirror, **known))
        self.lowest = np.minimum(self.lowest, features.min(axis=0))
        self.highest = np.maximum(self.highest, features.max(axis=0))
        if split == "train":
            here = moments(features)
            self.moments = here if self.moments is None else merge(self.moments, here)
        for span in found:
            text = mirrored_text(span.caption) if mirror else span.caption
            number = self.caption_ids.setdefault(text, len(self.caption_ids))
            self.items.append(Item(clip_id, span.start, span.end, text, number, split, span.source))


def normalize_library(library: ClipLibrary, config: Normalize, rows: Rows, workers: int = 1) -> Normalized:
    """Convert every take of at least `min_frames` feature rows: its rows go to `rows`, the rest comes back."""
    result = Normalized()
    long_enough = []
    for row in library.rows:
        count = frames_at(row["frames"], row["fps"], config.fps) - 1
        if count >= config.min_frames:
            long_enough.append(row)
        else:
            message = f"clip {row['id']}: {max(count, 0)} feature rows, at least {config.min_frames} are needed"
            result.left_out.append(LeftOut(row["id"], "short", message))
    library = replace(library, rows=long_enough)
    infos, takes = [], []
    for clip in library:
        infos.append(clip.info)
        takes.append((clip.info.file, motion_fingerprint(clip), published_split(clip)))
    splits = split_takes(takes, config.test_share, config.val_share, config.split_seed)
    mirror = [config.mirror and split == "train" for split in splits]
    converted = track(convert_all(library, mirror, config, workers), "normalize", len(library))
    for info, split, one in zip(infos, splits, converted, strict=True):
        result.add(info, split, one, rows, config)
    return result
