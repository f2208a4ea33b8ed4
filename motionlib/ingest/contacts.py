"""Feet and floor: where the floor is, when a body touches it, how far its feet slide, sink and fly.

The floor is found from the take itself, since files put it anywhere; so a body that is too low throughout is not seen.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]

FEET = tuple(CANONICAL_NAMES.index(name) for name in ("left_ankle", "right_ankle", "left_foot", "right_foot"))
FLOOR_QUANTILE = 0.25  # of the height of the lower foot: feet stand on the floor at least that often
TOUCH = 0.05  # m above the floor a joint may be and touch it (Guo et al. and GMD use the same)
CLEAR = 0.12  # m above the floor all joints must be to fly
RESTS = 0.2  # of the median joint's speed; a joint slower than that is held by a stair, a bar or a seat
CREEP = 0.3  # m/s of the foot seen from the root, above which the root must go the other way


class Contacts(NamedTuple):
    """How a body stands on the floor.

    Attributes:
        floor: Height of the floor, m.
        touching: (T,) whether any joint is near the floor.
        flying: (T,) whether every joint is clear of it, and none rests on anything else.
        slide: (T - 1,) m/s over the floor of the slowest of the joints that touch it; NaN where none does.
        sunk: Largest depth of a joint below the floor, m.
    """

    floor: float
    touching: BoolArray
    flying: BoolArray
    slide: FloatArray
    sunk: float


def contacts(joints: FloatArray, fps: float) -> Contacts:
    """Contacts of (T, 22, 3) joints, metres, y up; T >= 2."""
    lowest = joints[..., 1].min(axis=1)
    floor = float(np.quantile(joints[:, FEET, 1].min(axis=1), FLOOR_QUANTILE))
    flat = np.diff(joints[..., [0, 2]], axis=0)
    speed = np.sqrt((flat * flat).sum(-1)) * fps
    near = joints[..., 1] < floor + TOUCH
    both = near[1:] & near[:-1]
    slide = np.where(both, speed, np.inf).min(axis=1)
    slide[np.isinf(slide)] = np.nan
    flying = (lowest > floor + CLEAR) & ~_rests(joints)
    return Contacts(floor, lowest < floor + TOUCH, flying, slide, max(0.0, floor - float(lowest.min())))


def root_share(joints: FloatArray, fps: float) -> float:
    """How far the root goes per metre that the standing foot goes backwards under it; NaN where no foot does.

    1 in sound data, 0 on a treadmill, and 100 or 0.01 where the root's place has another unit than the bones.
    """
    feet = joints[:, FEET]
    lowest = feet[..., 1].argmin(axis=1)[:-1]
    under = np.diff(feet - joints[:, :1], axis=0)[np.arange(len(lowest)), lowest][:, [0, 2]] * fps
    root = np.diff(joints[:, 0, [0, 2]], axis=0) * fps
    size = (under * under).sum(1)
    moving = size > CREEP * CREEP
    if moving.sum() < fps / 4:
        return float("nan")
    return float(np.median(-(root * under).sum(1)[moving] / size[moving]))


def _rests(joints: FloatArray) -> BoolArray:
    """(T,) whether some joint stays where it is while others move; in flight all share the motion of the whole."""
    step = np.diff(joints, axis=0)
    speed = np.sqrt(np.einsum("tjc,tjc->tj", step, step))
    resting = speed.min(axis=1) <= RESTS * np.median(speed, axis=1)
    rests: BoolArray = np.concatenate([resting, resting[-1:]])
    return rests


def runs(mask: BoolArray) -> list[tuple[int, int]]:
    """(start, end) of the stretches of True, end excluded."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
