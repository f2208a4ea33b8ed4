"""The published feature layouts as far as joints can be had back from them: groups of numbers, heading, positions.

Source: HumanML3D (Guo et al., CVPR 2022), `motion_representation.ipynb` at 9176e8f (`recover_from_ric`), and for
KIT-ML its 21 joints.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

KIT_NAMES = (
    "root", "spine", "chest", "neck", "head", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
    "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "right_foot", "right_toe", "left_hip",
    "left_knee", "left_ankle", "left_foot", "left_toe",
)  # fmt: skip
KIT_PARENTS = (-1, 0, 1, 2, 3, 3, 5, 6, 3, 8, 9, 0, 11, 12, 13, 14, 0, 16, 17, 18, 19)
# Unit canonical direction of the bone that ends at each joint (paramUtil.kit_raw_offsets).
KIT_DIRECTIONS: FloatArray = np.array(
    [
        [0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, -1, 0], [0, -1, 0], [-1, 0, 0],
        [0, -1, 0], [0, -1, 0], [1, 0, 0], [0, -1, 0], [0, -1, 0], [0, 0, 1], [0, 0, 1], [-1, 0, 0], [0, -1, 0],
        [0, -1, 0], [0, 0, 1], [0, 0, 1],
    ],
    dtype=np.float64,
)  # fmt: skip


class Root(NamedTuple):
    """Where the body stands: `heading` (..., T) radians, the yaw of +z towards +x; `position` (..., T, 3) metres."""

    heading: FloatArray
    position: FloatArray


def feature_groups(joints: int) -> dict[str, slice]:
    """Where each part of a row of features of J joints lies, in order: 263 numbers of 22, 251 of 21."""
    widths = {
        "root_turn": 1,
        "root_velocity": 2,
        "root_height": 1,
        "ric": 3 * (joints - 1),
        "rot6d": 6 * (joints - 1),
        "velocity": 3 * joints,
        "contacts": 4,
    }
    ends = np.cumsum(list(widths.values())).tolist()
    return {name: slice(end - widths[name], end) for name, end in zip(widths, ends, strict=True)}


def turned(vector: FloatArray, heading: FloatArray) -> FloatArray:
    """Vectors (..., T, J, 3) seen from a body that faces `heading` (..., T): a turn about y by minus that."""
    cosine, sine = np.cos(heading)[..., None], np.sin(heading)[..., None]
    x, z = vector[..., 0], vector[..., 2]
    return np.stack([cosine * x - sine * z, vector[..., 1], sine * x + cosine * z], axis=-1)


def recover_root(rows: FloatArray, groups: Mapping[str, slice]) -> Root:
    """Heading (..., T) and root position (..., T, 3) of features (..., T, D); both start at 0 but for the height."""
    heading = np.zeros(rows.shape[:-1])
    heading[..., 1:] = -2.0 * np.cumsum(rows[..., :-1, groups["root_turn"].start], axis=-1)
    position = np.zeros((*rows.shape[:-1], 3))
    position[..., 1:, [0, 2]] = rows[..., :-1, groups["root_velocity"]]
    position = np.cumsum(turned(position[..., None, :], -heading)[..., 0, :], axis=-2)
    position[..., 1] = rows[..., groups["root_height"].start]
    return Root(heading, position)


def recover(rows: FloatArray, groups: Mapping[str, slice]) -> FloatArray:
    """Joint positions (..., T, J, 3) of features (..., T, D), from the `ric` part (`recover_from_ric`)."""
    root = recover_root(rows, groups)
    local = rows[..., groups["ric"]].reshape(*rows.shape[:-1], -1, 3)
    joints = np.empty((*rows.shape[:-1], local.shape[-2] + 1, 3))
    joints[..., 0, :] = root.position
    joints[..., 1:, :] = turned(local, -root.heading)
    joints[..., 1:, [0, 2]] += root.position[..., None, [0, 2]]
    return joints
