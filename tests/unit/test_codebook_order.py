"""n-grams, company and distances of codes, against counting by hand."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib import codebook
from motionlib.artifacts import CodeShape
from motionlib.codebook import order, relations, vectors

clips = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=15), min_size=1, max_size=6)


def _joined(sequences):
    return order.joined([np.array(one, dtype=np.int64) for one in sequences])


@given(sequences=clips, size=st.sampled_from([5, 65_536, 2**21]))
def test_ngrams_are_those_that_counting_finds(sequences, size):
    for found in order.orders(*_joined(sequences), size):
        grams = Counter(tuple(one[i : i + found.n]) for one in sequences for i in range(len(one) - found.n + 1))
        assert (found.total, found.different) == (sum(grams.values()), len(grams))
        shares = np.array(list(grams.values())) / max(found.total, 1)
        assert found.bits == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-9)
        assert found.once == pytest.approx(np.mean([n == 1 for n in grams.values()]) if grams else 0.0)


def test_the_last_code_of_a_trigram_is_known_when_two_before_tell_it():
    sequence = np.array([0, 0, 1, 1] * 40, dtype=np.int64)  # after one code either may come, after two only one
    _, pair, triple, _ = order.orders(sequence, np.array([160]), 2)
    assert pair.conditional == pytest.approx(1.0, abs=0.01)
    assert triple.conditional == pytest.approx(0.0, abs=1e-9)


def test_runs_end_where_a_clip_ends():
    found = order.repetition(*_joined([[7, 7, 7], [7, 1]]))
    assert (found.longest_run, found.runs, found.mean_run) == (3, 3, pytest.approx(5 / 3))
    assert found.repeats == pytest.approx(2 / 3)


def test_followers_stand_most_frequent_first():
    pairs = order.followers(*_joined([[0, 1, 0, 1, 0, 2]]), 3)
    following, count = pairs.of(0)
    assert (following.tolist(), count.tolist()) == ([1, 2], [2, 1])
    assert pairs.of(2)[0].tolist() == []
    assert order.next_bits(pairs, 3) == pytest.approx([np.log2(3) - 2 / 3, 0.0, 0.0])


def test_transitions_among_some_codes_keep_their_probabilities():
    pairs = order.followers(*_joined([[0, 1, 0, 1, 0, 2]]), 3)
    np.testing.assert_allclose(order.transitions_among(pairs, np.array([1, 0])), [[0, 1], [2 / 3, 0]])


def test_codes_that_are_always_together_are_companions():
    sequences = [[0, 1] * 30, [2, 3] * 30]
    found = relations.companions(*_joined(sequences), 4, window=3)
    assert found.other[found.of(0)].tolist() == [1]
    assert found.lift[found.of(0)][0] > 1.9  # two pairs that never mix: about twice as often as by chance
    assert found.other[found.of(3)].tolist() == [2]


def test_what_meets_by_chance_has_a_lift_of_one():
    rng = np.random.default_rng(0)
    found = relations.companions(rng.integers(0, 4, 40_000), np.array([40_000]), 4, window=5)
    np.testing.assert_allclose(found.lift, 1.0, atol=0.03)


def test_a_codebook_that_repeats_another_shares_all_of_it_and_noise_shares_nothing():
    rng = np.random.default_rng(0)
    first, noise = rng.integers(0, 50, 3000), rng.integers(0, 50, 3000)
    assert relations.shared_information(first, 49 - first) == pytest.approx(1.0)
    assert relations.shared_information(first, noise) < 0.02  # uncorrected it would be 0.1


@given(st.integers(2, 30), st.integers(1, 5), st.integers(0, 2**16))
def test_nearest_points_are_those_of_all_distances(points, width, seed):
    book = np.random.default_rng(seed).normal(size=(points, width))
    between = np.linalg.norm(book[:, None] - book[None], axis=-1)
    np.fill_diagonal(between, np.inf)
    found = vectors.nearest(book, 3)
    np.testing.assert_allclose(found.distance, np.sort(between, axis=1)[:, : min(3, points - 1)], rtol=1e-6)


def test_a_map_of_points_in_a_plane_keeps_their_distances():
    flat = np.random.default_rng(1).normal(size=(9, 2))
    turned = np.concatenate([flat @ [[0.6, 0.8], [-0.8, 0.6]], np.zeros((9, 3))], axis=1)
    placed = vectors.plane(turned, np.ones(9, dtype=np.int64))
    between = [np.linalg.norm(one[:, None] - one[None], axis=-1) for one in (flat, placed)]
    np.testing.assert_allclose(*between, atol=1e-9)


def test_a_large_codebook_costs_no_table_of_all_pairs(monkeypatch):
    monkeypatch.setattr(codebook.analysis, "MOST_COMPARED", 50)
    codes = np.random.default_rng(0).integers(0, 65_536, size=(400, 1))
    books = [np.random.default_rng(0).normal(size=(65_536, 2)).astype(np.float32)]
    numbers = codebook.analyse([codes[:200], codes[200:]], CodeShape(65_536, 1, 4, 5.0), books)
    assert numbers["codebooks"][0]["compared"] == 50
    assert len(numbers["codebooks"][0]["counts"]) == 65_536


def test_of_hundreds_of_codebooks_some_are_looked_at_closely():
    codes = np.random.default_rng(0).integers(0, 256, size=(30, 300))
    numbers = codebook.analyse([codes], CodeShape(256, 300, 4, 5.0))
    assert len(numbers["codebooks"]) == 300
    assert numbers["shared"]["codebooks"] == [0, 60, 120, 179, 239, 299]
    assert len(numbers["shared"]["information"]) == 6
