"""How well a tokenizer keeps held-out clips: joint errors per clip, against the mean pose and remembered frames."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import BadArtifactError, FeatureClip, FeatureSet, Float32
from motionlib.evaluation import intervals
from motionlib.evaluation import reconstruction as errors
from motionlib.evaluation.scores import DIGITS, Protocol
from motionlib.normalize.humanml263 import recover
from motionlib.progress import track

Float64 = NDArray[np.float64]
Reconstruct = Callable[[Float32], Float32]
MILLIMETRES = 1000.0  # in a metre
REMEMBERED_FRAMES = 20_000  # training frames searched for the nearest at most, evenly spread; bounds time
METRICS = ("mpjpe_mm", "mpjpe_unaligned_mm", "pa_mpjpe_mm", "acceleration_mm", "jerk_mm")
BASELINES = ("mean_pose_mm", "mean_pose_facing_mm", "nearest_frame_mm")
MEANING = {
    "mpjpe_mm": "pelvis aligned, heading not",
    "mean_pose_mm": "the mean training features, decoded: it does not turn",
    "mean_pose_facing_mm": "the mean training pose, told the true heading",
    "nearest_frame_mm": f"nearest of {REMEMBERED_FRAMES} training frames at most, told the true heading",
}


@dataclass(frozen=True)
class Rebuilt:
    """`numbers` for the report; `per_clip`: {clip id: {metric: value}}, which the gate compares."""

    numbers: dict[str, Any]
    per_clip: dict[str, dict[str, float]]


def rebuilt(features: FeatureSet, reconstruct: Reconstruct, longest: int, protocol: Protocol) -> Rebuilt:
    """Reconstruct every test clip, in equal pieces of at most `longest` frames, and measure it.

    Args:
        reconstruct: (T, D) raw features -> the same after its codes, perhaps a few frames shorter.

    Raises:
        BadArtifactError: If there is no test clip.
    """
    clips = features.split("test", mirror=False)
    if not clips:
        raise BadArtifactError("data/features has no test clip; normalize.test_share decides how many there are")
    baselines = _Baselines(features)
    per_clip = {}
    for clip in track(clips, "reconstruction", len(clips)):
        pieces = [_piece(real, reconstruct(real), baselines) for real in _pieces(features.of(clip), longest)]
        per_clip[clip.id] = _clip_means(pieces)
    return Rebuilt(_numbers(per_clip, protocol), per_clip)


def _pieces(rows: Float32, longest: int) -> Iterator[Float32]:
    """The clip in the fewest equal pieces that are not longer."""
    count = -(-len(rows) // longest)
    yield from (np.array(piece) for piece in np.array_split(rows, count))


class _Baselines:
    """What answers without having seen the clip: the mean pose and the training frames."""

    def __init__(self, features: FeatureSet) -> None:
        training = features.split("train", mirror=False)
        every = max(1, -(-sum(clip.frames for clip in training) // REMEMBERED_FRAMES))
        self.mean = features.mean
        self.frames = _poses(features, training, every)
        self.pose = self.frames.mean(axis=0)

    def errors(self, real: Float32, joints: Float64) -> dict[str, Float64]:
        """Per frame of (T, D) real features and their joints, metres."""
        decoded = recover(np.repeat(self.mean[None], len(real), axis=0)).astype(np.float64)
        facing = errors.heading_free(real)
        return {
            "mean_pose_mm": errors.mpjpe(decoded, joints),
            "mean_pose_facing_mm": errors.mean_pose_error(facing, self.pose),
            "nearest_frame_mm": errors.nearest_frame_error(facing, self.frames),
        }


def _poses(features: FeatureSet, clips: list[FeatureClip], every: int) -> Float64:
    return np.concatenate([errors.heading_free(features.of(clip)[::every]) for clip in clips])


def _piece(real: Float32, predicted: Float32, baselines: _Baselines) -> dict[str, Float64]:
    real = real[: len(predicted)]
    truth, guess = recover(real).astype(np.float64), recover(predicted).astype(np.float64)
    return {
        "mpjpe_mm": errors.mpjpe(guess, truth),
        "mpjpe_unaligned_mm": errors.mpjpe_unaligned(guess, truth),
        "pa_mpjpe_mm": errors.pa_mpjpe(guess, truth),
        "acceleration_mm": errors.acceleration_error(guess, truth),
        "jerk_mm": errors.jerk_error(guess, truth),
        **baselines.errors(real, truth),
    }


def _clip_means(pieces: list[dict[str, Float64]]) -> dict[str, float]:
    means = {
        name: round(MILLIMETRES * float(np.concatenate([piece[name] for piece in pieces]).mean()), DIGITS)
        for name in (*METRICS, *BASELINES)
    }
    return means | {"frames": sum(len(piece["mpjpe_mm"]) for piece in pieces)}


def _numbers(per_clip: Mapping[str, Mapping[str, float]], protocol: Protocol) -> dict[str, Any]:
    table = {name: np.array([clip[name] for clip in per_clip.values()]) for name in (*METRICS, *BASELINES, "frames")}
    frames = table.pop("frames")

    def weighted(values: Float64) -> dict[str, float]:
        return intervals.bootstrap(values, protocol.resamples, protocol.seed, frames).report(DIGITS)

    def against(baseline: str) -> dict[str, float]:
        ours, theirs = table["mpjpe_mm"] * frames, table[baseline] * frames
        return intervals.ratio(ours, theirs, protocol.resamples, protocol.seed).report(DIGITS)

    return {
        "clips": len(per_clip),
        "frames": int(frames.sum()),
        **{name: weighted(values) for name, values in table.items()},
        **{f"mpjpe_over_{name.removesuffix('_mm')}": against(name) for name in BASELINES},
        "meaning": MEANING,
    }
