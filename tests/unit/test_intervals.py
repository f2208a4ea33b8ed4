import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.evaluation.intervals import (
    bootstrap,
    bootstrap_statistic,
    bootstrap_table,
    difference,
    effect_size,
    over_seeds,
    paired_difference,
    ratio,
    subsample,
)

value_lists = st.lists(st.floats(-100, 100), min_size=1, max_size=20)


@given(values=value_lists, seed=st.integers(0, 99))
def test_an_interval_lies_between_the_smallest_and_largest_value(values, seed):
    interval = bootstrap(np.array(values), 50, seed)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval.mean == pytest.approx(np.mean(values), abs=1e-9)


def test_equal_values_leave_nothing_uncertain():
    assert bootstrap(np.full(10, 3.0), 100, seed=0) == (3.0, 3.0, 3.0)


def test_the_interval_of_a_mean_is_about_two_standard_errors_each_way():
    values = np.random.default_rng(0).normal(size=400)
    interval = bootstrap(values, 4000, seed=1)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.05)


def test_weights_make_the_mean_frame_weighted():
    assert bootstrap(np.array([1.0, 3.0]), 10, 0, weights=np.array([3.0, 1.0])).mean == 1.5


def test_rows_of_several_values_count_as_one_case():
    values = np.array([[1.0, 3.0], [5.0, 7.0]])
    assert bootstrap(values, 200, seed=0) == bootstrap(np.array([2.0, 6.0]), 200, seed=0)


def test_what_comes_from_one_clip_is_drawn_together():
    values = np.repeat([0.0, 1.0], 100)
    alone = bootstrap(values, 500, seed=0)
    together = bootstrap(values, 500, seed=0, groups=["a"] * 100 + ["b"] * 100)

    assert alone.mean == together.mean == 0.5
    assert alone.high - alone.low < 0.2
    assert (together.low, together.high) == (0.0, 1.0)


def test_a_steady_gain_on_very_different_clips_is_certain():
    champion = np.linspace(1, 100, 30)
    difference = paired_difference(champion - 0.5, champion, 200, seed=0)
    assert difference.mean == pytest.approx(-0.5)
    assert difference.high == pytest.approx(-0.5)


def test_a_ratio_divides_sums_and_keeps_pairs():
    hits, chance = np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])
    assert ratio(hits, chance, 100, seed=0) == pytest.approx((2.0, 2.0, 2.0))


def test_the_effect_size_counts_pooled_standard_deviations():
    a = np.array([3.0, 5.0])  # mean 4, variance 2
    b = np.array([0.0, 2.0])  # mean 1, variance 2
    assert effect_size(a, b) == pytest.approx(3 / np.sqrt(2))
    assert effect_size(np.ones(3), np.ones(3)) == 0.0
    assert effect_size(np.ones(3), np.zeros(3)) == 1e6


def test_the_difference_of_two_samples_has_an_interval_of_both():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=200) + 1, rng.normal(size=200)
    found = difference(a, b, 4000, seed=0)
    assert found.mean == pytest.approx(a.mean() - b.mean())
    standard_error = np.sqrt(a.var() / 200 + b.var() / 200)
    assert found.high - found.low == pytest.approx(2 * 1.96 * standard_error, rel=0.05)


def test_a_median_can_have_an_interval_too():
    values = np.arange(101.0)
    interval = bootstrap_statistic(lambda index: float(np.median(values[index])), 101, 300, seed=0)
    assert interval.mean == 50.0
    assert 30 < interval.low < 50 < interval.high < 70


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(3).normal(size=50)
    assert bootstrap(values, 100, seed=4) == bootstrap(values, 100, seed=4)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.zeros(0), "N >= 1"), (np.array([1.0, np.nan]), "value 1 is not finite")],
)
def test_values_that_have_no_mean_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(values, 10, seed=0)


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="weights"):
        bootstrap(np.zeros(3), 10, 0, weights=np.ones(2))
    with pytest.raises(ValueError, match="group names"):
        bootstrap(np.zeros(3), 10, 0, groups=["a"])
    with pytest.raises(ValueError, match="equal shapes"):
        paired_difference(np.zeros(3), np.zeros(2), 10, 0)


# --- tables, seeds, subsets --------------------------------------------------------------------------


def test_a_table_gives_what_its_columns_give_alone():
    table = np.random.default_rng(0).normal(size=(50, 3))
    groups = [str(number // 2) for number in range(50)]
    whole = bootstrap_table(table, 300, seed=4, groups=groups)
    for column, interval in zip(table.T, whole, strict=True):
        assert interval == pytest.approx(bootstrap(column, 300, seed=4, groups=groups))


def test_seeds_that_agree_leave_the_uncertainty_of_the_clips():
    clips = np.random.default_rng(1).normal(size=200)
    one, many = bootstrap(clips, 4000, seed=0), over_seeds(np.stack([clips] * 4), 4000, seed=0)
    assert many.mean == pytest.approx(one.mean)
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.1)


def test_seeds_that_differ_widen_the_interval():
    clips = np.random.default_rng(1).normal(size=200)
    trainings = np.stack([clips + shift for shift in (-1.0, 0.0, 1.0)])
    interval = over_seeds(trainings, 2000, seed=0)
    assert interval.mean == pytest.approx(clips.mean())
    assert interval.low < clips.mean() - 0.5
    assert interval.high > clips.mean() + 0.5


def test_one_training_cannot_tell_how_trainings_differ():
    with pytest.raises(ValueError, match="S >= 2"):
        over_seeds(np.zeros((1, 5)), 10, seed=0)


def test_subsampling_a_mean_gives_the_interval_of_the_bootstrap():
    values = np.random.default_rng(2).normal(size=400)
    interval = subsample(lambda rows: float(values[rows].mean()), 400, 2000, seed=0)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
