"""Codebook statistics that can be checked in the head."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib import codebook
from motionlib.artifacts import CodeShape


def test_four_codes_used_alike_have_perplexity_four():
    found = codebook.usage(np.array([0, 1, 2, 3] * 5), 8)
    assert found.perplexity == pytest.approx(4.0)
    assert found.usage == 0.5
    assert found.normalised_entropy == pytest.approx(2 / 3)  # 2 of 3 bits
    assert found.dead.tolist() == [4, 5, 6, 7]


def test_one_code_alone_says_nothing():
    found = codebook.usage(np.zeros(9, dtype=np.int64), 4)
    assert (found.perplexity, found.normalised_entropy, found.usage) == (1.0, 0.0, 0.25)


@given(codes=st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_perplexity_lies_between_one_and_the_codes_in_use(codes):
    found = codebook.usage(np.array(codes), 7)
    assert 1 - 1e-9 <= found.perplexity <= len(set(codes)) + 1e-9
    assert found.counts.sum() == len(codes)


@pytest.mark.parametrize("codes", [[], [0, 4], [-1]])
def test_codes_out_of_range_are_refused(codes):
    with pytest.raises(ValueError, match=r"expected codes in \[0, 4\)"):
        codebook.usage(np.array(codes, dtype=np.int64), 4)


def test_a_strict_alternation_is_known_when_the_one_before_is():
    found = codebook.grams([np.array([0, 1] * 50)], 2)
    assert found.unigram == pytest.approx(1.0)
    assert found.conditional == pytest.approx(0.0, abs=1e-9)
    assert found.pairs == 2
    assert found.repeats == 0.0


def test_pairs_do_not_reach_across_clips():
    found = codebook.grams([np.array([0, 0]), np.array([1, 1])], 2)
    assert found.pairs == 2
    assert found.repeats == 1.0


@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=20), min_size=1, max_size=5))
def test_knowing_the_code_before_never_costs_bits(sequences):
    found = codebook.grams([np.array(s) for s in sequences], 5)
    assert found.conditional >= -1e-9
    assert found.bigram <= 2 * np.log2(5) + 1e-9


def test_clips_of_one_step_have_no_pairs():
    assert codebook.grams([np.array([3]), np.array([3])], 5) == (0.0, 0.0, 0.0, 0, 0.0)


def test_transitions_are_probabilities():
    found = codebook.transitions([np.array([0, 1, 0, 2])], 3)
    np.testing.assert_allclose(found, [[0, 0.5, 0.5], [1, 0, 0], [0, 0, 0]])


def test_duplicates_are_found():
    book = np.array([[0, 0], [3, 4], [3, 4], [10, 0]], dtype=np.float32)
    found = codebook.neighbours(book)
    assert found.duplicates == [(1, 2)]
    assert found.distance.tolist() == pytest.approx([5.0, 0.0, 0.0, np.hypot(7, 4)])


def test_a_report_says_bits_per_second():
    shape = CodeShape(4, 1, 4, 5.0)
    numbers = codebook.analyse([np.array([[0], [1], [2], [3]])], shape, [np.eye(4, dtype=np.float32)])
    assert numbers["bits_per_second"]["nominal"] == 10.0  # 5 steps of 2 bits
    assert numbers["bits_per_second"]["unigram"] == pytest.approx(10.0)
    assert numbers["codebooks"][0]["duplicates"] == []
    assert codebook.headline(numbers)["usage"] == 1.0


def test_every_codebook_is_counted_by_itself():
    shape = CodeShape(2, 2, 4, 5.0)
    numbers = codebook.analyse([np.array([[0, 0], [0, 1]])], shape)
    assert [level["usage"] for level in numbers["codebooks"]] == [0.5, 1.0]


def test_pictures_are_always_the_same():
    sequences = [np.array([0, 1, 2, 1, 0])]
    pictures = [
        (codebook.usage_png(np.array([5, 3, 0]), "t"), codebook.transitions_png(sequences, 3, "t")) for _ in range(2)
    ]
    assert pictures[0] == pictures[1]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures[0])
