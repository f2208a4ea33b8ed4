"""How far two tokenizers' codes are from each other: which code of one became which of the other.

Codes have no names of their own: a tokenizer that is trained again calls the same motion by another number. Codes are
matched by how often they stand at the same time in the same clips (Kuhn 1955, "The Hungarian method"); what is left
after that is drift.
"""

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from motionlib.codebook.analysis import shown_levels
from motionlib.codebook.counts import Int64
from motionlib.codebook.order import tally
from motionlib.codebook.relations import shared_information

LARGEST_TABLE = 1 << 23  # cells that the exact matching may hold; beyond, pairs are matched by how frequent they are
MOST_LISTED = 20  # codes that changed most
NONE = -1


class Coded(NamedTuple):
    """What one tokenizer says of some clips: `codes` {clip: (L, Q)}, and its frames per step."""

    codes: Mapping[str, Int64]
    frames_per_step: int


class Matching(NamedTuple):
    """`partner` (V,) of each code of the first tokenizer, -1 for none; `exact`: whether it is the best there is."""

    partner: Int64
    exact: bool


def drift(first: Coded, second: Coded) -> dict[str, Any]:
    """Hold two tokenizers' codes of the same clips against each other.

    Steps are compared where they lie in time, frame by frame if their steps are of different length.

    Returns:
        `clips`, `steps`; per codebook that is looked at, of the first tokenizer: `agree`, the share of steps whose code
        became its partner; `chance`, the same for codes that were shifted in time; `shared`, the mutual information
        over the larger entropy, less chance; `kept`, the share of used codes of which most steps went to the partner;
        `changed`, the codes that changed most by number of steps.

    Raises:
        ValueError: If they have no clip in common.
    """
    pairs = _aligned(first, second)
    levels = shown_levels(min(pairs[0].shape[1], pairs[1].shape[1]))
    found = [{"codebook": level, **_level(pairs[0][:, level], pairs[1][:, level])} for level in levels]
    return {
        "clips": len(first.codes.keys() & second.codes.keys()),
        "steps": len(pairs[0]),
        "same": bool(pairs[0].shape == pairs[1].shape and (pairs[0] == pairs[1]).all()),
        "codebooks": found,
    }


def _aligned(first: Coded, second: Coded) -> tuple[Int64, Int64]:
    """Codes (N, Q) of both at the same times."""
    common = [clip for clip in first.codes if clip in second.codes]
    if not common:
        raise ValueError("the two tokenizers have encoded no clip in common")
    shortest = gcd(first.frames_per_step, second.frames_per_step)
    repeats = [one.frames_per_step // shortest for one in (first, second)]
    found: tuple[list[Int64], list[Int64]] = [], []
    for clip in common:
        both = [np.repeat(one.codes[clip], n, axis=0) for one, n in zip((first, second), repeats, strict=True)]
        shared = min(map(len, both))
        for part, one in zip(found, both, strict=True):
            part.append(one[:shared])
    return np.concatenate(found[0]), np.concatenate(found[1])


def match(first: Int64, second: Int64) -> Matching:
    """Give each code of the first (N,) at most one of the second (N,), so that as many steps as can be agree.

    Exact while the codes in use make a table of at most 8 M cells; else the most frequent pairs are matched first,
    which finds at least half of what could agree (Avis 1983).
    """
    size = int(second.max()) + 1
    keys, counts = tally(first * size + second)
    left, right = np.divmod(keys, size)
    partner = np.full(int(first.max()) + 1, NONE, dtype=np.int64)
    rows, row = np.unique(left, return_inverse=True)
    columns, column = np.unique(right, return_inverse=True)
    exact = len(rows) * len(columns) <= LARGEST_TABLE
    if exact:
        table = np.zeros((len(rows), len(columns)))
        table[row, column] = counts
        some, others = linear_sum_assignment(table, maximize=True)
        met = table[some, others] > 0
        partner[rows[some[met]]] = columns[others[met]]
    else:
        taken = set[int]()
        for i in np.lexsort((keys, -counts)):
            if partner[left[i]] == NONE and int(right[i]) not in taken:
                partner[left[i]] = right[i]
                taken.add(int(right[i]))
    return Matching(partner, exact)


def _level(first: Int64, second: Int64) -> dict[str, Any]:
    matching = match(first, second)
    agrees = matching.partner[first] == second
    shifted = np.roll(second, len(second) // 2)
    used = np.bincount(first)
    kept = np.bincount(first, agrees)
    most_steps = kept[used > 0] > 0.5 * used[used > 0]
    return {
        "agree": float(agrees.mean()),
        "chance": float((match(first, shifted).partner[first] == shifted).mean()),
        "shared": shared_information(first, second),
        "codes": int((used > 0).sum()),
        "kept": float(most_steps.mean()),
        "exact": matching.exact,
        "changed": _changed(first, second, matching.partner, used, kept),
    }


def _changed(
    first: Int64, second: Int64, partner: Int64, used: Int64, kept: Sequence[float] | Any
) -> list[dict[str, Any]]:
    """The codes most of whose steps went elsewhere, by how many steps that were."""
    lost = used - kept
    worst = [int(code) for code in np.argsort(-lost, kind="stable")[:MOST_LISTED] if lost[code] > 0]
    return [
        {
            "code": code,
            "partner": int(partner[code]),
            "steps": int(used[code]),
            "agree": float(kept[code] / used[code]),
            "becomes": _becomes(second[first == code]),
        }
        for code in worst
    ]


def _becomes(codes: Int64) -> list[list[float]]:
    """The codes that some steps became, the most frequent three, each with its share."""
    counts = np.bincount(codes)
    top = np.argsort(-counts, kind="stable")[:3]
    return [[int(code), float(counts[code] / len(codes))] for code in top if counts[code]]
