"""From the canonical joints back to a source skeleton: with its bone lengths, its axes and what else hangs on it.

Each source joint that carries a part of the body turns as the canonical joint says; every other one (fingers, props,
twist joints, joints that lie on others) keeps the rotation in its parent that it has in the take, or its mean where
there is no such frame. What was read from a clip therefore comes back as it was.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_JOINTS, Skeleton
from motionlib.rig import alignment
from motionlib.rig.alignment import CHILDREN, Alignment
from motionlib.rig.canonical import CanonicalMotion
from motionlib.rig.mapping import Mapping, map_clip
from motionlib.rig.pose import resample, world
from motionlib.rig.turns import mean_rotation

FloatArray = NDArray[np.float64]

ANYONE = ClipInfo(id="generated", file="", delivery="")


@dataclass(frozen=True, eq=False)
class SourceRig:
    """A skeleton with the way to the canonical joints and back.

    Attributes:
        skeleton: J joints, metres.
        carried: Source joint -> the canonical joint whose rotation it has.
        free: The E other joints, in order. They hold the extra joints, fingers for example.
        neutral: (E, 4) their mean rotation in their parents.
    """

    skeleton: Skeleton
    mapping: Mapping
    alignment: Alignment
    carried: dict[int, int]
    free: tuple[int, ...]
    neutral: FloatArray


def source_rig(clip: Clip) -> SourceRig:
    """The rig of a clip.

    Raises:
        UnmappedSkeletonError: (a ValueError) If the skeleton is not recognised as a body.
    """
    mapping = map_clip(clip)
    aligned = alignment.align(clip.skeleton, mapping, clip.root_pos, clip.local_quat)
    carried = _carried(aligned)
    free = tuple(joint for joint in range(clip.skeleton.joint_count) if joint not in carried)
    local = rotations.normalise(clip.local_quat[:, free])
    neutral = np.array([mean_rotation(local[:, i]) for i in range(len(free))]).reshape(len(free), 4)
    return SourceRig(clip.skeleton, mapping, aligned, carried, free, neutral)


def extras(clip: Clip, rig: SourceRig, fps: float) -> FloatArray:
    """Rotations (T', E, 4) in their parents of the joints that carry no canonical joint, at `fps` Hz."""
    return resample(clip.root_pos, clip.local_quat[:, rig.free], clip.fps, fps)[1]


def to_source(motion: CanonicalMotion, target: Clip | SourceRig, fps: float, extra: FloatArray | None = None) -> Clip:
    """A motion of the canonical joints on a source skeleton.

    Args:
        motion: T frames at `fps` Hz.
        target: The clip that the motion comes from, or any rig. A clip gives its extra joints' rotations too where it
            has as many frames at this rate as the motion.
        extra: (T, E, 4) rotations of the joints `SourceRig.free`; else the clip's, else their means.

    Raises:
        UnmappedSkeletonError: (a ValueError) If the clip's skeleton is not recognised as a body.
        ValueError: If extra rotations are given for another number of frames or joints.
    """
    rig = source_rig(target) if isinstance(target, Clip) else target
    frames = len(motion.joints)
    if extra is None and isinstance(target, Clip):
        own = extras(target, rig, fps)
        extra = own if len(own) == frames else None
    if extra is None:
        extra = np.tile(rig.neutral, (frames, 1, 1))
    if extra.shape != (frames, len(rig.free), 4):
        raise ValueError(f"expected extra rotations {(frames, len(rig.free), 4)}, got {extra.shape}")
    local = local_rotations(motion.world_quat, rig, extra)
    root = motion.joints[:, 0] - pelvis(rig, local)
    info = target.info if isinstance(target, Clip) else ANYONE
    return Clip(info, rig.skeleton, root.astype(np.float32), local.astype(np.float32), fps)


def local_rotations(world_quat: FloatArray, rig: SourceRig, extra: FloatArray) -> FloatArray:
    """Rotations (T, J, 4) of a rig's joints in their parents.

    Args:
        world_quat: (T, 22, 4) of the canonical joints. extra: (T, E, 4) of the joints `rig.free`.
    """
    shape = (len(world_quat), rig.skeleton.joint_count, 4)
    turned, local = np.empty(shape), np.empty(shape)
    own = rotations.multiply(world_quat, rotations.inverse(rig.alignment.turn))
    place = {joint: i for i, joint in enumerate(rig.free)}
    for joint, parent in enumerate(rig.skeleton.parents):
        before = turned[:, parent] if parent >= 0 else np.array([1.0, 0.0, 0.0, 0.0])
        if joint in rig.carried:
            turned[:, joint] = own[:, rig.carried[joint]]
            local[:, joint] = rotations.multiply(rotations.inverse(before), turned[:, joint])
        else:
            local[:, joint] = extra[:, place[joint]]
            turned[:, joint] = rotations.multiply(before, local[:, joint])
    return rotations.normalise(local)


def pelvis(rig: SourceRig, local: FloatArray) -> FloatArray:
    """(T, 3) metres: where the canonical pelvis lies while the root is at the origin."""
    positions, _ = world(rig.skeleton, np.zeros((len(local), 3)), local)
    return alignment.places(positions, rig.mapping)[:, 0]


def _carried(aligned: Alignment) -> dict[int, int]:
    """One canonical joint for each carrier: the one where several bones part, else the last one."""
    order = sorted(range(CANONICAL_JOINTS), key=lambda joint: (len(CHILDREN[joint]) > 1, joint))
    return {aligned.carrier[joint]: joint for joint in order}
