"""In which order codes come: n-grams, repetition, and which code follows which.

No V x V table: what was seen is sorted and counted, so that a codebook may be as large as it likes.
Entropies are plug-in estimates in bits and biased downwards where n-grams are few for what there could be.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.codebook.counts import Float64, Int64, entropy

NDBool = NDArray[np.bool_]
LONGEST = 4  # codes in the longest n-gram
LARGEST_KEY = 2**63  # numbers that stand for n-grams stay below


class Order(NamedTuple):
    """n-grams of one length, counted inside clips.

    Attributes:
        n: Codes in a row. total: How many there are. different: How many different ones.
        once: Share of the different ones that are seen only once.
        bits: Entropy of the whole n-gram. conditional: of its last code when those before it are known.
    """

    n: int
    total: int
    different: int
    once: float
    bits: float
    conditional: float


class Repetition(NamedTuple):
    """`repeats`: share of steps that repeat the code before; `mean_run`, `longest_run`: in steps; `runs`: how many."""

    repeats: float
    mean_run: float
    longest_run: int
    runs: int


class Grams(NamedTuple):
    """Entropies of codes in bits: one code, a pair of neighbours, and a code when the one before is known.

    `pairs`: different pairs seen; `repeats`: share of steps that repeat the code before.
    """

    unigram: float
    bigram: float
    conditional: float
    pairs: int
    repeats: float


class Followers(NamedTuple):
    """Pairs of neighbours that were seen, ordered by the first code and then by how often: (P,) each."""

    code: Int64
    following: Int64
    times: Int64

    def of(self, code: int) -> tuple[Int64, Int64]:
        """What follows a code, most frequent first, and how often."""
        low, high = np.searchsorted(self.code, [code, code + 1])
        return self.following[low:high], self.times[low:high]


def grams(sequences: Sequence[Int64], size: int) -> Grams:
    """Entropies of sequences of codes, each (L,); pairs do not reach from one sequence to the next."""
    codes, lengths = joined(sequences)
    first, second = (*orders(codes, lengths, size, 2), None)[:2]
    assert first is not None
    if second is None or not second.total:
        return Grams(first.bits, 0.0, 0.0, 0, 0.0)
    return Grams(first.bits, second.bits, second.conditional, second.different, repetition(codes, lengths).repeats)


def joined(sequences: Sequence[Int64]) -> tuple[Int64, Int64]:
    """All codes (N,) one after the other, and the length of each sequence."""
    return np.concatenate(list(sequences)), np.array([len(one) for one in sequences], dtype=np.int64)


def orders(codes: Int64, lengths: Int64, size: int, longest: int = LONGEST) -> list[Order]:
    """Statistics of the n-grams of 1 to `longest` codes, none of which reaches from one clip to the next.

    Args:
        codes: (N,) of all clips in [0, size). lengths: Steps of each clip, N in all.
    """
    found = []
    clip = np.repeat(np.arange(len(lengths)), lengths)
    for n, keys in enumerate(_keys(codes, size, longest), start=1):
        inside = keys[clip[: len(keys)] == clip[n - 1 :]] if n > 1 else keys
        found.append(_order(n, inside, size))
    return found


def _keys(codes: Int64, size: int, longest: int) -> Iterator[Int64]:
    """A number for the n-gram that begins at each place, n = 1, 2, ...; order as that of the codes."""
    keys, bound = codes.astype(np.int64), size
    for n in range(1, min(longest, len(codes)) + 1):
        if n > 1:
            if bound * size >= LARGEST_KEY:
                _, keys = np.unique(keys, return_inverse=True)
                bound = int(keys.max()) + 1
            keys = keys[:-1] * size + codes[n - 1 :]
            bound *= size
        yield keys


def _order(n: int, keys: Int64, size: int) -> Order:
    if not len(keys):
        return Order(n, 0, 0, 0.0, 0.0, 0.0)
    seen, counts = tally(keys)
    bits = entropy(counts)
    before = entropy(_merged(seen // size, counts)) if n > 1 else 0.0
    return Order(n, len(keys), len(seen), float((counts == 1).mean()), bits, bits - before)


def tally(keys: Int64) -> tuple[Int64, Int64]:
    """Different keys in order and how often each is there; as `np.unique`, without its slower ways."""
    ordered = np.sort(keys)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[starts], np.diff(starts, append=len(ordered))


def _merged(ordered: Int64, counts: Int64) -> Int64:
    """Counts of equal neighbours in an ordered array, added."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    merged: Int64 = np.add.reduceat(counts, starts)
    return merged


def repetition(codes: Int64, lengths: Int64) -> Repetition:
    """How often a code is repeated at once."""
    begins = run_starts(codes, lengths)
    places = np.flatnonzero(begins)
    runs = np.diff(places, append=len(codes))
    pairs = len(codes) - np.count_nonzero(lengths)
    repeats = (len(codes) - len(places)) / pairs if pairs else 0.0
    return Repetition(float(repeats), float(runs.mean()), int(runs.max()), len(runs))


def run_starts(codes: Int64, lengths: Int64) -> NDBool:
    """(N,) whether a step differs from the one before it or begins a clip."""
    begins = np.ones(len(codes), dtype=np.bool_)
    begins[1:] = codes[1:] != codes[:-1]
    begins[clip_starts(lengths)] = True
    return begins


def clip_starts(lengths: Int64) -> Int64:
    """Where each clip that is not empty begins."""
    starts: Int64 = (np.cumsum(lengths) - lengths)[lengths > 0]
    return starts


def followers(codes: Int64, lengths: Int64, size: int) -> Followers:
    """Which code follows which, inside clips."""
    inside = np.ones(len(codes), dtype=np.bool_)
    inside[clip_starts(lengths)] = False
    after = np.flatnonzero(inside)
    if not len(after):
        none = np.zeros(0, dtype=np.int64)
        return Followers(none, none, none)
    seen, counts = tally(codes[after - 1] * size + codes[after])
    code, following = np.divmod(seen, size)
    order = np.lexsort((following, -counts, code))
    return Followers(code[order], following[order], counts[order])


def next_bits(pairs: Followers, size: int) -> Float64:
    """(V,) entropy in bits of what follows each code; 0 where nothing does."""
    bits = np.zeros(size)
    if len(pairs.code):
        starts = np.flatnonzero(np.concatenate([[True], pairs.code[1:] != pairs.code[:-1]]))
        totals = np.add.reduceat(pairs.times, starts)
        share = pairs.times / np.repeat(totals, np.diff(starts, append=len(pairs.code)))
        bits[pairs.code[starts]] = np.add.reduceat(-share * np.log2(share), starts) + 0.0
    return bits


def transitions(sequences: Sequence[Int64], size: int) -> Float64:
    """(V, V) probability that a code is followed by each code; rows of codes that nothing follows are 0."""
    pairs = followers(*joined(sequences), size)
    return transitions_among(pairs, np.arange(size))


def transitions_among(pairs: Followers, chosen: Int64) -> Float64:
    """(n, n) probability that each of the chosen codes is followed by each of them, of all that follows it."""
    order = np.argsort(chosen)
    shares = np.zeros((len(chosen), len(chosen)))
    totals = np.bincount(pairs.code, pairs.times)
    places = [order[np.minimum(np.searchsorted(chosen[order], one), len(order) - 1)] for one in pairs[:2]]
    known = (chosen[places[0]] == pairs.code) & (chosen[places[1]] == pairs.following)
    row, column = places[0][known], places[1][known]
    shares[row, column] = pairs.times[known] / totals[pairs.code[known]]
    return shares
