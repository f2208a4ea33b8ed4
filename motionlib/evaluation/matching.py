"""How well text and motion find each other: R-precision, MM-Dist, whole-gallery recall.

Source: Guo et al., "Generating Diverse and Natural 3D Human Motions from Text", CVPR 2022, section 6 (batches of 32,
Euclidean distance), as in the text-to-motion code (`utils/metrics.py`). Departure: a motion that the query's caption
also describes counts as found (`positives`), and the chance level is computed for those same batches, because real
test sets hold many equal captions.
"""

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
POOL = 32  # Guo et al.
TOP = 3  # Guo et al.: top 1, 2, 3


def distance_matrix(text: FloatArray, motion: FloatArray, *, clamp: bool = True) -> FloatArray:
    """Euclidean distances of (N, E) and (M, E) embeddings -> (N, M).

    Args:
        clamp: Negative squares by rounding become 0. False is bit-compatible with the published code, where
            identical rows may give NaN, which a ranking puts last.
    """
    squares = -2.0 * (text @ motion.T) + (text**2).sum(axis=1, keepdims=True) + (motion**2).sum(axis=1)
    with np.errstate(invalid="ignore"):
        distances: FloatArray = np.sqrt(np.maximum(squares, 0.0) if clamp else squares)
    return distances


def top_k_hits(distances: FloatArray, positives: Bool | None = None, top: int = TOP) -> Bool:
    """Whether row i finds one of its positives among its k nearest, k = 1..top: (N, M) -> (N, top).

    Args:
        distances: (N, M); NaN ranks last.
        positives: (N, M); without: the diagonal.
    """
    wanted = _diagonal(distances) if positives is None else positives
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :top]
    found = np.take_along_axis(wanted, nearest, axis=1)
    hits: Bool = np.logical_or.accumulate(found, axis=1)
    return hits


def chance_hits(positives: Bool, top: int = TOP) -> Float64:
    """What `top_k_hits` of a random ranking is on average: (N, M) -> (N, top).

    With p of M positives it is 1 - C(M - p, k) / C(M, k).
    """
    size = positives.shape[1]
    table = np.array(
        [[1.0 - comb(size - p, k) / comb(size, k) for k in range(1, min(top, size) + 1)] for p in range(size + 1)]
    )
    rates: Float64 = table[positives.sum(axis=1)]
    return rates


def batches(count: int, size: int, seed: int) -> Int64:
    """Random pools of `size` out of `count` cases, the rest left out: (count // size, size).

    With fewer cases than `size` there is one smaller pool of all of them; state it beside the score.
    """
    order = np.random.default_rng(seed).permutation(count)
    size = min(size, count)
    return order[: count // size * size].reshape(-1, size)


class Retrieval(NamedTuple):
    """Outcome per query, averaged over the pools it was in; `seen` counts them (0: in none).

    Attributes:
        hits: (N, top) rate, its own motion only, as published.
        aware: (N, top) rate, every motion that the caption describes counts.
        chance: (N, top) what `aware` would be for a random ranking of the same pools.
        distance: (N,) between a text and its own motion.
        seen: (N,) pools.
    """

    hits: Float64
    aware: Float64
    chance: Float64
    distance: Float64
    seen: Int64


def retrieval(text: FloatArray, motion: FloatArray, positives: Bool, pools: list[Int64], top: int = TOP) -> Retrieval:
    """R-precision over given pools, plain and duplicate-aware.

    Args:
        text, motion: (N, E), row i of both belongs together.
        positives: (N, N) whether caption i describes motion j; the diagonal is True.
        pools: Index lists of cases that are ranked among each other.

    Raises:
        ValueError: If a pool is smaller than `top` or the diagonal of `positives` is not True.
    """
    count = len(text)
    if not positives.diagonal().all():
        raise ValueError("every caption describes its own motion: the diagonal of positives must be True")
    hits, aware, chance = (np.zeros((count, top)) for _ in range(3))
    seen = np.zeros(count, dtype=np.int64)
    for pool in pools:
        if len(pool) < top:
            raise ValueError(f"a pool of {len(pool)} has no top {top}")
        distances = distance_matrix(text[pool], motion[pool])
        wanted = positives[np.ix_(pool, pool)]
        hits[pool] += top_k_hits(distances, top=top)
        aware[pool] += top_k_hits(distances, wanted, top)
        chance[pool] += chance_hits(wanted, top)
        seen[pool] += 1
    times = np.maximum(seen, 1)[:, None]
    distance = np.linalg.norm(text - motion, axis=1).astype(np.float64)
    return Retrieval(hits / times, aware / times, chance / times, distance, seen)


def r_precision(distances: FloatArray, top: int = TOP) -> Float64:
    """Published R-precision of square distance matrices (pools, n, n) -> (top,)."""
    rates: Float64 = np.mean([top_k_hits(one, top=top).mean(axis=0) for one in distances], axis=0, dtype=np.float64)
    return rates


def mm_dist(text: FloatArray, motion: FloatArray) -> float:
    """Mean distance of matching pairs (N, E), (N, E): the `matching score`."""
    return float(np.linalg.norm(text - motion, axis=1).mean())


class GalleryRecall(NamedTuple):
    """Whole-gallery retrieval: `recall` (top,) for k = 1..top, and the median rank, 1 being first."""

    recall: Float64
    median_rank: float


def gallery_recall(distances: FloatArray, positives: Bool | None = None, top: int = 10) -> GalleryRecall:
    """Each row ranks the whole gallery; ties are averaged (TMR, Petrovich et al., ICCV 2023).

    Args:
        distances: (N, M). positives: (N, M); without: the diagonal.
    """
    wanted = _diagonal(distances) if positives is None else positives
    best = np.where(wanted, distances, np.inf).min(axis=1, keepdims=True)
    others = np.where(wanted, np.inf, distances)
    ranks = 1.0 + (others < best).sum(axis=1) + 0.5 * (others == best).sum(axis=1)
    return GalleryRecall(np.array([(ranks <= k).mean() for k in range(1, top + 1)]), float(np.median(ranks)))


def _diagonal(distances: FloatArray) -> Bool:
    rows, columns = distances.shape
    own: Bool = np.arange(rows)[:, None] == np.arange(columns)
    return own
