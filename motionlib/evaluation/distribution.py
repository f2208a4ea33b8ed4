"""How like one set of embeddings another is: FID, KID, Diversity, MultiModality.

Sources: FID: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500, equation 6, as in the
text-to-motion code (`utils/metrics.py`). KID: Binkowski et al., "Demystifying MMD GANs", arXiv:1801.01401, section 4.
Diversity and MultiModality: Guo et al., CVPR 2022, section 6.
Departure: the trace of sqrtm(A B) is the sum of the root eigenvalues of sqrt(A) B sqrt(A), which are real and not
negative by construction; equal to scipy's sqrtm within 1e-6 relative (goldens), without its imaginary rest.
FID is biased by about trace / N: compare equal N only, and look at KID, which is not.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
DIVERSITY_PAIRS = 300  # Guo et al.
DIVERSITY_PAIRS_SMALL = 100  # T2M-GPT and MoMask: where there are no more than 300 samples
MULTIMODALITY_PAIRS = 10  # Guo et al.


class Moments(NamedTuple):
    """`mean` (E,) and `covariance` (E, E), n - 1 in its denominator, of N embeddings."""

    mean: FloatArray
    covariance: Float64


def moments(embeddings: FloatArray) -> Moments:
    """Mean (in the dtype given, float32 as published) and covariance (float64) of (N, E) embeddings.

    Raises:
        ValueError: If N < 2 or a value is not finite.
    """
    if embeddings.ndim != 2 or len(embeddings) < 2:
        raise ValueError(f"moments need (N, E) with N >= 2, got {embeddings.shape}")
    if not np.isfinite(embeddings).all():
        bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
        raise ValueError(f"embedding {int(bad[0])} is not finite ({len(bad)} of {len(embeddings)} are not)")
    covariance = np.atleast_2d(np.cov(embeddings, rowvar=False))
    return Moments(embeddings.mean(axis=0), covariance.astype(np.float64))


def frechet_distance(a: Moments, b: Moments) -> float:
    """|mean difference|^2 + tr(A + B - 2 sqrtm(A B)); may come out a rounding error below 0."""
    difference = a.mean.astype(np.float64) - b.mean
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ b.covariance @ root)
    trace_of_root = np.sqrt(np.maximum(inner, 0.0)).sum()
    return float(difference @ difference + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * trace_of_root)


def fid(a: FloatArray, b: FloatArray) -> float:
    """Fréchet distance of two sets of embeddings, (N, E) and (M, E); state N and M beside it.

    Raises:
        ValueError: If a set has fewer than 2 rows or a value is not finite.
    """
    return frechet_distance(moments(a), moments(b))


def kid(a: FloatArray, b: FloatArray) -> float:
    """Squared MMD under the cubic kernel (x.y / E + 1)^3, unbiased: 0 on average for equal distributions.

    Args:
        a, b: (N, E) and (M, E) embeddings, N and M >= 2.

    Raises:
        ValueError: If a set has fewer than 2 rows or the widths differ.
    """
    if min(len(a), len(b)) < 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"KID needs two (N, E) with N >= 2, got {a.shape} and {b.shape}")
    x, y = a.astype(np.float64), b.astype(np.float64)
    within_x, within_y, across = _cubic(x, x), _cubic(y, y), _cubic(x, y)
    n, m = len(x), len(y)
    return float(
        (within_x.sum() - np.trace(within_x)) / (n * (n - 1))
        + (within_y.sum() - np.trace(within_y)) / (m * (m - 1))
        - 2.0 * across.mean()
    )


def pair_distance(embeddings: FloatArray, first: Int64, second: Int64) -> float:
    """Mean distance of the pairs (first[i], second[i]) of (N, E) embeddings."""
    return float(np.linalg.norm(embeddings[first] - embeddings[second], axis=1).mean())


def diversity(embeddings: FloatArray, seed: int, pairs: int | None = None) -> float:
    """Mean distance of random pairs; close to that of real motion is good, not large.

    Two draws without replacement inside each draw, so a pair can be (i, i), as published.

    Args:
        embeddings: (N, E), N >= 2.
        pairs: Without: 300, or 100 where N <= 300; never more than N.

    Raises:
        ValueError: If N < 2.
    """
    count = len(embeddings)
    if count < 2:
        raise ValueError(f"diversity needs at least 2 embeddings, got {count}")
    wanted = pairs or (DIVERSITY_PAIRS if count > DIVERSITY_PAIRS else DIVERSITY_PAIRS_SMALL)
    rng = np.random.default_rng(seed)
    first, second = (rng.choice(count, min(wanted, count), replace=False) for _ in range(2))
    return pair_distance(embeddings, first, second)


def multimodality(embeddings: FloatArray, first: Int64, second: Int64) -> float:
    """Mean distance of motions generated for one text, over the same pairs of every text.

    Args:
        embeddings: (texts, repeats, E). first, second: (pairs,) indices into repeats.
    """
    distances = np.linalg.norm(embeddings[:, first] - embeddings[:, second], axis=2)
    return float(distances.mean())


def multimodality_pairs(repeats: int, seed: int, pairs: int = MULTIMODALITY_PAIRS) -> tuple[Int64, Int64]:
    """Index pairs for `multimodality`: two draws without replacement, at most `repeats` long."""
    rng = np.random.default_rng(seed)
    count = min(pairs, repeats)
    return rng.choice(repeats, count, replace=False), rng.choice(repeats, count, replace=False)


def _cubic(x: Float64, y: Float64) -> Float64:
    base: Float64 = x @ y.T / x.shape[1] + 1.0
    return base * base * base  # five times as fast as ** 3
