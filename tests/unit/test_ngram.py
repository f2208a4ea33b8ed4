"""Unigram and bigram baselines."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import CodeShape
from motionlib.priors.data import NULL, Piece
from motionlib.priors.ngram import count, fit_baselines, score
from motionlib.priors.trigram import fit_trigram, score_trigram

SHAPE = CodeShape(codebook_size=4, codes_per_step=1, frames_per_step=4, steps_per_second=5.0)


def piece(codes, ends=True):
    codes = torch.tensor(codes)
    return Piece("clip", codes if codes.ndim == 2 else codes[:, None], (0,) if ends else (NULL,), ends, 1.0)


def test_pairs_are_counted_from_the_beginning_to_the_end():
    counts = count([piece([1, 2, 2]), piece([2, 2], ends=False)], SHAPE)
    pairs = {(int(a), int(b)): int(n) for a, b, n in zip(counts.contexts, counts.events, counts.seen, strict=True)}
    assert pairs == {(4, 1): 1, (1, 2): 1, (2, 2): 2, (2, 4): 1, (4, 2): 1}  # 4 is the end, and the beginning


def test_a_fair_coin_costs_log_two_per_toss():
    rng = np.random.default_rng(0)
    shape = CodeShape(2, 1, 4, 5.0)
    coin = [piece(rng.integers(0, 2, 5_000), ends=False) for _ in range(3)]
    fitted = fit_baselines(coin[:1], coin[1:2], shape)
    for model in fitted:
        assert score(model, coin[2:], shape)[0] / 5_000 == pytest.approx(math.log(2), rel=0.01)


def test_a_bigram_learns_a_cycle_that_a_unigram_cannot():
    cycle = [piece([0, 1, 2, 3] * 20) for _ in range(5)]
    fitted = fit_baselines(cycle[:3], cycle[3:4], SHAPE)
    unigram, bigram = (score(model, cycle[4:], SHAPE)[0] / 81 for model in fitted)
    assert unigram == pytest.approx(math.log(4), rel=0.05)
    assert bigram < 0.15


def test_smoothing_is_chosen_on_validation():
    rng = np.random.default_rng(1)
    noise = [piece(rng.integers(0, 4, 30)) for _ in range(12)]
    fitted = fit_baselines(noise[:4], noise[4:8], SHAPE)
    assert fitted.bigram.settings["strength"] >= 4.0  # pairs of noise mean nothing: trust the unigram
    unigram, bigram = (score(model, noise[8:], SHAPE).sum() for model in fitted)
    assert bigram < 1.1 * unigram


@given(seed=st.integers(0, 2**16), levels=st.integers(1, 3))
def test_after_every_context_the_possible_events_sum_to_one(seed, levels):
    rng = np.random.default_rng(seed)
    shape = CodeShape(4, levels, 4, 5.0)
    pieces = [piece(rng.integers(0, 4, (rng.integers(1, 9), levels)), ends=bool(i % 2)) for i in range(6)]
    ids = np.arange(4 * levels + 1)
    for model in fit_baselines(pieces[:4], pieces[4:], shape):
        for context in ids:
            after = 0 if context >= 4 * (levels - 1) else context // 4 + 1
            events = ids[model.counts.group == after]
            p = np.exp(model.log_probability(np.full(len(events), context), events))
            assert p.sum() == pytest.approx(1.0)
            assert (p > 0).all()


def test_a_piece_without_end_is_not_charged_for_one():
    fitted = fit_baselines([piece([0, 1])], [piece([0, 1])], SHAPE)
    open_ended, ended = score(fitted.bigram, [piece([0, 1], ends=False), piece([0, 1])], SHAPE)
    assert open_ended < ended


def test_a_trigram_knows_what_two_codes_back_decide():
    rng = np.random.default_rng(2)
    either = [[0, 1, 2] if rng.random() < 0.5 else [3, 1, 0] for _ in range(200)]  # what follows 1 depends on its past
    pieces = [piece([code for three in either[i : i + 40] for code in three]) for i in range(0, 200, 40)]
    bigram = fit_baselines(pieces[:3], pieces[3:4], SHAPE).bigram
    trigram = fit_trigram(pieces[:3], pieces[3:4], SHAPE, bigram)
    assert score_trigram(trigram, pieces[4:], SHAPE)[0] < 0.7 * score(bigram, pieces[4:], SHAPE)[0]


@given(seed=st.integers(0, 2**16), levels=st.integers(1, 2))
def test_after_every_two_codes_the_possible_events_sum_to_one(seed, levels):
    rng = np.random.default_rng(seed)
    shape = CodeShape(3, levels, 4, 5.0)
    pieces = [piece(rng.integers(0, 3, (rng.integers(1, 9), levels)), ends=bool(i % 2)) for i in range(6)]
    trigram = fit_trigram(pieces[:4], pieces[4:], shape, fit_baselines(pieces[:4], pieces[4:], shape).bigram)
    group = trigram.lower.counts.group
    for before in range(len(group)):
        for context in range(len(group)):
            after = 0 if context >= 3 * (levels - 1) else context // 3 + 1
            events = np.flatnonzero(group == after)
            both = np.full(len(events), before), np.full(len(events), context)
            assert np.exp(trigram.log_probability(*both, events)).sum() == pytest.approx(1.0)


def test_a_trigram_scores_pieces_one_by_one_as_together():
    rng = np.random.default_rng(3)
    pieces = [piece(rng.integers(0, 4, n), ends=n % 2 == 0) for n in (1, 2, 5, 8)]
    trigram = fit_trigram(pieces, pieces, SHAPE, fit_baselines(pieces, pieces, SHAPE).bigram)
    together = score_trigram(trigram, pieces, SHAPE)
    alone = [score_trigram(trigram, [one], SHAPE)[0] for one in pieces]
    np.testing.assert_allclose(together, alone)
