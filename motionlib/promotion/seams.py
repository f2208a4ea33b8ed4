"""Rows of a kept motion and rows that a model wrote, joined so that what is kept stays to the bit.

Written rows take over the difference between what is kept and how the model saw it, in value and in slope, and let go
of it over the seam (a cubic Hermite curve). At a border the change of velocity is at most the model's own there plus
3 e / S^2 + 2 s / S for a seam of S frames, where e and s are that difference and its slope. Where what follows shall
stand where it stood, the root's missing way and turn are spread over the written rows, most in their middle.

Source of the idea: Bollo, "Inertialization: High-Performance Animation Transitions", GDC 2018.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Float32
from motionlib.body.ric import turned
from motionlib.normalize import CONTACTS, ROOT_TURN, ROOT_VELOCITY, recover_root

FloatArray = NDArray[np.float64]
After = Literal["stay", "follow"]


class Joined(NamedTuple):
    """`rows` (T, D) float32; how far (m) and by how much (radians) the root was led so that what follows stays."""

    rows: Float32
    led: float
    turned: float


def join(kept: Float32, written: Float32, mask: NDArray[np.bool_], seam: int, after: After) -> Joined:
    """`written` where `mask` is True, `kept` elsewhere, with seams inside the mask.

    Args:
        kept: (T, D) raw features; of no meaning beyond the last row that is kept.
        written: (T, D) what the model made of all of it.
        mask: (T,) rows that are written.
        seam: S, rows over which a difference is let go.
        after: `stay`: what follows a written part stands where it stood; `follow`: it goes on from where that ended.
    """
    rows = np.where(mask[:, None], written, kept).astype(np.float64)
    spans = spans_of(mask)
    for start, end in spans:
        rows[start:end] += _let_go(kept, written, start, end, seam)
    led, angle = 0.0, 0.0
    if after == "stay":
        for start, end in spans:
            if end < len(rows):
                moved = _lead(rows, kept, start, end)
                led, angle = max(led, moved[0]), max(angle, moved[1])
    result = rows.astype(np.float32)
    result[~mask] = kept[~mask]
    return Joined(result, led, angle)


def spans_of(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _let_go(kept: Float32, written: Float32, start: int, end: int, seam: int) -> FloatArray:
    """What is added to written rows [start, end): the fading difference at both borders; contacts are left alone."""
    difference = (kept.astype(np.float64) - written)[:, : CONTACTS.start]
    size = min(seam, end - start + 1)
    total = np.zeros((end - start, written.shape[1]))
    if start > 0:
        slope = difference[start - 1] - difference[start - 2] if start > 1 else 0.0 * difference[0]
        total[: size - 1, : CONTACTS.start] += _curve(difference[start - 1], slope, size)[: end - start]
    if end < len(written):
        slope = difference[end] - difference[end + 1] if end + 1 < len(written) else 0.0 * difference[0]
        back = _curve(difference[end], slope, size)[::-1]
        total[end - start - len(back) :, : CONTACTS.start] += back
    return total


def _curve(value: FloatArray, slope: FloatArray, size: int) -> FloatArray:
    """(size - 1, n) from `value` (n,) with `slope` (n,) per row, one row on, to nothing at row `size`."""
    t = np.arange(1, size)[:, None] / size
    return (2 * t**3 - 3 * t**2 + 1) * value + (t**3 - 2 * t**2 + t) * size * slope


def _lead(rows: FloatArray, kept: Float32, start: int, end: int) -> tuple[float, float]:
    """Spread over rows [start, end) what the root lacks at row `end`, in place; metres and radians that it lacked."""
    middle = np.arange(start, end) - start + 0.5
    weights = np.sin(np.pi * middle / (end - start)) ** 2
    weights /= weights.sum()
    wanted, have = recover_root(kept[: end + 1]), recover_root(rows[: end + 1])
    angle = (wanted.heading[end] - have.heading[end] + np.pi) % (2 * np.pi) - np.pi
    rows[start:end, ROOT_TURN.start] -= angle / 2 * weights
    have = recover_root(rows[: end + 1])
    way = wanted.position[end] - have.position[end]
    way[1] = 0.0
    steps = turned((weights[:, None] * way)[:, None], have.heading[start + 1 : end + 1])[:, 0]
    rows[start:end, ROOT_VELOCITY] += steps[:, [0, 2]]
    return float(np.hypot(way[0], way[2])), float(abs(angle))
