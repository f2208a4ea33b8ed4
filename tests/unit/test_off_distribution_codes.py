"""Codes of new clips against those of the training: numbers that can be counted by hand, and what holds for all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motionlib.artifacts import CodeShape
from motionlib.evaluation.off_distribution.codes import (
    divergence,
    ngrams,
    novelty,
    probabilities,
    readable,
    remember,
    uses,
)


def column(*codes):
    return np.array(codes, dtype=np.int64)[:, None]


def test_pairs_and_triples_that_training_never_had_are_counted():
    known = remember([column(0, 1, 2), column(2, 0)], 4)
    found = novelty(column(0, 1, 2, 0, 3), known)
    assert (found.unseen_pairs, found.pairs) == (1, 4)  # 0 3
    assert (found.unseen_triples, found.triples) == (2, 3)  # 1 2 0 and 2 0 3
    assert found.steps == 5


def test_runs_do_not_reach_from_one_clip_to_the_next():
    assert remember([column(0, 1), column(2, 3)], 4).pairs.tolist() == [1, 2 * 4 + 3]


def test_a_run_is_read_as_one_number():
    assert ngrams(np.array([3, 1, 2]), 2, 10).tolist() == [31, 12]
    assert ngrams(np.array([3, 1, 2]), 3, 10).tolist() == [312]
    assert ngrams(np.array([3]), 2, 10).tolist() == []


def test_what_always_followed_surprises_less_than_what_never_did():
    known = remember([column(0, 1) for _ in range(50)], 4)
    often, never = (novelty(column(0, code), known).bits for code in (1, 2))
    assert often < 1.5 < 7 < never


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 4))
def test_probabilities_after_a_code_add_up_to_one(codes, before):
    known = remember([column(*codes)], 5)
    whole = [probabilities(np.array([before, after]), known)[1] for after in range(5)]
    assert sum(whole) == pytest.approx(1.0)
    assert min(whole) > 0


@given(arrays(np.int64, (3, 4), elements=st.integers(0, 9)), arrays(np.int64, (3, 4), elements=st.integers(0, 9)))
def test_divergence_is_symmetric_and_between_nothing_and_one_bit(a, b):
    a, b = a.astype(float), b.astype(float)
    assert divergence(a, b) == pytest.approx(divergence(b, a))
    assert 0.0 <= divergence(a, b) <= 1.0
    assert divergence(a, a) == pytest.approx(0.0, abs=1e-12)


def test_usages_without_a_code_in_common_are_one_bit_apart():
    assert divergence(np.array([[4.0, 0.0]]), np.array([[0.0, 2.0]])) == pytest.approx(1.0)


def test_every_level_is_counted_by_itself():
    shape = CodeShape(3, 2, 4, 5.0)
    assert uses(np.array([[0, 2], [0, 1]]), shape).tolist() == [[2, 0, 0], [0, 1, 1]]


def test_steps_of_hundreds_of_digits_have_no_runs_worth_reading():
    assert readable(CodeShape(512, 6, 4, 5.0))
    assert not readable(CodeShape(256, 512, 4, 5.0))
