"""How like real motion a set of motions is: FID, KID and their kin, by one of two protocols.

`sound`: equally many motions on both sides; FID only where there are more motions than numbers in an embedding, and
also extrapolated to infinitely many; KID, density and coverage always; intervals over motions. `published`: FID, KID
and Diversity as the tables of Guo et al. (CVPR 2022, section 6) give them, mean and 1.96 standard errors over repeats,
which know the noise of drawing captions only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.evaluation import distribution, intervals
from motionlib.evaluation.pairs import Pairs
from motionlib.evaluation.scores import DIGITS, Protocol

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
SMALLEST_HALF = 2  # motions that have a covariance
KID_SUBSETS = 200  # of a subsampling interval
EXTRAPOLATED_SUBSETS = 20  # the same of the FID at infinite N, which costs eighty FIDs each


def likeness_report(pairs: Pairs, real: Float32, motion: Float32, protocol: Protocol) -> dict[str, Any]:
    """How near motion is to real motion, and how varied.

    Args:
        real: (motions, E). motion: (cases, E), of which every repeat draws one per real motion.
    """
    drawn = [motion[pairs.draw(protocol.seed + repeat)] for repeat in range(protocol.repeats)]
    seeds = range(protocol.seed, protocol.seed + protocol.repeats)
    varied = [distribution.diversity(one, seed) for one, seed in zip(drawn, seeds, strict=True)]
    found: dict[str, Any] = {"diversity": intervals.over_repeats(np.array(varied)).report(DIGITS)}
    if protocol.name == "published" or len(real) > real.shape[1]:
        found["fid"] = intervals.over_repeats(np.array([distribution.fid(real, one) for one in drawn])).report(DIGITS)
    if protocol.name == "published":
        found["kid"] = intervals.over_repeats(np.array([distribution.kid(real, one) for one in drawn])).report(DIGITS)
        return found
    return found | _sound(real, drawn[0], protocol)


def halves_report(embeddings: Float32, protocol: Protocol) -> dict[str, Any]:
    """The same between random halves of one set (N, E): what `equal` looks like at N / 2."""
    half = len(embeddings) // 2
    if half < SMALLEST_HALF:
        return {"n": half}
    orders = [np.random.default_rng(protocol.seed + repeat).permutation(2 * half) for repeat in range(protocol.repeats)]
    both = [(embeddings[order[:half]], embeddings[order[half:]]) for order in orders]
    found: dict[str, Any] = {"n": half}
    measures = [("kid", distribution.kid)]
    if protocol.name == "published" or half > embeddings.shape[1]:
        measures.append(("fid", distribution.fid))
    for name, score in measures:
        found[name] = intervals.over_repeats(np.array([score(a, b) for a, b in both])).report(DIGITS)
    return found


def _sound(real: Float32, motion: Float32, protocol: Protocol) -> dict[str, Any]:
    """Scores with intervals over motions. Both sets are shuffled, so that no motion meets its own original."""
    count, width = real.shape
    shuffled = motion[np.random.default_rng(protocol.seed).permutation(len(motion))]

    def over_subsets(score: Callable[[Float32, Float32], float], draws: int) -> dict[str, float]:
        def measured(rows: Int64) -> float:
            return score(real[rows], shuffled[rows])

        return intervals.subsample(measured, count, draws, protocol.seed).report(DIGITS)

    found: dict[str, Any] = {"n": count, "dimensions": width}
    if count >= 2 * SMALLEST_HALF:
        found["kid"] = over_subsets(distribution.kid, KID_SUBSETS)
    if count > distribution.NEIGHBOURS:
        near = distribution.neighbourhoods(real, motion)
        for name, values in near._asdict().items():
            found[name] = intervals.bootstrap(values, protocol.resamples, protocol.seed).report(DIGITS)
    if count <= width:
        found["fid_refused"] = (
            f"FID of {count} motions in {width} dimensions says nothing; more than {width} are needed"
        )
    if count > 2 * width:  # its subsets are halves

        def extrapolated(a: Float32, b: Float32) -> float:
            return distribution.fid_extrapolated(a, b, protocol.seed)

        found["fid_extrapolated"] = over_subsets(extrapolated, EXTRAPOLATED_SUBSETS)
    return found
