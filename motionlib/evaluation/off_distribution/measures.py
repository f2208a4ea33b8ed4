"""What is measured of one clip: how well it comes back, how far it is from the training, how new its codes are.

A tokenizer is known here only as a `Coder`; any features of its layout can be measured, of whatever origin.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import CodeShape, FeatureClip, FeatureSet, Float32, Int64
from motionlib.evaluation.off_distribution import codes as coding
from motionlib.evaluation.off_distribution import windows
from motionlib.evaluation.off_distribution.windows import Neighbourhood
from motionlib.evaluation.reconstruction import heading_free, mpjpe
from motionlib.evaluation.roundtrip import LONGEST
from motionlib.normalize.humanml263 import recover

Float64 = NDArray[np.float64]
MM = 1000.0


class Coder(NamedTuple):
    """A tokenizer as two functions of one clip: rows (T, D) to codes (L, Q), and codes to rows (L * f, D)."""

    encode: Callable[[Float32], Int64]
    decode: Callable[[Int64], Float32]
    shape: CodeShape


class Known(NamedTuple):
    """What is remembered of the training: windows, codes (None: n-grams are left out), and poses.

    `poses` (M, J, 3) m are for the curve only; None where it is not wanted.
    """

    windows: Neighbourhood
    memory: coding.Memory | None
    poses: Float64 | None = None


class Measured(NamedTuple):
    """One clip.

    Attributes:
        mpjpe_mm, pose_mm: Mean error of what comes back; the latter with heading taken out.
        window_mm: Mean distance of its windows to the nearest training window; NaN if it is shorter than one.
        distance_ratio: How many times farther they are from the nearest training windows than these from other takes.
        error_ratio: How many times larger their pose error is than that of the nearest training windows. Geometric
            means over windows; NaN without any.
        novelty: Of its codes; None where n-grams are left out.
        uses: (Q, V) uses of its codes.
        frame_mm, frame_error_mm: (K,) of every 10th frame: distance to the nearest training pose, and pose error.
    """

    clip: str
    frames: int
    mpjpe_mm: float
    pose_mm: float
    window_mm: float
    distance_ratio: float
    error_ratio: float
    novelty: coding.Novelty | None
    uses: Int64
    frame_mm: Float64
    frame_error_mm: Float64

    @property
    def bits(self) -> float:
        """Surprise in bits per step; NaN where n-grams are left out."""
        return self.novelty.bits / self.novelty.steps if self.novelty else float("nan")


def measure(clip: str, rows: Float32, coder: Coder, known: Known) -> Measured | None:
    """Measure one clip's raw features (T, D) in pieces of at most 196 rows; None if it is shorter than a step."""
    step = coder.shape.frames_per_step
    rows = np.asarray(rows)[: len(rows) // step * step]
    if not len(rows):
        return None
    longest = max(LONGEST // step, 1) * step
    pieces = [rows[start : start + longest] for start in range(0, len(rows), longest)]
    encoded = [coder.encode(piece) for piece in pieces]
    made = [coder.decode(piece) for piece in encoded]
    turned = [mpjpe(recover(b), recover(a)) for a, b in zip(pieces, made, strict=True)]
    pose = np.concatenate([pose_error(b, a) for a, b in zip(pieces, made, strict=True)])
    near = windows.near(rows, known.windows)
    worse = windows.window_means(pose)[: len(near.distance)] / np.maximum(near.known_error, windows.LEAST_MM)
    every = windows.FRAME_HOP
    return Measured(
        clip,
        len(rows),
        MM * float(np.concatenate(turned).mean()),
        float(pose.mean()),
        float(near.distance.mean()) if len(near.distance) else float("nan"),
        _geometric_mean(near.distance_ratio),
        _geometric_mean(worse),
        _sum([coding.novelty(one, known.memory) for one in encoded]) if known.memory else None,
        np.sum([coding.uses(one, coder.shape) for one in encoded], axis=0),
        windows.frame_distance(rows, known.poses) if known.poses is not None else np.zeros(0),
        pose[::every] if known.poses is not None else np.zeros(0),
    )


def pose_error(made: Float32, real: Float32) -> Float64:
    """Millimetres (T,) between the joints of rows made and real, both (T, D), heading and place taken out."""
    return MM * mpjpe(heading_free(made), heading_free(real))


def measure_all(features: FeatureSet, clips: Iterable[FeatureClip], coder: Coder, known: Known) -> list[Measured]:
    """Measure some clips, in their order; those shorter than a step are left out."""
    found = (measure(clip.id, features.of(clip), coder, known) for clip in clips)
    return [one for one in found if one is not None]


def _geometric_mean(values: Float64) -> float:
    return float(np.exp(np.log(np.maximum(values, np.finfo(np.float64).tiny)).mean())) if len(values) else float("nan")


def _sum(parts: Sequence[coding.Novelty]) -> coding.Novelty:
    return coding.Novelty(*(sum(values) for values in zip(*parts, strict=True)))
