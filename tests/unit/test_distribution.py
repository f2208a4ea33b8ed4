from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.evaluation.distribution import (
    diversity,
    fid,
    fid_extrapolated,
    frechet_distance,
    kid,
    moments,
    multimodality,
    multimodality_pairs,
    neighbourhoods,
    pair_distance,
)
from motionlib.evaluation.intervals import over_repeats, subsample

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def golden_fid():
    return np.load(GOLDEN / "metric_fid.npz", allow_pickle=False)


@pytest.fixture(scope="module")
def golden_diversity():
    return np.load(GOLDEN / "metric_diversity.npz", allow_pickle=False)


@pytest.mark.parametrize("case", ["d24", "d96", "same", "shuffled", "rankdef"])
def test_fid_is_that_of_the_published_code(golden_fid, case):
    found = fid(golden_fid[f"{case}_a"], golden_fid[f"{case}_b"])
    assert found == pytest.approx(float(golden_fid[f"{case}_fid"]), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("case", ["d24", "same"])
def test_moments_are_those_of_the_published_code(golden_fid, case):
    found = moments(golden_fid[f"{case}_a"])
    np.testing.assert_array_equal(found.mean, golden_fid[f"{case}_mu_a"])
    np.testing.assert_allclose(found.covariance, golden_fid[f"{case}_cov_a"], rtol=1e-12)


def test_fid_of_moved_clouds_is_the_squared_way():
    cloud = np.random.default_rng(0).normal(size=(50, 3))
    assert fid(cloud, cloud + np.array([3.0, 4.0, 0.0])) == pytest.approx(25.0)


def test_fid_of_one_dimension_is_the_difference_of_deviations_squared():
    a, b = np.array([[-1.0], [1.0]]), np.array([[-3.0], [3.0]])  # std sqrt(2) and 3 sqrt(2)
    assert fid(a, b) == pytest.approx((3 * 2**0.5 - 2**0.5) ** 2)


@given(seed=st.integers(0, 2**16), count=st.integers(3, 30))
def test_fid_is_symmetric_and_not_negative(seed, count):
    rng = np.random.default_rng(seed)
    a, b = moments(rng.normal(size=(count, 6))), moments(rng.normal(size=(count, 6)) + 1)
    there, back = frechet_distance(a, b), frechet_distance(b, a)
    assert there == pytest.approx(back, rel=1e-6, abs=1e-6)
    assert there > -1e-6


def test_fid_names_the_embedding_that_is_not_finite():
    bad = np.zeros((4, 2))
    bad[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"embedding 2 is not finite \(1 of 4"):
        fid(bad, np.zeros((4, 2)))


def test_kid_follows_its_definition():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(5, 4)), rng.normal(size=(6, 4)) + 0.5

    def kernel(x, y):
        return (x @ y / 4 + 1) ** 3

    within_a = np.mean([kernel(a[i], a[j]) for i in range(5) for j in range(5) if i != j])
    within_b = np.mean([kernel(b[i], b[j]) for i in range(6) for j in range(6) if i != j])
    across = np.mean([kernel(x, y) for x in a for y in b])
    assert kid(a, b) == pytest.approx(within_a + within_b - 2 * across)


def test_kid_has_no_bias_where_fid_has():
    rng = np.random.default_rng(2)
    pairs = [(rng.normal(size=(40, 16)), rng.normal(size=(40, 16))) for _ in range(60)]
    kids = np.array([kid(a, b) for a, b in pairs])
    assert abs(kids.mean()) < 3 * kids.std() / 60**0.5
    assert np.mean([fid(a, b) for a, b in pairs]) > 1.0


def test_diversity_is_that_of_the_published_code(golden_diversity):
    found = pair_distance(golden_diversity["activation"], golden_diversity["first"], golden_diversity["second"])
    assert found == pytest.approx(float(golden_diversity["diversity300"]), rel=1e-6)


def test_diversity_of_equal_motions_is_zero_and_repeats_exactly():
    assert diversity(np.ones((10, 3)), seed=0) == 0.0
    cloud = np.random.default_rng(0).normal(size=(400, 3))
    assert diversity(cloud, seed=1) == diversity(cloud, seed=1) != diversity(cloud, seed=2)


def test_multimodality_is_that_of_the_published_code(golden_diversity):
    found = multimodality(
        golden_diversity["mm_activation"], golden_diversity["mm_first"], golden_diversity["mm_second"]
    )
    assert found == pytest.approx(float(golden_diversity["multimodality10"]), rel=1e-6)


def test_multimodality_pairs_stay_inside_few_repeats():
    first, second = multimodality_pairs(3, seed=0)
    assert sorted(first.tolist()) == sorted(second.tolist()) == [0, 1, 2]


def test_the_interval_over_repeats_is_that_of_the_published_code(golden_diversity):
    for column in range(3):
        found = over_repeats(golden_diversity["repeats"][:, column])
        assert found.mean == pytest.approx(golden_diversity["repeats_mean"][column], rel=1e-6)
        assert found.high - found.mean == pytest.approx(golden_diversity["repeats_ci95"][column], rel=1e-5)


# --- what a small test set can say -------------------------------------------------------------------


def two_of_one(seed: int, count: int = 300, width: int = 64):
    rng = np.random.default_rng(seed)
    spread = np.exp(-np.arange(width) / 20)
    return rng.normal(size=(count, width)) * spread, rng.normal(size=(count, width)) * spread


def test_fid_of_two_samples_of_one_distribution_is_far_from_zero_and_its_extrapolation_is_not():
    pairs = [two_of_one(seed) for seed in range(6)]
    plain = np.array([fid(a, b) for a, b in pairs])
    extrapolated = np.array([fid_extrapolated(a, b, seed=0) for a, b in pairs])
    assert plain.min() > 0.4
    assert abs(extrapolated.mean()) < 0.1 * plain.mean()


def test_fid_at_infinite_n_keeps_a_real_difference():
    a, b = two_of_one(1)
    assert fid_extrapolated(a, b + 0.5, seed=0) == pytest.approx(64 * 0.25, rel=0.1)


def test_fid_at_infinite_n_needs_more_samples_than_numbers():
    with pytest.raises(ValueError, match="more samples than the 64 numbers"):
        fid_extrapolated(np.zeros((64, 64)), np.zeros((64, 64)), seed=0)


@pytest.mark.parametrize("measure", [kid, partial(fid_extrapolated, seed=0)], ids=["kid", "fid at infinite n"])
def test_intervals_of_equal_distributions_hold_zero(measure):
    def holds_zero(seed: int) -> bool:
        a, b = two_of_one(seed, width=24)
        interval = subsample(lambda rows: measure(a[rows], b[rows]), len(a), 40, seed=1)
        return interval.low <= 0 <= interval.high

    assert sum(holds_zero(seed) for seed in range(8)) >= 7


def test_the_interval_of_a_real_shift_does_not_hold_zero():
    a, b = two_of_one(0, width=24)
    assert subsample(lambda rows: kid(a[rows], b[rows] + 0.3), len(a), 40, seed=1).low > 0


def test_density_and_coverage_count_the_balls_of_real_samples():
    real = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]])  # radius of the nearest other: 1, 1, 1, 1, 7
    found = neighbourhoods(real, np.array([[0.5], [20.0]]), k=1)
    assert found.density.tolist() == [2.0, 0.0]  # 0.5 lies within 1 of 0 and of 1
    assert found.coverage.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]


def test_motion_like_the_real_has_density_and_coverage_near_one():
    a, b = two_of_one(3, count=600, width=8)
    found = neighbourhoods(a, b)
    assert found.density.mean() == pytest.approx(1.0, abs=0.1)
    assert found.coverage.mean() > 0.9
