"""The split: the same every time, the same when the library grows, honest about what belongs together."""

import csv
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.normalize.split import Take, split_groups, split_takes, strictest

FILES = [f"a/{number:03}.bvh" for number in range(100)]
published_groups = st.dictionaries(
    st.text(min_size=1, max_size=8), st.sampled_from(["", "", "", "train", "val", "test"]), max_size=60
)
# Few names of each kind, so that takes share files, groups, motions and subjects.
names = st.integers(0, 30).map(str)
libraries = st.lists(
    st.builds(Take, file=names, group=names, motion=names, subject=st.sampled_from(["", "ann", "bob", "cy"]), id=names),
    max_size=40,
    unique_by=lambda take: take.id,
)


def takes_of(files):
    return [Take(file, file, file, f"motion of {file}") for file in files]


def test_shares_are_kept_on_average():
    groups = dict.fromkeys((str(number) for number in range(10_000)), "")
    counts = Counter(split_groups(groups, 0.15, 0.05, 1).values())
    assert counts["test"] == pytest.approx(1500, abs=120)
    assert counts["val"] == pytest.approx(500, abs=80)


def test_another_seed_gives_another_split():
    groups = dict.fromkeys(FILES, "")
    assert split_groups(groups, 0.15, 0.05, 1) != split_groups(groups, 0.15, 0.05, 2)


@given(published=published_groups, seed=st.integers(0, 99))
def test_published_splits_are_kept_and_order_does_not_matter(published, seed):
    splits = split_groups(published, 0.2, 0.1, seed)
    assert splits.keys() == published.keys()
    assert all(splits[key] == split for key, split in published.items() if split)
    assert split_groups(dict(reversed(published.items())), 0.2, 0.1, seed) == splits


@given(count=st.integers(3, 40), seed=st.integers(0, 999))
def test_from_three_groups_on_every_split_has_one(count, seed):
    splits = split_groups(dict.fromkeys(FILES[:count], ""), 0.15, 0.05, seed)
    assert "train" in splits.values()
    if Counter(splits.values())["train"] > 1:
        assert set(splits.values()) == {"train", "val", "test"}


def test_a_take_that_shares_motion_with_an_unseen_one_is_unseen_too():
    takes = [Take("b/walk", group="g", published="unseen"), Take("a/walk", group="g", published="train"), Take("a/run")]
    assert split_takes(takes, 0.1, 0.1, 1)[:2] == ["unseen", "unseen"]


def test_captions_that_disagree_hold_the_group_out():
    assert strictest(["train", "unseen", "test"]) == "unseen"
    assert strictest(["train", "test", "val"]) == "test"
    assert strictest(["train", "", "val"]) == "val"
    assert strictest(["", ""]) == ""
    takes = [Take("1", "a", published="train"), Take("2", "a", published="test"), Take("3", "b", published="train")]
    assert split_takes(takes, 0.2, 0.1, 1)[:2] == ["test", "test"]


def test_takes_of_one_file_group_or_motion_stay_together():
    takes = takes_of(FILES)
    crop = Take("crop", FILES[0], "x", "another crop")
    copy = Take("copy", "copy.bvh", "y", "another crop")
    for seed in range(20):
        splits = split_takes([*takes, crop, copy, Take("mirror", "m.bvh", "y", "z")], 0.3, 0.3, seed)
        assert len({splits[0], *splits[100:]}) == 1


@given(takes=libraries, seed=st.integers(0, 99), by=st.sampled_from(["take", "subject"]))
def test_nothing_that_is_shared_lies_on_two_sides(takes, seed, by):
    splits = split_takes(takes, 0.3, 0.3, seed, by)
    for kind in ("file", "group", "motion", *(["subject"] if by == "subject" else [])):
        sides: dict[str, set[str]] = {}
        for take, split in zip(takes, splits, strict=True):
            if getattr(take, kind):
                sides.setdefault(getattr(take, kind), set()).add(split)
        assert all(len(found) == 1 for found in sides.values())


@given(old=st.integers(60, 90), seed=st.integers(0, 99), place=st.randoms(use_true_random=False))
def test_a_growing_library_moves_no_take(old, seed, place):
    before = dict(zip(FILES[:old], split_takes(takes_of(FILES[:old]), 0.2, 0.2, seed), strict=True))
    grown = takes_of(FILES)
    place.shuffle(grown)
    after = dict(zip((take.id for take in grown), split_takes(grown, 0.2, 0.2, seed), strict=True))
    assert {take: after[take] for take in before} == before


def test_a_new_take_of_a_subject_moves_no_subject():
    takes = [Take(f"{i:03}", subject=f"s{i % 40}") for i in range(200)]
    before = split_takes(takes, 0.2, 0.2, 1, "subject")
    after = split_takes([Take("000-first", subject="s7"), *takes], 0.2, 0.2, 1, "subject")
    assert after[1:] == before
    assert after[0] == before[7]


def test_an_unknown_split_and_impossible_shares_are_refused():
    with pytest.raises(ValueError, match="'dev'"):
        split_groups({"a": "dev"}, 0.1, 0.1, 1)
    with pytest.raises(ValueError, match="nothing to train on"):
        split_groups({"a": ""}, 0.6, 0.4, 1)


def test_trials_filed_twice_end_on_one_side(real_mocap):
    # CMU filed some trials under two subjects; the published split has the same motion in train and in test.
    with (real_mocap / "captions" / "cmu_duplicate_trials.tsv").open() as table:
        pairs = [(row["trial_a"], row["trial_b"]) for row in csv.DictReader(table, delimiter="\t")]
    takes = [Take(trial, f"{trial}.bvh", pair[0]) for pair in pairs for trial in pair]
    splits = split_takes(takes, 0.3, 0.2, 1)
    assert len(pairs) > 10
    assert splits[::2] == splits[1::2]
