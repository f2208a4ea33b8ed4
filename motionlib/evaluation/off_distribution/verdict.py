"""The off-distribution score of a delivery: no need to train, fine-tune, or retrain; with the clips that decide."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from motionlib.evaluation import intervals
from motionlib.evaluation.off_distribution.bands import DECIDING, EDGE, MEASURES, Calibration, scaled, score
from motionlib.evaluation.off_distribution.measures import Measured

NO_NEED, FINE_TUNE, RETRAIN = "no need", "fine-tune", "retrain"
VERDICTS = (NO_NEED, FINE_TUNE, RETRAIN)
RESAMPLES, SEED = 1000, 0
CHANCE = 0.99  # of a delivery like the training, that no more of its clips lie outside than are allowed
FEW = 8  # clips; a verdict on fewer says so
DIGITS = 3


class Scored(NamedTuple):
    """One clip: its score, whether 90 % of held-out clips score less, its measures, and which of them is farthest."""

    clip: str
    score: float
    outside: bool
    measures: dict[str, float]
    drives: str


class Verdict(NamedTuple):
    """Of a delivery.

    Attributes:
        verdict: Of VERDICTS, by the mean score. possible: All that the interval of the score allows.
        score: Mean over the clips, with its 95 % interval over clips.
        edge: What 9 in 10 deliveries of as many clips like the training stay below; far: from there on it is as unlike
            as groups that training never saw, None where nobody knows.
        outside: Clips beyond the edge; allowed: as many would be by chance, at most.
        clips: All, the farthest first. few: Whether they are too few to rely on.
        measures: Mean of each measure over the clips.
    """

    verdict: str
    possible: tuple[str, ...]
    score: intervals.Interval
    edge: float
    far: float | None
    outside: int
    allowed: int
    clips: list[Scored]
    few: bool
    measures: dict[str, float]

    def numbers(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self._asdict(),
            "possible": list(self.possible),
            "score": self.score.report(DIGITS),
            "clips": [one._asdict() for one in self.clips],
        }


def judge(found: Sequence[Measured], known: Calibration) -> Verdict | None:
    """The verdict on a delivery; None if no clip of it could be measured."""
    clips = sorted((_scored(one, known) for one in found), key=lambda one: (-one.score, one.clip))
    clips = [one for one in clips if np.isfinite(one.score)]
    if not clips:
        return None
    scores = np.array([one.score for one in clips])
    mean = intervals.bootstrap(scores, RESAMPLES, SEED)
    outside, allowed = int((scores > known.edge).sum()), chance(len(clips))
    edge = known.mean_edge(len(clips))
    far = None if known.far is None else max(known.far, edge)
    verdict = _verdict(mean.mean, edge, far)
    if verdict == NO_NEED and outside > allowed:
        verdict = FINE_TUNE  # most of it is known, but a part is not
    ends = {_verdict(mean.low, edge, far), _verdict(mean.high, edge, far), verdict}
    measures = {name: _mean([one.measures[name] for one in clips if name in one.measures]) for name in known.bands}
    possible = tuple(one for one in VERDICTS if one in ends)
    return Verdict(verdict, possible, mean, edge, far, outside, allowed, clips, len(clips) < FEW, measures)


def chance(clips: int) -> int:
    """How many clips of a delivery like the training lie beyond the edge at most (normal bound of the binomial)."""
    spread = NormalDist().inv_cdf(CHANCE) * (clips * EDGE * (1 - EDGE)) ** 0.5
    return min(clips, int(clips * (1 - EDGE) + spread + 0.5))


def _verdict(value: float, edge: float, far: float | None) -> str:
    if value <= edge:
        return NO_NEED
    return FINE_TUNE if far is None or value <= far else RETRAIN


def _scored(one: Measured, known: Calibration) -> Scored:
    value = score(one, known.bands)
    measures = {name: float(getattr(one, name)) for name in MEASURES if name in known.bands}
    measures = {name: round(number, DIGITS) for name, number in measures.items() if np.isfinite(number)}
    deciding = [name for name in DECIDING if name in measures]
    drives = max(deciding, key=lambda name: scaled(name, measures[name], known.bands[name]), default="")
    return Scored(one.clip, round(value, DIGITS), value > known.edge, measures, drives)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), DIGITS) if values else float("nan")
