"""From measures to a verdict: bands, scores, what a mean allows, and the clips that decide."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import CodeShape
from motionlib.evaluation.off_distribution import bands, contrast, words
from motionlib.evaluation.off_distribution.codes import Novelty, remember
from motionlib.evaluation.off_distribution.contrast import Draws, Values
from motionlib.evaluation.off_distribution.measures import Coder, Known, Measured, measure
from motionlib.evaluation.off_distribution.verdict import FINE_TUNE, NO_NEED, RETRAIN, chance, judge
from motionlib.evaluation.off_distribution.windows import Neighbourhood, windows

DRAWS = Draws(200, 0)
NOTHING = np.zeros(0)


def clip(name, error=2.0, distance=1.5, frames=100, **more):
    known = {"frame_mm": NOTHING, "frame_error_mm": NOTHING, "uses": np.array([[1, 1]]), "window_mm": 90.0} | more
    return Measured(name, frames, 80.0, 60.0, distance_ratio=distance, error_ratio=error,
                    novelty=Novelty(1, 4, 2, 3, 50.0, 10), **known)  # fmt: skip


def at(name, level):
    """A clip that scores `level` on the scale of `held_out`."""
    return clip(name, 2.0 * 1.8**level, 1.5 * 1.4**level)


def held_out(count=41):
    """Clips whose measures lie around 2 and 1.5 times; 90 % lie below 1.8 and 1.4 times more."""
    return [at(f"h{i}", place) for i, place in enumerate(np.linspace(-1.25, 1.25, count))]


def calibration(far=2.0):
    """Groups never seen score `far` on average."""
    group = [at(f"g{i}", far) for i in range(20)]
    found = bands.calibrate(held_out(), {"source": (group, held_out())})
    assert found is not None
    return found


def test_a_typical_clip_scores_0_and_one_at_the_edge_1():
    known = calibration()
    assert bands.score(clip("a"), known.bands) == pytest.approx(0.0, abs=0.01)
    assert bands.score(at("a", 1.0), known.bands) == pytest.approx(1.0, abs=0.01)
    assert known.edge == pytest.approx(1.0, abs=0.01)
    assert known.far == pytest.approx(2.0, abs=0.01)


@given(st.floats(0.1, 50.0), st.floats(0.1, 50.0))
def test_a_larger_error_never_scores_less(a, b):
    known = calibration().bands
    low, high = sorted((a, b))
    assert bands.score(clip("a", error=low), known) <= bands.score(clip("a", error=high), known)


def test_what_does_not_decide_does_not_count_and_what_is_missing_neither():
    known = calibration().bands
    assert bands.score(clip("a", window_mm=900.0), known) == bands.score(clip("a"), known)
    assert bands.score(clip("a", error=2.0 * 1.8, distance=float("nan")), known) == pytest.approx(1.0, abs=0.01)
    assert np.isnan(bands.score(clip("a", float("nan"), float("nan")), known))


def test_held_out_clips_that_are_all_alike_divide_nothing_by_nothing():
    known = bands.calibrate([clip(f"h{i}") for i in range(9)], {})
    assert known is not None
    assert bands.score(clip("a"), known.bands) == 0.0
    assert np.isfinite(bands.score(clip("b", 40.0), known.bands))
    assert known.far is None


def test_few_held_out_clips_calibrate_nothing():
    assert bands.calibrate(held_out()[:4], {}) is None


def test_a_hold_out_with_hardly_any_control_says_nothing_of_what_is_far():
    found = bands.calibrate(held_out(), {"source": (held_out(), held_out(3))})
    assert found is not None
    assert found.far is None


def test_a_calibration_comes_back_from_json():
    known = calibration()
    assert bands.read(json.loads(json.dumps(known.numbers()))) == known


def test_deliveries_of_many_clips_stray_less_than_those_of_few():
    known = calibration()
    assert known.mean_edge(1) == pytest.approx(known.edge, abs=0.1)
    assert 0.0 < known.mean_edge(100) < known.mean_edge(10) < known.mean_edge(1)


@pytest.mark.parametrize(("level", "verdict"), [(0.0, NO_NEED), (1.0, FINE_TUNE), (2.5, RETRAIN)])
def test_the_verdict_follows_the_mean_score(level, verdict):
    some = [at(f"c{i}", level) for i in range(20)]
    found = judge(some, calibration())
    assert found is not None
    assert found.verdict == verdict
    assert found.possible == (verdict,)  # all alike: no doubt
    assert found.score.mean == pytest.approx(level, abs=0.02)


def test_without_groups_that_were_left_out_nothing_asks_for_a_new_training():
    known = bands.calibrate(held_out(), {})
    assert known is not None
    found = judge([at(f"c{i}", 9.0) for i in range(20)], known)
    assert found is not None
    assert found.verdict == FINE_TUNE
    assert found.far is None


def test_a_delivery_that_is_new_in_part_is_no_plain_no_need_and_names_that_part():
    known = [at(f"known{i}", -1.0) for i in range(30)]
    new = [clip(f"new{i}", 4.0, 4.0) for i in range(12)]
    found = judge([*known, *new], calibration())
    assert found is not None
    assert found.score.mean < found.edge
    assert found.verdict == FINE_TUNE
    assert (found.outside, found.allowed) == (12, chance(42))
    assert {one.clip for one in found.clips if one.outside} == {f"new{i}" for i in range(12)}
    assert found.clips[0].drives == "distance_ratio"


@given(st.integers(1, 500))
def test_chance_allows_more_than_a_tenth_and_never_more_than_all(clips):
    assert clips * 0.1 - 1 <= chance(clips) <= clips


def test_a_verdict_on_few_clips_says_so_and_what_else_it_may_be():
    some = [at("a", 0.0), at("b", 2.2)]
    known = calibration()
    found = judge(some, known)
    assert found is not None
    assert found.few
    assert len(found.possible) > 1
    said = words.sentences(found, known, {"b": "monday/sub/b.bvh"}, 2)
    assert len(said) == 4
    assert said[0].startswith(f"off-distribution: {found.verdict}; ")
    assert "on 2 takes only" in said[1]
    assert said[3].endswith(": b 2.2")


def test_nothing_measured_is_no_verdict():
    assert judge([], calibration()) is None


# --- measures -------------------------------------------------------------------------------------------------


def near(rows, error=50.0):
    """All windows of a clip as the training, one decimetre apart, with that error."""
    cut = windows(rows, 1)
    return Neighbourhood(cut, np.full(len(cut), 100.0), np.full(len(cut), error))


def rows_of(count, seed=0):
    return (0.1 * np.random.default_rng(seed).normal(size=(count, 263))).astype(np.float32)


def coder(keep):
    """A tokenizer of one code whose reconstructions are a function of the rows it saw, in their order."""
    waiting = []

    def encode(rows):
        waiting.append(rows)
        return np.zeros((len(rows) // 4, 1), dtype=np.int64)

    return Coder(encode, lambda codes: keep(waiting.pop(0)), CodeShape(2, 1, 4, 5.0))


def test_what_comes_back_unchanged_has_no_error_and_a_training_clip_no_distance():
    rows = rows_of(64)
    memory = remember([np.zeros((16, 1), dtype=np.int64)], 2)
    found = measure("a", rows, coder(lambda x: x), Known(near(rows), memory))
    assert found is not None
    assert (found.mpjpe_mm, found.pose_mm, found.frames) == (0.0, 0.0, 64)
    assert found.window_mm == pytest.approx(0.0, abs=0.2)
    assert found.distance_ratio < 10.0  # the nearest is itself, the other four are not
    assert found.novelty is not None
    assert found.novelty.unseen_pairs == 0


def test_joints_off_by_a_decimetre_are_an_error_of_a_hundred_millimetres_in_all_but_the_root():
    def shifted(rows):
        made = rows.copy()
        made[:, 4:67].reshape(len(rows), 21, 3)[:] += np.array([0.1, 0, 0], dtype=np.float32)
        return made

    found = measure("a", rows_of(32), coder(shifted), Known(near(rows_of(32)), None))
    assert found is not None
    assert found.pose_mm == pytest.approx(100.0 * 21 / 22, rel=1e-3)
    assert found.error_ratio == pytest.approx(2.0 * 21 / 22, rel=1e-3)  # known motion comes back with 50 mm
    assert np.isnan(found.bits)


def test_long_clips_are_measured_in_pieces_and_rests_are_left_out():
    seen = []

    def keep(rows):
        seen.append(len(rows))
        return rows

    found = measure("a", rows_of(403), coder(keep), Known(near(rows_of(32)), None))
    assert found is not None
    assert seen == [196, 196, 8]
    assert measure("b", rows_of(3), coder(keep), Known(near(rows_of(32)), None)) is None


# --- contrasts ------------------------------------------------------------------------------------------------


def test_differences_and_ratios_of_constants_are_exact():
    two, four = (Values(np.full(5, value), np.ones(5)) for value in (2.0, 4.0))
    assert contrast.apart(four, two, DRAWS)["ratio"] == {"mean": 2.0, "low": 2.0, "high": 2.0}
    assert contrast.apart(four, two, DRAWS)["difference"] == {"mean": 2.0, "low": 2.0, "high": 2.0}
    assert contrast.paired(four, two, DRAWS)["ratio"]["mean"] == 2.0
    assert contrast.apart(four, Values(np.ones(1), np.ones(1)), DRAWS) == {}  # one clip has no interval


def test_shares_weigh_by_what_they_are_shares_of():
    found = contrast.values([clip("a"), clip("b")], "unseen_pairs")
    assert found.values.tolist() == [0.25, 0.25]
    assert found.weights.tolist() == [4.0, 4.0]
    assert len(contrast.values([clip("a", window_mm=float("nan"))], "window_mm").values) == 0


def test_frames_fall_into_bins_by_distance_and_the_last_bins_are_open():
    some = [clip("a", frame_mm=np.array([5.0, 15.0]), frame_error_mm=np.array([1.0, 2.0])),
            clip("b", frame_mm=np.array([99.0]), frame_error_mm=np.array([4.0]))]  # fmt: skip
    low, high = contrast.curve(some, np.array([0.0, 10.0, 20.0]), DRAWS)
    assert (low["frames"], low["clips"], low["pose_mm"]["mean"]) == (1, 1, 1.0)
    assert (high["frames"], high["clips"], high["pose_mm"]["mean"]) == (2, 2, 3.0)


def test_usage_like_the_training_is_not_apart():
    some = [clip(f"c{i}", uses=np.array([[5, 5]])) for i in range(8)]
    assert contrast.usage_divergence(some, np.array([[50.0, 50.0]]), DRAWS) == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert contrast.usage_divergence(some[:1], np.array([[50.0, 50.0]]), DRAWS) is None
