"""The published features: golden files of the original code, its known mistakes, and what holds for any motion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib import normalize
from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_LENGTHS, CANONICAL_PARENTS
from motionlib.normalize import FEATURE_GROUPS, HUMANML3D, layout
from motionlib.normalize.humanml263 import (
    aligned,
    extract,
    extract_all,
    extract_packed,
    recover,
    recover_from_rotations,
    recover_root,
    uniform,
)

HUMANML3D_CLIPS = [
    "t2m_walk_120", "t2m_circle_left_180", "t2m_free_90", "t2m_still_60", "t2m_squat_64", "t2m_jump_41",
    "t2m_short_2", "t2m_cmu_002_01", "t2m_cmu_005_05", "t2m_cmu_006_02",
]  # fmt: skip
# Largest difference from the golden files that float32 in the original explains.
TOLERANCES = {
    "root_turn": 1e-4,
    "root_velocity": 2e-5,
    "root_height": 5e-6,
    "ric": 1e-4,
    "rot6d": 1e-3,
    "velocity": 5e-5,
    "contacts": 0.0,
}
KIT_UNITS = 1e-2


def body(directions):
    """(T, 22, 3) metres: the target skeleton with bones in these directions, pelvis at 0.95 m."""
    bones = directions / np.linalg.norm(directions, axis=-1, keepdims=True).clip(1e-9) * CANONICAL_LENGTHS[:, None]
    joints = np.zeros(directions.shape)
    joints[:, 0, 1] = 0.95
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + bones[:, joint]
    return joints


def standing(frames, seed=0):
    """(frames, 22, 3): roughly the canonical pose, a little different in every frame."""
    return body(CANONICAL_DIRECTIONS + 0.05 * np.random.default_rng(seed).normal(size=(frames, 22, 3)))


def still(frames):
    """(frames, 22, 3): exactly the canonical pose, which faces +z."""
    return body(np.tile(CANONICAL_DIRECTIONS, (frames, 1, 1)))


@pytest.fixture(params=HUMANML3D_CLIPS)
def clip(request, golden):
    return np.load(golden / f"{request.param}.npz")


def test_every_group_matches_the_original(clip):
    features = extract(clip["joints"])
    assert features.dtype == np.float32
    for group, tolerance in TOLERANCES.items():
        part = FEATURE_GROUPS[group]
        np.testing.assert_allclose(features[:, part], clip["features"][:, part], rtol=0, atol=tolerance, err_msg=group)


def test_retargeted_and_aligned_positions_match_the_original(clip):
    np.testing.assert_allclose(uniform(clip["joints"]), clip["uniform"], atol=5e-6)
    if "aligned" in clip:
        np.testing.assert_allclose(aligned(clip["joints"]), clip["aligned"], atol=5e-6)


def test_recovery_matches_the_original(clip):
    root = recover_root(clip["features"])
    np.testing.assert_allclose(recover(clip["features"]), clip["ric_joints"], atol=1e-6)
    np.testing.assert_allclose(root.position, clip["root_pos"], atol=1e-6)
    half = -root.heading / 2
    np.testing.assert_allclose(np.cos(half), clip["root_quat"][:, 0], atol=1e-6)
    np.testing.assert_allclose(np.sin(half), clip["root_quat"][:, 2], atol=1e-6)
    if "rot_joints" in clip:
        np.testing.assert_allclose(recover_from_rotations(clip["features"]), clip["rot_joints"], atol=2e-6)


def test_the_kit_layout_matches_the_original(golden):
    clip, offsets = np.load(golden / "kit_walk_70.npz"), np.load(golden / "target_offsets.npz")["kit_synthetic"]
    kit = layout.kit(np.linalg.norm(offsets.astype(np.float64), axis=-1))
    features = extract(clip["joints"], layout=kit)
    assert kit.dimensions == features.shape[1] == 251
    for group, part in kit.groups.items():
        unitless = group in {"root_turn", "rot6d", "contacts"}
        atol = TOLERANCES[group] if unitless else KIT_UNITS
        np.testing.assert_allclose(features[:, part], clip["features"][:, part], rtol=0, atol=atol, err_msg=group)
    np.testing.assert_allclose(recover(clip["features"], kit), clip["ric_joints"], atol=KIT_UNITS)
    np.testing.assert_allclose(recover_from_rotations(clip["features"], kit), clip["rot_joints"], atol=KIT_UNITS)


def test_the_groups_are_the_published_ones():
    edges = [(part.start, part.stop) for part in FEATURE_GROUPS.values()]
    assert edges == [(0, 1), (1, 3), (3, 4), (4, 67), (67, 193), (193, 259), (259, 263)]
    assert slice(4, 67) == normalize.RIC
    assert HUMANML3D.dimensions == 263


def test_walking_forward_at_one_metre_per_second():
    walking = still(40)
    walking[..., 2] += np.arange(40)[:, None] / 20
    features = extract(walking)
    np.testing.assert_allclose(features[:, normalize.ROOT_TURN], 0, atol=1e-6)
    np.testing.assert_allclose(features[:, normalize.ROOT_VELOCITY], np.tile([0, 0.05], (39, 1)), atol=1e-6)
    # 0.05 m squared is 0.0025: more than 0.002, so no foot stands.
    np.testing.assert_array_equal(features[:, normalize.CONTACTS], 0)
    np.testing.assert_array_equal(extract(walking, contact_threshold=0.003)[:, normalize.CONTACTS], 1)


def test_turning_left_is_a_negative_turn_of_half_the_angle():
    turning = still(200)
    angle = np.arange(200) * 0.01
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, z = turning[..., 0].copy(), turning[..., 2].copy()
    turning[..., 0], turning[..., 2] = cosine * x + sine * z, cosine * z - sine * x  # +z towards +x
    np.testing.assert_allclose(extract(turning)[90:110, 0], -0.005, atol=1e-6)


def test_the_first_turn_jumps_as_published(golden):
    features = extract(np.load(golden / "t2m_cmu_005_05.npz")["joints"])
    assert abs(features[0, 0]) > 10 * np.abs(features[1:10, 0]).max()


def test_past_half_a_turn_the_sign_is_wrong_as_published(golden):
    clip = np.load(golden / "t2m_circle_left_180.npz")
    features = extract(clip["joints"])
    off = np.linalg.norm(recover(features) - aligned(clip["joints"])[:-1], axis=-1).max(axis=-1)
    np.testing.assert_array_equal(np.sign(features[100:, 0]) > 0, clip["features"][100:, 0] > 0)
    assert off.max() > 0.05


@pytest.mark.parametrize(("case", "joint"), [("armsup", "elbow"), ("zerobone", "collar")])
def test_bones_that_made_the_original_nan_are_refused_by_name(golden, case, joint):
    with pytest.raises(ValueError, match=rf"frame \d+: joint '\w+_{joint}'"):
        extract(np.load(golden / "quirks.npz")[f"{case}_joints"])


def test_three_frames_are_computed_as_any_other_number(golden):
    # The original's cross product runs over the time axis when T == 3; its numbers are not to be matched.
    quirks = np.load(golden / "quirks.npz")
    features = extract(quirks["t3_joints"])
    assert np.abs(features - quirks["t3_features_original"]).max() > 0.1
    np.testing.assert_allclose(recover(features), aligned(quirks["t3_joints"])[:2], atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 21, 3), (22, 3), (5, 22, 2), (1, 22, 3), (0, 22, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected joints|frames"):
        extract(np.zeros(shape))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_named(number):
    joints = standing(6)
    joints[4, 20, 1] = number
    with pytest.raises(ValueError, match="frame 4: joint 'left_wrist' is not finite"):
        extract(joints)


def test_a_body_without_a_side_to_face_is_refused():
    directions = np.tile(CANONICAL_DIRECTIONS, (4, 1, 1))
    directions[2, [1, 2, 13, 14]] = [0, 1, 0]  # hips and collars straight up: no left and right
    with pytest.raises(ValueError, match="frame 2: hips against shoulders show no heading"):
        extract(body(directions))
    with pytest.raises(ValueError, match="frame 0: hips and shoulders show no heading"):
        extract(body(directions)[2:])


def test_other_widths_are_refused_on_the_way_back():
    with pytest.raises(ValueError, match="263"):
        recover(np.zeros((4, 251)))


def test_extract_leaves_its_input_alone():
    joints = standing(5)
    before = joints.copy()
    extract(joints)
    np.testing.assert_array_equal(joints, before)


def test_a_body_that_faces_backwards_is_turned_round():
    # Exactly -z: the original divides zero by zero here.
    np.testing.assert_allclose(extract(still(4) * [-1.0, 1.0, -1.0]), extract(still(4)), atol=1e-6)


@given(
    seed=st.integers(0, 2**16),
    angle=st.floats(-3, 3),
    scale=st.floats(0.5, 2.0),
    place=st.tuples(st.floats(-9, 9), st.floats(-2, 2), st.floats(-9, 9)),
)
def test_features_know_neither_place_nor_facing_nor_size(seed, angle, scale, place):
    joints = standing(12, seed)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    moved = scale * joints @ turn.T + np.array(place)
    np.testing.assert_allclose(extract(moved)[:, :259], extract(joints)[:, :259], atol=5e-6)


@given(seed=st.integers(0, 2**16), frames=st.integers(2, 12))
def test_recovery_gives_the_aligned_positions_back(seed, frames):
    joints = standing(frames, seed)
    features = extract(joints)
    np.testing.assert_allclose(recover(features), aligned(joints)[:-1], atol=1e-5)
    np.testing.assert_allclose(recover_from_rotations(features), aligned(joints)[:-1], atol=1e-5)


@given(lengths=st.lists(st.integers(2, 40), min_size=1, max_size=6), seed=st.integers(0, 2**16))
def test_a_clip_has_the_same_bytes_alone_and_among_others(lengths, seed):
    clips = [standing(frames, seed + i) for i, frames in enumerate(lengths)]
    for rows, clip in zip(extract_all(clips), clips, strict=True):
        np.testing.assert_array_equal(rows, extract(clip))


def test_clips_longer_than_a_block_are_computed_as_short_ones():
    long = standing(2000)
    long[..., 0] += 0.01 * np.arange(2000)[:, None]
    shifted = extract_all([standing(770), long, standing(3)])[1]
    np.testing.assert_array_equal(shifted, extract(long))
    np.testing.assert_allclose(recover(shifted), aligned(long)[:-1], atol=1e-4)


def test_packed_clips_give_their_rows_one_after_the_other():
    clips = [standing(5), standing(2, seed=1), standing(9, seed=2)]
    rows = extract_packed(np.concatenate(clips), [0, 5, 7])
    np.testing.assert_array_equal(rows, np.concatenate([extract(clip) for clip in clips]))
    for starts in ([1, 5], [0, 5, 5], [0, 16]):
        with pytest.raises(ValueError, match="starts"):
            extract_packed(np.concatenate(clips), starts)


def test_a_clip_that_is_refused_spoils_no_other(golden):
    with np.load(golden / "quirks.npz") as quirks:
        opposed, without_length = quirks["armsup_joints"], quirks["zerobone_joints"]
    unfinite = standing(6)
    unfinite[4, 20, 1] = np.nan
    good, short = standing(30), np.zeros((1, 22, 3))
    results = extract_all([good, opposed, unfinite, short, without_length, good])
    assert [type(result).__name__ for result in results[1:5]] == ["ValueError"] * 4
    assert "left_wrist" in str(results[2])
    assert "1 frames" in str(results[3])
    for result in (results[0], results[5]):
        np.testing.assert_array_equal(result, extract(good))
    with pytest.raises(ValueError, match="clip 1: frame"):
        extract_packed(np.concatenate([good, unfinite]), [0, 30])


def test_nearly_opposed_bones_keep_their_digits():
    directions = np.tile(CANONICAL_DIRECTIONS, (3, 1, 1))
    directions[:, 20] = [1e-4, 1.0, 0.0]  # the left forearm all but straight up: canonical is down
    features = extract(body(directions))
    np.testing.assert_allclose(recover_from_rotations(features), aligned(body(directions))[:-1], atol=1e-6)


def test_a_batch_is_recovered_as_its_clips():
    batch = np.stack([extract(standing(9, seed)) for seed in range(6)]).reshape(2, 3, 8, 263)
    for function in (recover, recover_from_rotations):
        positions = function(batch)
        assert positions.shape == (2, 3, 8, 22, 3)
        np.testing.assert_array_equal(positions[1, 2], function(batch[1, 2]))
