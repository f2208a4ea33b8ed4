from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.evaluation.matching import (
    batches,
    chance_hits,
    distance_matrix,
    gallery_recall,
    mm_dist,
    r_precision,
    retrieval,
    top_k_hits,
)

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def golden():
    return np.load(GOLDEN / "metric_retrieval.npz", allow_pickle=False)


def pooled(golden):
    text, motion = golden["text"].reshape(10, 32, -1), golden["motion"].reshape(10, 32, -1)
    return np.stack([distance_matrix(t, m, clamp=False) for t, m in zip(text, motion, strict=True)])


def test_distances_hits_and_r_precision_are_those_of_the_published_code(golden):
    distances = pooled(golden)

    np.testing.assert_allclose(distances, golden["dist_batches"], rtol=1e-4)
    np.testing.assert_array_equal(np.stack([top_k_hits(d) for d in distances]), golden["topk_hits"])
    np.testing.assert_allclose(r_precision(distances), golden["r_precision_top3"])
    np.testing.assert_array_equal(top_k_hits(distances[0]).sum(axis=0), golden["first_batch_hits"])


def test_mm_dist_is_that_of_the_published_code(golden):
    assert mm_dist(golden["text"], golden["motion"]) == pytest.approx(float(golden["mm_dist"]), rel=1e-6)


def test_recall_over_the_whole_gallery_is_that_of_the_published_code(golden):
    distances = distance_matrix(golden["text"], golden["motion"])
    np.testing.assert_allclose(gallery_recall(distances).recall, golden["r_precision_all_gallery_top10"])


def test_identical_rows_are_a_hit_when_clamped():
    # Known defect of the published code: -2ab + a^2 + b^2 of equal rows can be below 0, and its root NaN.
    rows = np.random.default_rng(0).normal(size=(64, 512)).astype(np.float32) * 10
    distances = distance_matrix(rows, rows)
    assert np.isfinite(distances).all()
    assert top_k_hits(distances)[:, 0].all()


def test_nan_ranks_last():
    distances = np.array([[np.nan, 1.0, 2.0]])
    assert top_k_hits(distances).tolist() == [[False, False, True]]


def test_a_caption_told_twice_may_find_either_motion():
    distances = np.array([[2.0, 1.0, 3.0], [2.0, 1.0, 3.0], [1.0, 2.0, 3.0]])
    positives = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)

    assert top_k_hits(distances)[:, 0].tolist() == [False, True, False]
    assert top_k_hits(distances, positives)[:, 0].tolist() == [True, True, False]


def test_chance_is_one_in_32_without_duplicates_and_more_with():
    alone = np.eye(32, dtype=bool)
    np.testing.assert_allclose(chance_hits(alone)[0], [1 / 32, 2 / 32, 3 / 32])
    alone[0, 1] = True
    np.testing.assert_allclose(chance_hits(alone)[0, :2], [2 / 32, 1 - (30 * 29) / (32 * 31)])


@given(seed=st.integers(0, 2**16), size=st.integers(3, 8))
def test_chance_is_what_random_rankings_give(seed, size):
    rng = np.random.default_rng(seed)
    positives = np.eye(size, dtype=bool) | (rng.random((size, size)) < 0.3)
    drawn = np.mean([top_k_hits(rng.random((size, size)), positives) for _ in range(3000)], axis=0)
    np.testing.assert_allclose(chance_hits(positives), drawn, atol=0.06)


def test_pools_are_disjoint_and_the_rest_is_left_out():
    pools = batches(70, 32, seed=1)
    assert pools.shape == (2, 32)
    assert len(set(pools.ravel().tolist())) == 64
    assert batches(20, 32, seed=1).shape == (1, 20)


def test_every_query_is_averaged_over_the_pools_it_was_in():
    text = np.arange(4.0)[:, None]
    motion = text.copy()
    motion[3] = -5.0  # text 3 is nearest to motion 2
    pools = [np.array([0, 1, 3]), np.array([1, 2, 3]), np.array([0, 1, 2])]

    found = retrieval(text, motion, np.eye(4, dtype=bool), pools)
    assert found.seen.tolist() == [2, 3, 2, 2]
    assert found.hits[:, 0].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert found.hits[:, 2].tolist() == [1.0] * 4
    np.testing.assert_allclose(found.chance[0], [1 / 3, 2 / 3, 1])
    assert found.distance.tolist() == [0.0, 0.0, 0.0, 8.0]


def test_the_median_rank_averages_ties():
    distances = np.array([[1.0, 1.0, 1.0], [5.0, 0.0, 5.0], [0.0, 0.0, 9.0]])
    found = gallery_recall(distances, top=3)
    assert found.median_rank == 2.0  # ranks 2 (a tie of three), 1 and 3
    np.testing.assert_allclose(found.recall, [1 / 3, 2 / 3, 1.0])


def test_pools_that_cannot_be_ranked_are_refused():
    with pytest.raises(ValueError, match="pool of 2"):
        retrieval(np.zeros((3, 2)), np.zeros((3, 2)), np.eye(3, dtype=bool), [np.array([0, 1])])
    with pytest.raises(ValueError, match="diagonal"):
        retrieval(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 3), dtype=bool), [])
