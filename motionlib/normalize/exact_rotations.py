"""True rotations of the canonical joints in the features of mode `exact`, and back.

Convention (SMPL's): the rotation of a joint moves the bones that start there, against the canonical rest pose (upright,
facing +z, bones along CANONICAL_DIRECTIONS). Slot j of the features holds joint j in the frame of its parent. There is
no slot for the pelvis: its frame is that of hips and first spine joint, which the positions tell exactly.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body import rotations
from motionlib.body.kinematics import OPPOSED, SHORTEST_BONE, bones
from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_JOINTS, CANONICAL_NAMES, CANONICAL_PARENTS
from motionlib.rig.canonical import OTHER_SIDE

FloatArray = NDArray[np.float64]

FLAT = 1e-4  # sine of the angle between two directions below which they span no frame

_LEFT_HIP, _RIGHT_HIP, _SPINE, _CHEST, _NECK, _LEFT_SHOULDER, _RIGHT_SHOULDER = (
    CANONICAL_NAMES.index(name)
    for name in ("left_hip", "right_hip", "spine1", "spine3", "neck", "left_shoulder", "right_shoulder")
)
_CHILDREN = [[child for child, parent in enumerate(CANONICAL_PARENTS) if parent == j] for j in range(CANONICAL_JOINTS)]


def pelvis_frame(joints: ArrayLike) -> FloatArray:
    """Rotation (..., 4) of the pelvis of joints (..., 22, 3): x from right to left hip, y up to the first spine joint.

    NaN where hips and spine lie on one line or in one place.
    """
    positions = np.asarray(joints, dtype=np.float64)
    left, right = positions[..., _LEFT_HIP, :], positions[..., _RIGHT_HIP, :]
    return _frame(left - right, positions[..., _SPINE, :] - (left + right) / 2.0)


def least_twist(joints: ArrayLike) -> FloatArray:
    """World rotations (T, 22, 4) of joints (T, 22, 3), where no file tells any.

    Pelvis and chest by two directions, every other joint by the shortest rotation seen from its parent, so that bones
    do not twist; an end takes its parent's. A bone without length goes with its parent. Twist of forearms, feet and
    head is therefore unknown.
    """
    positions = np.asarray(joints, dtype=np.float64)
    direction = directions(positions)
    world = np.empty((len(positions), CANONICAL_JOINTS, 4))
    across = positions[:, _LEFT_SHOULDER] - positions[:, _RIGHT_SHOULDER]
    trunk = positions[:, _NECK] - positions[:, 0]
    world[:, 0] = _filled(_filled(pelvis_frame(positions), _frame(across, trunk)), _identity(len(positions)))
    for joint in range(1, CANONICAL_JOINTS):
        above = world[:, CANONICAL_PARENTS[joint]]
        if joint == _CHEST:
            world[:, joint] = _filled(_frame(across, direction[:, _NECK]), above)
        elif _CHILDREN[joint]:
            (child,) = _CHILDREN[joint]
            world[:, joint] = rotations.multiply(_swing(above, child, direction[:, child]), above)
        else:
            world[:, joint] = above
    return world


def directions(joints: FloatArray) -> FloatArray:
    """Unit bone directions (T, 22, 3) of positions; NaN for the root and for bones without length."""
    bone = bones(joints, CANONICAL_PARENTS)
    lengths = np.sqrt((bone * bone).sum(-1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: FloatArray = np.where(lengths > SHORTEST_BONE * lengths.max(), bone / lengths, np.nan)
    return unit


def carried(direction: FloatArray, world: FloatArray) -> FloatArray:
    """Directions (T, 22, 3) with bones that have none lying as in the rest pose, seen from their parent."""
    missing = np.isnan(direction[:, 1:, 0]).any(axis=0)
    result = direction.copy()
    result[:, 0] = 0.0
    for joint in np.flatnonzero(missing) + 1:
        rest = rotations.rotate(world[:, CANONICAL_PARENTS[joint]], CANONICAL_DIRECTIONS[joint])
        result[:, joint] = _filled(direction[:, joint], rest)
    return result


def local_rotations(world: FloatArray, pelvis: FloatArray) -> FloatArray:
    """Rotations (..., 21, 4) of joints 1..21, each in its parent's frame, of world rotations (..., 22, 4).

    The frame of the pelvis (..., 4) is given, because it is not what `world` says but what positions say.
    """
    frames = np.concatenate([pelvis[..., None, :], world[..., 1:, :]], axis=-2)
    return rotations.multiply(rotations.inverse(frames[..., CANONICAL_PARENTS[1:], :]), world[..., 1:, :])


def world_rotations(local: FloatArray, pelvis: FloatArray) -> FloatArray:
    """World rotations (..., 22, 4) of `local_rotations` (..., 21, 4); joint 0 is the pelvis' frame."""
    world = np.empty((*pelvis.shape[:-1], CANONICAL_JOINTS, 4))
    world[..., 0, :] = pelvis
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        world[..., joint, :] = rotations.multiply(world[..., parent, :], local[..., joint - 1, :])
    return world


def mirrored_rotations(world: ArrayLike) -> FloatArray:
    """World rotations (..., 22, 4) as in a mirror across x, left and right joints exchanged."""
    swapped: FloatArray = np.asarray(world, dtype=np.float64)[..., OTHER_SIDE, :] * np.array([1.0, 1.0, -1.0, -1.0])
    return swapped


def _frame(x: FloatArray, up: FloatArray) -> FloatArray:
    """Rotation (..., 4) with its x axis along `x`, its y axis as near to `up` as can be; NaN where they are in line."""
    first, near = rotations.normalise(x), rotations.normalise(up)
    cross = np.cross(first, near)
    third = rotations.normalise(np.where(np.abs(cross).max(-1, keepdims=True) > FLAT, cross, np.nan))
    matrix = np.stack([first, np.cross(third, first), third], axis=-1)
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(matrix).all(axis=(-2, -1)))
    quat = rotations.from_matrix(np.where(whole[..., None, None], matrix, np.eye(3)))
    return np.where(whole[..., None], quat, np.nan)


def _swing(above: FloatArray, child: int, direction: FloatArray) -> FloatArray:
    """Shortest rotation (T, 4) from a bone as it would lie under its parent's rotation to its direction (T, 3)."""
    start = rotations.rotate(above, CANONICAL_DIRECTIONS[child])
    end = _filled(direction, start)
    swing = rotations.shortest(start, end)
    opposed = (start * end).sum(-1) < OPPOSED - 1.0
    if opposed.any():  # half a turn sideways, as an arm is raised; for the toes, half a turn of the foot
        axis = np.roll(np.abs(CANONICAL_DIRECTIONS[child]), 1)
        swing[opposed] = np.concatenate([np.zeros((opposed.sum(), 1)), rotations.rotate(above[opposed], axis)], axis=-1)
    return swing


def _filled(values: FloatArray, other: FloatArray) -> FloatArray:
    """`values` (T, n), and `other` where they are NaN."""
    filled: FloatArray = np.where(np.isnan(values[:, :1]), other, values)
    return filled


def _identity(frames: int) -> FloatArray:
    quat = np.zeros((frames, 4))
    quat[:, 0] = 1.0
    return quat
