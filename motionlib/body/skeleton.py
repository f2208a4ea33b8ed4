"""Skeletons: a named tree of joints with rest offsets, and the canonical 22-joint body.

Source of the canonical body: HumanML3D (Guo et al., CVPR 2022), `paramUtil.py` and clip 000021.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
RIG_DIGITS = 6  # of the hash in a rig's name


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A rest pose as a tree of joints.

    Attributes:
        names: One name per joint, unique.
        parents: Index of each joint's parent; -1 for the root, which is joint 0. Parents come first.
        offsets: (J, 3) metres, from the parent to the joint while every rotation is the identity.

    Raises:
        ValueError: If lengths disagree, names repeat, or a parent does not come before its child.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: FloatArray

    def __post_init__(self) -> None:
        joints = len(self.names)
        if len(self.parents) != joints or self.offsets.shape != (joints, 3):
            raise ValueError(
                f"skeleton of {joints} names has {len(self.parents)} parents, offsets {self.offsets.shape}"
            )
        if len(set(self.names)) != joints:
            raise ValueError("joint names repeat")
        for joint, parent in enumerate(self.parents):
            if (parent >= joint) or (parent < 0) != (joint == 0):
                raise ValueError(f"joint {self.names[joint]!r}: parent {parent} must come before it")

    @property
    def joint_count(self) -> int:
        """J."""
        return len(self.names)

    @property
    def rig_name(self) -> str:
        """What kind of rig it is, for people and stable: joints, the first below the root, and a hash of the tree.

        The hash is of the names with those of their parents, without namespaces (`mixamorig:`) and in any order; bone
        lengths are not in it, so that all bodies of one rig have one name.
        """
        plain = [name.rpartition(":")[2] for name in self.names]
        bones = sorted(
            (name, plain[parent] if parent >= 0 else "") for name, parent in zip(plain, self.parents, strict=True)
        )
        digest = hashlib.sha256(repr(bones).encode()).hexdigest()
        return f"{self.joint_count} joints, {plain[1 % self.joint_count]}, {digest[:RIG_DIGITS]}"


CANONICAL_NAMES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
CANONICAL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
CANONICAL_JOINTS = len(CANONICAL_NAMES)
# Joint chains in the order in which the published inverse kinematics walks them (paramUtil.t2m_kinematic_chain).
CANONICAL_CHAINS = (
    (0, 2, 5, 8, 11),
    (0, 1, 4, 7, 10),
    (0, 3, 6, 9, 12, 15),
    (9, 14, 17, 19, 21),
    (9, 13, 16, 18, 20),
)
# Direction of the bone that ends at each joint (paramUtil.t2m_raw_offsets); unit, axis aligned.
CANONICAL_DIRECTIONS: FloatArray = np.array(
    [
        [0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, -1, 0], [0, 1, 0], [0, -1, 0],
        [0, -1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1],
        [0, -1, 0], [0, -1, 0], [0, -1, 0], [0, -1, 0], [0, -1, 0], [0, -1, 0],
    ],
    dtype=np.float64,
)  # fmt: skip
# Bone lengths in metres by joint 1..21: frame 0 of HumanML3D clip 000021 (float32 of goldens/target_offsets.npz).
CANONICAL_LENGTHS: FloatArray = np.array(
    [
        0.0, 0.10307396948337555, 0.1098833680152893, 0.13156823813915253, 0.3936232030391693,
        0.39018821716308594, 0.14319021999835968, 0.4324330687522888, 0.42564335465431213,
        0.05736473575234413, 0.14338181912899017, 0.14941906929016113, 0.21936005353927612,
        0.1374867707490921, 0.14338283240795135, 0.1030392199754715, 0.13161404430866241,
        0.122984379529953, 0.2568399906158447, 0.2630917429924011, 0.26601171493530273,
        0.2698763906955719,
    ]
)  # fmt: skip
