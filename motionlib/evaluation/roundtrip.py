"""What a tokenizer loses: held-out motion against what comes back from its codes, with baselines and intervals.

A tokenizer is known here only as `reconstruct`: raw features (T, D) of one piece in, as many rows out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from motionlib.artifacts import FeatureSet, Float32
from motionlib.evaluation.intervals import Float64, bootstrap
from motionlib.evaluation.reconstruction import (
    acceleration_error,
    heading_free,
    jerk_error,
    mpjpe,
    nearest_frame_error,
    pa_mpjpe,
)
from motionlib.normalize.humanml263 import recover
from motionlib.normalize.split import UNSEEN

LONGEST = 196  # rows; the published cap on a clip (HumanML3D), beyond which heading drifts for ever
RESAMPLES = 1000  # of the bootstrap over clips
SEED = 0
NEAREST_EVERY = 10  # frames between those for which the nearest training frame is searched: it costs T x N
MM = 1000.0
OF_CLIP = ("mpjpe_mm", "acceleration_mm", "jerk_mm")  # what is kept of each clip, to compare tokenizers clip by clip

Reconstruct = Callable[[Float32], Float32]


class Piece(NamedTuple):
    """At most LONGEST rows (T, D) of clip `clip`, a multiple of the tokenizer's step."""

    clip: str
    rows: Float32


def pieces(features: FeatureSet, split: str, step: int) -> list[Piece]:
    """The clips of a split, unmirrored, cut into pieces of at most 196 rows; rests shorter than a step are left out."""
    longest = LONGEST // step * step
    found = []
    for clip in features.split(split, mirror=False):
        rows = features.of(clip)
        cut = [rows[start : start + longest] for start in range(0, len(rows), longest)]
        found += [Piece(clip.id, piece[: len(piece) // step * step]) for piece in cut if len(piece) >= step]
    return found


def mean_error(found: Sequence[Piece], reconstruct: Reconstruct) -> dict[str, float]:
    """For a validation: frame-weighted MPJPE in mm, and the part of it that is pose rather than heading."""
    errors = [_errors(piece.rows, reconstruct(piece.rows)) for piece in found]
    return {name: float(np.concatenate([e[name] for e in errors]).mean()) for name in ("mpjpe_mm", "pose_mm")}


def report(features: FeatureSet, reconstruct: Reconstruct, step: int, split: str = "test") -> dict[str, Any]:
    """Reconstruction of a split with its baselines, all in mm with 95 % intervals over clips.

    Returns:
        `mpjpe_mm`, `pose_mm` (heading taken out), `pa_mpjpe_mm`, `mean_pose_mm` (the mean features instead of each
        row), `nearest_training_frame_mm` (pose only; every 10th frame of both sides); `ratio` is MPJPE over the mean
        pose's. Jitter: `acceleration_mm` and `jerk_mm`, errors in mm per frame squared and cubed, of joints in the
        world. `per_clip` holds the mean over the frames of each clip of MPJPE and of both, if it is long enough.
        {"clips": 0} if the split is empty.
    """
    found = pieces(features, split, step)
    if not found:
        return {"clips": 0, "frames": 0}
    errors = [_errors(piece.rows, reconstruct(piece.rows), features.mean) for piece in found]
    clips = [piece.clip for piece in found]
    numbers: dict[str, Any] = {"clips": len(set(clips)), "frames": sum(len(piece.rows) for piece in found)}
    for name in errors[0]:
        long_enough = [(error[name], clip) for error, clip in zip(errors, clips, strict=True) if len(error[name])]
        if long_enough:
            numbers[name] = _interval(*zip(*long_enough, strict=True))
    numbers["nearest_training_frame_mm"] = _interval(_nearest(found, features), clips)
    numbers["ratio"] = numbers["mpjpe_mm"]["mean"] / numbers["mean_pose_mm"]["mean"]
    numbers["per_clip"] = _per_clip(errors, clips)
    return numbers


def apart(features: FeatureSet, reconstruct: Reconstruct, step: int, held_out: Mapping[str, Any]) -> dict[str, Any]:
    """The same of the takes that were kept from training on purpose, under their split's name; {} if there are none.

    Args:
        held_out: The report of the test split; `over_held_out` is how many times its MPJPE theirs is.
    """
    found = report(features, reconstruct, step, UNSEEN)
    if found["clips"] and "mpjpe_mm" in held_out:
        found["over_held_out"] = found["mpjpe_mm"]["mean"] / held_out["mpjpe_mm"]["mean"]
    return {UNSEEN: found} if found["clips"] else {}


def headline(numbers: dict[str, Any]) -> dict[str, float]:
    """The few numbers of a report that a person compares between runs."""
    named = {
        f"test_{name}": value["mean"] for name, value in numbers.items() if isinstance(value, dict) and "mean" in value
    }
    return named | ({"test_ratio": numbers["ratio"]} if "ratio" in numbers else {})


def _errors(real: Float32, made: Float32, mean: Float32 | None = None) -> dict[str, Float64]:
    truth, answer = recover(real), recover(made)
    errors = {
        "mpjpe_mm": MM * mpjpe(answer, truth),
        "pose_mm": MM * mpjpe(heading_free(made), heading_free(real)),
    }
    if mean is not None:
        errors["pa_mpjpe_mm"] = MM * pa_mpjpe(answer, truth)
        errors["acceleration_mm"] = MM * acceleration_error(answer, truth)
        errors["jerk_mm"] = MM * jerk_error(answer, truth)
        errors["mean_pose_mm"] = MM * mpjpe(recover(np.broadcast_to(mean, real.shape)), truth)
    return errors


def _per_clip(errors: Sequence[Mapping[str, Float64]], clips: Sequence[str]) -> dict[str, dict[str, float]]:
    """Means over the frames of each clip."""
    of_clip: dict[str, dict[str, list[Float64]]] = {}
    for error, clip in zip(errors, clips, strict=True):
        for name in OF_CLIP:
            if len(error[name]):
                of_clip.setdefault(clip, {}).setdefault(name, []).append(error[name])
    return {
        clip: {name: round(float(np.concatenate(parts).mean()), 6) for name, parts in of.items()}
        for clip, of in of_clip.items()
    }


def _nearest(found: Sequence[Piece], features: FeatureSet) -> list[Float64]:
    training = [heading_free(features.of(clip)[::NEAREST_EVERY]) for clip in features.split("train")]
    known = np.concatenate(training)
    return [MM * nearest_frame_error(heading_free(piece.rows[::NEAREST_EVERY]), known) for piece in found]


def _interval(errors: Sequence[Float64], clips: Sequence[str]) -> dict[str, float]:
    means = np.array([error.mean() for error in errors])
    weights = np.array([len(error) for error in errors], dtype=np.float64)
    return bootstrap(means, RESAMPLES, SEED, weights, groups=clips).report()
