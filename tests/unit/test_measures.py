"""Measures of hand-made motions, and what physics says of their frame rate."""

import numpy as np
import pytest
from bodies import J, line, moved, standing
from hypothesis import given
from hypothesis import strategies as st

from motionlib.ingest import rate
from motionlib.ingest.contacts import contacts, root_share, runs
from motionlib.ingest.doubts import rate_doubt
from motionlib.ingest.frozen import frozen
from motionlib.ingest.measures import MEASURES, jitter, measure, measure_take
from motionlib.ingest.spikes import away
from motionlib.params import Judging

FPS = 30.0


def jump(fps: float, *, seconds: float = 2.0, gravity: float = 9.81, flight: float = 0.6) -> np.ndarray:
    """Stand, fly for `flight` s, stand."""
    time = np.arange(round(seconds * fps)) / fps - 0.5
    height = np.where((time > 0) & (time < flight), gravity / 2 * time * (flight - time), 0.0)
    body = standing(len(time))
    return moved(body, np.stack([0 * time, height, 0.5 * np.clip(time, 0, flight)], axis=1))


def walk(fps: float, *, cadence: float = 2.0, step: float = 0.7, seconds: float = 4.0) -> np.ndarray:
    """Ankles swing past each other once a step while the body goes `step` m."""
    time = np.arange(round(seconds * fps)) / fps
    body = moved(standing(len(time)), line(len(time), fps, cadence * step))
    swing = 0.35 * np.sin(np.pi * cadence * time)
    for side, sign in (("left", 1), ("right", -1)):
        for part in ("ankle", "foot"):
            body[:, J[f"{side}_{part}"], 2] += sign * swing
    return body


def test_someone_who_stands_still():
    values = measure(standing(60), FPS)
    assert values["speed"] == values["turn"] == values["height_range"] == values["penetration"] == 0
    assert values["still_share"] == values["contact_share"] == 1
    assert values["skate"] == 0
    assert values["upright"] == pytest.approx(1)
    assert values["floor"] == pytest.approx(0, abs=1e-9)
    assert np.isnan(values["fall"])
    assert np.isnan(values["cadence"])


def test_gliding_at_one_metre_per_second_is_speed_and_skate():
    values = measure(moved(standing(61), line(61, FPS, 1.0)), FPS)
    assert values["speed"] == pytest.approx(1.0)
    assert values["travel"] == pytest.approx(2.0)
    assert values["skate"] == pytest.approx(1.0)
    assert values["joint_speed"] == pytest.approx(0.0, abs=1e-9)


def test_a_turn_to_the_left_counts_as_one():
    angles = np.radians(np.linspace(0, 90, 31))  # from facing +z to facing +x, in one second
    turn = np.stack([[[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]] for a in angles])
    values = measure(np.einsum("txy,tjy->tjx", turn, standing(31)), FPS)
    assert values["turn_net"] == pytest.approx(90)
    assert values["turn_left"] == pytest.approx(90)
    assert values["turn_right"] == pytest.approx(0, abs=1e-9)
    assert values["turn"] == pytest.approx(90)


def test_one_arm_that_swings():
    body = standing(60)
    body[:, J["left_wrist"], 2] += 0.1 * (np.arange(60) % 2)  # 10 cm a frame: 3 m/s
    values = measure(body, FPS)
    assert values["arm_left"] == pytest.approx(3.0)
    assert values["arm_right"] == 0
    assert values["arm_share"] == 1


def test_a_foot_through_the_floor():
    body = standing(60)
    body[30:33, J["left_foot"], 1] -= 0.2
    assert measure(body, FPS)["penetration"] == pytest.approx(0.2)


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_free_fall_is_gravity_at_any_rate(fps: float):
    body = jump(fps)
    held = contacts(body, fps)
    assert rate.fall(body, fps, held) == pytest.approx(1.0, rel=0.02)
    assert held.flying.mean() == pytest.approx(0.45 / 2.0, abs=0.06)  # above 12 cm


@pytest.mark.parametrize(("factor", "what"), [(2.0, "fall"), (0.5, "fall"), (4.0, "fall"), (0.25, "fall")])
def test_a_wrong_rate_shows_in_flight(factor: float, what: str):
    body = jump(60.0)
    values = measure_take(body, 60 * factor, body, 60 * factor)
    assert values[what] == pytest.approx(factor**2, rel=0.02)
    said = rate_doubt(values, 60 * factor, Judging())
    assert "at 60 Hz" in said or "at 59 Hz" in said or "at 61 Hz" in said
    right = measure_take(body, 60.0, body, 60.0)
    assert rate_doubt(right, 60.0, Judging()) == ""


def test_steps_have_a_rhythm_and_a_length():
    cadence, length = rate.steps(walk(FPS), FPS)
    assert cadence == pytest.approx(2.0, rel=0.02)
    assert length == pytest.approx(0.7, rel=0.02)


@pytest.mark.parametrize("factor", [4.5, 0.25])
def test_a_walk_at_a_wrong_rate_is_told_by_its_steps(factor: float):
    body = walk(FPS)
    assert rate_doubt(measure_take(body, FPS, body, FPS), FPS, Judging()) == ""
    said = rate_doubt(measure_take(body, factor * FPS, body, factor * FPS), factor * FPS, Judging())
    assert ("too high" if factor > 1 else "too low") in said


@given(sigma=st.floats(0.1, 10.0), fps=st.sampled_from([30.0, 60.0, 120.0]))
def test_jitter_grows_with_the_noise_and_not_with_the_motion(sigma: float, fps: float):
    frames = 240
    swing = 0.3 * np.sin(2 * np.pi * np.arange(frames) / fps)[:, None, None]  # 1 Hz, 30 cm
    noise = np.random.default_rng(3).normal(0, sigma / 1000, (frames, 22, 3))
    assert jitter(standing(frames) + swing) < 0.1
    assert jitter(standing(frames) + swing + noise) == pytest.approx(0.8 * sigma, rel=0.25, abs=0.1)


def test_the_root_goes_as_far_as_the_standing_foot_goes_back():
    body = walk(FPS, cadence=1.0, step=0.0)
    feet = [J[name] for name in ("left_ankle", "right_ankle", "left_foot", "right_foot")]
    slide = np.diff(body[:, J["left_ankle"], 2])
    stance = body.copy()
    stance[:, :, 2] -= np.concatenate([[0.0], np.cumsum(np.where(slide < 0, slide, -slide))])[:, None]
    stance[1:, feet[1::2], 1] += np.where(slide < 0, 0.05, -0.0)[:, None]  # the foot that swings is lifted
    stance[1:, feet[0::2], 1] += np.where(slide >= 0, 0.05, 0.0)[:, None]
    assert root_share(stance, FPS) == pytest.approx(1.0, abs=0.05)
    tenfold = stance + 9 * (stance[:, :1] - stance[:1, :1])
    assert root_share(tenfold, FPS) == pytest.approx(10.0, abs=0.5)
    assert np.isnan(root_share(standing(60), FPS))


def test_a_seat_is_no_flight():
    seated = standing(90)
    seated[30:, :, 1] += 0.5
    seated[30:, J["left_wrist"], 0] += 0.01 * np.arange(60)
    assert not contacts(seated, FPS).flying[32:].any()


def test_an_elbow_that_is_stuck_is_named_with_its_frames():
    body = standing(120)
    bend = 0.05 * np.sin(np.arange(120) / 5)
    bend[40:80] = bend[40]
    body[:, J["left_wrist"], 1] += 0.1 + bend
    body[:, :, 2] += 0.01 * np.arange(120)[:, None] + 0.003 * np.sin(np.arange(120))[:, None] * np.arange(22)
    body[:, J["left_wrist"]] += body[:, J["left_shoulder"]] - standing(1)[:, J["left_shoulder"]]
    body[:, J["left_wrist"], 2] = body[:, J["left_shoulder"], 2]
    found = frozen(body, away(body), FPS, 0.5)
    assert found is not None
    assert found[0] == "left_elbow"
    assert found[1:] == (40, 79)
    assert frozen(body, away(body), FPS, 2.0) is None


def test_runs_are_the_stretches_of_true():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=np.bool_)) == []


@given(seed=st.integers(0, 2**16), frames=st.integers(2, 60), fps=st.floats(5, 240))
def test_every_motion_has_all_measures(seed: int, frames: int, fps: float):
    rng = np.random.default_rng(seed)
    track = standing(frames) + np.cumsum(rng.normal(0, 0.03, (frames, 22, 3)), axis=0)
    values = measure_take(track, fps, track, fps)
    assert set(values) == set(MEASURES)
    told = [value for value in values.values() if not np.isnan(value)]
    assert np.isfinite(told).all()
    assert all(0 <= values[name] <= 1 for name in ("contact_share", "air_share", "still_share", "arm_share"))
    assert all(unit and meaning for unit, meaning in MEASURES.values())
