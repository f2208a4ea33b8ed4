"""What is held out: groups by source, subject and action, and as much motion at random beside each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import FeatureClip, FeatureSet
from motionlib.evaluation.off_distribution.folds import choose, folds, spread
from motionlib.evaluation.off_distribution.groups import groups, k_means, shares
from motionlib.params import OffDistribution

ROWS = 40


def library(*takes, level=lambda number: 0.0):
    """Takes as (id, split, delivery, subject, action); training takes are there mirrored too."""
    clips, rows = [], []
    for number, (name, split, delivery, subject, action) in enumerate(takes):
        for mirror in (False, True) if split == "train" else (False,):
            start = ROWS * len(clips)
            clips.append(
                FeatureClip("M:" * mirror + name, start, ROWS, split, mirror, delivery, subject, action, "", "")
            )
            rows.append(np.full((ROWS, 263), level(number), dtype=np.float32))
    zero = np.zeros(263, dtype=np.float32)
    return FeatureSet(np.concatenate(rows), clips, [], zero, zero + 1, 20.0, "compat")


def many(subjects="abcde", each=8):
    """Five subjects of eight takes, every fourth of which is held out for test."""
    return library(*(
        (f"d/{subject}/{number}", "test" if number % 4 == 0 else "train", "d", subject, "walk")
        for subject in subjects
        for number in range(each)
    ))  # fmt: skip


def test_sources_are_deliveries_and_in_a_single_delivery_its_folders():
    two = library(("a/x/1", "train", "a", "", ""), ("b/x/1", "train", "b", "", ""))
    assert groups(two, "source", 2, 0) == {"a/x/1": "a", "M:a/x/1": "a", "b/x/1": "b", "M:b/x/1": "b"}
    one = library(("a/cmu/01/1", "train", "a", "", ""), ("a/2", "test", "a", "", ""))
    assert groups(one, "source", 2, 0) == {"a/cmu/01/1": "cmu", "M:a/cmu/01/1": "cmu", "a/2": "a"}


def test_actions_are_labels_where_nearly_every_take_has_one():
    whole = library(*((f"d/{i}", "train", "d", "", f"action {i % 2}") for i in range(10)))
    assert set(groups(whole, "action", 3, 0).values()) == {"action 0", "action 1"}


def test_without_labels_takes_that_move_alike_are_one_action():
    some = library(*((f"d/{i}", "train", "d", "", "run" if i < 3 else "") for i in range(9)),
                   level=lambda number: 5.0 * (number % 3))  # fmt: skip
    found = groups(some, "action", 3, 0)
    assert set(found.values()) == {"motion 1", "motion 2", "motion 3"}
    assert len({found["d/0"], found["d/3"], found["d/6"], found["M:d/0"]}) == 1


def test_an_unknown_criterion_is_named():
    with pytest.raises(ValueError, match="unknown criterion 'weather'; known: source, subject, action"):
        groups(many(), "weather", 2, 0)


@given(st.integers(0, 2**16), st.integers(2, 4))
def test_clusters_far_apart_are_found(seed, count):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(count), 6))
    points = 100.0 * truth[:, None] + rng.normal(size=(len(truth), 3))
    found = k_means(points, count, seed)
    assert len({(int(a), int(b)) for a, b in zip(truth, found, strict=True)}) == count


def test_shares_are_of_rows():
    found = many("ab")
    assert shares(found.clips, groups(found, "subject", 2, 0)) == {"a": 0.5, "b": 0.5}


def test_the_group_nearest_to_the_wanted_share_is_held_out():
    assert choose({"a": 0.5, "b": 0.22, "": 0.2}, many(), {c.id: "b" for c in many().clips}, 0.2) == "b"
    assert choose({"a": 0.9}, many(), {c.id: "a" for c in many().clips}, 0.2) is None  # nothing would be left


def test_neither_side_of_a_fold_has_seen_what_it_is_measured_on():
    features = many()
    found, missing = folds(features, OffDistribution())
    assert set(missing) == {"action"} | ({"source"} - {one.criterion for one in found})
    (subject,) = [one for one in found if one.criterion == "subject"]
    assert subject.share == pytest.approx(0.2)
    for side in (subject.group_side, subject.random_side):
        trained = {clip.id.removeprefix("M:") for clip in side.training}
        assert not trained & {clip.id for clip in [*side.held, *subject.both]}
    assert {clip.subject for clip in subject.group_side.held} == {subject.group}
    assert {clip.subject for clip in subject.group_side.training} == set("abcde") - {subject.group}
    rows = [sum(clip.frames for clip in side.training) for side in (subject.group_side, subject.random_side)]
    assert rows[0] == rows[1]
    assert {clip.split for clip in subject.both} >= {"test"}


def test_a_fold_that_leaves_no_clip_as_long_as_a_window_is_none():
    found, missing = folds(many(), OffDistribution(criteria=("subject",)), window=ROWS + 1)
    assert found == []
    assert "no training clip has 41 rows" in missing["subject"]


def test_folds_are_the_same_every_time():
    one, two = (folds(many(), OffDistribution())[0] for _ in range(2))
    assert one == two


@given(st.integers(0, 12))
def test_a_spread_keeps_the_order_and_no_more_than_asked(most):
    clips = many().clips
    some = spread(clips, most)
    assert len(some) == min(most, len(clips))
    assert some == [clip for clip in clips if clip in some]
