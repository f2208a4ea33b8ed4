"""A reconstructed or edited motion of a known take, on the take's own skeleton.

The body is the source's: its bones, its axes, its fingers and props, and the twist that positions do not tell. The
motion starts where the take starts, facing the same way, on the same floor.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip
from motionlib.body import kinematics, rotations
from motionlib.body.skeleton import CANONICAL_PARENTS
from motionlib.export import rig
from motionlib.export.rig import FloatArray, RigMotion
from motionlib.normalize.exact_rotations import least_twist, pelvis_frame
from motionlib.rig import alignment, back
from motionlib.rig.canonical import canonical_motion
from motionlib.rig.turns import mean_rotation

LEGS = (4, 5, 7, 8)  # knees and ankles: the bones that end there carry the body


def onto_source(
    joints: NDArray[np.floating[Any]],
    clip: Clip,
    fps: float,
    world_quat: NDArray[np.floating[Any]] | None = None,
) -> RigMotion:
    """The clip's skeleton moving as joints (T, 22, 3) do, at `fps` Hz.

    Args:
        joints: Metres, y up, any place, facing and body size; frame by frame what became of the clip. Frames beyond
            the clip's end keep the extra joints of its last frame.
        clip: The source.
        world_quat: (T, 22, 4) rotations of the joints, as `normalize.exact.recover_rotations` gives them; None: from
            the positions, with the twist that the clip has in the same frame.

    Raises:
        UnmappedSkeletonError: (a ValueError) If the clip's skeleton is not recognised as a body.
        ValueError: If the joints are not finite (T, 22, 3).
    """
    joints = rig.checked(joints)
    own = canonical_motion(clip, fps)
    at = np.minimum(np.arange(len(joints)), len(own.joints) - 1)
    source = own._replace(joints=own.joints[at], world_quat=own.world_quat[at])
    joints, turn = _placed(joints, source.joints)
    turned = _rotations(joints, source.joints, source.world_quat, world_quat, turn)
    skeleton = back.source_rig(clip)
    local = back.local_rotations(turned, skeleton, back.extras(clip, skeleton, fps)[at])
    root = joints[:, 0] - back.pelvis(skeleton, local)
    positions = alignment.places(kinematics.forward(clip.skeleton, root, local), skeleton.mapping)
    root[:, 1] += source.joints[..., 1].min() - positions[..., 1].min()
    return RigMotion(clip.skeleton, root, rig.continuous(local))


def _placed(joints: FloatArray, source: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Joints (T, 22, 3) with the source's size, place and facing in the first frame, and how they were turned (4,)."""
    legs, others = (
        np.linalg.norm(kinematics.bones(body, CANONICAL_PARENTS)[:, list(LEGS)], axis=-1).sum(-1).mean()
        for body in (source, joints)
    )
    joints = joints * (legs / others)
    turn = rotations.from_yaw(_heading(source[0]) - _heading(joints[0]))
    joints = rotations.rotate(turn, joints)
    way = source[0, 0] - joints[0, 0]
    return joints + way * np.array([1.0, 0.0, 1.0]), turn


def _heading(joints: FloatArray) -> float:
    """Angle in radians from +z to where a body (22, 3) looks."""
    across = joints[1] - joints[2] + joints[16] - joints[17]
    return float(np.arctan2(-across[2], across[0]))


def _rotations(
    joints: FloatArray,
    source: FloatArray,
    source_quat: FloatArray,
    world_quat: NDArray[np.floating[Any]] | None,
    turn: FloatArray,
) -> FloatArray:
    """World rotations (T, 22, 4) that a rig can take: those given, else the least ones with the source's twist."""
    if world_quat is None:
        twist = rotations.multiply(rotations.inverse(least_twist(source)), source_quat)
        return rotations.multiply(least_twist(joints), twist)
    turned = rotations.multiply(turn, np.asarray(world_quat, dtype=np.float64))
    # Features tell the pelvis by hips and spine; the source's own axes differ from that by a constant.
    seen = rotations.multiply(rotations.inverse(pelvis_frame(source)), source_quat[:, 0])
    seen = seen[np.isfinite(seen).all(axis=1)]
    if len(seen):
        turned[:, 0] = rotations.multiply(turned[:, 0], mean_rotation(seen))
    return turned
