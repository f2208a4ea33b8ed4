"""True parent-relative joint rotations for motions that are known as positions of the canonical 22 joints.

As in SMPL and in every animation format a rotation is stored at the joint whose children it moves (the published
features store it at the child: specs FEATURES §3, so they are not used here). A joint with several children is
fitted to all of them at once (Kabsch 1976); one with a single child is swung towards it, with no twist. Only the legs
are twisted too, by where knee and foot point: without it an ankle would have to turn by the whole leg's twist.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body import kinematics, rotations
from motionlib.body.skeleton import CANONICAL_JOINTS, CANONICAL_NAMES, CANONICAL_PARENTS, Skeleton

FloatArray = NDArray[np.float64]
CHILDREN = tuple(
    tuple(child for child, parent in enumerate(CANONICAL_PARENTS) if parent == joint)
    for joint in range(CANONICAL_JOINTS)
)
# Bone directions of the rest pose: upright, arms out, facing +z. The pelvis and chest triangles are those of the
# SMPL mean body to two digits; `rest_skeleton` replaces them by the motion's own.
REST_DIRECTIONS: FloatArray = rotations.normalise(
    np.array([
        [0, 1, 0], [0.58, -0.81, -0.1], [-0.58, -0.81, -0.1], [0, 0.97, -0.24], [0, -1, 0], [0, -1, 0], [0, 1, 0],
        [0, -1, 0], [0, -1, 0], [0, 1, 0], [0, -0.5, 0.87], [0, -0.5, 0.87], [0, 1, 0], [0.72, 0.69, 0],
        [-0.72, 0.69, 0], [0, 0.9, 0.44], [1, 0, 0], [-1, 0, 0], [1, 0, 0], [-1, 0, 0], [1, 0, 0], [-1, 0, 0],
    ])
)  # fmt: skip
LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))  # hip, knee, ankle, foot
FORWARD = np.array([0.0, 0.0, 1.0])  # of the rest pose
# How much of the last frame's forward is added to where knee and foot point (unit vectors), so that a stretched
# leg with a stretched foot, which points nowhere, keeps its twist instead of spinning.
LAST_SHARE = 0.15
# Rounds of averaging the pelvis and chest triangles; the second already changes less than 0.1 mm.
REST_ROUNDS = 3
# 1 + cosine below which two directions count as opposed: the axis would be rounding; half a turn errs by 0.05 mrad.
OPPOSED = 1e-9
# Shorter than this, in metres, a bone says nothing about a direction.
SHORTEST_BONE = 1e-6


class RigMotion(NamedTuple):
    """A motion on a skeleton: `root_pos` (T, 3) metres, `local_quat` (T, J, 4), each joint in its parent's frame."""

    skeleton: Skeleton
    root_pos: FloatArray
    local_quat: FloatArray


def fit(joints: NDArray[np.floating[Any]], skeleton: Skeleton | None = None) -> RigMotion:
    """Rotations of the canonical rig that follow joints (T, 22, 3), metres, y up.

    Args:
        skeleton: The 22 joints in a rest pose that is upright and faces +z, with lengths of its own; without one, bone
            lengths are the motion's means and the rest pose has its arms out.

    Raises:
        ValueError: If the shape differs, or a value is not finite (naming frame and joint).
    """
    joints = checked(joints)
    skeleton = skeleton or rest_skeleton(joints)
    bones = kinematics.bones(joints, CANONICAL_PARENTS)
    frames, hints = len(joints), _leg_hints(bones)
    world = np.zeros((frames, CANONICAL_JOINTS, 4))
    local = np.zeros_like(world)
    for joint, parent in enumerate(CANONICAL_PARENTS):
        before = world[:, parent] if parent >= 0 else np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
        children = list(CHILDREN[joint])
        if len(children) > 1:
            world[:, joint] = _kabsch(skeleton.offsets[children], bones[:, children])
        elif children:
            bone = bones[:, children[0]]
            world[:, joint] = _swing(before, skeleton.offsets[children[0]], bone)
            if joint in hints:
                world[:, joint] = _twist(world[:, joint], bone, hints[joint])
        else:
            world[:, joint] = before
        local[:, joint] = rotations.multiply(rotations.inverse(before), world[:, joint])
    return RigMotion(skeleton, joints[:, 0], continuous(local))


def checked(joints: NDArray[np.floating[Any]]) -> FloatArray:
    """Joints (T, 22, 3) as float64.

    Raises:
        ValueError: If the shape differs, or a value is not finite (naming frame and joint).
    """
    array = np.asarray(joints, dtype=np.float64)
    if array.ndim != 3 or array.shape[1:] != (CANONICAL_JOINTS, 3) or not len(array):
        raise ValueError(f"expected joints (T, {CANONICAL_JOINTS}, 3) with at least one frame, got {array.shape}")
    if not np.isfinite(array).all():
        frame, joint = np.argwhere(~np.isfinite(array))[0][:2]
        raise ValueError(f"frame {frame}: joint {CANONICAL_NAMES[joint]!r} is not finite")
    return array


def rest_skeleton(joints: FloatArray) -> Skeleton:
    """The rest pose of joints (T, 22, 3): mean bone lengths, mean shape of the pelvis and chest triangles."""
    bones = kinematics.bones(joints, CANONICAL_PARENTS)
    lengths = np.linalg.norm(bones, axis=-1).mean(axis=0)
    offsets = REST_DIRECTIONS * lengths[:, None]
    offsets[0] = 0.0
    for children in (list(c) for c in CHILDREN if len(c) > 1):
        first = shape = offsets[children]
        for _ in range(REST_ROUNDS):
            turned_back = rotations.inverse(_kabsch(shape, bones[:, children]))[:, None]
            mean = rotations.rotate(turned_back, bones[:, children]).mean(axis=0)
            norm = np.linalg.norm(mean, axis=-1, keepdims=True)
            shape = (
                np.where(norm > SHORTEST_BONE, mean / np.maximum(norm, SHORTEST_BONE), 0.0) * lengths[children, None]
            )
        # The triangle as a whole may have turned while it was averaged: turn it back upright.
        offsets[children] = rotations.rotate(_kabsch(shape, first[None]), shape)
    return Skeleton(CANONICAL_NAMES, CANONICAL_PARENTS, offsets)


def continuous(quat: FloatArray) -> FloatArray:
    """The same rotations (T, ..., 4) with signs so that neighbouring frames lie on the same side."""
    same = np.sign((quat[1:] * quat[:-1]).sum(axis=-1, keepdims=True))
    signs = np.cumprod(np.where(same < 0, -1.0, 1.0), axis=0)
    return np.concatenate([quat[:1], quat[1:] * signs])


def _kabsch(rest: FloatArray, real: FloatArray) -> FloatArray:
    """Rotations (T, 4) that bring vectors `rest` (N, 3) nearest to `real` (T, N, 3), never a reflection."""
    left, _, right = np.linalg.svd(np.einsum("tni,nj->tij", real, rest))
    sign = np.linalg.det(left @ right)
    left[:, :, 2] *= sign[:, None]
    return rotations.from_matrix(left @ right)


def _swing(before: FloatArray, rest: FloatArray, real: FloatArray) -> FloatArray:
    """World rotations (T, 4): the parent's, turned the least so that `rest` (3,) points along `real` (T, 3)."""
    start = rotations.rotate(before, rest)
    turn = rotations.shortest(start, real)
    cosine = (rotations.normalise(start) * rotations.normalise(real)).sum(-1)
    unclear = ~(cosine > OPPOSED - 1.0)  # NaN for a bone without length
    if np.any(unclear):
        turn = np.where(unclear[:, None], _half_turn(start, real), turn)
    return rotations.multiply(turn, before)


def _leg_hints(bones: FloatArray) -> dict[int, FloatArray]:
    """Where thighs and shins face, (T, 3) by joint: along the foot, and away from the bend of the knee."""
    hints: dict[int, FloatArray] = {}
    for hip, knee, ankle, foot in LEGS:
        thigh, shin, toes = (_unit_or_zero(bones[:, joint]) for joint in (knee, ankle, foot))
        hints[hip] = toes - shin
        hints[knee] = toes + thigh
    return hints


def _unit_or_zero(vectors: FloatArray) -> FloatArray:
    return np.nan_to_num(rotations.normalise(vectors), nan=0.0)


def _twist(world: FloatArray, bone: FloatArray, hint: FloatArray) -> FloatArray:
    """World rotations (T, 4) turned about their bone (T, 3) until forward looks towards `hint` (T, 3)."""
    axis = _unit_or_zero(bone)
    current = _across(rotations.rotate(world, FORWARD), axis)
    wanted = np.empty_like(current)
    across = _across(hint, axis)
    last = across[0] if np.linalg.norm(across[0]) > LAST_SHARE else current[0]
    for frame, towards in enumerate(across):
        kept = _across(last, axis[frame])
        last = wanted[frame] = _unit_or_zero(towards + LAST_SHARE * kept)
    angle = np.arctan2((np.cross(current, wanted) * axis).sum(-1), (current * wanted).sum(-1))
    turn = np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * axis], axis=-1)
    return rotations.multiply(turn, world)


def _across(vectors: FloatArray, axis: FloatArray) -> FloatArray:
    """The part of vectors (T, 3) at right angles to a unit axis (T, 3)."""
    rest: FloatArray = vectors - (vectors * axis).sum(-1, keepdims=True) * axis
    return rest


def _half_turn(start: FloatArray, real: FloatArray) -> FloatArray:
    """Half a turn across `start` (T, 3), for a `real` that is opposed to it; none where a bone has no length."""
    axis = rotations.normalise(np.cross(start, np.eye(3)[np.abs(start).argmin(axis=-1)]))
    half = np.concatenate([np.zeros((len(axis), 1)), axis], axis=-1)
    lengthless = np.minimum(np.linalg.norm(start, axis=-1), np.linalg.norm(real, axis=-1)) <= SHORTEST_BONE
    return np.where(lengthless[:, None], [1.0, 0.0, 0.0, 0.0], half)
