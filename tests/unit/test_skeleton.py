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
