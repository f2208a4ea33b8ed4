"""Skeletons are trees, and the canonical body is the published one."""

from itertools import pairwise

import numpy as np
import pytest

from motionlib.body import skeleton
from motionlib.body.skeleton import Skeleton


def test_the_canonical_body_is_symmetric_in_its_tree():
    names, parents = skeleton.CANONICAL_NAMES, skeleton.CANONICAL_PARENTS
    other = {name: name.replace("left", "L").replace("right", "left").replace("L", "right") for name in names}
    for joint, parent in enumerate(parents[1:], start=1):
        assert other[names[parent]] == names[parents[names.index(other[names[joint]])]]


def test_the_chains_reach_every_joint_along_the_tree():
    edges = {(a, b) for chain in skeleton.CANONICAL_CHAINS for a, b in pairwise(chain)}
    assert edges == {(parent, joint) for joint, parent in enumerate(skeleton.CANONICAL_PARENTS) if joint}


def test_directions_times_lengths_are_the_published_target(golden):
    offsets = skeleton.CANONICAL_DIRECTIONS * skeleton.CANONICAL_LENGTHS[:, None]
    np.testing.assert_array_equal(offsets.astype(np.float32), np.load(golden / "target_offsets.npz")["t2m"])


@pytest.mark.parametrize(
    ("names", "parents", "offsets", "message"),
    [
        (("a", "b"), (-1,), np.zeros((2, 3)), "parents"),
        (("a", "a"), (-1, 0), np.zeros((2, 3)), "repeat"),
        (("a", "b"), (-1, 1), np.zeros((2, 3)), "must come before"),
        (("a", "b"), (-1, -1), np.zeros((2, 3)), "must come before"),
        (("a", "b"), (-1, 0), np.zeros((2, 2)), "offsets"),
    ],
)
def test_what_is_not_a_tree_is_refused(names, parents, offsets, message):
    with pytest.raises(ValueError, match=message):
        Skeleton(names, parents, offsets)


def rig_name(*bones: tuple[str, int], length: float = 0.1) -> str:
    names, parents = zip(*bones, strict=True)
    return Skeleton(names, parents, np.full((len(bones), 3), length)).rig_name


def test_a_rig_is_named_by_its_tree_whatever_its_size_its_namespace_and_the_order_of_its_limbs():
    one = rig_name(("Hips", -1), ("LeftLeg", 0), ("RightLeg", 0))
    assert one.startswith("3 joints, LeftLeg, ")
    assert rig_name(("Hips", -1), ("LeftLeg", 0), ("RightLeg", 0), length=0.2) == one
    assert rig_name(("a:Hips", -1), ("a:LeftLeg", 0), ("a:RightLeg", 0)) == one
    turned = rig_name(("Hips", -1), ("RightLeg", 0), ("LeftLeg", 0))
    assert turned.rpartition(", ")[2] == one.rpartition(", ")[2]


def test_other_joints_or_another_tree_are_another_rig():
    names = {
        rig_name(("Hips", -1), ("LeftLeg", 0), ("RightLeg", 0)),
        rig_name(("Hips", -1), ("LeftLeg", 0), ("RightLeg", 1)),
        rig_name(("Hips", -1), ("LeftLeg", 0), ("RightUpLeg", 0)),
        rig_name(("Hips", -1)),
    }
    assert len({name.rpartition(", ")[2] for name in names}) == 4
