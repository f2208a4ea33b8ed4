"""How far codes are from each other: nearest neighbours, duplicates, and a map in two dimensions.

A code is a point here: its vector in the codebook, or the joints that it moves (`motions`), in mm.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.codebook.counts import Float64, Int64

NEAR = 0.05  # of the codebook's typical nearest distance: closer codes count as duplicates
BLOCK = 1 << 23  # distances that are in memory at once


class Neighbours(NamedTuple):
    """`distance` (V,) of each code's vector to the nearest other one; `duplicates`: pairs that are as good as equal."""

    distance: Float64
    duplicates: list[tuple[int, int]]


class Nearest(NamedTuple):
    """The K nearest other points of each of V points, nearest first: `others` (V, K) and `distance` (V, K)."""

    others: Int64
    distance: Float64


def neighbours(book: NDArray[np.floating]) -> Neighbours:
    """Nearest other vector of each code in a codebook (V, C), V >= 2.

    A pair is a duplicate if it is closer than 5 % of the median of all these distances.
    """
    near = nearest(book, 1)
    return Neighbours(near.distance[:, 0], duplicates(near))


def duplicates(near: Nearest) -> list[tuple[int, int]]:
    """Pairs of points that are closer than 5 % of the typical distance to the nearest other point."""
    distance, index = near.distance[:, 0], near.others[:, 0]
    close = np.flatnonzero(distance <= NEAR * np.median(distance))
    return sorted({(min(int(i), int(index[i])), max(int(i), int(index[i]))) for i in close})


def nearest(points: NDArray[np.floating], count: int) -> Nearest:
    """The nearest other points of each of (V, C) points, V >= 2; fewer than `count` if there are fewer others."""
    count = min(count, len(points) - 1)
    rows = max(1, BLOCK // len(points))
    found = [_nearest_of(points, start, rows, count) for start in range(0, len(points), rows)]
    return Nearest(np.concatenate([one.others for one in found]), np.concatenate([one.distance for one in found]))


def _nearest_of(points: NDArray[np.floating], start: int, size: int, count: int) -> Nearest:
    """Nearest points of `size` points from `start` on, with the exact distances of those found."""
    rows = np.arange(start, min(start + size, len(points)))
    between = squared(points[rows], points)
    between[np.arange(len(rows)), rows] = np.inf
    index = between.argmin(1)[:, None] if count == 1 else np.argpartition(between, count - 1, axis=1)[:, :count]
    apart = points[rows, None].astype(np.float64) - points[index]
    distance = np.sqrt((apart**2).sum(-1))
    order = np.argsort(distance, axis=1, kind="stable")
    return Nearest(np.take_along_axis(index, order, 1), np.take_along_axis(distance, order, 1))


def squared(some: NDArray[np.floating], others: NDArray[np.floating]) -> Float64:
    """(N, M) squared distances of points (N, C) and (M, C)."""
    a, b = some.astype(np.float64), others.astype(np.float64)
    between: Float64 = (a**2).sum(1)[:, None] - 2 * (a @ b.T) + (b**2).sum(1)
    return np.maximum(between, 0.0)


def plane(points: NDArray[np.floating], weights: Int64) -> Float64:
    """A map of points (V, C): (V, 2) coordinates that keep as much of the distances as a plane can.

    Classical scaling (Torgerson 1952), which for Euclidean distances is the projection on the principal components.
    Signs are chosen so that the largest coordinate of each axis is positive: the same points give the same map.

    Args:
        weights: (V,) how much each point counts.
    """
    share = np.maximum(weights, 1e-9) / np.maximum(weights, 1e-9).sum()
    centred = points.astype(np.float64) - share @ points
    _, _, axes = np.linalg.svd(centred * np.sqrt(share)[:, None], full_matrices=False)
    placed = np.zeros((len(points), 2))
    placed[:, : min(2, len(axes))] = centred @ axes[:2].T
    largest = placed[np.abs(placed).argmax(0), [0, 1]]
    return placed * np.where(largest < 0, -1.0, 1.0)
