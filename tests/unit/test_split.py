"""The split: the same every time, exact in its shares, honest about what belongs together."""

import csv
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.normalize.split import split_groups, split_takes, strictest

FILES = [f"a/{number:03}.bvh" for number in range(100)]
library = st.dictionaries(
    st.text(min_size=1, max_size=8), st.sampled_from(["", "", "", "train", "val", "test"]), max_size=60
)


def takes_of(files):
    return [(file, f"motion of {file}", "") for file in files]


def test_shares_are_exact():
    counts = Counter(split_groups(dict.fromkeys(FILES, ""), 0.15, 0.05, 1).values())
    assert counts == {"train": 80, "test": 15, "val": 5}


def test_published_splits_count_towards_the_shares():
    published = dict.fromkeys(FILES, "") | dict.fromkeys(FILES[:10], "test")
    splits = split_groups(published, 0.15, 0.05, 1)
    assert Counter(splits.values()) == {"train": 80, "test": 15, "val": 5}
    assert {splits[file] for file in FILES[:10]} == {"test"}


def test_another_seed_gives_another_split():
    groups = dict.fromkeys(FILES, "")
    assert split_groups(groups, 0.15, 0.05, 1) != split_groups(groups, 0.15, 0.05, 2)


@given(published=library, seed=st.integers(0, 99))
def test_published_splits_are_kept_and_order_does_not_matter(published, seed):
    splits = split_groups(published, 0.2, 0.1, seed)
    assert splits.keys() == published.keys()
    assert all(splits[key] == split for key, split in published.items() if split)
    assert split_groups(dict(reversed(published.items())), 0.2, 0.1, seed) == splits


@given(count=st.integers(3, 40))
def test_from_three_groups_on_every_split_has_one(count):
    assert set(split_groups(dict.fromkeys(FILES[:count], ""), 0.15, 0.05, 1).values()) == {"train", "val", "test"}


def test_captions_that_disagree_hold_the_file_out():
    assert strictest(["train", "test", "val"]) == "test"
    assert strictest(["train", "", "val"]) == "val"
    assert strictest(["", ""]) == ""
    takes = [("a.bvh", "1", "train"), ("a.bvh", "2", "test"), ("b.bvh", "3", "train")]
    assert split_takes(takes, 0.2, 0.1, 1)[:2] == ["test", "test"]


def test_takes_of_one_file_and_files_of_one_motion_stay_together():
    takes = takes_of(FILES)
    takes += [(FILES[0], "another crop", ""), ("copy.bvh", "another crop", ""), ("copy.bvh", "motion of copy", "")]
    for seed in range(20):
        splits = split_takes(takes, 0.3, 0.3, seed)
        assert len({splits[0], *splits[100:]}) == 1


def test_a_growing_library_moves_few_takes():
    before = split_takes(takes_of(FILES[:90]), 0.15, 0.05, 1)
    after = split_takes(takes_of(FILES), 0.15, 0.05, 1)[:90]
    assert sum(a != b for a, b in zip(before, after, strict=True)) <= 5


def test_an_unknown_split_and_impossible_shares_are_refused():
    with pytest.raises(ValueError, match="'dev'"):
        split_groups({"a": "dev"}, 0.1, 0.1, 1)
    with pytest.raises(ValueError, match="nothing to train on"):
        split_groups({"a": ""}, 0.6, 0.4, 1)


def test_trials_filed_twice_end_on_one_side(real_mocap):
    # CMU filed some trials under two subjects; the published split has the same motion in train and in test.
    with (real_mocap / "captions" / "cmu_duplicate_trials.tsv").open() as table:
        pairs = [(row["trial_a"], row["trial_b"]) for row in csv.DictReader(table, delimiter="\t")]
    takes = [(f"{trial}.bvh", f"motion {number}", "") for number, pair in enumerate(pairs) for trial in pair]
    splits = split_takes(takes, 0.3, 0.2, 1)
    assert len(pairs) > 10
    assert splits[::2] == splits[1::2]
