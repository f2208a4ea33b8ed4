"""Statistics are exact, mergeable, and averaged inside the published groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.normalize import FEATURE_GROUPS
from motionlib.normalize.statistics import feature_biased, merge, moments, moments_of, statistics

# All 22-joint golden clips, in the order of their manifest.
CLIPS = [
    "walk_120", "circle_left_180", "free_90", "still_60", "squat_64", "jump_41", "short_2", "cmu_002_01",
    "cmu_005_05", "cmu_006_02",
]  # fmt: skip


def published_features(golden):
    return [np.load(golden / f"t2m_{name}.npz")["features"] for name in CLIPS]


def test_mean_and_std_are_the_published_ones(golden):
    published = np.load(golden / "mean_std.npz")
    mean, std = statistics(moments_of(published_features(golden)))
    np.testing.assert_allclose(mean, published["mean"], atol=5e-6)  # theirs are float32 sums
    np.testing.assert_allclose(std, published["std"], rtol=1e-5)


def test_the_bias_is_the_published_one_once_and_twice(golden):
    published = np.load(golden / "mean_std.npz")
    once = feature_biased(published["std"])
    np.testing.assert_allclose(once, published["std_feat_bias5_once"], rtol=1e-6)
    np.testing.assert_allclose(feature_biased(once), published["std_feat_bias5_twice"], rtol=1e-6)


@given(seed=st.integers(0, 2**16), cuts=st.lists(st.integers(1, 19), max_size=4, unique=True))
def test_it_does_not_matter_how_rows_are_divided(seed, cuts):
    rows = np.random.default_rng(seed).normal(1000.0, 1e-3, size=(20, 3))
    total = moments_of(np.split(rows, sorted(cuts)))
    assert total.size == 20
    np.testing.assert_allclose(total.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(total.squares / 20, rows.var(axis=0), rtol=1e-7)


def test_two_rows_can_be_checked_in_the_head():
    total = merge(moments([[1.0, 5.0]]), moments([[3.0, 5.0]]))
    mean, std = statistics(total, {"moving": slice(0, 1), "still": slice(1, 2)})
    np.testing.assert_array_equal(mean, [2.0, 5.0])
    np.testing.assert_array_equal(std, [1.0, 1.0])  # the second never changes: 1 instead of 0


def test_std_is_averaged_inside_a_group():
    rows = np.zeros((2, 263))
    rows[1, [1, 2]] = [2.0, 6.0]  # standard deviations 1 and 3
    std = statistics(moments(rows)).std
    np.testing.assert_array_equal(std[FEATURE_GROUPS["root_velocity"]], [2.0, 2.0])
    assert (std > 0).all()


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no rows"):
        moments(np.zeros((0, 263)))
    with pytest.raises(ValueError, match="no rows"):
        moments_of([])
