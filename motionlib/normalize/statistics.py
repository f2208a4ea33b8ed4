"""Mean and standard deviation of features: exact in float64, mergeable, averaged inside the published groups.

Source: HumanML3D `cal_mean_variance.ipynb`. Stated departures: training clips only (there: all splits); sums in
float64 (there: float32, which drifts by up to 0.03 standard deviations over 4 million rows); a number that never
changes gets standard deviation 1 instead of 0.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.normalize.layout import FEATURE_GROUPS

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]

CONSTANT = 1e-8  # a standard deviation below this share of the mean's size, or of 1, is rounding
BIASED_GROUPS = ("root_turn", "root_velocity", "root_height", "contacts")


class Moments(NamedTuple):
    """`size` rows, their `mean` (D,) and `squares` (D,), the sum of squared distances from the mean."""

    size: int
    mean: FloatArray
    squares: FloatArray


class Statistics(NamedTuple):
    """(D,) float32 each; `std` is never 0."""

    mean: Float32
    std: Float32


def moments(rows: ArrayLike) -> Moments:
    """Moments of (N, D) rows.

    Raises:
        ValueError: If there is no row.
    """
    values = np.asarray(rows, dtype=np.float64)
    if not len(values):
        raise ValueError("no rows to take statistics of")
    mean = values.mean(axis=0)
    return Moments(len(values), mean, ((values - mean) ** 2).sum(axis=0))


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of the rows of both (Chan, Golub & LeVeque 1979)."""
    size = a.size + b.size
    apart = b.mean - a.mean
    mean = a.mean + apart * (b.size / size)
    return Moments(size, mean, a.squares + b.squares + apart**2 * (a.size * b.size / size))


def moments_of(parts: Iterable[ArrayLike]) -> Moments:
    """Moments of all rows of several arrays, one in memory at a time.

    Raises:
        ValueError: If there is no row.
    """
    total: Moments | None = None
    for part in parts:
        total = moments(part) if total is None else merge(total, moments(part))
    if total is None:
        raise ValueError("no rows to take statistics of")
    return total


def statistics(total: Moments, groups: Mapping[str, slice] = FEATURE_GROUPS) -> Statistics:
    """Mean and standard deviation (of the population), the latter averaged inside each group."""
    each = np.sqrt(total.squares / total.size)
    std = np.empty_like(each)
    for part in groups.values():
        std[part] = each[part].mean()
    still = std <= CONSTANT * np.maximum(np.abs(total.mean), 1.0)
    return Statistics(total.mean.astype(np.float32), np.where(still, 1.0, std).astype(np.float32))


def feature_biased(std: ArrayLike, factor: float = 5.0, groups: Mapping[str, slice] = FEATURE_GROUPS) -> Float32:
    """`std` (D,) divided by `factor` where text-to-motion weighs root and contacts more (its `feat_bias`).

    Not applied here; for reading models that were: the published evaluator's statistics carry it twice.
    """
    result = np.array(std, dtype=np.float32)
    for name in BIASED_GROUPS:
        result[groups[name]] /= np.float32(factor)
    return result
