"""The baseline that sees two codes back: interpolated discounting over the bigram of `ngram`.

Source: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1998, section 2.8, with a
strength as in the hierarchical Pitman-Yor model (Teh, 2006, eq. 17); both settings are those that suit validation best.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from motionlib.artifacts import CodeShape, Int64
from motionlib.priors.data import Piece
from motionlib.priors.ngram import DISCOUNTS, STRENGTHS, Float64, Ngram, events_of


class Trigram(NamedTuple):
    """P(event | two before) = max(seen - discount, 0) / total + what is left * bigram(event | one before).

    Attributes:
        triples: (K,) sorted pair * E + event of the triples seen; seen: how often each.
        pairs: (P,) sorted pairs seen as a context; totals, kinds: (P,) how often, and with how many different events.
    """

    triples: Int64
    seen: Int64
    pairs: Int64
    totals: Float64
    kinds: Float64
    lower: Ngram
    settings: dict[str, float]

    def log_probability(self, before: Int64, contexts: Int64, events: Int64) -> Float64:
        """Natural logarithm (N,) of the probability of each event after `before` and then its context."""
        size = len(self.lower.counts.group)
        discount, strength = self.settings["discount"], self.settings["strength"]
        pair = before * size + contexts
        totals, kinds = (_found(self.pairs, pair, values) for values in (self.totals, self.kinds))
        total = totals + strength
        known = np.where(total > 0, total, 1.0)
        share = np.where(total > 0, (discount * kinds + strength) / known, 1.0)
        seen = _found(self.triples, pair * size + events, self.seen)
        direct = np.maximum(seen - discount, 0.0) / known
        below = np.exp(self.lower.log_probability(contexts, events))
        return np.asarray(np.log(direct + share * below))


def fit_trigram(training: Sequence[Piece], validation: Sequence[Piece], codes: CodeShape, lower: Ngram) -> Trigram:
    """Count every sequence of `training` once, as the bigram does; choose the settings on `validation`."""
    rest = bool(lower.settings["uncaptioned"])
    size = len(lower.counts.group)
    triples = np.concatenate(
        [np.zeros(0, np.int64), *(_keys(one, codes, size) for one in training if rest or one.ends)]
    )
    keys, seen = np.unique(triples, return_counts=True)
    pairs, index = np.unique(keys // size, return_inverse=True)
    totals, kinds = (np.bincount(index, n, len(pairs)).astype(np.float64) for n in (seen, None))
    models = [
        Trigram(keys, seen, pairs, totals, kinds, lower, {"discount": discount, "strength": strength})
        for discount, strength in product(DISCOUNTS, STRENGTHS)
    ]
    return min(models, key=lambda model: float(score_trigram(model, validation, codes).sum()))


def score_trigram(model: Trigram, pieces: Sequence[Piece], codes: CodeShape) -> Float64:
    """Nats (N,) of each piece, its end included where it has one: exactly what `Prior.score` counts."""
    parts = [_events(piece, codes) for piece in pieces]
    if not parts:
        return np.zeros(0)
    nats = -model.log_probability(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    cuts = np.cumsum([len(events) for _, _, events in parts])[:-1]
    return np.array([part.sum() for part in np.split(nats, cuts)])


def _events(piece: Piece, codes: CodeShape) -> tuple[Int64, Int64, Int64]:
    """What stood two before each event, one before it, and the event; before the beginning stands the end."""
    contexts, events = events_of(piece, codes)
    end = codes.codes_per_step * codes.codebook_size
    return np.append(end, contexts)[: len(contexts)], contexts, events


def _keys(piece: Piece, codes: CodeShape, size: int) -> Int64:
    before, contexts, events = _events(piece, codes)
    return (before * size + contexts) * size + events


def _found(keys: Int64, wanted: Int64, values: Int64 | Float64) -> Float64:
    """The value of each wanted key; 0 where it is none of `keys`."""
    if not len(keys):
        return np.zeros(len(wanted))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0).astype(np.float64)
