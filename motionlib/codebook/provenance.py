"""Where a generated motion comes from: how much of its codes stands in the training motions already, and where.

Source: Carlini et al., "Quantifying Memorization Across Neural Language Models", arXiv:2202.07646, section 3: output is
memorised if a long enough stretch of it stands in the training set word for word; here a word is one step's codes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import CodeSet
from motionlib.codebook.counts import Int64
from motionlib.codebook.search import Span, search

GRAM_SECONDS = 1.0  # a stretch as long as this that stands in one training motion is taken from it
MEMORISED, NEW = 0.9, 0.5  # of the steps: from here on one clip's copy; up to here new


class Provenance(NamedTuple):
    """Where a motion comes from.

    Attributes:
        steps: Of an n-gram that counts, at most the motion's own.
        overlap: Share of the motion's steps that lie in an n-gram of some training motion; 1 for a copied clip.
        single: The most of them that one training clip explains. longest: Steps of the longest stretch in one clip.
        verdict: `memorised` if one clip explains at least 90 %, `new` if all clips explain at most 50 %, else `pieced`.
        spans: Training spans that are most alike by their first codebook, of each clip the best one.
    """

    steps: int
    overlap: float
    single: float
    longest: int
    verdict: str
    spans: list[Span]


def provenance(said: Int64, codes: CodeSet, allowed: NDArray[np.bool_], most: int) -> Provenance:
    """Hold a motion's codes (L, Q) against those of the clips of a library that are `allowed` (one flag per clip).

    Steps are equal if all of their Q codes are.

    Args:
        most: Spans that are listed.

    Raises:
        ValueError: If the motion is empty, of another number of codebooks, or no clip is allowed.
    """
    if not len(said) or said.shape[1:] != codes.codes.shape[1:]:
        raise ValueError(f"codes {said.shape}; expected (L, {codes.shape.codes_per_step}) with at least one step")
    if not allowed.any():
        raise ValueError("no clip to compare with: there is no training motion")
    steps = min(max(1, round(GRAM_SECONDS * codes.shape.steps_per_second)), len(said))
    query, words = _words(said, np.asarray(codes.codes))
    runs = _runs(query, words, codes.offsets, allowed)
    covered = {clip: _covered(longest, steps) for clip, longest in runs.items()}
    overlap = float(np.any(list(covered.values()), axis=0).mean()) if covered else 0.0
    single = max((float(one.mean()) for one in covered.values()), default=0.0)
    longest = max((int(one.max()) for one in runs.values()), default=0)
    column = np.asarray(codes.codes[:, 0])
    spans = [span for span in search(said[:, 0], column, codes.offsets, len(codes.clips)) if allowed[span.clip]]
    return Provenance(steps, overlap, single, longest, _verdict(overlap, single), spans[:most])


def _verdict(overlap: float, single: float) -> str:
    if single >= MEMORISED:
        return "memorised"
    return "new" if overlap <= NEW else "pieced"


def _words(said: Int64, library: Int64) -> tuple[Int64, Int64]:
    """One number per row of codes, the same for equal rows: of the motion (L,) and of the library (N,)."""
    keys = np.zeros(len(said) + len(library), dtype=np.int64)
    for column in np.concatenate([said, library]).T:
        _, place = np.unique(column, return_inverse=True)
        _, keys = np.unique(keys * (int(place.max()) + 1) + place, return_inverse=True)
    return keys[: len(said)], keys[len(said) :]


def _runs(query: Int64, words: Int64, offsets: Int64, allowed: NDArray[np.bool_]) -> dict[int, Int64]:
    """Of each clip with a step in common: (L,) the most steps up to each of the query that stand in it in a row."""
    inside = np.repeat(allowed, np.diff(offsets))
    starts = np.zeros(len(words) + 1, dtype=np.bool_)
    starts[offsets] = True
    clip_of = np.repeat(np.arange(len(allowed)), np.diff(offsets))
    found: dict[int, Int64] = {}
    runs = np.zeros(len(words) + 1, dtype=np.int64)  # ending before each place of the library, 0 where none does
    for step, word in enumerate(query):
        here = np.flatnonzero((words == word) & inside)
        length = 1 + np.where(starts[here], 0, runs[here])
        runs = np.zeros_like(runs)
        runs[here + 1] = length
        for clip in np.unique(clip_of[here]):
            of_clip = found.setdefault(int(clip), np.zeros(len(query), dtype=np.int64))
            of_clip[step] = length[clip_of[here] == clip].max()
    return found


def _covered(runs: Int64, steps: int) -> NDArray[np.bool_]:
    """Which steps lie in a run of at least `steps`; `runs` (L,) is the length of the longest run that ends at each."""
    change = np.zeros(len(runs) + 1, dtype=np.int64)
    ends = np.flatnonzero(runs >= steps)
    np.add.at(change, ends + 1, -1)
    np.add.at(change, ends + 1 - runs[ends], 1)
    covered: NDArray[np.bool_] = np.cumsum(change[:-1]) > 0
    return covered
