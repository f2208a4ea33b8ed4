"""Repairs of hand-made takes: what is interpolated, what is cut, and what is too much."""

import numpy as np
import pytest
from bodies import J, line, moved, standing
from hypothesis import given
from hypothesis import strategies as st

from motionlib.ingest.calibration import kept, t_poses
from motionlib.ingest.findings import Findings
from motionlib.ingest.mending import Take, mend
from motionlib.ingest.quality import QUARANTINE, REMARK, REPAIR
from motionlib.ingest.spikes import away, find_leaps, find_spikes, flips
from motionlib.params import Ingest, Judging

FPS = 30.0
SETTINGS = Ingest(min_seconds=0.5, max_fps=480.0)


def living(frames: int, arms: str = "down") -> np.ndarray:
    """A body that trembles as every captured one does, and walks at 1 m/s."""
    noise = np.random.default_rng(5).normal(0, 0.0005, (frames, 22, 3))
    return moved(standing(frames, arms), line(frames, FPS, 1.0)) + noise


def take_of(joints: np.ndarray, fps: float = FPS) -> Take:
    quat = np.zeros((len(joints), 22, 4))
    quat[..., 0] = np.cos(0.1)  # turned by 0.2 rad: not the rest pose
    quat[..., 1] = np.sin(0.1)
    return Take(joints[:, 0].copy(), quat, joints, fps)


def mended(joints: np.ndarray) -> tuple[Take, slice, dict[str, str]]:
    found = Findings()
    take, piece = mend(take_of(joints), SETTINGS, found)
    return take, piece, found.messages


def test_a_sound_take_stays_as_it_is():
    joints = living(90)
    take, piece, said = mended(joints)
    assert said == {}
    assert piece == slice(None)
    np.testing.assert_array_equal(take.joints, joints)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_hand_that_is_elsewhere_for_some_frames_is_brought_back(width: int):
    joints = living(90)
    joints[40 : 40 + width, J["left_wrist"], 1] += 0.3
    take, piece, said = mended(joints)
    assert list(said) == ["spikes_removed"]
    assert "left_wrist is 0.30 m away in frame" in said["spikes_removed"]
    assert piece == slice(None)
    np.testing.assert_allclose(take.joints, living(90), atol=0.005)


def test_rotations_and_root_of_a_spike_are_taken_from_its_neighbours():
    joints = living(90)
    joints[40, :, 1] += 0.5
    raw = take_of(joints)
    quat = raw.quat.copy()
    quat[40, 3] = (0, 1, 0, 0)
    take, _ = mend(raw._replace(quat=quat), SETTINGS, Findings())
    np.testing.assert_allclose(take.quat[40], take.quat[39], atol=1e-12)
    np.testing.assert_allclose(take.root[40], (take.root[39] + take.root[41]) / 2)
    assert joints[40, 0, 1] > 1.2  # what was given is left alone


def test_too_many_spikes_are_a_reason_to_set_it_aside():
    joints = living(90)
    joints[5:85:7, J["left_wrist"], 1] += 0.3
    _, piece, said = mended(joints)
    assert set(said) == {"spikes"}
    assert "12 in 12 of 90 frames" in said["spikes"]
    assert piece == slice(None)


def test_a_fast_hand_is_no_spike():
    joints = living(90)
    joints[:, J["left_wrist"], 1] += 0.3 * np.sin(2 * np.pi * 3 * np.arange(90) / FPS)  # 3 Hz, 5.7 m/s
    assert mended(joints)[2] == {}


def test_the_longer_side_of_a_leap_is_kept():
    joints = living(90)
    joints[30:] += (2.0, 0, 0)
    _, piece, said = mended(joints)
    assert piece == slice(30, 90)
    assert said["cut_at_jump"].startswith("1 times; pelvis by 2.00 m between frames 29 and 30, 60 m/s (over 20)")


def test_a_limb_that_leaps_and_stays_cuts_too():
    joints = living(90)
    joints[70:, J["right_ankle"], 2] += 1.0
    _, piece, said = mended(joints)
    assert piece == slice(0, 70)
    assert "right_ankle by 1.0" in said["cut_at_jump"]


def test_leaps_everywhere_leave_nothing_to_keep():
    joints = living(90)
    joints[:, J["right_ankle"], 2] += 1.0 * (np.arange(90) // 20 % 2)
    assert set(mended(joints)[2]) == {"pose_jumps"}


@pytest.mark.parametrize("frames", [1, 30])
def test_a_t_pose_before_the_motion_is_cut_off(frames: int):
    joints = np.concatenate([living(frames, "out"), living(90)])
    _, piece, said = mended(joints)
    assert piece == slice(frames, frames + 90)
    assert said == {"calibration_cut": f"frames 0 to {frames - 1} of {frames + 90} hold a T-pose; they were cut off"}


def test_a_t_pose_behind_the_motion_is_cut_off():
    _, piece, said = mended(np.concatenate([living(90), living(20, "out")]))
    assert piece == slice(0, 90)
    assert "frames 90 to 109" in said["calibration_cut"]


def test_a_take_that_is_all_t_pose_is_left_alone():
    assert mended(living(60, "out"))[1:] == (slice(None), {})


def test_arms_that_pass_through_a_t_pose_are_no_calibration():
    poses = np.zeros(90, dtype=np.bool_)
    poses[:3] = True
    assert kept(poses, np.zeros(89, dtype=np.bool_), 8) == (0, 90)
    assert t_poses(standing(2, "out")).all()
    assert not t_poses(standing(2)).any()


def test_a_held_end_is_cut_off():
    joints = living(90)
    _, piece, said = mended(np.concatenate([joints, np.repeat(joints[-1:], 40, axis=0)]))
    assert piece == slice(0, 90)
    assert said == {"held_cut": "frames 90 to 129 of 130 repeat one pose; they were cut off"}


def test_flips_are_told_by_frame_and_joint():
    quat = np.zeros((5, 3, 4))
    quat[..., 0] = 1
    quat[2:, 1] = (0, 1, 0, 0)
    assert flips(quat) == [(1, 1)]
    assert flips(-quat) == [(1, 1)]


@given(seed=st.integers(0, 2**16), frames=st.integers(2, 60))
def test_any_take_is_mended_within_itself(seed: int, frames: int):
    rng = np.random.default_rng(seed)
    joints = standing(frames) + np.cumsum(rng.standard_t(2, (frames, 22, 3)) * 0.02, axis=0)
    take, piece, said = mended(joints)
    start, end, _ = piece.indices(frames)
    assert 0 <= start < end <= frames
    assert take.joints.shape == joints.shape
    assert np.isfinite(take.joints).all()
    assert set(said) <= set(QUARANTINE) | set(REPAIR) | set(REMARK)


@given(size=st.floats(0.07, 1.0), frame=st.integers(3, 85), joint=st.integers(1, 21))
def test_every_spike_is_found_where_it_is(size: float, frame: int, joint: int):
    joints = living(90)
    joints[frame, joint, 0] += size
    (spike,) = find_spikes(joints, away(joints), FPS, Judging())
    assert (spike.joint, spike.start, spike.width) == (joint, frame, 1)
    assert spike.size == pytest.approx(size, abs=0.01)
    assert find_leaps(away(living(90)), FPS, Judging()) == []
