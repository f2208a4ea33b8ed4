"""How a clip scores, calibrated: 0 is a typical held-out clip of the training's kind, 1 the edge of what these score.

Two measures count alike: how much larger the error is than that of the nearest training windows, and how much farther
these are than from one another. Each is put on the scale of held-out clips (median 0, 90 % quantile 1, by logarithms),
and the score is the mean of those that a clip has. Error, distance and the bits by which the codes surprise are told
beside: by themselves they tell hard motion from easy one rather than new from known (docs/off-distribution.md).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.evaluation.off_distribution.measures import Measured

Float64 = NDArray[np.float64]
DECIDING = ("error_ratio", "distance_ratio")
MEASURES = (*DECIDING, "pose_mm", "window_mm", "bits")
LINEAR = ("bits",)  # which is a logarithm already
EDGE = 0.9  # quantile of held-out clips
NARROWEST = 0.05  # share, or bits, that the edge lies above the median at least, so that nothing is divided by nothing
DIGITS = 4
DELIVERIES, SEED = 1000, 0  # that are drawn from the held-out clips
FEWEST = 5  # held-out clips; fewer have no 90 % quantile worth the name


class Band(NamedTuple):
    """A measure of held-out clips: their median and the value below which 90 % of them lie."""

    typical: float
    edge: float


class Calibration(NamedTuple):
    """What a delivery is held against.

    Attributes:
        bands: Of each measure, by name.
        scores: Of the held-out clips that they rest on, the lowest first.
        far: Mean score of clips of groups that training never saw; None where no group could be left out.
        far_clips: How many clips that rests on. by_criterion: The same mean of each hold-out by itself.
    """

    bands: dict[str, Band]
    scores: list[float]
    far: float | None
    far_clips: int
    by_criterion: dict[str, float]

    @property
    def edge(self) -> float:
        """Score below which 90 % of the held-out clips lie."""
        return round(float(np.quantile(self.scores, EDGE)), DIGITS)

    def mean_edge(self, clips: int) -> float:
        """Mean score below which 90 % of deliveries of so many clips lie, if they are like the held-out ones."""
        drawn = np.random.default_rng(SEED).choice(self.scores, (DELIVERIES, clips))
        return round(float(np.quantile(drawn.mean(axis=1), EDGE)), DIGITS)

    def numbers(self) -> dict[str, Any]:
        """As JSON; `read` is its inverse."""
        return {**self._asdict(), "bands": {name: band._asdict() for name, band in self.bands.items()}}


def read(numbers: Mapping[str, Any]) -> Calibration:
    """A calibration out of what `Calibration.numbers` gave."""
    return Calibration(**{**numbers, "bands": {name: Band(**band) for name, band in numbers["bands"].items()}})


def bands(held_out: Sequence[Measured]) -> dict[str, Band]:
    """Bands of the measures that these clips have."""
    found = {}
    for name in MEASURES:
        values = np.array([getattr(one, name) for one in held_out], dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            typical, edge = np.quantile(values, [0.5, EDGE])
            found[name] = Band(round(float(typical), DIGITS), round(float(edge), DIGITS))
    return found


def score(one: Measured, known: Mapping[str, Band]) -> float:
    """Mean of a clip's deciding measures on the scale of held-out clips; NaN if it has none."""
    found = [scaled(name, float(getattr(one, name)), known[name]) for name in DECIDING if name in known]
    usable = [value for value in found if np.isfinite(value)]
    return float(np.mean(usable)) if usable else float("nan")


def scaled(name: str, value: float, band: Band) -> float:
    """A measure on the scale of held-out clips: 0 at their median, 1 at their edge."""
    if name in LINEAR:
        return (value - band.typical) / max(band.edge - band.typical, NARROWEST)
    tiny = np.finfo(np.float64).tiny
    typical, edge, value = (float(np.log(max(x, tiny))) for x in (*band, value))
    return (value - typical) / max(edge - typical, float(np.log1p(NARROWEST)))


def calibrate(
    held_out: Sequence[Measured], folds: Mapping[str, tuple[Sequence[Measured], Sequence[Measured]]]
) -> Calibration | None:
    """Bands of the tokenizer itself, and how far above theirs the groups of the hold-outs lie; None of few clips.

    Args:
        held_out: Clips of the training's kind that the tokenizer never saw, measured with it.
        folds: By criterion: clips of the group that was left out, and random ones left out, each measured with the
            model of its side. The short trainings err more, so each is held against its own control.
    """
    known = bands(held_out)
    own = [value for value in (score(one, known) for one in held_out) if np.isfinite(value)]
    if len(own) < FEWEST:
        return None
    far: dict[str, list[float]] = {}
    for criterion, (group, random) in folds.items():
        if len(random) < FEWEST:
            continue
        beside = bands(random)
        far[criterion] = [value for value in (score(one, beside) for one in group) if np.isfinite(value)]
    every = [value for some in far.values() for value in some]
    return Calibration(
        known,
        [round(value, DIGITS) for value in sorted(own)],
        round(float(np.mean(every)), DIGITS) if every else None,
        len(every),
        {name: round(float(np.mean(some)), DIGITS) for name, some in far.items() if some},
    )
