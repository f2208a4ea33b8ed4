"""Which code became which: tokenizers that differ in the names of their codes alone have not drifted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.codebook import drift as module
from motionlib.codebook.drift import Coded, drift, match
from motionlib.codebook.search import search


def _coded(codes, frames=4):
    return Coded(
        {f"c{i}": np.asarray(one, dtype=np.int64).reshape(len(one), -1) for i, one in enumerate(codes)}, frames
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 2**16))
def test_other_names_for_the_same_codes_are_no_drift(codes, seed):
    names = np.random.default_rng(seed).permutation(10)
    level = drift(_coded([codes]), _coded([names[codes]]))["codebooks"][0]
    assert level["agree"] == 1.0
    assert level["kept"] == 1.0
    assert level["changed"] == []


def test_codes_that_were_split_are_named_with_what_they_became():
    found = drift(_coded([[0, 0, 0, 0, 1, 1]]), _coded([[5, 5, 5, 3, 2, 2]]))
    level = found["codebooks"][0]
    assert level["agree"] == pytest.approx(5 / 6)
    assert level["changed"] == [{"code": 0, "partner": 5, "steps": 4, "agree": 0.75, "becomes": [[5, 0.75], [3, 0.25]]}]
    assert (found["same"], found["clips"], found["steps"]) == (False, 1, 6)


def test_unrelated_codes_agree_no_more_than_by_chance():
    rng = np.random.default_rng(0)
    level = drift(*(_coded([rng.integers(0, 20, 4000)]) for _ in "ab"))["codebooks"][0]
    assert level["agree"] == pytest.approx(level["chance"], abs=0.02)
    assert level["shared"] < 0.02


def test_steps_of_other_lengths_are_compared_where_they_lie_in_time():
    found = drift(_coded([[0, 1, 2]], frames=4), _coded([[0, 0, 1, 1, 2, 2]], frames=2))
    assert found["codebooks"][0]["agree"] == 1.0
    assert found["steps"] == 6


def test_clips_of_one_side_alone_are_left_out():
    found = drift(_coded([[0, 1], [1, 1]]), _coded([[0, 1]]))
    assert (found["clips"], found["steps"]) == (1, 2)
    with pytest.raises(ValueError, match="no clip in common"):
        drift(Coded({"a": np.zeros((2, 1), np.int64)}, 4), Coded({"b": np.zeros((2, 1), np.int64)}, 4))


@given(st.integers(0, 2**16))
def test_without_a_table_at_least_half_of_what_could_agree_is_found(seed):
    first, second = np.random.default_rng(seed).integers(0, 6, size=(2, 50))
    with pytest.MonkeyPatch.context() as patch:
        best = match(first, second)
        patch.setattr(module, "LARGEST_TABLE", 0)
        greedy = match(first, second)
    assert (best.exact, greedy.exact) == (True, False)
    assert len(set(greedy.partner[greedy.partner >= 0])) == (greedy.partner >= 0).sum()
    agrees = [(one.partner[first] == second).sum() for one in (best, greedy)]
    assert agrees[0] / 2 <= agrees[1] <= agrees[0]


# --- search ---------------------------------------------------------------------------------------------------


def test_a_copy_is_found_whole_and_a_shuffled_one_is_not():
    rng = np.random.default_rng(0)
    library = rng.integers(0, 100, 2000)
    offsets = np.arange(0, 2001, 100)
    query = library[520:560]
    best = search(query, library, offsets, 3)[0]
    assert (best.clip, best.start, best.end, best.query) == (5, 20, 60, 0)
    assert (best.score, best.same) == (pytest.approx(1.0), 1.0)
    shuffled = search(rng.permutation(query), library, offsets, 1)[0]
    assert shuffled.score < 0.2


def test_a_span_may_begin_inside_the_query_and_bear_a_step_that_differs():
    library = np.array([9, 9, 9, 1, 2, 3, 4, 5, 9, 9])
    found = search(np.array([7, 1, 2, 8, 4, 5]), library, np.array([0, 10]), 1)
    assert found[0][:4] == (0, 3, 8, 1)
    assert found[0].same == 0.8


def test_spans_do_not_reach_from_clip_to_clip():
    library = np.array([1, 2, 3, 4])
    found = search(np.array([1, 2, 3, 4]), library, np.array([0, 2, 2, 4]), 9)
    assert sorted((span.clip, span.start, span.end, span.query) for span in found) == [(0, 0, 2, 0), (2, 0, 2, 2)]


def test_codes_that_the_library_does_not_know_find_nothing():
    assert search(np.array([50]), np.array([1, 2]), np.array([0, 2]), 5) == []
