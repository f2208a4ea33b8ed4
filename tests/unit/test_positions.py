"""Positions -> bones and rotations that put the joints back where they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body import kinematics, positions, smpl
from motionlib.body.skeleton import CANONICAL_LENGTHS, CANONICAL_NAMES, CANONICAL_PARENTS, Skeleton

REST = smpl.BODY.assumed_joints - smpl.BODY.assumed_joints[np.maximum(CANONICAL_PARENTS, 0)]


def put_back(joints: np.ndarray, names=CANONICAL_NAMES, parents=CANONICAL_PARENTS, rest=REST):
    posed = positions.pose(joints, names, parents, rest)
    back = kinematics.forward(posed.skeleton, posed.root_pos, posed.local_quat)
    return back[:, [posed.skeleton.names.index(name) for name in names]], posed


def body(seed: int, frames: int = 20) -> np.ndarray:
    """A body that turns its joints at random."""
    rng = np.random.default_rng(seed)
    poses = rng.normal(size=(frames, 22, 3))
    return smpl.joints(smpl.BODY.assumed_joints, CANONICAL_PARENTS, poses, rng.normal(size=(frames, 3)))


@given(seed=st.integers(0, 2**32 - 1))
def test_a_body_is_put_back_without_helpers(seed: int):
    joints = body(seed)
    back, posed = put_back(joints)
    np.testing.assert_allclose(back, joints, atol=1e-9)
    assert posed.skeleton.names == CANONICAL_NAMES
    assert posed.stretch.max() < 1e-12
    np.testing.assert_allclose(np.linalg.norm(posed.local_quat, axis=-1), 1, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1))
def test_bones_that_part_get_a_joint_each_and_are_put_back_too(seed: int):
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(12, 22, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    joints = np.zeros((12, 22, 3))
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + CANONICAL_LENGTHS[joint] * directions[:, joint]
    back, posed = put_back(joints)
    np.testing.assert_allclose(back, joints, atol=1e-9)
    helpers = [name for name in posed.skeleton.names if name not in CANONICAL_NAMES]
    assert sorted(helpers) == sorted(
        f"to_{name}" for name in ("left_hip", "right_hip", "spine1", "neck", "left_collar", "right_collar")
    )


def test_a_bent_arm_is_told_by_its_elbow_alone():
    # an arm along +x: shoulder at 0, elbow at 1, wrist at 2; then the forearm points up
    joints = np.array([[[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 0, 0], [1, 0, 0], [1, 1, 0]]], dtype=float)
    _, posed = put_back(joints, ("shoulder", "elbow", "wrist"), (-1, 0, 1), np.eye(3)[[0, 0, 0]])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(posed.local_quat[:, 0], [[1, 0, 0, 0]] * 2, atol=1e-12)
    np.testing.assert_allclose(posed.local_quat[:, 1], [[1, 0, 0, 0], [half, 0, 0, half]], atol=1e-12)
    np.testing.assert_allclose(posed.skeleton.offsets, [[0, 0, 0], [1, 0, 0], [1, 0, 0]], atol=1e-12)


def test_a_bone_that_turns_right_round_has_a_rotation():
    joints = np.array([[[0, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, -1, 0]]], dtype=float)
    back, _ = put_back(joints, ("hand", "tip"), (-1, 0), np.array([[0, 0, 0], [0, 1.0, 0]]))
    np.testing.assert_allclose(back, joints, atol=1e-12)


def test_joints_in_one_place_and_frames_without_direction_do_no_harm():
    joints = body(1)
    joints[:, 12] = joints[:, 9]  # a neck without length, in all frames
    joints[3, 4] = joints[3, 1]  # a thigh without length, in one
    back, posed = put_back(joints)
    assert np.isfinite(posed.local_quat).all()
    np.testing.assert_allclose(back[:3, [12, 4]], joints[:3, [12, 4]], atol=0.05)
    np.testing.assert_array_equal(posed.skeleton.offsets[12], 0)


def test_a_body_in_one_place_is_a_body_all_the_same():
    back, posed = put_back(np.zeros((3, 22, 3)))
    np.testing.assert_array_equal(back, 0)
    np.testing.assert_array_equal(posed.local_quat[..., 0], 1)


def test_bones_take_their_mean_length_and_say_how_far_they_depart():
    joints = np.array([[[0, 0, 0], [0, 1.0, 0]], [[0, 0, 0], [0, 3.0, 0]]])
    posed = positions.pose(joints, ("a", "b"), (-1, 0), np.array([[0, 0, 0], [0, 1.0, 0]]))
    assert posed.skeleton.offsets.tolist() == [[0, 0, 0], [0, 2, 0]]
    assert posed.stretch.tolist() == [0, 1]


def test_children_in_a_line_leave_no_jump():
    # two hips in one line turn about it at will: the rotation must follow the line and nothing else
    angle = np.linspace(0, 1, 30)
    out = np.stack([np.cos(angle), np.zeros(30), -np.sin(angle)], axis=-1)
    joints = np.stack([np.zeros((30, 3)), out, -out], axis=1)
    back, posed = put_back(joints, ("pelvis", "a", "b"), (-1, 0, 0), np.array([[0, 0, 0], [1.0, 0, 0], [-1, 0, 0]]))
    np.testing.assert_allclose(back, joints, atol=1e-9)
    assert np.abs(np.diff(posed.local_quat[:, 0], axis=0)).max() < 0.05


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="2 names"):
        positions.pose(np.zeros((3, 22, 3)), ("a", "b"), (-1, 0), np.zeros((2, 3)))


def test_the_skeleton_is_a_tree_with_unique_names():
    _, posed = put_back(body(2))
    assert isinstance(posed.skeleton, Skeleton)
    assert posed.local_quat.shape == (20, posed.skeleton.joint_count, 4)
