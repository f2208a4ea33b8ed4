"""World rotations of the canonical joints: twist kept, whatever the axes of the source's joints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs import INFO, along_x, walk, with_axes

from motionlib.artifacts import Clip
from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_NAMES
from motionlib.rig.alignment import CHILDREN
from motionlib.rig.canonical import canonical_joints, canonical_motion

LIMBS = ("hip", "knee", "ankle", "collar", "shoulder", "elbow")


def joint(name):
    return CANONICAL_NAMES.index(name)


def degrees_apart(a, b):
    cosine = np.abs((a * b).sum(-1)).clip(max=1.0)
    return np.degrees(2 * np.arccos(cosine))


def test_in_the_rest_pose_of_a_person_facing_z_only_arms_neck_and_head_differ_from_the_canonical_rest():
    clip = walk(frames=2)
    quat = np.zeros_like(clip.local_quat)
    quat[..., 0] = 1
    motion = canonical_motion(Clip(INFO, clip.skeleton, clip.root_pos, quat, 20.0), 20.0)
    for name in ("pelvis", "spine1", "spine2", "spine3", "left_hip", "right_knee", "head"):
        assert degrees_apart(motion.world_quat[0, joint(name)], np.array([1.0, 0, 0, 0])) < 8, name
    # A stretched-out left arm is the hanging one lifted by a quarter turn about the forward axis.
    lifted = rotations.from_euler(np.array([np.pi / 2]), "Z")
    assert degrees_apart(motion.world_quat[0, joint("left_elbow")], lifted) < 1e-3


def test_positions_are_those_of_canonical_joints():
    clip = walk()
    np.testing.assert_array_equal(canonical_motion(clip, 20.0).joints, canonical_joints(clip, 20.0))


def test_the_bones_of_the_limbs_point_where_the_rotations_say():
    motion = canonical_motion(walk(), 20.0)
    for name in (f"{side}_{part}" for side in ("left", "right") for part in LIMBS):
        (child,) = CHILDREN[joint(name)]
        bone = rotations.normalise(motion.joints[:, child] - motion.joints[:, joint(name)])
        told = rotations.rotate(motion.world_quat[:, joint(name)], CANONICAL_DIRECTIONS[child])
        np.testing.assert_allclose(told, bone, atol=1e-6, err_msg=name)


def test_twist_of_the_forearm_is_kept():
    clip = walk()
    quat = clip.local_quat.copy()
    index = clip.skeleton.names.index("LeftForeArm")
    quat[:, index] = rotations.multiply(quat[:, index], rotations.from_euler(np.array([0.7]), "X"))
    twisted = canonical_motion(Clip(INFO, clip.skeleton, clip.root_pos, quat, 20.0), 20.0)
    plain = canonical_motion(clip, 20.0)
    apart = degrees_apart(twisted.world_quat, plain.world_quat)
    np.testing.assert_allclose(apart[:, joint("left_elbow")], np.degrees(0.7), atol=1e-3)
    np.testing.assert_allclose(apart[:, joint("left_shoulder")], 0, atol=1e-3)
    np.testing.assert_allclose(twisted.joints[:, joint("left_wrist")], plain.joints[:, joint("left_wrist")], atol=1e-6)


def test_a_rig_with_bones_along_its_axes_gives_the_same_rotations_as_one_with_a_t_pose():
    clip = walk()
    plain, turned = canonical_motion(clip, 20.0), canonical_motion(with_axes(clip, along_x(clip)), 20.0)
    np.testing.assert_allclose(turned.joints, plain.joints, atol=1e-6)
    apart = degrees_apart(turned.world_quat, plain.world_quat).max(axis=0)
    for name in ("pelvis", "spine3", *(f"{side}_{part}" for side in ("left", "right") for part in LIMBS)):
        assert apart[joint(name)] < 6, name
    assert max(apart[joint(name)] for name in ("spine1", "spine2", "neck", "head", "left_wrist", "right_wrist")) < 15


@given(yaw=st.floats(-3.1, 3.1), away=st.floats(-5, 5))
def test_turning_the_take_turns_every_rotation(yaw, away):
    clip = walk(frames=4)
    turn = rotations.from_yaw(yaw)
    quat = clip.local_quat.astype(np.float64)
    quat[:, 0] = rotations.multiply(turn, quat[:, 0])
    moved = Clip(INFO, clip.skeleton, rotations.rotate(turn, clip.root_pos + away), quat, 20.0)
    plain, turned = canonical_motion(clip, 20.0), canonical_motion(moved, 20.0)
    assert degrees_apart(turned.world_quat, rotations.multiply(turn, plain.world_quat)).max() < 0.01


@pytest.mark.parametrize("fps", [59.94, 30.0, 24.0])
def test_rotations_are_resampled_by_time(fps):
    clip = walk()
    some = canonical_motion(clip, fps).world_quat
    np.testing.assert_allclose(np.linalg.norm(some, axis=-1), 1, atol=1e-9)
    assert len(some) == int(29 * fps / 20 + 1e-6) + 1
