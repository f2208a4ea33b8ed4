"""Windows of motion against those of the training: what counts, what does not, and how near is near."""

import numpy as np
import pytest

from motionlib.artifacts import FeatureClip, FeatureSet
from motionlib.evaluation.off_distribution.windows import (
    SPAN,
    Neighbourhood,
    near,
    neighbourhood,
    starts,
    window_means,
    windows,
)


@pytest.fixture(scope="module")
def walk(golden):
    return np.load(golden / "t2m_walk_120.npz", allow_pickle=False)["features"].astype(np.float32)


def library(*rows):
    clips, start = [], 0
    for number, one in enumerate(rows):
        clips.append(FeatureClip(f"d/{number}", start, len(one), "train", False, "d", "", "", "", ""))
        start += len(one)
    zero = np.zeros(263, dtype=np.float32)
    return FeatureSet(np.concatenate(rows), clips, [], zero, zero + 1, 20.0, "compat")


def test_a_clip_of_one_window_has_one_and_a_shorter_one_none():
    assert starts(SPAN).tolist() == [0]
    assert starts(SPAN - 1).tolist() == []
    assert starts(SPAN + 8).tolist() == [0, 8]


def test_a_window_begins_at_the_origin_facing_the_same_way_wherever_it_was_cut(walk):
    cut = windows(walk, 8).reshape(-1, 4, 22, 3)
    np.testing.assert_allclose(cut[:, 0, 0][:, [0, 2]], 0.0, atol=1e-6)
    assert cut[:, 3, 0, 2].min() > 0.2  # m walked forwards in three quarters of a second


def test_means_over_windows_are_means_over_their_rows():
    assert window_means(np.arange(24.0)).tolist() == [7.5, 15.5]


def test_motion_that_was_trained_on_is_no_way_off_and_has_its_own_error(walk):
    features = library(walk, walk[::-1].copy())
    known = neighbourhood(features, features.clips, [np.full(len(walk), 30.0)] * 2, 4000)
    found = near(walk, known)
    np.testing.assert_allclose(found.distance, 0.0, atol=1.0)
    np.testing.assert_allclose(found.known_error, 30.0)


def test_spacing_looks_at_other_takes_only(walk):
    same = library(walk, walk)
    found = neighbourhood(same, same.clips, [np.full(len(walk), 30.0)] * 2, 4000)
    alone = library(walk)
    beside = neighbourhood(alone, alone.clips, [np.full(len(walk), 30.0)], 4000)
    assert len(found.windows) == 2 * len(beside.windows)
    assert found.spacing.mean() < beside.spacing.mean()  # its copy is another take; a take alone has but itself


def test_farther_than_the_training_is_from_itself_is_more_than_one(walk):
    cut = windows(walk, 1)
    dense, sparse = (Neighbourhood(cut, np.full(len(cut), mm), np.ones(len(cut))) for mm in (50.0, 200.0))
    shifted = walk.copy()
    shifted[:, 4:67].reshape(len(walk), 21, 3)[:, ::2, 1] += 0.2  # every other joint two decimetres higher
    one, other = near(shifted, dense), near(shifted, sparse)
    assert one.distance_ratio.min() > 1.0
    np.testing.assert_allclose(one.distance_ratio, 4 * other.distance_ratio)
    np.testing.assert_array_equal(one.distance, other.distance)


def test_many_windows_are_thinned_out_evenly(walk):
    features = library(*[walk] * 4)
    known = neighbourhood(features, features.clips, [np.full(len(walk), 30.0)] * 4, 50)
    assert 30 <= len(known.windows) <= 60


def test_a_training_without_a_window_says_nothing(walk):
    features = library(walk[:8])
    known = neighbourhood(features, features.clips, [np.zeros(8)], 50)
    assert len(known.windows) == 0
    assert len(near(walk, known).distance) == 0
