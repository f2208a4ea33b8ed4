"""The report of the `normalize` stage: what became of the takes, in numbers and one picture."""

import io
from collections import Counter
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlib.artifacts import FeatureClip, Report
from motionlib.body.skeleton import CANONICAL_LENGTHS, CANONICAL_NAMES, CANONICAL_PARENTS
from motionlib.normalize.layout import FEATURE_GROUPS
from motionlib.normalize.library import Normalized

FloatArray = NDArray[np.float64]

SECONDS_PER_HOUR = 3600.0
MOST_BODIES = 8  # rigs shown in the picture
DOTS_PER_INCH = 110
_COLOURS = {"left": "#b5541c", "right": "#3b6ea5"}


def report(done: Normalized, fps: float) -> Report:
    """Numbers of a normalised library, and a picture of one pose per rig."""
    real = [clip for clip in done.clips if not clip.mirror]
    numbers = {
        "clips": {
            "in": len(real) + len(done.left_out),
            "out": len(real),
            "mirrored": len(done.clips) - len(real),
            "hours": _hours(real, fps),
            "left_out": dict(sorted(Counter(take.reason for take in done.left_out).items())),
        },
        "left_out": [take._asdict() for take in done.left_out],
        "splits": {split: _split(done, split, fps) for split in ("train", "val", "test")},
        "captions": {"unique": len(done.caption_ids), "left_out": dict(sorted(done.captions_left_out.items()))},
        "bone_ratio": {name: _ratios(np.mean(lengths, axis=0)) for name, lengths in sorted(done.lengths.items())},
        "features": {
            group: {"lowest": float(done.lowest[part].min()), "highest": float(done.highest[part].max())}
            for group, part in FEATURE_GROUPS.items()
        },
    }
    return Report(numbers, {"bodies.png": bodies(done.poses)})


def bodies(poses: Mapping[str, FloatArray]) -> bytes:
    """PNG: one pose (22, 3) m per rig, from behind and from its right; left limbs orange, right ones blue."""
    shown = sorted(poses)[:MOST_BODIES]
    figure = Figure(figsize=(2.4 * max(len(shown), 1), 5.2), layout="constrained")
    for column, name in enumerate(shown):
        for row, (axis, towards) in enumerate(((0, "its left →"), (2, "front →"))):
            axes = figure.add_subplot(2, len(shown), row * len(shown) + column + 1)
            _draw(axes, poses[name], axis)
            axes.set_xlabel(f"{towards}, m")
            if row == 0:
                axes.set_title(name.replace(": ", "\n"), fontsize="x-small")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: Axes, pose: FloatArray, axis: int) -> None:
    centred = pose - pose[0] * [1.0, 0.0, 1.0]
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        side = CANONICAL_NAMES[joint].partition("_")[0]
        bone = centred[[parent, joint]]
        axes.plot(bone[:, axis], bone[:, 1], "-o", color=_COLOURS.get(side, "#444444"), markersize=2)
    axes.set_aspect("equal")
    axes.set_xlim(-0.9, 0.9)
    axes.set_ylim(0.0, 2.1)


def _split(done: Normalized, split: str, fps: float) -> dict[str, float]:
    clips = [clip for clip in done.clips if clip.split == split]
    real = [clip for clip in clips if not clip.mirror]
    items = sum(item.split == split for item in done.items)
    return {"clips": len(real), "mirrored": len(clips) - len(real), "hours": _hours(real, fps), "items": items}


def _hours(clips: list[FeatureClip], fps: float) -> float:
    return round(sum(clip.frames for clip in clips) / fps / SECONDS_PER_HOUR, 4)


def _ratios(lengths: FloatArray) -> dict[str, float]:
    """Bone length of the source over the canonical one, by the joint where the bone ends."""
    ratio = lengths[1:] / CANONICAL_LENGTHS[1:]
    return {name: round(float(value), 3) for name, value in zip(CANONICAL_NAMES[1:], ratio, strict=True)}
