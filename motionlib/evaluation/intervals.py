"""95 % intervals by the bootstrap: how far a number would move on another sample of test clips.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3 (percentile interval). What comes
from one clip hangs together, so clips (`groups`), not frames or captions, are drawn again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.evaluation.resampling import resampled_means, resampled_seeds, subsampled_deviations

Float64 = NDArray[np.float64]
FloatArray = NDArray[np.floating]
Int64 = NDArray[np.int64]
CONFIDENCE = 0.95
NORMAL_95 = 1.96  # standard deviations each way that hold 95 % of a normal distribution
LARGEST_EFFECT = (
    1e6  # standard deviations; what two constants that differ are said to be apart, as JSON has no infinity
)


class Interval(NamedTuple):
    """A mean and the interval in which it would lie on another sample; in the unit of the values."""

    mean: float
    low: float
    high: float

    def report(self, digits: int = 6) -> dict[str, float]:
        """As JSON: {"mean", "low", "high"}."""
        return {name: round(value, digits) + 0.0 for name, value in self._asdict().items()}  # + 0.0: no -0.0


def bootstrap(
    values: FloatArray,
    resamples: int,
    seed: int,
    weights: FloatArray | None = None,
    *,
    groups: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Mean of values with its percentile interval over resampled groups.

    Args:
        values: (N,) one per case, or (N, M): M values of each case, averaged.
        resamples: How often the cases are drawn again, with replacement.
        weights: (N,) such as frames per clip, for a frame-weighted mean; equal without.
        groups: (N,) names; cases of one name are drawn together. Without: every case by itself.

    Raises:
        ValueError: If there are no values, one is not finite, or the lengths differ.
    """
    cases, weight = _cases(values, weights)
    sums, totals = _grouped(cases * weight, weight, groups)
    drawn = resampled_means(sums, totals, resamples, seed)
    low, high = _quantiles(drawn, confidence)
    return Interval(float(sums.sum() / totals.sum()), low, high)


def paired_difference(
    challenger: FloatArray,
    champion: FloatArray,
    resamples: int,
    seed: int,
    weights: FloatArray | None = None,
    *,
    groups: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Mean of challenger - champion over the same cases, both drawn together: far narrower than two intervals.

    Raises:
        ValueError: If the two do not have the same shape, or as `bootstrap`.
    """
    if challenger.shape != champion.shape:
        raise ValueError(f"pairs need equal shapes, got {challenger.shape} and {champion.shape}")
    gain = challenger.astype(np.float64) - champion
    return bootstrap(gain, resamples, seed, weights, groups=groups, confidence=confidence)


def difference(a: FloatArray, b: FloatArray, resamples: int, seed: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Mean of a minus mean of b, two independent samples, each drawn again by itself.

    Raises:
        ValueError: As `bootstrap`.
    """
    (left, ones), (right, others) = _cases(a, None), _cases(b, None)
    drawn = resampled_means(left, ones, resamples, seed) - resampled_means(right, others, resamples, seed + 1)
    low, high = _quantiles(drawn, confidence)
    return Interval(float(left.mean() - right.mean()), low, high)


def ratio(
    numerator: FloatArray,
    denominator: FloatArray,
    resamples: int,
    seed: int,
    *,
    groups: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
) -> Interval:
    """sum(numerator) / sum(denominator) over the same cases, such as hits over expected chance hits.

    Raises:
        ValueError: If the denominator is not positive, or as `bootstrap`.
    """
    above, _ = _cases(numerator, None)
    below, _ = _cases(denominator, None)
    if len(above) != len(below) or not below.sum() > 0:
        raise ValueError(f"a ratio needs paired cases and a positive denominator, got {below.sum()}")
    sums, totals = _grouped(above, below, groups)
    low, high = _quantiles(resampled_means(sums, totals, resamples, seed), confidence)
    return Interval(float(sums.sum() / totals.sum()), low, high)


def effect_size(a: FloatArray, b: FloatArray) -> float:
    """Cohen's d of a over b: difference of means in pooled standard deviations; 0 if both are constant and equal.

    Raises:
        ValueError: If either has fewer than two values.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"an effect size needs two values each, got {len(a)} and {len(b)}")
    degrees = len(a) + len(b) - 2
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / degrees
    apart = float(a.mean() - b.mean())
    if pooled == 0:
        return 0.0 if apart == 0 else float(np.copysign(LARGEST_EFFECT, apart))
    return float(np.clip(apart / np.sqrt(pooled), -LARGEST_EFFECT, LARGEST_EFFECT))


def bootstrap_statistic(
    statistic: Callable[[Int64], float], cases: int, resamples: int, seed: int, *, confidence: float = CONFIDENCE
) -> Interval:
    """A statistic that is no mean (such as a median), computed anew on each drawn list of case indices (N,)."""
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(rng.integers(0, cases, cases)) for _ in range(resamples)])
    low, high = _quantiles(drawn, confidence)
    return Interval(statistic(np.arange(cases)), low, high)


def bootstrap_table(
    values: FloatArray,
    resamples: int,
    seed: int,
    *,
    groups: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
) -> list[Interval]:
    """Mean and interval of every column of (N, M): M metrics of the same N cases, all on the same resamples.

    Raises:
        ValueError: If there are no values, one is not finite, or the lengths differ.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not len(table) or not np.isfinite(table).all():
        raise ValueError(f"expected finite values (N, M) with N >= 1, got {table.shape}")
    sums, totals = table, np.ones(len(table))
    if groups is not None:
        parts = [_grouped(column, totals, groups) for column in table.T]
        sums, totals = np.stack([part[0] for part in parts], axis=1), parts[0][1]
    drawn = resampled_means(sums, totals, resamples, seed)
    return [
        Interval(float(mean), *_quantiles(column, confidence))
        for mean, column in zip(sums.sum(axis=0) / totals.sum(), drawn.T, strict=True)
    ]


def over_seeds(values: FloatArray, resamples: int, seed: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Mean over trainings and clips (S, N) with both drawn again: what another training on other clips would give.

    Source: crossed (pigeonhole) bootstrap, Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007).

    Raises:
        ValueError: If the values are not finite (S, N) with S >= 2.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or not table.size or not np.isfinite(table).all():
        raise ValueError(f"expected finite values (S, N) of S >= 2 trainings, got {table.shape}")
    low, high = _quantiles(resampled_seeds(table, resamples, seed), confidence)
    return Interval(float(table.mean()), low, high)


def subsample(
    statistic: Callable[[Int64], float],
    cases: int,
    draws: int,
    seed: int,
    *,
    share: float = 0.5,
    confidence: float = CONFIDENCE,
) -> Interval:
    """A statistic of N cases that is no mean, such as KID, with its subsampling interval.

    Args:
        statistic: Of case indices; unbiased, or with a bias that does not depend on how many there are.
        share: Of the cases in each subset.
    """
    whole = statistic(np.arange(cases))
    low, high = _quantiles(subsampled_deviations(statistic, cases, draws, seed, share), confidence)
    return Interval(whole, whole - high, whole - low)


def over_repeats(values: FloatArray) -> Interval:
    """Mean of a score over repeats with mean +- 1.96 std / sqrt(R), std with ddof 0, as in the published tables.

    It tells how far new draws of captions, pools and samples move the score, not how far new clips or training do.

    Raises:
        ValueError: If there are no values.
    """
    cases, _ = _cases(values, None)
    half = NORMAL_95 * cases.std() / np.sqrt(len(cases))
    return Interval(float(cases.mean()), float(cases.mean() - half), float(cases.mean() + half))


def _cases(values: FloatArray, weights: FloatArray | None) -> tuple[Float64, Float64]:
    cases = np.asarray(values, dtype=np.float64)
    cases = cases.mean(axis=1) if cases.ndim == 2 else cases
    if cases.ndim != 1 or len(cases) == 0:
        raise ValueError(f"expected values (N,) or (N, M) with N >= 1, got {values.shape}")
    if not np.isfinite(cases).all():
        raise ValueError(f"value {int(np.flatnonzero(~np.isfinite(cases))[0])} is not finite")
    weight = np.ones_like(cases) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != cases.shape:
        raise ValueError(f"{len(cases)} values but weights {weight.shape}")
    return cases, weight


def _grouped(sums: Float64, totals: Float64, groups: Sequence[str] | None) -> tuple[Float64, Float64]:
    if groups is None:
        return sums, totals
    if len(groups) != len(sums):
        raise ValueError(f"{len(sums)} values but {len(groups)} group names")
    order = {name: index for index, name in enumerate(dict.fromkeys(groups))}
    index = np.array([order[name] for name in groups])
    summed, total = (np.bincount(index, part, len(order)).astype(np.float64) for part in (sums, totals))
    return summed, total


def _quantiles(drawn: Float64, confidence: float) -> tuple[float, float]:
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return float(low), float(high)
