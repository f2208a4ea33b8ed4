"""The published protocol over a set of captioned motions: R-precision, MM-Dist, FID, KID, Diversity, repeated.

Source: Guo et al., CVPR 2022, section 6: every repeat draws a caption per motion and other pools. Departures: intervals
of retrieval are bootstrapped over clips (the published ones know only the noise of the repeats), and the
duplicate-aware rate stands beside the published one, with its chance level.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.evaluation import distribution, intervals, matching
from motionlib.evaluation.intervals import Interval
from motionlib.evaluation.pairs import Pairs
from motionlib.params import Evaluate

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
GALLERY_TOP = (1, 2, 3, 5, 10)  # TMR, Petrovich et al., ICCV 2023
DIGITS = 6  # of reported numbers
SMALLEST_HALF = 2  # motions that have a covariance


class Protocol(NamedTuple):
    """How often and with what: `repeats` of drawn captions and pools, `pool` size, `resamples`, `seed`."""

    repeats: int
    pool: int
    resamples: int
    seed: int

    @classmethod
    def of(cls, settings: Evaluate) -> "Protocol":
        """As params.yaml says under `evaluate`."""
        return cls(settings.repeats, settings.batch, settings.resamples, settings.seed)


class Queries(NamedTuple):
    """Retrieval averaged over repeats, a row per motion that was in a pool: hits, aware, chance (N, top); clips."""

    hits: Float64
    aware: Float64
    chance: Float64
    distance: Float64
    clips: list[str]


def ask(pairs: Pairs, text: Mapping[int, Float32], motion: Float32, protocol: Protocol) -> Queries:
    """Let texts look for motions in every repeat's pools.

    Args:
        text: (E,) embedding of each caption_id in `pairs`.
        motion: (cases, E), row i for `pairs.cases[i]`.
    """
    totals: list[Float64] = []
    for repeat in range(protocol.repeats):
        drawn = pairs.draw(protocol.seed + repeat)
        captions = [pairs.cases[case][1] for case in drawn]
        pools = list(matching.batches(len(pairs), protocol.pool, protocol.seed + repeat))
        top = min(matching.TOP, len(pools[0]))
        texts = np.stack([text[caption] for caption in captions])
        found = matching.retrieval(texts, motion[drawn], pairs.positives(captions), pools, top)
        seen = found.seen[:, None].astype(np.float64)
        parts = (found.hits * seen, found.aware * seen, found.chance * seen, found.distance[:, None] * seen, seen)
        totals.append(np.concatenate(parts, axis=1))
    total = np.sum(totals, axis=0)
    asked = total[:, -1] > 0
    mean = total[asked, :-1] / total[asked, -1:]
    hits, aware, chance, distance = np.split(mean, [top, 2 * top, 3 * top], axis=1)
    clips = [clip for clip, there in zip(pairs.clips, asked, strict=True) if there]
    return Queries(hits, aware, chance, distance[:, 0], clips)


def retrieval_report(queries: Queries, protocol: Protocol) -> dict[str, Any]:
    """R-precision top 1..3 as published and duplicate-aware, its chance and how many times it, and MM-Dist.

    All with 95 % intervals over clips.
    """

    def mean(values: Float64) -> dict[str, float]:
        return intervals.bootstrap(values, protocol.resamples, protocol.seed, groups=queries.clips).report(DIGITS)

    def times_chance(k: int) -> Interval:
        aware, chance = queries.aware[:, k], queries.chance[:, k]
        return intervals.ratio(aware, chance, protocol.resamples, protocol.seed, groups=queries.clips)

    tops = range(queries.hits.shape[1])
    return {
        "queries": len(queries.clips),
        "r_precision": [mean(queries.hits[:, k]) for k in tops],
        "r_precision_aware": [mean(queries.aware[:, k]) for k in tops],
        "chance_aware": [round(float(queries.chance[:, k].mean()), DIGITS) for k in tops],
        "times_chance_aware": [times_chance(k).report(DIGITS) for k in tops],
        "mm_dist": mean(queries.distance),
    }


def distribution_report(pairs: Pairs, real: Float32, motion: Float32, protocol: Protocol) -> dict[str, Any]:
    """FID and KID against real motion, and Diversity: mean and 95 % interval over the repeats' draws.

    Args:
        real: (motions, E). motion: (cases, E).
    """
    drawn = [motion[pairs.draw(protocol.seed + repeat)] for repeat in range(protocol.repeats)]
    seeds = range(protocol.seed, protocol.seed + protocol.repeats)
    scores = {
        "fid": [distribution.fid(real, one) for one in drawn],
        "kid": [distribution.kid(real, one) for one in drawn],
        "diversity": [distribution.diversity(one, seed) for one, seed in zip(drawn, seeds, strict=True)],
    }
    return {name: intervals.over_repeats(np.array(values)).report(DIGITS) for name, values in scores.items()}


def halves_report(embeddings: Float32, protocol: Protocol) -> dict[str, Any]:
    """FID and KID between random halves of one set, over the repeats: what `equal` looks like at N / 2 (N, E)."""
    half = len(embeddings) // 2
    if half < SMALLEST_HALF:
        return {"n": half}
    orders = [np.random.default_rng(protocol.seed + repeat).permutation(2 * half) for repeat in range(protocol.repeats)]
    both = [(embeddings[order[:half]], embeddings[order[half:]]) for order in orders]
    fids, kids = (np.array([score(a, b) for a, b in both]) for score in (distribution.fid, distribution.kid))
    return {
        "n": half,
        "fid": intervals.over_repeats(fids).report(DIGITS),
        "kid": intervals.over_repeats(kids).report(DIGITS),
    }


def gallery_report(pairs: Pairs, text: Mapping[int, Float32], motion: Float32) -> dict[str, Any]:
    """Every caption ranks all motions: recall and median rank, own motion only and duplicate-aware.

    Args:
        text: (E,) of each caption_id. motion: (motions, E).
    """
    captions = [one.captions[0] for one in pairs.motions]
    distances = matching.distance_matrix(np.stack([text[caption] for caption in captions]), motion)
    report: dict[str, Any] = {"n": len(motion)}
    for name, wanted in (("own", None), ("aware", pairs.positives(captions))):
        found = matching.gallery_recall(distances, wanted, max(GALLERY_TOP))
        recall = {str(k): round(float(found.recall[k - 1]), DIGITS) for k in GALLERY_TOP}
        report[name] = {"recall": recall, "median_rank": found.median_rank}
    return report
