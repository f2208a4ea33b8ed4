"""Forward kinematics and swing rotations on bodies small enough to check by eye."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body import kinematics, rotations, skeleton

ARM = skeleton.Skeleton(("root", "elbow", "hand"), (-1, 0, 1), np.array([[9.0, 9, 9], [1, 0, 0], [2, 0, 0]]))
IDENTITY = np.array([1.0, 0, 0, 0])


def test_the_rest_pose_is_the_sum_of_the_offsets():
    positions = kinematics.forward(ARM, np.array([[0.0, 5, 0]]), np.tile(IDENTITY, (1, 3, 1)))
    np.testing.assert_array_equal(positions[0], [[0, 5, 0], [1, 5, 0], [3, 5, 0]])


def test_a_joint_turns_what_hangs_below_it():
    quat = np.tile(IDENTITY, (1, 3, 1))
    quat[0, 1] = rotations.from_yaw(np.pi / 2)  # x turns into -z
    positions = kinematics.forward(ARM, np.zeros((1, 3)), quat)
    np.testing.assert_allclose(positions[0], [[0, 0, 0], [1, 0, 0], [1, 0, -2]], atol=1e-15)


@given(seed=st.integers(0, 2**16))
def test_rotations_keep_bone_lengths(seed):
    generator = np.random.default_rng(seed)
    quat = rotations.normalise(generator.normal(size=(4, 3, 4)))
    positions = kinematics.forward(ARM, generator.normal(size=(4, 3)), quat)
    lengths = np.linalg.norm(np.diff(positions, axis=1), axis=-1)
    np.testing.assert_allclose(lengths, np.tile([1.0, 2.0], (4, 1)), atol=1e-12)


def test_a_take_longer_than_a_block_is_placed_as_its_frames_are_one_by_one():
    generator = np.random.default_rng(1)
    frames = kinematics.BLOCK + 2
    root, quat = generator.normal(size=(frames, 3)), rotations.normalise(generator.normal(size=(frames, 3, 4)))
    whole = kinematics.forward(ARM, root, quat)
    for frame in (0, kinematics.BLOCK - 1, kinematics.BLOCK, frames - 1):
        alone = kinematics.forward(ARM, root[[frame]], quat[[frame]])[0]
        np.testing.assert_allclose(whole[frame], alone, atol=1e-12)


def test_no_frames_have_no_places():
    assert kinematics.forward(ARM, np.zeros((0, 3)), np.zeros((0, 3, 4))).shape == (0, 3, 3)


def test_rotations_of_another_skeleton_are_refused():
    with pytest.raises(ValueError, match="do not fit 3 joints"):
        kinematics.forward(ARM, np.zeros((1, 3)), np.tile(IDENTITY, (1, 4, 1)))


def test_swing_turns_the_canonical_direction_into_the_bone():
    generator = np.random.default_rng(0)
    directions = rotations.normalise(generator.normal(size=(7, 22, 3)))
    swing = kinematics.swing_rotations(directions, skeleton.CANONICAL_DIRECTIONS, skeleton.CANONICAL_NAMES)
    np.testing.assert_array_equal(swing[:, 0], np.tile(IDENTITY, (7, 1)))
    turned = rotations.rotate(swing[:, 1:], skeleton.CANONICAL_DIRECTIONS[1:])
    np.testing.assert_allclose(turned, directions[:, 1:], atol=1e-12)


def test_arm_chains_are_told_from_the_root_not_from_the_chest():
    bases = kinematics.chain_bases(skeleton.CANONICAL_CHAINS, 22)
    names = skeleton.CANONICAL_NAMES
    told_from = {names[joint]: names[base] for joint, base in enumerate(bases)}
    assert told_from["left_collar"] == told_from["right_collar"] == told_from["left_hip"] == "pelvis"
    assert told_from["left_elbow"] == "left_shoulder"
    assert told_from["neck"] == "spine3"


def test_bones_without_length_are_named():
    joints = np.array([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0.0, 0, 0], [1, 0, 0], [1, 0, 0]]])
    with pytest.raises(ValueError, match=r"frame 1: joint 'hand' lies on its parent"):
        kinematics.check_bones(kinematics.bones(joints, ARM.parents), ARM.names)
