"""The protocol of one tokenizer: short trainings without a group, or without as much at random; itself by slices.

What is trained comes in as a function, so that nothing here knows what a tokenizer is made of.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import FeatureClip, FeatureSet, Float32, Int64
from motionlib.evaluation.off_distribution import codes as coding
from motionlib.evaluation.off_distribution import contrast, windows
from motionlib.evaluation.off_distribution.bands import Calibration
from motionlib.evaluation.off_distribution.contrast import Draws
from motionlib.evaluation.off_distribution.folds import Fold, Side, spread
from motionlib.evaluation.off_distribution.groups import groups
from motionlib.evaluation.off_distribution.measures import Coder, Known, Measured, measure_all, pose_error
from motionlib.params import OffDistribution

Float64 = NDArray[np.float64]
CURVE_BINS = 8
SLICES = 12  # of a criterion that are told, those of most frames

Train = Callable[[Sequence[FeatureClip], str], Coder]


class Trained(NamedTuple):
    """A tokenizer with what is remembered of its training: `usage` (Q, V) of its codes."""

    coder: Coder
    known: Known
    usage: Float64


class Done(NamedTuple):
    """One fold as it was measured: the group and the random clips, each with the model that never saw them."""

    fold: Fold
    group: list[Measured]
    random: list[Measured]
    numbers: dict[str, Any]


def remember(
    features: FeatureSet,
    training: Sequence[FeatureClip],
    coder: Coder,
    config: OffDistribution,
    codes: Mapping[str, Int64] | None = None,
) -> Trained:
    """What a tokenizer's training was like.

    Args:
        codes: (L, Q) of every training clip by its id, where they are known already; without, a few clips are encoded.
    """
    if codes is None:
        some = spread(training, config.known_clips)
        codes = {clip.id: coder.encode(features.of(clip)) for clip in some}
    else:
        some = spread(training, config.reference_clips)
    usage = np.sum([coding.uses(one, coder.shape) for one in codes.values()], axis=0).astype(np.float64)
    readable = coding.readable(coder.shape)
    memory = coding.remember(list(codes.values()), coder.shape.codebook_size) if readable else None
    errors = [_errors(features.of(clip), coder.decode(codes[clip.id])) for clip in some]
    near = windows.neighbourhood(features, some, errors, config.windows)
    return Trained(coder, Known(near, memory, windows.training_frames(features, training)), usage)


def run_fold(features: FeatureSet, fold: Fold, train: Train, config: OffDistribution, edges: Float64) -> Done:
    """Train both sides of a fold and hold them against each other.

    Args:
        train: Gives a tokenizer trained on some clips; the word names the training.
        edges: Of the curve's bins, mm.
    """
    draws = Draws(config.resamples, config.seed)
    without = _side(features, fold.group_side, train, f"{fold.criterion}-group", config)
    control = _side(features, fold.random_side, train, f"{fold.criterion}-random", config)
    group = measure_all(features, fold.group_side.held, without.coder, without.known)
    random = measure_all(features, fold.random_side.held, control.coder, control.known)
    same = {clip.id for clip in fold.both}
    unseen = [one for one in group if one.clip in same]
    seen = measure_all(features, fold.both, control.coder, control.known)
    numbers = {
        "group": fold.group,
        "share": round(fold.share, contrast.DIGITS),
        "held_out": contrast.report(group, without.usage, draws),
        "random": contrast.report(random, control.usage, draws),
        "apart": contrast.compare(group, random, draws),
        "same_clips": _same(unseen, seen, draws),
        "curve": {name: contrast.curve(some, edges, draws) for name, some in (("held_out", group), ("random", random))},
    }
    return Done(fold, group, random, numbers)


def edges_of(features: FeatureSet) -> Float64:
    """Bins of the curve, mm: those that part the frames of held-out clips evenly, whatever the tokenizer."""
    poses = windows.training_frames(features, features.split("train"))
    held_out = spread(features.split("val", "test", mirror=False), 2 * len(features.clips)) or features.split("train")
    distances = np.concatenate([windows.frame_distance(features.of(clip), poses) for clip in held_out])
    edges = np.unique(np.quantile(distances, np.linspace(0, 1, CURVE_BINS + 1)))
    return edges if len(edges) > 1 else np.append(edges, edges + 1.0)


def whole(
    features: FeatureSet, trained: Trained, config: OffDistribution, edges: Float64
) -> tuple[list[Measured], dict[str, Any]]:
    """The tokenizer itself on the clips that it never saw, all of them and by slices."""
    draws = Draws(config.resamples, config.seed)
    held_out = measure_all(features, features.split("val", "test", mirror=False), trained.coder, trained.known)
    by = {
        criterion: _slices(held_out, groups(features, criterion, config.clusters, config.seed), draws)
        for criterion in config.criteria
    }
    numbers = contrast.report(held_out, trained.usage, draws)
    return held_out, numbers | {"slices": by, "curve": contrast.curve(held_out, edges, draws)}


def numbers(
    steps: int,
    whole: Mapping[str, Any],
    done: Sequence[Done],
    missing: Mapping[str, str],
    calibration: Calibration | None,
) -> dict[str, Any]:
    """The report: `whole` of the tokenizer itself, `folds` by criterion (trainings of `steps` steps), the bands."""
    return {
        "steps": steps,
        "whole": dict(whole),
        "folds": {one.fold.criterion: one.numbers for one in done},
        "missing": dict(missing),
        "calibration": calibration.numbers() if calibration else None,
    }


def headline(numbers: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers of a report that a person compares between runs."""
    found = {"held_out_mpjpe_mm": numbers["whole"]["mpjpe_mm"]}
    for criterion, fold in numbers["folds"].items():
        found[f"{criterion}_mpjpe_ratio"] = fold["apart"]["mpjpe_mm"].get("ratio")
        found[f"{criterion}_mpjpe_difference_mm"] = fold["apart"]["mpjpe_mm"].get("difference")
        found[f"{criterion}_same_clips_ratio"] = fold["same_clips"].get("mpjpe_mm", {}).get("ratio")
        found[f"{criterion}_usage_divergence"] = fold["held_out"]["usage_divergence"]
        found[f"{criterion}_unseen_pairs"] = fold["held_out"]["unseen_pairs"]
    return {name: value["mean"] for name, value in found.items() if value}


def _errors(rows: Float32, made: Float32) -> Float64:
    return pose_error(made, rows[: len(made)])


def _side(features: FeatureSet, side: Side, train: Train, name: str, config: OffDistribution) -> Trained:
    return remember(features, side.training, train(side.training, name), config)


def _same(unseen: Sequence[Measured], seen: Sequence[Measured], draws: Draws) -> dict[str, Any]:
    """Clips of the group that neither side saw: the side that never saw the group over the side that saw others."""
    found: dict[str, Any] = {"clips": len(seen)}
    for name in ("mpjpe_mm", "pose_mm"):
        found[name] = contrast.paired(contrast.values(unseen, name), contrast.values(seen, name), draws)
    return found


def _slices(found: Sequence[Measured], group_of: Mapping[str, str], draws: Draws) -> dict[str, Any]:
    """Every group's error, and how it stands to the rest's."""
    inside: dict[str, list[Measured]] = {}
    for one in found:
        inside.setdefault(group_of[one.clip], []).append(one)
    ranked = sorted((name for name in inside if name), key=lambda name: (-sum(o.frames for o in inside[name]), name))
    return {name: _slice(inside[name], found, draws) for name in ranked[:SLICES]}


def _slice(some: Sequence[Measured], every: Sequence[Measured], draws: Draws) -> dict[str, Any]:
    chosen = {one.clip for one in some}
    rest = [one for one in every if one.clip not in chosen]
    error = contrast.values(some, "mpjpe_mm")
    to_rest = contrast.apart(error, contrast.values(rest, "mpjpe_mm"), draws)
    return {"clips": len(some), "mpjpe_mm": contrast.interval(error, draws), "to_rest": to_rest.get("ratio")}
