"""Mode exact: what the published features get wrong is right, at any frame rate, and the way back is exact."""

import tarfile

import numpy as np
import pytest
from analytic import walk
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_LENGTHS, CANONICAL_PARENTS, Skeleton
from motionlib.ingest import read_bvh
from motionlib.normalize import CONTACTS, FEATURE_GROUPS, ROOT_TURN, ROOT_VELOCITY, ROT6D, exact, humanml263
from motionlib.normalize.exact_rotations import least_twist, mirrored_rotations, pelvis_frame
from motionlib.normalize.extraction import features_of, features_of_all
from motionlib.params import load
from motionlib.rig.canonical import canonical_motion, mirrored

SETTINGS = load().normalize.model_copy(update={"mode": "exact", "fps": 20.0})
ASF_UNIT = 0.0254 / 0.45  # m
RATES = (59.94, 60.0, 100.0, 120.0, 150.0, 250.0)


def body(directions):
    """(T, 22, 3) m: canonical bone lengths in these directions, pelvis at 0.95 m."""
    bones = directions / np.linalg.norm(directions, axis=-1, keepdims=True).clip(1e-9) * CANONICAL_LENGTHS[:, None]
    joints = np.zeros(directions.shape)
    joints[:, 0, 1] = 0.95
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + bones[:, joint]
    return joints


def standing(frames, seed=0):
    """(frames, 22, 3): roughly the canonical pose, a little different in every frame."""
    return body(CANONICAL_DIRECTIONS + 0.05 * np.random.default_rng(seed).normal(size=(frames, 22, 3)))


def motion(**asked):
    """Joints and world rotations of the analytic walk at 20 Hz."""
    return canonical_motion(walk(20.0, **asked), 20.0)


def angle(first, second):
    """Radians between rotations (..., 4)."""
    return 2 * np.arccos(np.clip(np.abs((first * second).sum(-1)), 0, 1))


@pytest.mark.parametrize("turns", [0.0, 0.7])
def test_every_frame_rate_gives_the_same_features_within_one_percent(turns):
    true = features_of(walk(20.0, turns=turns), SETTINGS).rows
    assert 0.1 < true[:, CONTACTS].mean() < 0.9
    for fps in RATES:
        rows = features_of(walk(fps, turns=turns), SETTINGS).rows
        assert abs(len(rows) - len(true)) <= 1  # 6 s at 59.94 Hz end before the last frame at 20 Hz
        for group, part in FEATURE_GROUPS.items():
            apart = rows[: len(true), part] - true[: len(rows), part]
            assert np.sqrt((apart**2).mean()) < 0.01 * true[:, part].std(axis=0).mean(), f"{group} at {fps} Hz"


@pytest.mark.parametrize("turns", [3.0, -3.0, 0.5, -1.2])
def test_a_walk_on_a_circle_is_recovered_within_a_centimetre(turns):
    joints, world = motion(turns=turns, seconds=12.0)
    features = exact.extract(joints, world)
    np.testing.assert_allclose(exact.recover_joints(features), exact.posed(joints, world).joints[:-1], atol=1e-5)
    # The root's true path is a circle of 1 m; the body starts at the origin, as tall as the canonical one.
    root = joints[:-1, 0] - joints[0, 0]
    yaw = exact.heading(joints)[0]
    x, z = np.cos(yaw) * root[:, 0] - np.sin(yaw) * root[:, 2], np.sin(yaw) * root[:, 0] + np.cos(yaw) * root[:, 2]
    np.testing.assert_allclose(exact.recover_joints(features)[:, 0, [0, 2]], np.stack([x, z], 1), atol=0.01)


def test_the_published_features_lose_the_same_circle():
    joints = motion(turns=3.0, seconds=12.0).joints
    off = humanml263.recover(humanml263.extract(joints)) - humanml263.aligned(joints)[:-1]
    assert np.abs(off).max() > 0.3


def test_the_first_row_is_a_velocity_like_any_other():
    joints, world = motion(turns=2.0, standing=0.0, seconds=4.0)
    whole, later = exact.extract(joints, world), exact.extract(joints[30:], world[30:])
    np.testing.assert_allclose(later[:, ROOT_TURN], whole[30:, ROOT_TURN], atol=1e-6)
    np.testing.assert_allclose(later[:, ROOT_VELOCITY], whole[30:, ROOT_VELOCITY], atol=1e-6)


@given(first=st.integers(0, 40), last=st.integers(50, 80))
def test_rows_do_not_depend_on_where_a_take_is_cut(first, last):
    joints, world = motion(turns=1.0, seconds=4.0)
    whole, part = exact.extract(joints, world), exact.extract(joints[first:last], world[first:last])
    moving = np.r_[0:3, 67:263]  # heights depend on the floor that the part shows
    np.testing.assert_allclose(part[:, moving[:-4]], whole[first : last - 1, moving[:-4]], atol=1e-5)


def test_turning_left_by_a_tenth_of_a_radian_is_minus_a_twentieth():
    still = body(np.tile(CANONICAL_DIRECTIONS, (100, 1, 1)))
    turning = rotations.rotate(rotations.from_yaw(0.1 * np.arange(100))[:, None], still)
    np.testing.assert_allclose(exact.extract(turning)[:, ROOT_TURN], -0.05, atol=1e-7)  # 9.9 rad, past pi three times


def test_a_fast_or_raised_foot_does_not_stand():
    still = body(np.tile(CANONICAL_DIRECTIONS, (10, 1, 1)))
    np.testing.assert_array_equal(exact.extract(still)[:, CONTACTS], 1.0)
    drifting = still + 0.02 * np.arange(10)[:, None, None] * [0.0, 0.0, 1.0]  # 0.4 m/s
    np.testing.assert_array_equal(exact.extract(drifting)[:, CONTACTS], 0.0)
    np.testing.assert_array_equal(humanml263.extract(drifting)[:, CONTACTS], 1.0)
    directions = np.tile(CANONICAL_DIRECTIONS, (10, 1, 1))
    directions[:, 4] = directions[:, 7] = [0.0, 0.0, 1.0]  # the left leg held out to the front
    np.testing.assert_array_equal(exact.extract(body(directions))[:, CONTACTS], np.tile([0, 0, 1, 1], (9, 1)))


@given(
    seed=st.integers(0, 2**16),
    yaw=st.floats(-3, 3),
    scale=st.floats(0.5, 2.0),
    place=st.tuples(st.floats(-9, 9), st.floats(-2, 2), st.floats(-9, 9)),
)
def test_features_know_neither_place_nor_facing_nor_size(seed, yaw, scale, place):
    joints = standing(12, seed)
    world = least_twist(joints)
    turn = rotations.from_yaw(yaw)
    moved = scale * rotations.rotate(turn, joints) + np.array(place)
    turned = rotations.multiply(turn, world)
    np.testing.assert_allclose(exact.extract(moved, turned)[:, :259], exact.extract(joints, world)[:, :259], atol=5e-6)


@given(seed=st.integers(0, 2**16))
def test_the_mirror_of_a_take_turns_and_drifts_the_other_way(seed):
    joints, world = motion(turns=0.5, seconds=2.0, seed=seed)
    rows = exact.extract(joints, world)
    image = exact.extract(mirrored(joints), mirrored_rotations(world))
    np.testing.assert_allclose(image[:, :3], rows[:, :3] * [-1.0, -1.0, 1.0], atol=1e-6)
    same = exact.extract(mirrored(mirrored(joints)), mirrored_rotations(mirrored_rotations(world)))
    np.testing.assert_array_equal(same, rows)


def test_rotations_come_back_with_their_twist():
    joints, world = motion(turns=1.0, seconds=3.0)
    back = exact.recover_rotations(exact.extract(joints, world))
    turned = rotations.multiply(rotations.from_yaw(-exact.heading(joints)[0]), world)
    np.testing.assert_allclose(angle(back, turned[:-1]), 0.0, atol=1e-3)


def test_a_wrist_that_only_twists_changes_only_its_own_slot():
    joints = body(np.tile(CANONICAL_DIRECTIONS, (3, 1, 1)))
    world = np.tile([1.0, 0, 0, 0], (3, 22, 1))
    twisted = world.copy()
    twisted[:, 20] = [np.sqrt(0.5), 0, np.sqrt(0.5), 0]  # the left hand by 90 degrees about the forearm
    rows, plain = exact.extract(joints, twisted)[:, ROT6D], exact.extract(joints, world)[:, ROT6D]
    assert set(np.flatnonzero((rows != plain).any(axis=0)) // 6) == {20 - 1}


def test_positions_alone_give_rotations_that_carry_the_bones():
    joints = standing(20)
    world = least_twist(joints)
    for joint in (4, 5, 7, 8, 10, 11, 18, 19, 20, 21):  # bones that start at a joint with one child
        parent = CANONICAL_PARENTS[joint]
        bone = rotations.normalise(joints[:, joint] - joints[:, parent])
        np.testing.assert_allclose(rotations.rotate(world[:, parent], CANONICAL_DIRECTIONS[joint]), bone, atol=1e-9)
    np.testing.assert_allclose(angle(pelvis_frame(joints), world[:, 0]), 0.0, atol=1e-7)


@pytest.mark.parametrize("case", ["armsup", "zerobone"])
def test_bones_that_made_the_original_nan_are_computed(golden, case):
    with np.load(golden / "quirks.npz") as quirks:
        joints = quirks[f"{case}_joints"]
    features = exact.extract(joints)
    assert np.isfinite(features).all()
    np.testing.assert_allclose(exact.recover_joints(features), exact.posed(joints).joints[:-1], atol=1e-5)


def test_a_body_that_lies_on_its_side_for_a_moment_keeps_its_heading():
    upright = body(np.tile(CANONICAL_DIRECTIONS, (9, 1, 1)))
    roll = rotations.from_euler(np.linspace(0, np.pi, 9)[:, None] * [0.5], "Z")  # up to a quarter turn
    joints = rotations.rotate(roll[:, None], upright)
    features = exact.extract(joints)
    np.testing.assert_allclose(features[:, ROOT_TURN], 0.0, atol=1e-6)
    never = rotations.rotate(roll[-1], upright)
    np.testing.assert_allclose(exact.extract(never)[:, ROOT_TURN], 0.0, atol=1e-6)


@given(seed=st.integers(0, 2**16), frames=st.integers(2, 9))
def test_any_pose_and_any_rotations_come_back(seed, frames):
    rng = np.random.default_rng(seed)
    joints = body(rng.normal(size=(frames, 22, 3))) + 5 * rng.normal(size=(frames, 1, 3))
    world = rotations.normalise(rng.normal(size=(frames, 22, 4)))
    features = exact.extract(joints, world)
    np.testing.assert_allclose(exact.recover_joints(features), exact.posed(joints, world).joints[:-1], atol=1e-4)
    turned = rotations.multiply(rotations.from_yaw(-exact.heading(joints)[0]), world)[:-1, 1:]
    np.testing.assert_allclose(angle(exact.recover_rotations(features)[:, 1:], turned), 0.0, atol=1e-2)


def test_what_is_no_take_is_refused():
    joints = standing(6)
    joints[4, 20, 1] = np.nan
    with pytest.raises(ValueError, match="frame 4: joint 'left_wrist' is not finite"):
        exact.extract(joints)
    with pytest.raises(ValueError, match="no length"):
        exact.extract(np.zeros((5, 22, 3)))
    with pytest.raises(ValueError, match=r"rotations \(6, 22, 4\)"):
        exact.extract(standing(6), np.zeros((5, 22, 4)))
    with pytest.raises(ValueError, match="frame 0: rotation of joint 'pelvis' is no unit quaternion"):
        exact.extract(standing(6), np.zeros((6, 22, 4)))


def test_takes_are_computed_together_as_alone_in_both_modes():
    takes = [walk(30.0, seconds=2.0), walk(24.0, seconds=1.5, turns=0.3), walk(20.0, seconds=2.0, seed=4)]
    for mode in ("compat", "exact"):
        settings = SETTINGS.model_copy(update={"mode": mode})
        together = features_of_all(takes, settings, [True, False, True])
        for take, found, wanted in zip(takes, together, (True, False, True), strict=True):
            alone = features_of(take, settings, mirror=wanted)
            assert (found.mirror is None) is not wanted
            np.testing.assert_array_equal(found.rows, alone.rows)
            np.testing.assert_array_equal(found.joints, alone.joints)


@pytest.mark.slow
def test_real_takes_come_back_within_a_millimetre_and_a_hundredth_of_a_degree(real_mocap, tmp_path):
    with tarfile.open(real_mocap / "cmu" / "bvh" / "127.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    takes = sorted(tmp_path.rglob("*.bvh"))
    assert len(takes) > 5
    for path in takes:
        raw = read_bvh(path.read_bytes())
        skeleton = Skeleton(raw.skeleton.names, raw.skeleton.parents, raw.skeleton.offsets * ASF_UNIT)
        root, quat = (raw.root_pos * ASF_UNIT).astype(np.float32), raw.local_quat.astype(np.float32)
        joints, world = canonical_motion(
            Clip(ClipInfo(path.stem, path.name, "cmu"), skeleton, root, quat, raw.fps), 20.0
        )
        features = exact.extract(joints, world)
        np.testing.assert_allclose(exact.recover_joints(features), exact.posed(joints, world).joints[:-1], atol=1e-3)
        turned = rotations.multiply(rotations.from_yaw(-exact.heading(joints)[0]), world)[:-1, 1:]
        np.testing.assert_allclose(angle(exact.recover_rotations(features)[:, 1:], turned), 0.0, atol=2e-4)


def test_published_joints_and_features_are_one_motion_in_compat(real_mocap):
    # A clip made of published joints has the published rows, as far from its end as the heading's filter reaches.
    folder = real_mocap / "reference" / "humanml3d"
    joints = {path.stem: np.load(path) for path in sorted((folder / "new_joints").glob("*.npy"))}
    assert joints
    for name, positions in joints.items():
        rows, published = humanml263.extract(positions), np.load(folder / "new_joint_vecs" / f"{name}.npy")
        inner = slice(0, max(len(rows) - 80, 0))
        np.testing.assert_allclose(rows[inner, :259], published[: len(rows)][inner, :259], atol=1e-4)
