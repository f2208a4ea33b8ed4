"""Takes that hold the same motion are found, whatever was done to them; different takes are left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Clip, ClipInfo
from motionlib.ingest import read_bvh, synthetic
from motionlib.ingest.duplicates import fingerprint, match, settle
from motionlib.ingest.landmarks import WHOLE, events, has_chain, mirrored_keys
from motionlib.params import Judging
from motionlib.rig import geometry
from motionlib.rig.canonical import canonical_joints, mirrored

SETTINGS = Judging()
FPS = 30.0


def joints_of(index: int) -> np.ndarray:
    motion = read_bvh(synthetic.bvh(synthetic.takes()[index]))
    unit = geometry.find_unit(motion)
    assert unit is not None
    skeleton = type(motion.skeleton)(motion.skeleton.names, motion.skeleton.parents, motion.skeleton.offsets * unit)
    info = ClipInfo("a", "a.bvh", "d")
    clip = Clip(info, skeleton, np.float32(motion.root_pos * unit), np.float32(motion.local_quat), motion.fps)
    return canonical_joints(clip, FPS)


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    """A take with one arm busy, so that its mirror is another motion."""
    name = next(i for i, take in enumerate(synthetic.takes()) if take.action == "wave" and take.seconds > 4)
    return joints_of(name)


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    return joints_of(0)


def turned(joints: np.ndarray, degrees: float, away: tuple[float, float, float]) -> np.ndarray:
    """The same motion elsewhere, facing elsewhere."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return joints @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + np.array(away)


def other_rate(joints: np.ndarray, fps: float) -> np.ndarray:
    times = np.arange(0, len(joints) - 1, FPS / fps)
    low = times.astype(int)
    share = (times - low)[:, None, None]
    return (1 - share) * joints[low] + share * joints[low + 1]


def findings(*prints: np.ndarray) -> dict[int, str]:
    settled = settle([f"take{i}" for i in range(len(prints))], prints, SETTINGS)
    assert len(settled.groups) == len(prints)
    return {take: reason for take, (reason, _) in settled.findings.items()}


def test_a_copy_is_a_duplicate_of_the_first_and_names_it(walk: np.ndarray):
    settled = settle(["a", "b", "c"], [fingerprint(walk, FPS)] * 3, SETTINGS)
    assert settled.groups == ["a", "a", "a"]
    assert {take: reason for take, (reason, _) in settled.findings.items()} == {1: "duplicate", 2: "duplicate"}
    assert settled.findings[1][1] == "the same motion as a, number for number"


@given(degrees=st.floats(-180, 180), x=st.floats(-5, 5), y=st.floats(-1, 1), z=st.floats(-5, 5))
def test_place_and_heading_do_not_matter(walk: np.ndarray, degrees: float, x: float, y: float, z: float):
    assert findings(fingerprint(walk, FPS), fingerprint(turned(walk, degrees, (x, y, z)), FPS)) == {1: "duplicate"}


@given(fps=st.floats(24, 120))
def test_the_frame_rate_does_not_matter(walk: np.ndarray, fps: float):
    assert findings(fingerprint(walk, FPS), fingerprint(other_rate(walk, fps), fps)) == {1: "duplicate"}


def test_two_millimetres_of_noise_do_not_matter(walk: np.ndarray):
    noise = np.random.default_rng(1).normal(0, 0.002, walk.shape)
    assert findings(fingerprint(walk, FPS), fingerprint(walk + noise, FPS)) == {1: "duplicate"}


def test_a_crop_overlaps(walk: np.ndarray):
    settled = settle(["whole", "crop"], [fingerprint(walk, FPS), fingerprint(walk[20:90], FPS)], SETTINGS)
    assert settled.groups == ["whole", "whole"]
    assert settled.findings[1][0] == "overlaps"
    assert "shifted by 0.67 s" in settled.findings[1][1]  # 20 frames of 30 Hz


def test_a_mirror_is_told_from_a_copy(wave: np.ndarray):
    assert findings(fingerprint(wave, FPS), fingerprint(mirrored(wave), FPS)) == {1: "mirrored_duplicate"}


def test_keys_of_a_mirror_are_the_mirrored_keys(wave: np.ndarray):
    straight, flipped = fingerprint(wave, FPS)[1:], fingerprint(mirrored(wave), FPS)[1:]
    ours = np.stack([mirrored_keys(straight[:, 0]), straight[:, 1]], axis=1)
    same = {tuple(row) for row in ours.tolist()} & {tuple(row) for row in flipped.tolist()}
    assert len(same) > 0.9 * len(straight)  # rounding may move a value by one step


def test_a_body_of_another_size_overlaps(walk: np.ndarray):
    arms = walk.copy()
    arms[:, [20, 21]] += 0.03 * np.sign(arms[:, [20, 21]] - arms[:, [18, 19]])  # longer forearms
    assert findings(fingerprint(walk, FPS), fingerprint(1.2 * arms, FPS)) in ({1: "overlaps"}, {1: "duplicate"})


def test_other_takes_are_other_motions():
    prints = [fingerprint(joints_of(i), FPS) for i in range(0, 60, 4)]
    assert set(findings(*prints).values()) <= {"overlaps"}  # formulas repeat themselves; people do not
    settled = settle([str(i) for i in range(len(prints))], prints, SETTINGS)
    assert len(set(settled.groups)) >= 0.8 * len(prints)


def test_a_take_without_landmarks_is_alone():
    none = np.zeros((0, 2), dtype=np.int64)
    still = fingerprint(np.repeat(joints_of(0)[:1], 40, axis=0), FPS)
    assert len(still) == 1
    assert findings(none, none, still) == {}
    assert settle([], [], SETTINGS).groups == []


def test_the_order_of_takes_decides_who_stays_and_nothing_else(walk: np.ndarray, wave: np.ndarray):
    a, b = fingerprint(walk, FPS), fingerprint(wave, FPS)
    assert findings(a, b, a) == {2: "duplicate"}
    assert findings(b, a, a) == {2: "duplicate"}
    assert settle(["x", "y", "z"], [a, b, a], SETTINGS) == settle(["x", "y", "z"], [a, b, a], SETTINGS)


def test_a_match_says_how_far_two_takes_are_apart(walk: np.ndarray):
    one, other = fingerprint(walk, FPS), fingerprint(walk[30:], FPS)
    found = match(one, other, 1.02)
    assert found.shift_s == pytest.approx(1.0, abs=0.002)
    assert found.shared_s == pytest.approx((len(walk) - 31) / FPS, abs=0.01)
    assert found.share > 0.95
    assert found.timing_s < 0.001
    assert found.place == 0


@given(seed=st.integers(0, 2**16), frames=st.integers(1, 80))
def test_any_motion_has_landmarks_in_order_and_within_it(seed: int, frames: int):
    rng = np.random.default_rng(seed)
    track = np.cumsum(rng.normal(0, 0.05, (frames, 22, 3)), axis=0)
    print_ = fingerprint(track, FPS)
    assert print_.dtype == np.int64
    assert print_[0, 0] >> 59 == WHOLE
    assert print_[0, 1] == round(1000 * (frames - 1) / FPS)
    assert (print_[:, 0] >= 0).all()
    assert (np.diff(print_[1:, 1]) >= 0).all()
    assert ((print_[1:, 1] >= 0) & (print_[1:, 1] <= print_[0, 1])).all()
    told = events(print_)
    assert np.isin(told.signal, np.arange(12)).all()
    assert has_chain(print_[:, 0]).sum() <= max(0, len(print_) - 1)
