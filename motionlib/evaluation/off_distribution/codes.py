"""Codes of some clips against codes of the training clips: usage, pairs and triples never seen, bits of surprise.

Where a step has more than a few codes, as a continuous tokenizer's hundreds of digits, the first says little of the
step, and n-grams are left out; of fewer the first level is read, which carries most of the motion.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import CodeShape, Int64

Float64 = NDArray[np.float64]
MOST_READ = 16  # codes of a step, beyond which n-grams are left out
ADDED = 0.5  # pseudo-count of every code (Krichevsky and Trofimov, IEEE Trans. Inf. Theory 27 (1981))


class Memory(NamedTuple):
    """What is remembered of the training codes' first level.

    Attributes:
        counts: (V,) uses of each code.
        pairs: (P,) sorted first * V + second of the pairs seen; times: (P,) how often.
        triples: (R,) sorted numbers of the triples seen; empty where they are not remembered.
    """

    counts: Int64
    pairs: Int64
    times: Int64
    triples: Int64


class Novelty(NamedTuple):
    """Of one clip: pairs and triples never seen in training among all it has, and bits of its codes."""

    unseen_pairs: int
    pairs: int
    unseen_triples: int
    triples: int
    bits: float
    steps: int


def readable(shape: CodeShape) -> bool:
    """Whether n-grams of the first level say something of the motion."""
    return shape.codes_per_step <= MOST_READ


def remember(sequences: Sequence[Int64], size: int) -> Memory:
    """Count the training codes: (L, Q) of each clip, V codes in the codebook."""
    first = [np.asarray(sequence[:, 0]) for sequence in sequences]
    pairs, times = np.unique(np.concatenate([ngrams(one, 2, size) for one in first]), return_counts=True)
    triples = np.unique(np.concatenate([ngrams(one, 3, size) for one in first]))
    return Memory(np.bincount(np.concatenate(first), minlength=size), pairs, times, triples)


def ngrams(codes: Int64, order: int, size: int) -> Int64:
    """Each run of `order` codes of (L,) as one number, read in base V: (max(L - order + 1, 0),)."""
    count = max(len(codes) - order + 1, 0)
    found = np.zeros(count, dtype=np.int64)
    for place in range(order):
        found = found * size + codes[place : place + count]
    return found


def novelty(codes: Int64, known: Memory) -> Novelty:
    """How much of a clip's codes (L, Q) the training has not seen."""
    first, size = np.asarray(codes[:, 0]), len(known.counts)
    pairs, triples = ngrams(first, 2, size), ngrams(first, 3, size)
    return Novelty(
        int((~np.isin(pairs, known.pairs)).sum()),
        len(pairs),
        int((~np.isin(triples, known.triples)).sum()),
        len(triples),
        float(-np.log2(probabilities(first, known)).sum()),
        len(first),
    )


def probabilities(codes: Int64, known: Memory) -> Float64:
    """Probability of each code of (L,) after the one before it, the first one's without.

    Pairs are interpolated with single codes: Witten and Bell, IEEE Trans. Inf. Theory 37 (1991), method C, as in Chen
    and Goodman (1998), section 2.6.
    """
    size = len(known.counts)
    single: Float64 = (known.counts + ADDED) / (known.counts.sum() + ADDED * size)
    result = np.array(single[codes])
    if len(codes) < 2:
        return result
    wanted = ngrams(codes, 2, size)
    at = np.minimum(np.searchsorted(known.pairs, wanted), max(len(known.pairs) - 1, 0))
    seen = np.where(known.pairs[at] == wanted, known.times[at], 0) if len(known.pairs) else np.zeros(len(wanted))
    before = known.pairs // size
    total = np.bincount(before, known.times, size)[codes[:-1]]
    kinds = np.bincount(before, minlength=size)[codes[:-1]]
    new = total == 0
    below = np.where(new, 1.0, total + kinds)
    result[1:] = np.where(new, result[1:], (seen + kinds * result[1:]) / below)
    return result


def uses(codes: Int64, shape: CodeShape) -> Int64:
    """(Q, V) uses of each code of each level in one clip's codes (L, Q)."""
    return np.stack([np.bincount(codes[:, q], minlength=shape.codebook_size) for q in range(shape.codes_per_step)])


def divergence(a: Float64, b: Float64) -> float:
    """Jensen-Shannon divergence of two usages (Q, V) in bits, the mean over the levels: 0 if equal, 1 if apart.

    Source: Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Trans. Inf. Theory 37 (1991). Few codes look
    apart by chance alone, so it is to be held against that of as many random ones.
    """
    p, q = (counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1) for counts in (a, b))
    bits = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return float(np.clip(bits, 0.0, 1.0).mean())


def _entropy(share: Float64) -> Float64:
    logs = np.log2(share, out=np.zeros_like(share), where=share > 0)
    total: Float64 = -(share * logs).sum(axis=-1)
    return total
