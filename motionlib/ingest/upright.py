"""Which way is up in data whose rest pose says nothing about it: bodies stand most of the time."""

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations

FloatArray = NDArray[np.float64]

STANDING = 0.7  # median cosine between trunk and axis from which the body counts as standing along it
SETTLED = 0.02  # m; by how much the lowest point must vary less along one axis than along another to count as a floor
AXES = "xyz"


def up_axis(joints: FloatArray, hips: int, head: int) -> str:
    """`y`, `z`, `-y` ...: the axis along which the trunk stands in most frames, "" where it stands along none.

    Args:
        joints: (T, J, 3), any unit.
        hips: Joint at the lower end of the trunk.
        head: Joint at its upper end.
    """
    trunk = rotations.normalise(joints[:, head] - joints[:, hips])
    trunk = trunk[np.isfinite(trunk).all(axis=-1)]
    if not len(trunk):
        return ""
    middle = np.median(trunk, axis=0)
    axis = int(np.abs(middle).argmax())
    if abs(middle[axis]) < STANDING:
        return ""
    return ("-" if middle[axis] < 0 else "") + AXES[axis]


def on_floor_along(joints: FloatArray, axis: str, other: str) -> bool:
    """Whether the lowest joint of (T, J, 3) metres keeps its height better along `axis` than along `other`."""
    low = joints.min(axis=1).std(axis=0)
    return bool(low[AXES.index(axis)] < low[AXES.index(other)] - SETTLED)
