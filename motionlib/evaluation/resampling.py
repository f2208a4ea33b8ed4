"""Drawing cases again, many columns at once: the arithmetic below every interval.

A resample is a row of counts (how often each case was drawn), so the means of M metrics over R resamples are one
product of counts (R, N) and values (N, M): 10,000 resamples of 4,000 clips and 12 metrics take a quarter of a second.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13; Politis, Romano and Wolf,
"Subsampling" (1999), chapter 2, for statistics such as FID whose bootstrap is biased by repeated cases.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
BLOCK = 2_000_000  # counts held at once (16 MB); bounds memory


def counts(cases: int, resamples: int, seed: int) -> Iterator[Float64]:
    """Blocks (r, cases) of how often each case was drawn, with replacement; `resamples` rows in all."""
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK // cases)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(0, cases, (rows, cases), dtype=np.int32)
        drawn += (np.arange(rows, dtype=np.int32) * cases)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * cases).reshape(rows, cases).astype(np.float64)


def resampled_means(sums: Float64, totals: Float64, resamples: int, seed: int) -> Float64:
    """sum(sums) / sum(totals) on each resample of N cases.

    Args:
        sums: (N,) or (N, M): weighted values. totals: of the same shape, or (N,): their weights.

    Returns:
        (resamples,) or (resamples, M).
    """
    above, below = (part.reshape(len(part), -1) for part in (sums, totals))
    parts = [(block @ above) / (block @ below) for block in counts(len(sums), resamples, seed)]
    drawn = np.concatenate(parts)
    return drawn if sums.ndim == 2 else drawn[:, 0]


def resampled_seeds(values: Float64, resamples: int, seed: int) -> Float64:
    """Means over clips and training seeds, both drawn again: the same clips were measured under every seed.

    Args:
        values: (S, N): S trainings, N clips.

    Returns:
        (resamples,).
    """
    trainings = np.concatenate(list(counts(len(values), resamples, seed)))
    parts, start = [], 0
    for block in counts(values.shape[1], resamples, seed + 1):
        weights = trainings[start : start + len(block)]
        parts.append(np.einsum("rs,sn,rn->r", weights, values, block, optimize=True))
        start += len(block)
    return np.concatenate(parts) / values.size


def subsamples(cases: int, size: int, draws: int, seed: int) -> Int64:
    """Lists of `size` different cases each: (draws, size)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(cases)[:size] for _ in range(draws)])


def subsampled_deviations(
    statistic: Callable[[Int64], float], cases: int, draws: int, seed: int, share: float = 0.5
) -> Float64:
    """How far a statistic of N cases would stray, from subsets without replacement: (draws,), around 0.

    The statistic of b = share * N cases strays sqrt(N / b) times as far as that of N. For a squared distance between
    equal distributions, which shrinks like 1 / N, this is on the safe side.

    Args:
        statistic: Of case indices (b,); its bias must not depend on b.
    """
    size = max(2, round(share * cases))
    drawn = np.array([statistic(chosen) for chosen in subsamples(cases, size, draws, seed)])
    # Subsets of one sample overlap: their spread around their own mean is that of a sample of b without
    # replacement, smaller by the finite population factor 1 - b / N.
    spread = (drawn - drawn.mean()) / np.sqrt(1.0 - size / cases) if size < cases else np.zeros_like(drawn)
    deviations: Float64 = spread * np.sqrt(size / cases)
    return deviations
