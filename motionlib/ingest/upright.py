"""Which way is up in data whose rest pose says nothing about it: a body stands along that axis, and on a floor."""

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations

FloatArray = NDArray[np.float64]

STANDING = 0.7  # cosine between trunk and axis from which a frame counts as standing along it
SHARE = 0.1  # of all frames in which a body stands along the axis that is up, if it ever does
SETTLED = 0.02  # m; by how much the lowest point must vary less along one axis than along another to be on a floor
AXES = "xyz"


def up_axis(joints: FloatArray, hips: int, head: int) -> str:
    """`y`, `z`, `-y` ...: of the axes along which the trunk stands at times, the one with the steadiest floor.

    "" where it stands along none. A body that bends forward for most of a take still has its feet on the floor, and
    one that jumps does not stand along any other axis.

    Args:
        joints: (T, J, 3), any unit.
        hips: Joint at the lower end of the trunk.
        head: Joint at its upper end.
    """
    trunk = rotations.normalise(joints[:, head] - joints[:, hips])
    trunk = trunk[np.isfinite(trunk).all(axis=-1)]
    if not len(trunk):
        return ""
    lowest, highest = joints.min(axis=1).std(axis=0), joints.max(axis=1).std(axis=0)
    found = []
    for axis, name in enumerate(AXES):
        for sign, moves in (("", lowest[axis]), ("-", highest[axis])):
            along = trunk[:, axis] * (-1.0 if sign else 1.0)
            if np.mean(along > STANDING) >= SHARE:
                found.append((float(moves), sign + name))
    return min(found)[1] if found else ""


def on_floor_along(joints: FloatArray, axis: str, other: str) -> bool:
    """Whether the lowest joint of (T, J, 3) metres keeps its height better along `axis` than along `other`."""
    low = joints.min(axis=1).std(axis=0)
    return bool(low[AXES.index(axis)] < low[AXES.index(other)] - SETTLED)
