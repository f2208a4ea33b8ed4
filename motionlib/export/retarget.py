"""A motion of the canonical 22 joints on any humanoid skeleton, given by a take on it.

The target's canonical joints in the first frame of that take are themselves a rig: fitted to the motion, it says how
each joint has turned in the world since that frame. (Its rest pose would not do: of many rigs it is no pose of a
person.) Bone lengths stay the target's; the root's way is scaled by the length of the legs, and the whole motion is
lifted or lowered until its lowest joint is as high as that of the source.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip
from motionlib.body import kinematics, rotations
from motionlib.body.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, Skeleton
from motionlib.export import rig
from motionlib.export.rig import FloatArray, RigMotion
from motionlib.rig import back, pose
from motionlib.rig.alignment import places as _canonical_places
from motionlib.rig.mapping import Mapping, map_clip

LEGS = (4, 5, 7, 8)  # knees and ankles: the bones that end there carry the body
TRUNK = (0, 3, 6, 9, 12, 15)
HIPS_AND_SHOULDERS = ((1, 2), (16, 17))  # left and right of each pair
UP = np.array([0.0, 1.0, 0.0])


def retarget(
    joints: NDArray[np.floating[Any]], take: Clip, world_quat: NDArray[np.floating[Any]] | None = None
) -> RigMotion:
    """Move a skeleton as joints (T, 22, 3), metres, y up, move.

    Args:
        take: On the target's skeleton; in its first frame the body stands upright, facing anywhere.
        world_quat: (T, 22, 4) world rotations of the joints as `rig.canonical.canonical_motion` gives them. With them
            twist is kept, and the take's first frame may be any pose.

    Raises:
        UnmappedSkeletonError: (a ValueError) If the target is not recognised as a body, naming what is missing.
        ValueError: If the joints are not finite (T, 22, 3).
    """
    joints = rig.checked(joints)
    if world_quat is not None:
        return _with_twist(joints, np.asarray(world_quat, dtype=np.float64), take)
    target, mapping = take.skeleton, map_clip(take)
    start = rotations.normalise(take.local_quat[:1].astype(np.float64))
    places = kinematics.forward(target, np.zeros((1, 3)), start)[0]
    canonical = _canonical_places(places, mapping)
    turn = _towards_z(canonical)
    body = Skeleton(CANONICAL_NAMES, CANONICAL_PARENTS, _offsets(rotations.rotate(turn, canonical)))
    world = rotations.multiply(_world(rig.fit(joints, body).local_quat, CANONICAL_PARENTS), turn)
    owners = _owners(target, mapping, places, canonical)
    of_joint = rotations.multiply(world[:, owners], _world(start, target.parents))
    before = np.concatenate([np.zeros_like(of_joint[:, :1]), of_joint[:, list(target.parents[1:])]], axis=1)
    before[:, 0, 0] = 1.0
    local = rotations.multiply(rotations.inverse(before), of_joint)
    beside = rotations.rotate(world[:, 0], places[0] - canonical[0])
    root = _pelvis(joints, canonical) + beside
    return _grounded(RigMotion(target, root, rig.continuous(local)), mapping, joints)


def _with_twist(joints: FloatArray, world_quat: FloatArray, take: Clip) -> RigMotion:
    """Each carrying joint of the target turns as its canonical joint does; the others keep their mean rotation."""
    own = back.source_rig(take)
    local = back.local_rotations(world_quat, own, np.tile(own.neutral, (len(joints), 1, 1)))
    canonical = _canonical_places(pose.world(take.skeleton, np.zeros((1, 3)), local[:1])[0][0], own.mapping)
    root = _pelvis(joints, canonical) - back.pelvis(own, local)
    return _grounded(RigMotion(take.skeleton, root, rig.continuous(local)), own.mapping, joints)


def _grounded(motion: RigMotion, mapping: Mapping, joints: FloatArray) -> RigMotion:
    """The motion lifted or lowered until its lowest canonical joint is as high as that of joints (T, 22, 3)."""
    lowest = _canonical_places(kinematics.forward(*motion), mapping)[..., 1].min()
    lift = np.array([0.0, joints[..., 1].min() - lowest, 0.0])
    return motion._replace(root_pos=motion.root_pos + lift)


def _offsets(canonical: FloatArray) -> FloatArray:
    offsets = kinematics.bones(canonical, CANONICAL_PARENTS)
    offsets[0] = 0.0
    return offsets


def _towards_z(canonical: FloatArray) -> FloatArray:
    """Quaternion (4,) about y that turns a pose to face +z."""
    across = sum((canonical[left] - canonical[right] for left, right in HIPS_AND_SHOULDERS), np.zeros(3))
    forward = np.cross(across, UP)
    return rotations.from_yaw(-np.arctan2(forward[0], forward[2]))


def _world(local: FloatArray, parents: Sequence[int]) -> FloatArray:
    """World rotations (T, J, 4) of parent-relative ones."""
    world = local.copy()
    for joint, parent in enumerate(parents[1:], start=1):
        world[:, joint] = rotations.multiply(world[:, parent], local[:, joint])
    return world


def _owners(target: Skeleton, mapping: Mapping, places: FloatArray, canonical: FloatArray) -> list[int]:
    """The canonical joint whose rotation each target joint takes part in.

    A limb's joint is its own; a joint of the trunk, which may lie between two of them, is the last that lies not above
    it; what hangs below (fingers, ends) goes along with its parent.
    """
    limbs = {
        first: joint
        for joint, (first, share) in enumerate(zip(mapping.first, mapping.share, strict=True))
        if joint not in TRUNK and share == 0.0
    }
    heights = canonical[list(TRUNK), 1]
    trunk = _trunk(target, mapping)
    owners = []
    for joint, parent in enumerate(target.parents):
        if joint in limbs:
            owners.append(limbs[joint])
        elif joint in trunk:
            below = int(np.searchsorted(heights, places[joint, 1] + rig.SHORTEST_BONE, side="right")) - 1
            owners.append(TRUNK[max(below, 0)])
        else:
            owners.append(owners[parent] if parent >= 0 else 0)
    return owners


def _trunk(target: Skeleton, mapping: Mapping) -> set[int]:
    """Target joints from the head down to the root."""
    joint, path = mapping.second[TRUNK[-1]], set()
    while joint >= 0:
        path.add(joint)
        joint = target.parents[joint]
    return path


def _pelvis(joints: FloatArray, canonical: FloatArray) -> FloatArray:
    """(T, 3) metres: the pelvis' way, scaled by the legs, so that the target's feet reach the floor."""
    bones = kinematics.bones(canonical, CANONICAL_PARENTS)[list(LEGS)]
    moved = kinematics.bones(joints, CANONICAL_PARENTS)[:, list(LEGS)]
    scale = np.linalg.norm(bones, axis=-1).sum() / np.linalg.norm(moved, axis=-1).sum(axis=-1).mean()
    scaled: FloatArray = joints[:, 0] * scale
    return scaled
