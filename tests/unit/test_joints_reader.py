"""Joints and features as .npy: which arrays are motion, and what is made of them."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body import kinematics, ric, smpl
from motionlib.ingest import READERS, BadMotionError, RawMotion, Source
from motionlib.ingest.joints import BODIES, KIT, KIT_UNIT, read_npy
from motionlib.rig.canonical import canonical_joints

Y_TO_Z = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def read(array: np.ndarray, **known: float) -> RawMotion:
    return read_npy(Source("a.npy", npy(array), **known))


def bodies(count: int, frames: int = 30, seed: int = 0) -> np.ndarray:
    """Someone of that many joints who stands, sways and waves."""
    rng = np.random.default_rng(seed)
    kind = next(kind for kind in (smpl.BODY, smpl.SMPL, smpl.SMPLH, smpl.SMPLX) if len(kind.joints) == count)
    sway = np.sin(np.linspace(0, 3, frames))[:, None, None] * rng.normal(size=(1, count, 3)) * 0.3
    return smpl.joints(kind.assumed_joints, kind.parents, sway, rng.normal(size=(1, 3)) + np.zeros((frames, 3)))


def positions(motion: RawMotion) -> np.ndarray:
    return kinematics.forward(motion.skeleton, motion.root_pos, motion.local_quat)


@pytest.mark.parametrize("count", [22, 24, 52, 55])
def test_joints_come_back_where_they_were(count: int):
    joints = bodies(count)
    motion = read(joints.astype(np.float32))
    assert motion.skeleton.names == BODIES[count].names
    np.testing.assert_allclose(positions(motion), joints, atol=1e-5)
    assert (motion.fps, motion.up, motion.unit) == (20.0, "y", None)
    assert motion.remarks == ("rotations_from_positions", "fps_assumed")


def test_fingers_are_kept_with_their_names():
    names = read(bodies(52)).skeleton.names
    assert names[22:25] == ("left_index1", "left_index2", "left_index3")
    assert len(names) == 52


def test_a_body_that_stands_along_z_is_z_up():
    assert read(bodies(22) @ Y_TO_Z.T).up == "z"
    assert read(bodies(22) * [1, -1, -1]).up == "-y"


def test_a_stated_rate_is_no_assumption():
    motion = read(bodies(22), fps=30.0)
    assert motion.fps == 30.0
    assert motion.remarks == ("rotations_from_positions",)


def test_features_give_the_joints_that_the_published_recovery_gives():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 263)) * 0.05
    rows[:, 4:67] += bodies(22, 1)[0, 1:].reshape(-1)
    motion = read(rows)
    expected = ric.recover(rows, ric.feature_groups(22))
    assert motion.up == "y"
    assert motion.root_pos.shape == (40, 3)
    np.testing.assert_allclose(motion.root_pos, expected[:, 0], atol=1e-12)


def kit_body(frames: int = 10) -> np.ndarray:
    """A body of KIT-ML's size: thigh and shin of 220 units each."""
    lengths = np.full(21, 100.0)
    lengths[[12, 13, 17, 18]] = 220.0
    joints = np.zeros((frames, 21, 3))
    for joint, parent in enumerate(ric.KIT_PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + lengths[joint] * KIT.rest[joint]
    return joints


def test_kit_bodies_have_their_own_unit_and_rate():
    motion = read(kit_body())
    assert (motion.fps, motion.unit, motion.up) == (12.5, KIT_UNIT, "y")
    assert motion.skeleton.names == KIT.names
    np.testing.assert_allclose(positions(motion), kit_body(), atol=1e-9)
    assert read(kit_body() / 441 * 0.8).unit is None  # in metres already


def test_a_kit_walk_turns_no_joint_upside_down_and_its_features_are_the_same_motion(golden: Path):
    with np.load(golden / "kit_walk_70.npz") as made:
        joints, features, recovered = made["joints"], made["features"], made["ric_joints"]
    motion = read(joints)
    assert motion.local_quat[:, 1:, 0].min() > np.cos(np.radians(60))  # half angles: nothing but the root turns far
    names = list(motion.skeleton.names)
    np.testing.assert_allclose(positions(motion)[:, [names.index(n) for n in KIT.names]], joints, atol=1.0)  # of 1700
    same = read(features)
    np.testing.assert_allclose(same.root_pos, recovered[:, 0], atol=0.01)
    assert same.skeleton.names[0] == "root"


def test_what_reads_as_motion_becomes_the_canonical_joints(tmp_path: Path):
    from motionlib.artifacts import ClipInfo
    from motionlib.ingest.captions import Label
    from motionlib.ingest.judge import judge
    from motionlib.ingest.survey import DEFAULTS

    joints = bodies(22)
    judged = judge(Source("a.npy", npy(joints)), ClipInfo("d/a", "d/a.npy", "d"), Label(), DEFAULTS)
    assert judged.clip is not None
    np.testing.assert_allclose(canonical_joints(judged.clip, 20.0), joints, atol=1e-4)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(263), "not_motion"),
        (np.zeros((5, 512)), "not_motion"),
        (np.zeros((5, 22, 2)), "not_motion"),
        (np.zeros((5, 23, 3)), "not_motion"),
        (np.zeros((0, 22, 3)), "no_frames"),
        (np.full((5, 22, 3), np.nan), "not_finite"),
        (np.full((5, 22, 3), 1e30), "not_finite"),
        (np.full((5, 263), np.inf), "not_finite"),
        (np.zeros((5, 22, 3), dtype=complex), "bad_header"),
        (np.zeros((5, 22, 3), dtype="U3"), "bad_header"),
        (np.zeros((5, 22, 3), dtype=np.longdouble), "bad_header"),
    ],
)
def test_other_arrays_are_refused_with_the_reason(array: np.ndarray, reason: str):
    with pytest.raises(BadMotionError, match=r"a\.npy") as caught:
        read(array)
    assert caught.value.reason == reason


def test_a_number_that_is_not_finite_is_named_by_frame_and_joint():
    joints = bodies(22)
    joints[7, 20, 1] = np.nan
    with pytest.raises(BadMotionError, match="frame 7: left_wrist"):
        read(joints)
    rows = np.zeros((5, 263))
    rows[2, 66] = np.inf
    with pytest.raises(BadMotionError, match="frame 2: feature 66"):
        read(rows)


def test_a_signalling_nan_is_refused_without_a_warning():
    joints = bodies(22).astype("<f4")
    joints.view("<u4")[3, 0, 0] = 0x7F800001
    with pytest.raises(BadMotionError, match="frame 3: pelvis"):
        read(joints)


def test_no_bytes_are_an_empty_file():
    with pytest.raises(BadMotionError) as caught:
        read_npy(Source("a.npy", b""))
    assert caught.value.reason == "empty_file"


@given(data=st.data())
def test_no_mutation_raises_anything_else(data: st.DataObject):
    whole = bytearray(npy(bodies(22, 4).astype(np.float16)))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        motion = READERS[".npy"].read(Source("a.npy", bytes(whole)))
    except BadMotionError:
        return
    assert np.isfinite(motion.local_quat).all()


def test_shipped_features_and_joints_are_one_motion(real_mocap: Path):
    folder = real_mocap / "reference" / "humanml3d"
    for path in sorted((folder / "new_joints").glob("*.npy")):
        joints = np.load(path)
        for name in ("new_joints", "new_joint_vecs"):
            motion = read_npy(Source(path.name, (folder / name / path.name).read_bytes()))
            np.testing.assert_allclose(positions(motion), joints, atol=1e-5)
            assert motion.up == "y"
