"""How far a clip is from the motion of the training, whatever the tokenizer: windows of 0.8 s, and frames.

A window is put where it starts, facing +z, so that turning and travelling count and place and heading do not. Its
distance to another is the root of the mean squared distance of the joints over a few of its frames.

Wild motion is far from all other motion and comes back badly also where it was trained on, so neither distance nor
error says by itself that something is new. Both are therefore held against the same of the nearest training windows:
the distance against how far these are from other takes (as the local outlier factor: Breunig et al., "LOF: Identifying
Density-Based Local Outliers", SIGMOD 2000, without its smoothing), the error against theirs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import FeatureClip, FeatureSet, Float32
from motionlib.evaluation.off_distribution.groups import original
from motionlib.evaluation.reconstruction import heading_free, nearest_frame_error
from motionlib.normalize.humanml263 import recover

Float64 = NDArray[np.float64]
SPAN = 16  # rows of a window
LOOKED_AT = (0, 5, 10, 15)  # of these rows
HOP = 8  # rows between the starts of two windows of a clip that is measured
NEIGHBOURS = 5  # training windows nearest to a window
LEAST_MM = 1.0  # of what something is divided by
FRAME_HOP = 10  # rows between frames that are compared: the search costs time x training frames
MOST_FRAMES = 20_000  # training frames that are searched, evenly spread; bounds time
BLOCK = 256  # windows compared with all others at once; bounds memory
MM = 1000.0


class Neighbourhood(NamedTuple):
    """Training windows: `windows` (N, 4 J, 3) metres, and of each in millimetres the mean distance to its nearest
    windows of other takes, `spacing` (N,), and the pose error with which it comes back, `error` (N,).
    """

    windows: Float32
    spacing: Float64
    error: Float64


class Nearness(NamedTuple):
    """Of the windows (W,) of a clip: millimetres to the nearest training window; how many times that of the nearest
    ones' own spacing they are away from them; the mean pose error in millimetres of the nearest ones.
    """

    distance: Float64
    distance_ratio: Float64
    known_error: Float64


def starts(rows: int, hop: int = HOP) -> NDArray[np.int64]:
    """First rows (W,) of the windows of a clip of so many rows; none if it is shorter than one."""
    return np.arange(0, rows - SPAN + 1, hop)


def windows(rows: Float32, hop: int = HOP) -> Float32:
    """Windows (W, 4 J, 3) of a clip's raw features (T, D): joints in metres, four frames after each other."""
    cut = np.asarray(rows)[starts(len(rows), hop)[:, None] + np.arange(SPAN)]
    joints = recover(cut)[:, list(LOOKED_AT)]
    return joints.reshape(len(cut), -1, 3).astype(np.float32)


def window_means(values: Float64, hop: int = HOP) -> Float64:
    """Mean over the rows of each window (W,) of something that every row (T,) has."""
    return np.asarray(values[starts(len(values), hop)[:, None] + np.arange(SPAN)].mean(axis=1))


def neighbourhood(
    features: FeatureSet, clips: Sequence[FeatureClip], errors: Sequence[Float64], most: int
) -> Neighbourhood:
    """At most about `most` windows of some clips, evenly spread over them.

    Args:
        errors: Pose error in millimetres of the first rows of each clip, as many as came back.
    """
    hop = max(1, -(-sum(max(len(error) - SPAN + 1, 0) for error in errors) // most))
    whole = [(clip, error) for clip, error in zip(clips, errors, strict=True) if len(error) >= SPAN]
    if not whole:
        return Neighbourhood(np.zeros((0, 0, 3), dtype=np.float32), np.zeros(0), np.zeros(0))
    found = [windows(features.of(clip)[: len(error)], hop) for clip, error in whole]
    takes = np.repeat([original(clip.id) for clip, _ in whole], [len(one) for one in found])
    cut = np.concatenate(found)
    return Neighbourhood(cut, _spacing(cut, takes), np.concatenate([window_means(error, hop) for _, error in whole]))


def near(rows: Float32, known: Neighbourhood) -> Nearness:
    """How near the windows of a clip (T, D) are to the training; empty if either has none."""
    own = windows(rows)
    if not len(own) or not len(known.windows):
        return Nearness(np.zeros(0), np.zeros(0), np.zeros(0))
    count = min(NEIGHBOURS, len(known.windows))
    parts = []
    for start in range(0, len(own), BLOCK):
        between = _distances(own[start : start + BLOCK], known.windows)
        chosen = np.argpartition(between, count - 1, axis=1)[:, :count]
        away = np.take_along_axis(between, chosen, axis=1)
        ratio = away.mean(axis=1) / np.maximum(known.spacing[chosen].mean(axis=1), LEAST_MM)
        parts.append((away.min(axis=1), ratio, known.error[chosen].mean(axis=1)))
    return Nearness(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def training_frames(features: FeatureSet, clips: Sequence[FeatureClip]) -> Float64:
    """Poses (N, J, 3) of some clips, heading taken out, evenly spread."""
    every = max(FRAME_HOP, -(-sum(clip.frames for clip in clips) // MOST_FRAMES))
    return np.concatenate([heading_free(features.of(clip)[::every]) for clip in clips])


def frame_distance(rows: Float32, known: Float64) -> Float64:
    """Millimetres from every 10th frame of a clip (T, D) to the nearest training pose: (ceil(T / 10),)."""
    return MM * nearest_frame_error(heading_free(rows[::FRAME_HOP]), known)


def _spacing(cut: Float32, takes: NDArray[np.str_]) -> Float64:
    """Mean distance of each window to its nearest ones of other takes; of all others where there is but one take."""
    found = np.zeros(len(cut))
    alone = len(set(takes.tolist())) == 1
    for start in range(0, len(cut), BLOCK):
        rows = slice(start, start + BLOCK)
        between = _distances(cut[rows], cut)
        same = np.arange(len(cut)) == np.arange(len(cut))[rows, None] if alone else takes == takes[rows, None]
        between[same] = np.inf
        count = min(NEIGHBOURS, len(cut))
        between = np.partition(between, count - 1, axis=1)[:, :count]
        known = np.isfinite(between)
        found[rows] = np.where(known, between, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return found


def _distances(a: Float32, b: Float32) -> Float64:
    """Millimetres (N, M) between windows after their first pelvises are put on each other."""
    flat = [(one - one[:, :1]).reshape(len(one), -1).astype(np.float32) for one in (a, b)]
    squares = [(one**2).sum(axis=1) for one in flat]
    between = squares[0][:, None] + squares[1] - 2.0 * flat[0] @ flat[1].T
    return np.asarray(MM * np.sqrt(np.maximum(between, 0.0).astype(np.float64) / a.shape[1]))
