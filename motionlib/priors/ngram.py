"""Baselines that any prior must beat: unigram and bigram models of the codes, as strong as they get.

Source: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1998, section 2.8
(interpolated Kneser-Ney), with a strength as in the hierarchical Pitman-Yor model (Teh, 2006, eq. 17). All settings,
and whether motion without captions is counted, are those that suit the validation split best.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import CodeShape, Int64
from motionlib.priors.data import Piece

Float64 = NDArray[np.float64]
ADDED = (0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 2.0, 5.0)  # pseudo-count of every event
DISCOUNTS = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # taken off every pair that was seen
STRENGTHS = (0.0, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # pseudo-count of the lower order in every context


class Counts(NamedTuple):
    """How often each event followed each context. E events: level * V + code, and last the end (or beginning).

    Attributes:
        pairs: Sorted context * E + event of the pairs seen; seen: how often each.
        group: (E,) the level an event belongs to; a context is followed by events of one level only.
    """

    pairs: Int64
    seen: Int64
    group: Int64

    @property
    def contexts(self) -> Int64:
        """Context of each pair."""
        return self.pairs // len(self.group)

    @property
    def events(self) -> Int64:
        """Event of each pair."""
        return self.pairs % len(self.group)


class Ngram(NamedTuple):
    """P(event | context) = max(seen - discount, 0) / total + what is left * lower(event); without pairs: a unigram."""

    counts: Counts
    lower: Float64
    totals: Float64
    kinds: Float64
    settings: dict[str, float | str | bool]

    def log_probability(self, contexts: Int64, events: Int64) -> Float64:
        """Natural logarithm (N,) of the probability of each event after its context."""
        discount, strength = float(self.settings.get("discount", 0.0)), float(self.settings.get("strength", 1.0))
        total = self.totals[contexts] + strength
        known = np.where(total > 0, total, 1.0)
        share = np.where(total > 0, (discount * self.kinds[contexts] + strength) / known, 1.0)
        direct = np.maximum(_lookup(self.counts, contexts, events) - discount, 0.0) / known
        return np.asarray(np.log(direct + share * self.lower[events]))


class Baselines(NamedTuple):
    """The unigram sees nothing, the bigram the code before."""

    unigram: Ngram
    bigram: Ngram


def fit_baselines(training: Sequence[Piece], validation: Sequence[Piece], codes: CodeShape) -> Baselines:
    """Count every sequence of `training` once; choose the settings on `validation`."""
    sets = {True: count(training, codes), False: count([piece for piece in training if piece.ends], codes)}
    held = count(validation, codes)
    unigrams = (_unigram(sets[rest], added, rest) for rest, added in product(sets, ADDED))
    bigrams = (
        _bigram(sets[rest], added, continuation, discount, strength, rest)
        for rest, added, continuation, discount, strength in product(
            sets, ADDED[2:5:2], (False, True), DISCOUNTS, STRENGTHS
        )
    )
    return Baselines(_best(unigrams, held), _best(bigrams, held))


def score(model: Ngram, pieces: Sequence[Piece], codes: CodeShape) -> Float64:
    """Nats (N,) of each piece, its end included where it has one: exactly what `Prior.score` counts."""
    return np.array([-model.log_probability(*events_of(piece, codes)).sum() for piece in pieces])


def count(pieces: Sequence[Piece], codes: CodeShape) -> Counts:
    """Count pairs of events; every piece begins in the context of the end."""
    levels, size = codes.codes_per_step, codes.codebook_size
    group = np.append(np.repeat(np.arange(levels), size), 0)
    both = [events_of(piece, codes) for piece in pieces]
    keys = np.concatenate([np.zeros(0, np.int64), *(a * len(group) + b for a, b in both)])
    pairs, seen = np.unique(keys, return_counts=True)
    return Counts(pairs, seen, group)


def events_of(piece: Piece, codes: CodeShape) -> tuple[Int64, Int64]:
    """Context and event of each code of a piece and, where it ends there, of its end; before all stands the end."""
    levels, size = codes.codes_per_step, codes.codebook_size
    ids = (piece.codes.numpy() + size * np.arange(levels)).reshape(-1)
    end = levels * size
    events = np.append(ids, end) if piece.ends else ids
    return np.append(end, ids)[: len(events)], events


def _lookup(counts: Counts, contexts: Int64, events: Int64) -> Float64:
    if not len(counts.pairs):
        return np.zeros(len(events))
    wanted = contexts * len(counts.group) + events
    at = np.minimum(np.searchsorted(counts.pairs, wanted), len(counts.pairs) - 1)
    return np.where(counts.pairs[at] == wanted, counts.seen[at], 0).astype(np.float64)


def _lower(weights: NDArray[np.floating], group: Int64) -> Float64:
    """Weights (E,) as one distribution per level."""
    return np.asarray(weights / np.bincount(group, weights)[group])


def _unigram(counts: Counts, added: float, rest: bool) -> Ngram:
    size = len(counts.group)
    lower = _lower(np.bincount(counts.events, counts.seen, size) + added, counts.group)
    nothing = Counts(np.zeros(0, np.int64), np.zeros(0, np.int64), counts.group)
    return Ngram(nothing, lower, np.zeros(size), np.zeros(size), {"added": added, "uncaptioned": rest})


def _bigram(counts: Counts, added: float, continuation: bool, discount: float, strength: float, rest: bool) -> Ngram:
    size = len(counts.group)
    below = np.bincount(counts.events, None if continuation else counts.seen, size)
    totals, kinds = (np.bincount(counts.contexts, n, size).astype(np.float64) for n in (counts.seen, None))
    settings: dict[str, float | str | bool] = {
        "added": added, "discount": discount, "strength": strength, "uncaptioned": rest,
        "lower": "continuation" if continuation else "frequency",
    }  # fmt: skip
    return Ngram(counts, _lower(below + added, counts.group), totals, kinds, settings)


def _best(models: Iterable[Ngram], held: Counts) -> Ngram:
    def cost(model: Ngram) -> float:
        return -float((model.log_probability(held.contexts, held.events) * held.seen).sum())

    return min(models, key=cost)
