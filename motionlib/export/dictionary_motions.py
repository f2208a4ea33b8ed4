"""The motions of a token dictionary: each code alone, among its real neighbours, and as it was recorded."""

from collections.abc import Iterator, Sequence

import numpy as np

from motionlib.artifacts import CodeSet, FeatureSet, Float32, Int64
from motionlib.codebook.entries import Level
from motionlib.codebook.motions import Decode, Window, clip_of, decoded, reach_of, repeated, window
from motionlib.export.delivery_takes import Mark, MarkedMotion
from motionlib.export.player import pack
from motionlib.normalize import recover

SHOWN_SECONDS = 0.6  # of neighbours on both sides of a code
ALONE, WITHOUT, AMONG, RECORDED = "alone, repeated", "the usual code instead", "among its neighbours", "as recorded"


def played(
    level: Level, count: int, codes: CodeSet, features: FeatureSet, decode: Decode
) -> Iterator[list[MarkedMotion]]:
    """The motions of the first `count` codes of a codebook: of a living code three, of a dead one it alone.

    Of codebooks after the first, a code alone is nothing to look at: there the first motion is what its neighbours are
    with the codebook's most frequent code in its place.
    """
    chosen, steps, reach = level.seen.codes[:count], level.seen.example[:count, 0], reach_of(codes)
    living = [int(k) for k in np.flatnonzero(steps >= 0)]
    around = [window(codes, int(steps[k]), reach) for k in living]
    said = [np.asarray(codes.codes[one.start : one.start + one.length]) for one in around]
    among = dict(zip(living, zip(around, decoded(decode, said), strict=True), strict=True))
    first = decoded(decode, repeated(codes, level.number, chosen, 2 * reach + 1))
    if level.number:
        others = [_with_usual(one, place.middle, level) for one, place in zip(said, around, strict=True)]
        without = dict(zip(living, decoded(decode, others), strict=True))
    for k in range(count):
        if k not in among:
            yield [_shown(first[k], Window(0, 0, reach), codes, ALONE)]
            continue
        place, rows = among[k]
        alone = (
            _shown(without[k], place, codes, WITHOUT)
            if level.number
            else _shown(first[k], Window(0, 0, reach), codes, ALONE)
        )
        clip, real = _recorded(place, codes, features)
        yield [alone, _shown(rows, place, codes, AMONG, clip), _shown(real, place, codes, RECORDED, clip)]


def _with_usual(codes: Int64, middle: int, level: Level) -> Int64:
    """Codes (L, Q) with the codebook's most frequent code at one step."""
    changed = codes.copy()
    changed[middle, level.number] = level.seen.codes[0]
    return changed


def _recorded(place: Window, codes: CodeSet, features: FeatureSet) -> tuple[str, Float32]:
    """The clip and its real rows where a window lies."""
    number = int(clip_of(codes, np.array([place.start]))[0])
    frames = codes.shape.frames_per_step
    first = (place.start - int(codes.offsets[number])) * frames
    name = codes.clips[number]
    return name, features.of(features.by_id[name])[first : first + place.length * frames]


def _shown(rows: Float32, place: Window, codes: CodeSet, title: str, text: str = "") -> MarkedMotion:
    """The part of a window's rows that is shown, with the code's own steps marked where they have neighbours."""
    frames, per_second = codes.shape.frames_per_step, codes.shape.steps_per_second
    around = max(1, round(SHOWN_SECONDS * per_second))
    first = max(0, place.middle - around) * frames
    end = min(len(rows), (place.middle + 1 + around) * frames)
    fps = frames * per_second
    begins = (place.middle * frames - first) / fps
    marks: Sequence[Mark] = [Mark(start=begins, end=begins + frames / fps, text="", joints=[])] if text else []
    motion = pack(recover(rows[first:end]), fps, title=title, text=text)
    return MarkedMotion(**motion, marks=list(marks))
