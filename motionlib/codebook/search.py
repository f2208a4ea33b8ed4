"""Which spans of a library say the same as a motion: search by codes.

Source: Smith and Waterman, "Identification of common molecular subsequences", J. Mol. Biol. 147 (1981), without gaps: a
code in common counts the bits that it says, so that rare codes and long n-grams weigh most; one that differs costs.
"""

from typing import NamedTuple

import numpy as np

from motionlib.codebook.counts import Float64, Int64, entropy
from motionlib.codebook.order import clip_starts

COST = 0.5  # of a step that differs, as a share of the mean bits of a code


class Span(NamedTuple):
    """A span of clip number `clip` that is like a part of the query.

    Attributes:
        start, end: Steps [start, end) in the clip. query: Step of the query where the part begins; it is as long.
        score: Share of what the query says that the span says too, less what differs: 1 for a copy, 0 for nothing.
        same: Share of the span's steps with the same code.
    """

    clip: int
    start: int
    end: int
    query: int
    score: float
    same: float


def search(query: Int64, column: Int64, offsets: Int64, most: int) -> list[Span]:
    """The best span of each clip, best first, at most `most` of them.

    Args:
        query: (L,) codes. column: (N,) codes of the library, clip i owning [offsets[i], offsets[i + 1]).

    Raises:
        ValueError: If the query is empty.
    """
    if not len(query):
        raise ValueError("a motion without codes cannot be searched for")
    bits, cost = _bits(query, column)
    lengths = np.diff(offsets)
    best, begun, ended = _alignments(query, column, clip_starts(lengths), bits, cost)
    own = float(bits[query].sum())
    found = []
    for clip in np.flatnonzero(lengths):
        last = int(offsets[clip] + best[offsets[clip] : offsets[clip + 1]].argmax())
        if best[last] > 0:
            length = int(ended[last] - begun[last]) + 1
            first, at = last - length + 1, int(begun[last])
            same = float((column[first : last + 1] == query[at : at + length]).mean())
            start = int(first - offsets[clip])
            found.append(Span(int(clip), start, start + length, at, float(best[last]) / own, same))
    return sorted(found, key=lambda span: (-span.score, span.clip))[:most]


def _bits(query: Int64, column: Int64) -> tuple[Float64, float]:
    """What each code says in bits, an unknown one as much as the rarest; and what a difference costs."""
    counts = np.bincount(column, minlength=int(query.max()) + 1)
    return -np.log2(np.maximum(counts, 1) / (len(column) + 1)), COST * max(entropy(counts), 1.0)


def _alignments(query: Int64, column: Int64, starts: Int64, bits: Float64, cost: float) -> tuple[Float64, Int64, Int64]:
    """Of each place of the library: the best score of a span that ends there, from which to which query step."""
    score, begin = np.zeros(len(column)), np.zeros(len(column), dtype=np.int64)
    best, begun, ended = score.copy(), begin.copy(), begin.copy()
    for step, code in enumerate(query):
        before, since = np.roll(score, 1), np.roll(begin, 1)
        before[starts] = 0.0
        score = np.maximum(before + np.where(column == code, bits[code], -cost), 0.0)
        begin = np.where(before > 0, since, step)
        better = score > best
        best[better], begun[better], ended[better] = score[better], begin[better], step
    return best, begun, ended
