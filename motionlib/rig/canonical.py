"""A take on any humanoid skeleton -> positions and rotations of the canonical 22 joints at one frame rate.

Convention: metres, y up, the subject's left is +x when it faces +z. Place and facing stay those of the take.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.artifacts import Clip
from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_NAMES, Skeleton
from motionlib.rig import alignment, pose
from motionlib.rig.mapping import Mapping, UnmappedSkeletonError, map_clip
from motionlib.rig.pose import frames_at, resample

__all__ = [
    "CanonicalMotion",
    "canonical_joints",
    "canonical_motion",
    "frames_at",
    "mirrored",
    "resample",
    "toes_ahead",
]

FloatArray = NDArray[np.float64]

_JOINT = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}


class CanonicalMotion(NamedTuple):
    """A motion on the canonical 22 joints.

    Attributes:
        joints: (T, 22, 3) metres, y up.
        world_quat: (T, 22, 4) unit quaternions: how each joint is turned in the world against the canonical rest pose
            (upright, facing +z, bones along CANONICAL_DIRECTIONS). As in SMPL the rotation of a joint moves the bones
            that start there. Twist is that of the source joint which carries the part of the body.
    """

    joints: FloatArray
    world_quat: FloatArray


def canonical_joints(clip: Clip, fps: float) -> FloatArray:
    """Positions (T', 22, 3) metres of the canonical joints, at `fps` Hz from the clip's first frame on.

    A rate that divides the clip's takes every k-th frame as it is; any other turns the joints by slerp between the two
    neighbouring frames, so that bones keep their length.

    Raises:
        UnmappedSkeletonError: Naming clip and joints, if the skeleton is not a body, or left and right are swapped.
        ValueError: If the clip has no frame or a frame rate is not positive.
    """
    _, mapping, _, positions, _ = _moved(clip, fps)
    return _checked(clip, alignment.places(positions, mapping))


def canonical_motion(clip: Clip, fps: float) -> CanonicalMotion:
    """Positions and world rotations of the canonical joints, at `fps` Hz; positions are those of `canonical_joints`.

    Raises:
        UnmappedSkeletonError: Naming clip and joints, if the skeleton is not a body, or left and right are swapped.
        ValueError: If the clip has no frame or a frame rate is not positive.
    """
    skeleton, mapping, keep, positions, world = _moved(clip, fps)
    joints = _checked(clip, alignment.places(positions, mapping))
    aligned = alignment.align(skeleton, mapping, clip.root_pos, clip.local_quat[:, keep])
    return CanonicalMotion(joints, rotations.multiply(world[:, aligned.carrier], aligned.turn))


def _moved(clip: Clip, fps: float) -> tuple[Skeleton, Mapping, list[int], FloatArray, FloatArray]:
    """The part of the skeleton that carries canonical joints, its mapping, its joints in the whole, and how it moves.

    Positions (T', J, 3) metres and world rotations (T', J, 4) at `fps` Hz.
    """
    if not clip.frame_count or not (clip.fps > 0 and fps > 0):
        raise ValueError(f"clip {clip.info.id}: {clip.frame_count} frames at {clip.fps} Hz cannot go to {fps} Hz")
    try:
        mapping = map_clip(clip)
    except ValueError as error:
        raise type(error)(f"clip {clip.info.id}: {error}") from None
    skeleton, keep, mapping = _pruned(clip.skeleton, mapping)
    root, quat = resample(clip.root_pos, clip.local_quat[:, keep], clip.fps, fps)
    return skeleton, mapping, keep, *pose.world(skeleton, root, quat)


def _checked(clip: Clip, joints: FloatArray) -> FloatArray:
    if toes_ahead(joints) < 0.0:
        swapped = "the toes lie behind the shins; left and right look swapped, say in a rig file which is which"
        raise UnmappedSkeletonError(f"clip {clip.info.id}: {swapped}")
    return joints


def mirrored(joints: ArrayLike) -> FloatArray:
    """Positions (..., 22, 3) as in a mirror: x negated, left and right joints exchanged, as HumanML3D does."""
    swapped: FloatArray = np.asarray(joints, dtype=np.float64)[..., OTHER_SIDE, :] * np.array([-1.0, 1.0, 1.0])
    return swapped


def toes_ahead(joints: FloatArray) -> float:
    """Metres by which the toes (of (T, 22, 3)) lie before the shins, the median of both feet in all frames.

    Before is where (right to left hip) x (ankle to knee) points; in a body whose sides are swapped the toes lie behind.
    Measured against the shin because in a run or a somersault toes do point back in space.
    """
    across = joints[:, _JOINT["left_hip"]] - joints[:, _JOINT["right_hip"]]
    before = []
    for side in ("left", "right"):
        knee, ankle, toe = (joints[:, _JOINT[f"{side}_{part}"]] for part in ("knee", "ankle", "foot"))
        ahead = rotations.normalise(np.cross(across, knee - ankle))
        before.append((ahead * (toe - ankle)).sum(-1))
    return float(np.median(before))


def _other_side(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


OTHER_SIDE = [_JOINT[_other_side(name)] for name in CANONICAL_NAMES]


def _pruned(skeleton: Skeleton, mapping: Mapping) -> tuple[Skeleton, list[int], Mapping]:
    """The same without joints that no canonical joint hangs on, such as fingers; `keep` are the old indices."""
    needed = set(mapping.used)
    for joint in range(skeleton.joint_count - 1, 0, -1):
        if joint in needed:
            needed.add(skeleton.parents[joint])
    keep = sorted(needed | {0})
    new = {old: i for i, old in enumerate(keep)}
    names = tuple(skeleton.names[joint] for joint in keep)
    parents = tuple(new.get(skeleton.parents[joint], -1) for joint in keep)
    first, second = (tuple(new[joint] for joint in side) for side in (mapping.first, mapping.second))
    return Skeleton(names, parents, skeleton.offsets[keep]), keep, mapping._replace(first=first, second=second)
