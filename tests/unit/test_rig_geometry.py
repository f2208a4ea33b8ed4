"""Unit, up and facing are found from the body, with the reason."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body import kinematics, rotations
from motionlib.ingest.synthetic_body import Build, skeleton
from motionlib.rig.canonical import canonical_joints
from motionlib.rig.geometry import (
    TO_Y_UP,
    UNITS,
    explain_unit,
    explain_up,
    find_facing,
    find_unit,
    find_up,
    turn_y_up,
)
from motionlib.rig.raw import RawMotion

BACK = {"y": "y", "-y": "-y", "z": "-z", "-z": "z", "x": "-x", "-x": "x"}  # the turn that undoes another's


def walking(frames=20, travel=(0.0, 0.0, 2.0)):
    body = skeleton(Build())
    quat = np.zeros((frames, body.joint_count, 4))
    quat[..., 0] = 1
    quat[:, 0] = rotations.from_yaw(np.linspace(0, 0.5, frames))
    root = np.array([0.0, 0.95, 0.0]) + np.linspace(0, 1, frames)[:, None] * travel
    return RawMotion(body, root, quat, 30.0, np.zeros(body.joint_count))


def turned(motion, up):
    """The same as a file tells it in which `up` is up, in the motion and in the rest pose."""
    root, quat = turn_y_up(motion.root_pos, motion.local_quat, BACK[up])
    angle, axis = TO_Y_UP[BACK[up]]
    turn = rotations.from_euler(np.array([angle]), axis)
    back = rotations.inverse(turn)
    offsets = rotations.rotate(turn, motion.skeleton.offsets)
    local = rotations.multiply(rotations.multiply(turn, motion.local_quat), back)
    local[:, 0] = rotations.multiply(quat[:, 0], back)
    return replace(motion, skeleton=replace(motion.skeleton, offsets=offsets), root_pos=root, local_quat=local)


def anonymous(motion):
    names = tuple(f"n{i}" + ("_end" if name.endswith("_end") else "") for i, name in enumerate(motion.skeleton.names))
    return replace(motion, skeleton=replace(motion.skeleton, names=names))


@pytest.mark.parametrize("up", TO_Y_UP)
@pytest.mark.parametrize("named", [True, False])
def test_any_axis_can_be_up_and_turning_puts_the_body_upright(up, named):
    motion = turned(walking(), up)
    motion = motion if named else anonymous(motion)
    assert find_up(motion) == up
    root, quat = turn_y_up(motion.root_pos, motion.local_quat, up)
    joints = kinematics.forward(motion.skeleton, root, quat)
    plain = walking()
    np.testing.assert_allclose(joints, kinematics.forward(plain.skeleton, plain.root_pos, plain.local_quat), atol=1e-9)


@given(size=st.floats(0.72, 1.2), unit=st.sampled_from(UNITS), named=st.booleans())
def test_the_unit_makes_the_body_a_persons(size, unit, named):
    body = skeleton(Build(size=size))
    motion = replace(walking(2), skeleton=replace(body, offsets=body.offsets / unit))
    assert find_unit(motion if named else anonymous(motion)) == unit


def test_what_a_format_fixes_is_believed():
    motion = replace(walking(), unit=0.0254, up="-x")
    assert (find_unit(motion), find_up(motion)) == (0.0254, "-x")
    assert "format" in explain_unit(motion).why


def test_the_reasons_are_stated():
    assert explain_unit(walking()).why.startswith("ankle to head: ")
    assert "units are 1." in explain_unit(walking()).why
    assert (
        explain_up(turned(walking(), "z")).why == "the trunk stands along z in 100% of the frames and in the rest pose"
    )
    giant = walking()
    giant = replace(giant, skeleton=replace(giant.skeleton, offsets=giant.skeleton.offsets * 5))
    assert explain_unit(giant).unit is None
    assert "no body" in explain_unit(giant).why


def test_a_body_that_stands_along_z_and_walks_along_y_is_not_one_that_lies():
    # Its rest pose stands along y, as Blender writes; only the root is turned.
    upright = walking(travel=(0.0, 0.0, 2.0))
    root, quat = turn_y_up(upright.root_pos, upright.local_quat, "-z")
    assert find_up(replace(upright, root_pos=root, local_quat=quat)) == "z"
    lying = replace(upright, root_pos=np.zeros_like(upright.root_pos), local_quat=quat)
    assert find_up(lying) == "y"


@pytest.mark.parametrize(("yaw", "said"), [(0.0, "+z (0 degrees"), (1.5708, "+x (90 "), (-1.5708, "-x (-90 ")])
def test_facing_is_told_from_hips_and_shoulders(yaw, said):
    from motionlib.artifacts import Clip, ClipInfo

    body = skeleton(Build())
    quat = np.zeros((1, body.joint_count, 4))
    quat[..., 0] = 1
    quat[:, 0] = rotations.from_yaw(yaw)
    clip = Clip(ClipInfo("a", "a", "a"), body, np.zeros((1, 3), np.float32), quat.astype(np.float32), 20.0)
    assert find_facing(canonical_joints(clip, 20.0)).startswith(said)
