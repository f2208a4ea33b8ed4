"""Which codes keep company: within a second of each other, and across the codebooks of one step."""

from typing import NamedTuple

import numpy as np

from motionlib.codebook.counts import Float64, Int64, entropy
from motionlib.codebook.order import tally

LAGS = 8  # at most; of a window with more steps, lags spread evenly over it
LEAST_TOGETHER = 5  # meetings below which an association says nothing
SEED = 0  # of the shuffle that says what chance gives


class Companions(NamedTuple):
    """Pairs of different codes met within the window, ordered by the first code and then by `lift`: (P,) each.

    `meetings`: how often, in either order. `lift`: times as often as if codes came in any order.
    Every pair stands here twice, once for each of its codes.
    """

    code: Int64
    other: Int64
    meetings: Int64
    lift: Float64

    def of(self, code: int) -> slice:
        """Where the companions of a code stand, the strongest association first."""
        low, high = np.searchsorted(self.code, [code, code + 1])
        return slice(int(low), int(high))


def companions(codes: Int64, lengths: Int64, size: int, window: int, least: int = LEAST_TOGETHER) -> Companions:
    """Which codes are met within `window` steps of each other in a clip.

    Args:
        codes: (N,) of all clips in [0, size). lengths: Steps of each clip.
        least: Meetings below which a pair is left out.
    """
    clip = np.repeat(np.arange(len(lengths)), lengths)
    met = [_pairs(codes, clip, size, lag) for lag in _lags(window)]
    total = sum(map(len, met))
    seen, counts = tally(np.concatenate(met)) if total else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    often = (counts >= least) & (seen // size != seen % size)
    low, high = np.divmod(seen[often], size)
    share = np.bincount(codes, minlength=size) / max(len(codes), 1)
    lift = counts[often] / (2 * total * share[low] * share[high]) if total else np.zeros(0)
    both = np.concatenate([low, high]), np.concatenate([high, low])
    order = np.lexsort((both[1], -np.tile(lift, 2), both[0]))
    return Companions(both[0][order], both[1][order], np.tile(counts[often], 2)[order], np.tile(lift, 2)[order])


def _lags(window: int) -> list[int]:
    return sorted({round(lag) for lag in np.linspace(1, max(window, 1), min(LAGS, max(window, 1)))})


def _pairs(codes: Int64, clip: Int64, size: int, lag: int) -> Int64:
    """A number for each pair of codes `lag` steps apart in a clip, whichever comes first."""
    same = clip[lag:] == clip[:-lag]
    a, b = codes[lag:][same], codes[:-lag][same]
    keys: Int64 = np.minimum(a, b) * size + np.maximum(a, b)
    return keys


def shared_information(first: Int64, second: Int64) -> float:
    """What two sequences of codes (N,) of the same steps say of each other, as a share of all they say.

    Mutual information over the larger entropy, both less what the same codes share in random order: 1 if each tells
    the other, 0 for chance, also where codes are many for the steps there are. Source: Vinh et al., "Information
    theoretic measures for clusterings comparison", JMLR 11 (2010), AMI_max; chance is one shuffle, not its expectation.
    """
    most = max(entropy(np.bincount(first)), entropy(np.bincount(second)))
    chance = _mutual_bits(first, np.random.default_rng(SEED).permutation(second))
    left = most - chance
    return max((_mutual_bits(first, second) - chance) / left, 0.0) if left > 1e-9 else 0.0


def _mutual_bits(first: Int64, second: Int64) -> float:
    _, together = tally(first * (int(second.max()) + 1) + second)
    return entropy(np.bincount(first)) + entropy(np.bincount(second)) - entropy(together)


def shared_table(codes: Int64, chosen: list[int]) -> list[list[float]]:
    """`shared_information` of the chosen codebooks: codes (N, Q) -> a symmetric table, 1 on its diagonal."""
    table = np.eye(len(chosen))
    for i, first in enumerate(chosen):
        for k in range(i):
            table[i, k] = table[k, i] = shared_information(codes[:, first], codes[:, chosen[k]])
    rows: list[list[float]] = table.tolist()
    return rows
