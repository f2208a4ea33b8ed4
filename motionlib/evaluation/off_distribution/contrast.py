"""Two sets of measured clips against each other, with 95 % intervals over clips: apart in what, and by how much."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.evaluation import intervals
from motionlib.evaluation.off_distribution.codes import divergence
from motionlib.evaluation.off_distribution.measures import Measured
from motionlib.evaluation.resampling import resampled_means

Float64 = NDArray[np.float64]
Report = dict[str, float]
DIGITS = 4
FRAME_MEANS = ("mpjpe_mm", "pose_mm", "window_mm", "distance_ratio", "error_ratio")
FEWEST = 2  # clips; fewer have no interval
USAGE_RESAMPLES = 200  # each of them builds a usage of all levels


class Draws(NamedTuple):
    """How intervals are drawn."""

    resamples: int
    seed: int


class Values(NamedTuple):
    """(N,) values of clips and their weights."""

    values: Float64
    weights: Float64


def values(found: Sequence[Measured], name: str) -> Values:
    """A measure of some clips by name; those that have none are left out.

    FRAME_MEANS and `bits` weigh by frames, `unseen_pairs` and `unseen_triples` (shares) by how many there are.
    """
    if name in FRAME_MEANS or name == "bits":
        pairs = [(getattr(one, name), one.frames) for one in found]
    else:
        known = [(one.novelty, one.novelty._asdict()) for one in found if one.novelty is not None]
        counts = [(counted[name], counted[name.removeprefix("unseen_")]) for _, counted in known]
        pairs = [(some / all_, all_) for some, all_ in counts if all_]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    table = table[np.isfinite(table[:, 0])]
    return Values(table[:, 0], table[:, 1])


def interval(one: Values, draws: Draws) -> Report | None:
    """Weighted mean with its interval; None of no clip."""
    if not len(one.values):
        return None
    return intervals.bootstrap(one.values, draws.resamples, draws.seed, one.weights).report(DIGITS)


def apart(a: Values, b: Values, draws: Draws) -> dict[str, Report]:
    """`difference` a - b and `ratio` a / b of the weighted means of two independent sets of clips; {} of few clips."""
    if min(len(a.values), len(b.values)) < FEWEST:
        return {}
    drawn = [
        resampled_means(one.values * one.weights, one.weights, draws.resamples, draws.seed + number)
        for number, one in enumerate((a, b))
    ]
    means = [float((one.values * one.weights).sum() / one.weights.sum()) for one in (a, b)]
    found = {"difference": _interval(means[0] - means[1], drawn[0] - drawn[1])}
    if means[1] > 0 and drawn[1].min() > 0:
        found["ratio"] = _interval(means[0] / means[1], drawn[0] / drawn[1])
    return found


def paired(a: Values, b: Values, draws: Draws) -> dict[str, Report]:
    """The same of one set of clips under two models: both drawn together; {} of few clips."""
    if len(a.values) < FEWEST:
        return {}
    difference = intervals.paired_difference(a.values, b.values, draws.resamples, draws.seed, a.weights)
    ratio = intervals.ratio(a.values * a.weights, b.values * b.weights, draws.resamples, draws.seed)
    return {"difference": difference.report(DIGITS), "ratio": ratio.report(DIGITS)}


def usage_divergence(found: Sequence[Measured], training: Float64, draws: Draws) -> Report | None:
    """Divergence in bits of the clips' code usage from the training's (Q, V); None of few clips.

    Few clips look farther than they are, and clips drawn again farther still, by about as much: that is taken off, and
    the interval is turned round likewise (Davison and Hinkley, "Bootstrap Methods and their Application" (1997),
    sections 2.2.2 and 5.2: bias correction, basic interval).
    """
    if len(found) < FEWEST:
        return None
    uses = np.stack([one.uses for one in found]).astype(np.float64)
    rng = np.random.default_rng(draws.seed)
    weights = rng.multinomial(len(found), np.full(len(found), 1 / len(found)), min(draws.resamples, USAGE_RESAMPLES))
    whole = divergence(uses.sum(axis=0), training)
    drawn = np.array([divergence(np.tensordot(one, uses, axes=1), training) for one in weights.astype(np.float64)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    turned = (2 * whole - value for value in (drawn.mean(), high, low))
    return intervals.Interval(*(float(np.clip(value, 0.0, 1.0)) for value in turned)).report(DIGITS)


def curve(found: Sequence[Measured], edges: Float64, draws: Draws) -> list[dict[str, Any]]:
    """Pose error of frames by their distance to the nearest training pose: one point for each bin that has frames.

    Args:
        edges: (B + 1,) mm. The first and the last bin are open.
    """
    distance = np.concatenate([np.zeros(0), *(one.frame_mm for one in found)])
    error = np.concatenate([np.zeros(0), *(one.frame_error_mm for one in found)])
    clips = [one.clip for one in found for _ in one.frame_mm]
    bins = np.clip(np.searchsorted(edges, distance, side="right") - 1, 0, len(edges) - 2)
    points = []
    for number in range(len(edges) - 1):
        inside = np.flatnonzero(bins == number)
        if len(inside):
            names = [clips[i] for i in inside]
            spread = intervals.bootstrap(error[inside], draws.resamples, draws.seed, groups=names)
            point = {"distance_mm": round(float(distance[inside].mean()), DIGITS), "frames": len(inside)}
            points.append(point | {"clips": len(set(names)), "pose_mm": spread.report(DIGITS)})
    return points


def report(found: Sequence[Measured], training: Float64 | None, draws: Draws) -> dict[str, Any]:
    """All measures of a set of clips, each with its interval; `usage_divergence` against training usage (Q, V)."""
    numbers: dict[str, Any] = {"clips": len(found), "frames": sum(one.frames for one in found)}
    for name in (*FRAME_MEANS, "bits", "unseen_pairs", "unseen_triples"):
        numbers[name] = interval(values(found, name), draws)
    numbers["usage_divergence"] = None if training is None else usage_divergence(found, training, draws)
    return numbers


def compare(a: Sequence[Measured], b: Sequence[Measured], draws: Draws) -> dict[str, Any]:
    """Difference and ratio of every measure, of two independent sets of clips."""
    names = (*FRAME_MEANS, "bits", "unseen_pairs", "unseen_triples")
    return {name: apart(values(a, name), values(b, name), draws) for name in names}


def _interval(mean: float, drawn: Float64) -> Report:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return intervals.Interval(mean, float(low), float(high)).report(DIGITS)
