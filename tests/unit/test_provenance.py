"""Whether a motion's codes stand in the library already, on libraries that can be checked by eye."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import CodeSet, CodeShape
from motionlib.codebook.provenance import provenance

SHAPE = CodeShape(codebook_size=50, codes_per_step=1, frames_per_step=10, steps_per_second=2.0)  # a second: 2 steps
FIRST, SECOND = [1, 2, 3, 4], [5, 6, 7, 8, 9, 10]


def library(*clips, shape=SHAPE):
    rows = [np.array(clip).reshape(len(clip), -1) for clip in clips]
    return CodeSet(np.concatenate(rows), np.cumsum([0, *map(len, rows)]), [str(i) for i in range(len(rows))], shape)


def asked(query, *clips, allowed=None, shape=SHAPE):
    flags = np.array([True] * len(clips) if allowed is None else allowed)
    return provenance(np.array(query).reshape(len(query), -1), library(*clips, shape=shape), flags, 3)


def test_a_copied_clip_is_memorised_and_its_clip_is_named_first():
    found = asked(SECOND, FIRST, SECOND)
    assert (found.overlap, found.single, found.longest, found.verdict) == (1.0, 1.0, 6, "memorised")
    best = found.spans[0]
    assert (best.clip, best.start, best.end) == (1, 0, 6)
    assert best.score == pytest.approx(1.0)


def test_a_motion_of_two_clips_is_pieced_together():
    found = asked([1, 2, 3, 8, 9, 10], FIRST, SECOND)
    assert (found.overlap, found.single, found.longest, found.verdict) == (1.0, 0.5, 3, "pieced")


def test_known_codes_in_an_order_never_seen_are_new():
    found = asked([4, 3, 2, 1], FIRST, SECOND)
    assert (found.overlap, found.longest, found.verdict) == (0.0, 1, "new")


def test_a_stretch_does_not_reach_from_one_clip_to_the_next():
    assert asked([4, 5], FIRST, SECOND).overlap == 0.0


def test_clips_that_were_not_trained_on_do_not_count():
    found = asked(SECOND, FIRST, SECOND, allowed=[True, False])
    assert (found.overlap, found.verdict, found.spans) == (0.0, "new", [])
    with pytest.raises(ValueError, match="no training motion"):
        asked(SECOND, FIRST, allowed=[False])


def test_steps_are_the_same_only_if_every_codebook_says_the_same():
    shape = SHAPE._replace(codes_per_step=2)
    clip = [[1, 1], [2, 2], [3, 3], [4, 4]]
    found = asked([[1, 1], [2, 2], [3, 9], [4, 9]], clip, shape=shape)
    assert (found.overlap, found.longest) == (0.5, 2)


def test_an_empty_motion_and_another_number_of_codebooks_are_refused():
    with pytest.raises(ValueError, match="at least one step"):
        provenance(np.zeros((0, 1), np.int64), library(FIRST), np.array([True]), 3)
    with pytest.raises(ValueError, match="expected"):
        asked([[1, 2]], FIRST)


@given(
    clips=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=1, max_size=4),
    query=st.lists(st.integers(0, 3), min_size=2, max_size=9),
)
def test_the_overlap_is_what_comparing_every_pair_of_steps_finds(clips, query):
    pairs = {tuple(clip[i : i + 2]) for clip in clips for i in range(len(clip) - 1)}
    covered = {step for i in range(len(query) - 1) if tuple(query[i : i + 2]) in pairs for step in (i, i + 1)}
    assert asked(query, *clips).overlap == pytest.approx(len(covered) / len(query))


@given(clip=st.lists(st.integers(0, 3), min_size=4, max_size=12), data=st.data())
def test_any_part_of_a_training_clip_is_memorised(clip, data):
    start = data.draw(st.integers(0, len(clip) - 2))
    end = data.draw(st.integers(start + 2, len(clip)))
    assert asked(clip[start:end], clip).verdict == "memorised"
