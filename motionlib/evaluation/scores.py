"""How well text and motion find each other, repeated over drawn captions and pools: R-precision, MM-Dist, gallery.

Source: Guo et al., CVPR 2022, section 6: every repeat draws a caption per motion and other pools. Departures: intervals
of retrieval are bootstrapped over clips (the published ones know only the noise of the repeats), and the
duplicate-aware rate stands beside the published one, with its chance level.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.evaluation import intervals, matching
from motionlib.evaluation.intervals import Interval
from motionlib.evaluation.pairs import Pairs
from motionlib.params import Evaluate

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
GALLERY_TOP = (1, 2, 3, 5, 10)  # TMR, Petrovich et al., ICCV 2023
DIGITS = 6  # of reported numbers


class Protocol(NamedTuple):
    """How often and with what: `repeats` of drawn captions and pools, `pool` size, `resamples`, `seed`, and by which
    protocol: `sound` or `published`.
    """

    repeats: int
    pool: int
    resamples: int
    seed: int
    name: str = "sound"

    @classmethod
    def of(cls, settings: Evaluate) -> "Protocol":
        """As params.yaml says under `evaluate`."""
        return cls(settings.repeats, settings.batch, settings.resamples, settings.seed, settings.protocol)

    def facts(self, pairs: Pairs) -> dict[str, Any]:
        """All that decides a score besides the model and the evaluator, as it is kept with every score."""
        pools = [matching.batches(len(pairs), self.pool, self.seed + repeat).tolist() for repeat in range(self.repeats)]
        drawn = [pairs.draw(self.seed + repeat) for repeat in range(self.repeats)]
        lists = hashlib.sha256(json.dumps([pools, drawn]).encode()).hexdigest()
        return {
            **self._asdict(),
            "n": len(pairs),
            "cases": len(pairs.cases),
            "lists": lists,
            "captions": "one per motion, drawn anew in every repeat",
            "text": "raw captions, lower case",
            "padding": "zeros after each motion's own end, lengths floored to multiples of 4",
        }


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
