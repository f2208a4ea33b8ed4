"""How like one set of embeddings another is: FID, FID at infinite N, KID, density, coverage, Diversity, MultiModality.

Sources: FID: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500, equation 6, as in the
text-to-motion code (`utils/metrics.py`). KID: Binkowski et al., "Demystifying MMD GANs", arXiv:1801.01401, section 4.
FID at infinite N: Chong and Forsyth, "Effectively Unbiased FID and Inception Score", arXiv:1911.07023, section 4.
Density and coverage: Naeem et al., "Reliable Fidelity and Diversity Metrics", arXiv:2002.09797, section 3.
Diversity and MultiModality: Guo et al., CVPR 2022, section 6.
Departure: the trace of sqrtm(A B) is the sum of the root eigenvalues of sqrt(A) B sqrt(A), which are real and not
negative by construction; equal to scipy's sqrtm within 1e-6 relative (goldens), without its imaginary rest.
FID is biased by about trace / N: compare equal N only, or look at KID and the FID extrapolated to infinite N.
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
NEIGHBOURS = 5  # Naeem et al.
SIZES = 8  # sample sizes of the extrapolation, evenly spread from a third of the cases to all of them
SMALLEST_SHARE = 1 / 3  # below it FID leaves the line in 1 / N: 128 numbers of 100 cases
CASES_PER_SIZE = 4  # each size is drawn so often that it has seen the cases about four times


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


def fid_extrapolated(a: FloatArray, b: FloatArray, seed: int) -> float:
    """FID as it would be with infinitely many samples of both: FID of growing subsets is a line in 1 / N.

    May come out below 0, by its noise. Subsets are drawn without replacement, equally many of both sets.

    Raises:
        ValueError: If either set has no more rows than numbers per row: FID is no line in 1 / N there.
    """
    cases, width = min(len(a), len(b)), a.shape[1]
    if cases <= width:
        raise ValueError(f"FID at infinite N needs more samples than the {width} numbers of an embedding, got {cases}")
    rng = np.random.default_rng(seed)
    points = []
    for size in np.unique(np.linspace(cases * SMALLEST_SHARE, cases, SIZES).astype(int)):
        for _ in range(max(1, round(CASES_PER_SIZE * cases / size)) if size < cases else 1):
            chosen = (rng.permutation(len(one))[:size] for one in (a, b))
            points.append((1.0 / size, fid(*(one[rows] for one, rows in zip((a, b), chosen, strict=True)))))
    inverse, found = np.array(points).T
    return float(np.polynomial.Polynomial.fit(inverse, found, 1)(0.0))


class Neighbourhoods(NamedTuple):
    """Whether generated motion lies where real motion lies, and whether all real motion is reached.

    Attributes:
        density: (M,) balls of real samples around each generated one, over k; its mean may exceed 1.
        coverage: (N,) 1 where the ball of a real sample holds a generated one.
    """

    density: Float64
    coverage: Float64


def neighbourhoods(real: FloatArray, generated: FloatArray, k: int = NEIGHBOURS) -> Neighbourhoods:
    """Density and coverage of (N, E) real and (M, E) generated embeddings; the ball reaches the k-th real neighbour.

    Raises:
        ValueError: If there are no more than `k` real samples or no generated one.
    """
    if len(real) <= k or not len(generated):
        raise ValueError(f"coverage needs more than {k} real samples and a generated one, got {len(real)}")
    radius = np.partition(_squares(real, real), k, axis=1)[:, k]  # itself is the nearest
    inside = _squares(real, generated) < radius[:, None]
    density: Float64 = np.asarray(inside.sum(axis=0) / k, dtype=np.float64)
    coverage: Float64 = np.asarray(inside.any(axis=1), dtype=np.float64)
    return Neighbourhoods(density, coverage)


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


def _squares(x: FloatArray, y: FloatArray) -> Float64:
    a, b = x.astype(np.float64), y.astype(np.float64)
    squares: Float64 = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * (a @ b.T)
    return np.maximum(squares, 0.0)


def _cubic(x: Float64, y: Float64) -> Float64:
    base: Float64 = x @ y.T / x.shape[1] + 1.0
    return base * base * base  # five times as fast as ** 3
