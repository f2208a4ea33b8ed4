"""What codes look like: real motion that they stand for, and motion that they are turned back into.

A tokenizer is known here only as `decode`. A code is looked at in the middle of real neighbours, as a convolution
makes another thing of a code that stands alone. Motion is seen from where its first frame stands and faces, travel
included, so that the same step counts as the same wherever it is taken.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import CodeSet, FeatureSet, Float32
from motionlib.body.skeleton import CANONICAL_JOINTS
from motionlib.codebook.counts import Float64, Int64
from motionlib.normalize import recover

Decode = Callable[[Int64], Float32]  # codes (B, L, Q) -> raw features (B, L * frames per step, D)

MM = 1000.0
SAMPLED = 24  # places of a code that are looked at
SNIPPETS = 3  # real places of a code that are shown
CONTEXT_SECONDS = 1.2  # of real neighbours on both sides of a code that is decoded
SWAPS = 2  # surroundings in which all codes of a residual layer are tried
BATCH = 64  # windows decoded together; sums in a batch round differently, so this is part of the result
ROWS_AT_ONCE = 1 << 15  # feature rows that become joints together; bounds memory


class Window(NamedTuple):
    """Steps [start, start + length) of all clips, inside one clip; the step that matters is the one at `middle`."""

    start: int
    length: int
    middle: int


class Places(NamedTuple):
    """Where codes are used: `code` (P,) ascending, `step` (P,) among the steps of all clips."""

    code: Int64
    step: Int64


class Portraits(NamedTuple):
    """K codes of one codebook as motion of f frames.

    Attributes:
        codes: (K,) which they are. places: Real places of them that were looked at.
        points: (K, C) the motion of each code, in mm, so that the Euclidean distance of two is the root mean square
            distance of their joints. Of a first codebook the code decoded in a real place; of others the same few
            surroundings decoded with each of the codes.
        example: (K, SNIPPETS) steps of the real places nearest to what is usual for the code; -1 where there are fewer.
        example_mm: (K, SNIPPETS) how far those are from it, root mean square over frames and joints.
        spread_mm: (K,) how far real places of the code are from what is usual for it; 0 for dead codes.
        speed: (K,) m/s of the pelvis over the floor in the real places; 0 for dead codes.
    """

    codes: Int64
    places: Places
    points: Float64
    example: Int64
    example_mm: Float64
    spread_mm: Float64
    speed: Float64


def portraits(decode: Decode, codes: CodeSet, features: FeatureSet, level: int, chosen: Int64) -> Portraits:
    """Look at the chosen codes (K,) of one codebook."""
    column = codes.codes[:, level]
    places = sampled(column, chosen, mirrored(codes, features))
    real = real_motions(features, codes, places.step)
    example, example_mm, spread, speed = _usual(chosen, places, real, codes.shape.frames_per_step / features.fps)
    points = swapped(decode, codes, level, chosen) if level else in_place(decode, codes, chosen, example[:, 0])
    return Portraits(chosen, places, points, example, example_mm, spread, speed)


def mirrored(codes: CodeSet, features: FeatureSet) -> NDArray[np.bool_]:
    """(N,) whether a step lies in the mirror image of a take."""
    of_clip = np.array([features.by_id[clip].mirror for clip in codes.clips], dtype=np.bool_)
    return np.repeat(of_clip, np.diff(codes.offsets))


def sampled(column: Int64, chosen: Int64, unwanted: NDArray[np.bool_], most: int = SAMPLED) -> Places:
    """At most `most` places of each chosen code, spread evenly over all of it; unwanted ones only for want of others.

    Args:
        column: (N,) codes of one codebook. chosen: Codes. unwanted: (N,).
    """
    order = np.lexsort((unwanted, column))
    low, high = (np.searchsorted(column[order], np.sort(chosen), side=side) for side in ("left", "right"))
    good = np.concatenate([[0], np.cumsum(~unwanted[order])])
    count = good[high] - good[low]
    count = np.where(count > 0, count, high - low)
    taken = np.minimum(count, most)
    code, start, total, wanted = (np.repeat(one, taken) for one in (np.sort(chosen), low, count, taken))
    rank = np.arange(len(code)) - np.repeat(np.cumsum(taken) - taken, taken)
    return Places(code, order[start + (2 * rank + 1) * total // (2 * np.maximum(wanted, 1))])


def clip_of(codes: CodeSet, steps: Int64) -> Int64:
    """Number of the clip in which each step lies."""
    return np.searchsorted(codes.offsets, steps, side="right") - 1


def real_motions(features: FeatureSet, codes: CodeSet, steps: Int64) -> Float32:
    """(P, f, 22, 3) metres: the real motion of each step, from where its first frame stands and faces."""
    frames = codes.shape.frames_per_step
    rows = np.empty((len(steps), frames, len(features.mean)), dtype=np.float32)
    clips = clip_of(codes, steps)
    for clip in np.unique(clips):
        here = np.flatnonzero(clips == clip)
        source = features.of(features.by_id[codes.clips[clip]])
        first = (steps[here] - codes.offsets[clip]) * frames
        rows[here] = source[first[:, None] + np.arange(frames)]
    return recovered(rows)


def recovered(rows: Float32) -> Float32:
    """Joints (P, f, 22, 3) of rows (P, f, D), some at a time."""
    some = max(1, ROWS_AT_ONCE // max(rows.shape[1], 1))
    parts = [recover(rows[start : start + some]) for start in range(0, len(rows), some)]
    return np.concatenate(parts) if parts else np.zeros((0, rows.shape[1], 22, 3), dtype=np.float32)


def as_points(motions: NDArray[np.floating]) -> Float64:
    """(..., f, 22, 3) metres -> (..., C) mm whose Euclidean distance is the root mean square distance of joints."""
    joints = int(np.prod(motions.shape[-3:-1]))
    flat: Float64 = motions.reshape(*motions.shape[:-3], -1).astype(np.float64) * (MM / np.sqrt(joints))
    return flat


def _usual(chosen: Int64, places: Places, real: Float32, seconds: float) -> tuple[Int64, Float64, Float64, Float64]:
    """Of each code: its places nearest to the mean of its places, their distances, the spread, the speed."""
    example = np.full((len(chosen), SNIPPETS), -1, dtype=np.int64)
    distance = np.zeros((len(chosen), SNIPPETS))
    spread, speed = np.zeros(len(chosen)), np.zeros(len(chosen))
    points = as_points(real)
    way = np.linalg.norm(real[:, -1, 0, [0, 2]] - real[:, 0, 0, [0, 2]], axis=-1)
    between = seconds * (real.shape[1] - 1) / real.shape[1]
    low, high = (np.searchsorted(places.code, chosen, side=side) for side in ("left", "right"))
    for k in np.flatnonzero(high > low):
        own = points[low[k] : high[k]]
        away = np.linalg.norm(own - own.mean(0), axis=1)
        nearest = np.argsort(away, kind="stable")[:SNIPPETS]
        example[k, : len(nearest)] = places.step[low[k] + nearest]
        distance[k, : len(nearest)] = away[nearest]
        spread[k] = np.sqrt((away**2).mean())
        speed[k] = way[low[k] : high[k]].mean() / between if between > 0 else 0.0
    return example, distance, spread, speed


def reach_of(codes: CodeSet) -> int:
    """Steps of real neighbours on each side of a code that is decoded."""
    return max(1, round(CONTEXT_SECONDS * codes.shape.steps_per_second))


def window(codes: CodeSet, step: int, reach: int) -> Window:
    """Steps round `step`, `reach` to each side: moved where the clip ends, all of it where it is shorter."""
    clip = int(clip_of(codes, np.array([step]))[0])
    first, end = int(codes.offsets[clip]), int(codes.offsets[clip + 1])
    length = min(2 * reach + 1, end - first)
    start = min(max(first, step - reach), end - length)
    return Window(start, length, step - start)


def decoded(decode: Decode, sequences: Sequence[Int64]) -> list[Float32]:
    """Raw features (L * f, D) of sequences of codes (L, Q), those of one length together."""
    made: list[Float32] = [np.zeros((0, 0), dtype=np.float32)] * len(sequences)
    lengths = np.array([len(one) for one in sequences])
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        for some in np.split(same, range(BATCH, len(same), BATCH)):
            for place, rows in zip(some, decode(np.stack([sequences[i] for i in some])), strict=True):
                made[place] = rows
    return made


def repeated(codes: CodeSet, level: int, chosen: Int64, steps: int) -> list[Int64]:
    """Each chosen code `steps` times in a row, with what the other codebooks most often say beside it."""
    beside = _beside(codes, level, chosen)
    return [np.repeat(row[None], steps, axis=0) for row in beside]


def _beside(codes: CodeSet, level: int, chosen: Int64) -> Int64:
    """(K, Q) rows that hold a chosen code at `level` and the most frequent codes beside it elsewhere."""
    beside = np.empty((len(chosen), codes.shape.codes_per_step), dtype=np.int64)
    column = codes.codes[:, level]
    order = np.argsort(column, kind="stable")
    low, high = (np.searchsorted(column[order], chosen, side=side) for side in ("left", "right"))
    everywhere = _modes(codes.codes)
    for k, (start, end) in enumerate(zip(low, high, strict=True)):
        beside[k] = _modes(codes.codes[order[start:end][: 40 * SAMPLED]]) if end > start else everywhere
    beside[:, level] = chosen
    return beside


def _modes(rows: Int64) -> Int64:
    """Most frequent code of each column (N, Q)."""
    return np.array([np.bincount(column).argmax() for column in np.asarray(rows).T], dtype=np.int64)


def in_place(decode: Decode, codes: CodeSet, chosen: Int64, steps: Int64) -> Float64:
    """(K, C) the motion of each chosen code, decoded at a real step of it; repeated alone where that is -1."""
    reach, frames = reach_of(codes), codes.shape.frames_per_step
    sequences = repeated(codes, 0, chosen, 2 * reach + 1) if (steps < 0).any() else [codes.codes[:0]] * len(chosen)
    middles = np.full(len(chosen), reach)
    for k in np.flatnonzero(steps >= 0):
        here = window(codes, int(steps[k]), reach)
        sequences[k] = np.asarray(codes.codes[here.start : here.start + here.length])
        middles[k] = here.middle
    rows = decoded(decode, sequences)
    cut = [one[middle * frames : (middle + 1) * frames] for one, middle in zip(rows, middles, strict=True)]
    return as_points(recovered(np.stack(cut)))


def swapped(decode: Decode, codes: CodeSet, level: int, chosen: Int64) -> Float64:
    """(K, C) the motion of the same few surroundings with each chosen code of a codebook at their middle."""
    reach, frames = reach_of(codes), codes.shape.frames_per_step
    steps = (2 * np.arange(SWAPS) + 1) * len(codes.codes) // (2 * SWAPS)
    points = []
    for here in (window(codes, int(step), reach) for step in steps):
        around = np.asarray(codes.codes[here.start : here.start + here.length])
        tried = np.repeat(around[None], len(chosen), axis=0)
        tried[:, here.middle, level] = chosen
        rows = np.stack(decoded(decode, list(tried)))
        points.append(as_points(recovered(rows[:, here.middle * frames : (here.middle + 1) * frames])))
    tried_all: Float64 = np.concatenate(points, axis=1) / np.sqrt(SWAPS)
    return tried_all


def poses(points: Float64, frames: int) -> Float64:
    """(K, 22, 3) metres: the middle frame of each code's motion, of its first surroundings."""
    joints = CANONICAL_JOINTS
    shown = points[:, : frames * joints * 3].reshape(len(points), frames, joints, 3)
    surroundings = points.shape[1] // (frames * joints * 3)
    pose: Float64 = shown[:, frames // 2] * (np.sqrt(frames * joints * surroundings) / MM)
    return pose
