"""The published feature layouts: HumanML3D (22 joints, 263 numbers) and KIT-ML (21 joints, 251 numbers).

Source: HumanML3D (Guo et al., CVPR 2022), `paramUtil.py` and `motion_representation.ipynb` at 9176e8f.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from motionlib.body import skeleton
from motionlib.body.kinematics import chain_bases
from motionlib.body.ric import KIT_DIRECTIONS, KIT_NAMES, KIT_PARENTS, feature_groups

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layout:
    """A body and what of it goes where in a row of features.

    Attributes:
        names, parents, chains: J joints; chains in the published order.
        directions: (J, 3) unit canonical direction of the bone that ends at each joint.
        lengths: (J,) target bone lengths, in the unit of the data (metres for HumanML3D).
        face: Right hip, left hip, right shoulder, left shoulder.
        legs: The two joints whose bones are the leg length that sets the scale.
        feet: Left ankle, left foot, right ankle, right foot.
        contact_threshold: Squared displacement per frame below which a foot stands, unit squared.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    chains: tuple[tuple[int, ...], ...]
    directions: FloatArray
    lengths: FloatArray
    face: tuple[int, int, int, int]
    legs: tuple[int, int]
    feet: tuple[int, int, int, int]
    contact_threshold: float

    @property
    def joints(self) -> int:
        """J."""
        return len(self.names)

    @cached_property
    def bases(self) -> NDArray[np.int64]:
        """(J,) joint in whose frame each local rotation is told."""
        return chain_bases(self.chains, self.joints)

    @cached_property
    def groups(self) -> dict[str, slice]:
        """Where each part of a row of D features lies, in order; together they cover it."""
        return feature_groups(self.joints)

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self.groups["contacts"].stop)


HUMANML3D = Layout(
    names=skeleton.CANONICAL_NAMES,
    parents=skeleton.CANONICAL_PARENTS,
    chains=skeleton.CANONICAL_CHAINS,
    directions=skeleton.CANONICAL_DIRECTIONS,
    lengths=skeleton.CANONICAL_LENGTHS,
    face=(2, 1, 17, 16),
    legs=(5, 8),
    feet=(7, 10, 8, 11),
    contact_threshold=0.002,
)

# What each group is, per frame. HumanML3D's numbers: 0 | 1:3 | 3 | 4:67 | 67:193 | 193:259 | 259:263.
FEATURE_GROUPS: dict[str, slice] = HUMANML3D.groups
ROOT_TURN = FEATURE_GROUPS["root_turn"]  # minus half the heading change, radians; row 0 is a known outlier
ROOT_VELOCITY = FEATURE_GROUPS["root_velocity"]  # x, z seen from the heading, metres
ROOT_HEIGHT = FEATURE_GROUPS["root_height"]  # metres above the floor
RIC = FEATURE_GROUPS["ric"]  # joints 1..21, x y z from the root's floor point, heading removed, metres
ROT6D = FEATURE_GROUPS["rot6d"]  # joints 1..21, two matrix columns, swing only
VELOCITY = FEATURE_GROUPS["velocity"]  # joints 0..21, metres
CONTACTS = FEATURE_GROUPS["contacts"]  # left ankle, left foot, right ankle, right foot: 0 or 1


def kit(lengths: FloatArray) -> Layout:
    """KIT-ML's 21 joints and 251 features at 12.5 fps for target bone `lengths` (21,) in the data's unit.

    The published target (clip 03950_gt) may not be shipped, so whoever holds the data gives its lengths.
    """
    return Layout(
        names=KIT_NAMES,
        parents=KIT_PARENTS,
        chains=((0, 11, 12, 13, 14, 15), (0, 16, 17, 18, 19, 20), (0, 1, 2, 3, 4), (3, 5, 6, 7), (3, 8, 9, 10)),
        directions=KIT_DIRECTIONS,
        lengths=lengths,
        face=(11, 16, 5, 8),
        legs=(17, 18),
        feet=(19, 20, 14, 15),
        contact_threshold=0.05,
    )
