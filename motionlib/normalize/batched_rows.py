"""From a body on the floor to rows of features: the groups that both modes tell alike, and where rows of clips go.

Source: `process_file` of HumanML3D's `motion_representation.ipynb` at 9176e8f. Arrays are component by component.
"""

import numpy as np
from numpy.typing import NDArray

from motionlib.normalize import batched_bones as kernel
from motionlib.normalize.batched_bones import Real
from motionlib.normalize.layout import Layout

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]


def fill_root(part: Float32, root: FloatArray, heading: FloatArray, layout: Layout) -> None:
    """Root groups of n rows `part` (D, n), of root (3, n + 1) m and heading (n + 1,) radians.

    The turn is told by a sine, as published: a heading that jumps by a full turn gives a turn of the wrong sign.
    """
    groups = layout.groups
    part[groups["root_turn"]] = np.arcsin(np.sin((heading[:-1] - heading[1:]) / 2.0))
    step = np.diff(root)
    x, z = np.empty((2, len(heading) - 1))
    kernel.turn(step[0], step[2], np.cos(heading[1:]), np.sin(heading[1:]), x, z)
    part[groups["root_velocity"]] = x, z
    part[groups["root_height"]] = root[1, :-1]


def fill_joints(part: Float32, pose: Real, root: FloatArray, heading: FloatArray, layout: Layout) -> Real:
    """Positions and velocities of n rows `part` (D, n), of pose (3, J, n + 1) m from the root.

    Returns:
        (4, n) m^2, how far each foot moves to the next frame, squared.
    """
    count, groups = part.shape[1], layout.groups
    cosine, sine = np.cos(heading[:-1]).astype(pose.dtype), np.sin(heading[:-1]).astype(pose.dtype)
    local = part[groups["ric"]].reshape(-1, 3, count).transpose(1, 0, 2)
    kernel.turn(pose[0, 1:, :-1], pose[2, 1:, :-1], cosine, sine, local[0], local[2])
    np.add(pose[1, 1:, :-1], root[1, :-1].astype(pose.dtype), out=local[1], casting="same_kind")
    step = pose[:, :, 1:] - pose[:, :, :-1]
    step += np.diff(root).astype(pose.dtype)[:, None]
    moved = part[groups["velocity"]].reshape(-1, 3, count).transpose(1, 0, 2)
    kernel.turn(step[0], step[2], cosine, sine, moved[0], moved[2])
    moved[1] = step[1]
    return kernel.sum_of_squares(step[:, layout.feet])
