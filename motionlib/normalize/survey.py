"""The report of the `normalize` stage: what became of the takes, in numbers and one picture."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlib.artifacts import Report
from motionlib.body.skeleton import CANONICAL_LENGTHS, CANONICAL_NAMES, CANONICAL_PARENTS
from motionlib.figures import png
from motionlib.normalize.layout import FEATURE_GROUPS, HUMANML3D
from motionlib.normalize.library import Normalized

FloatArray = NDArray[np.float64]

SECONDS_PER_HOUR = 3600.0
SHOWN = ("train", "val", "test")  # splits that are told even if they are empty
MOST_LISTED = 5000  # takes that are left out; all are counted
MOST_BODIES = 8  # rigs shown in the picture
DOTS_PER_INCH = 110
INCHES = 1.15  # on paper, of a metre
BODY_WIDTH, BODY_HEIGHT = 1.8, 2.1  # m that each pose gets
_COLOURS = {"left": "#b5541c", "right": "#3b6ea5", "": "#444444"}


def report(done: Normalized, fps: float) -> Report:
    """Numbers of a normalised library, and a picture of one pose per rig; a shard in memory at a time."""
    splits: dict[str, Counter[str]] = {split: Counter() for split in SHOWN}
    captions: Counter[str] = Counter()
    left_out: list[list[str]] = []
    lengths: dict[str, tuple[FloatArray, int]] = {}
    poses: dict[str, FloatArray] = {}
    lowest, highest = np.full(HUMANML3D.dimensions, np.inf), np.full(HUMANML3D.dimensions, -np.inf)
    for shard in done.shards:
        notes, extent = shard.notes, shard.extent()
        for split, counts in notes["splits"].items():
            splits.setdefault(split, Counter()).update(counts)
        captions.update(notes["captions_left_out"])
        left_out += notes["left_out"]
        for rig, sums in notes["lengths"].items():
            total, takes = lengths.get(rig, (np.zeros(len(sums["sum"])), 0))
            lengths[rig] = total + np.array(sums["sum"]), takes + sums["takes"]
            poses.setdefault(rig, np.array(notes["poses"][rig]))
        if extent is not None:
            lowest, highest = np.minimum(lowest, extent.lowest), np.maximum(highest, extent.highest)
    total_counts = sum(splits.values(), Counter[str]())
    numbers = {
        "clips": {
            "in": total_counts["clips"] + len(left_out),
            "out": total_counts["clips"],
            "mirrored": total_counts["mirrored"],
            "hours": _hours(total_counts["rows"], fps),
            "left_out": dict(sorted(Counter(reason for _, reason, _ in left_out).items())),
        },
        "left_out": [dict(zip(("id", "reason", "message"), take, strict=True)) for take in left_out[:MOST_LISTED]],
        "splits": {split: _split(counts, fps) for split, counts in splits.items()},
        "captions": {"unique": done.captions, "left_out": dict(sorted(captions.items()))},
        "bone_ratio": {name: _ratios(total / takes) for name, (total, takes) in sorted(lengths.items())},
        "features": {
            group: {"lowest": float(lowest[part].min()), "highest": float(highest[part].max())}
            for group, part in FEATURE_GROUPS.items()
        },
    }
    return Report(numbers, {"bodies.png": bodies(poses)})


def bodies(poses: Mapping[str, FloatArray]) -> bytes:
    """PNG: one pose (22, 3) m per rig, from behind and from its right; left limbs orange, right ones blue."""
    shown = sorted(poses)[:MOST_BODIES]
    metres = BODY_WIDTH * max(len(shown), 2)
    wide, high = INCHES * metres, INCHES * BODY_HEIGHT
    figure = Figure(figsize=(wide + 0.8, 2 * high + 1.4))
    width, height = figure.get_size_inches()
    for bottom, axis, towards in ((high + 0.9, 0, "its left →"), (0.4, 2, "front →")):
        axes = figure.add_axes((0.6 / width, bottom / height, wide / width, high / height))
        for column, name in enumerate(shown):
            middle = (column + 0.5) * BODY_WIDTH
            _draw(axes, poses[name], axis, middle)
            if axis == 0:
                axes.text(middle, BODY_HEIGHT + 0.05, name.replace(": ", "\n"), ha="center", fontsize="x-small")
        axes.set_xlim(0.0, metres)
        axes.set_ylim(0.0, BODY_HEIGHT)
        axes.set_xticks([])
        axes.set_xlabel(towards)
        axes.set_ylabel("m")
    return png(figure, DOTS_PER_INCH)


def _draw(axes: Axes, pose: FloatArray, axis: int, middle: float) -> None:
    across = pose[:, axis] - pose[0, axis] + middle
    for side, colour in _COLOURS.items():
        joints = [j for j in range(1, len(CANONICAL_NAMES)) if _side(CANONICAL_NAMES[j]) == side]
        ends = np.array([[CANONICAL_PARENTS[j], j, -1] for j in joints]).ravel()
        x, y = (np.where(ends < 0, np.nan, values[ends]) for values in (across, pose[:, 1]))  # a gap behind each bone
        axes.plot(x, y, "-o", color=colour, markersize=2)


def _side(joint: str) -> str:
    first = joint.partition("_")[0]
    return first if first in _COLOURS else ""


def _split(counts: Mapping[str, int], fps: float) -> dict[str, float]:
    named = {name: counts.get(name, 0) for name in ("clips", "mirrored", "items")}
    return {**named, "hours": _hours(counts.get("rows", 0), fps)}


def _hours(rows: int, fps: float) -> float:
    return round(rows / fps / SECONDS_PER_HOUR, 4)


def _ratios(lengths: FloatArray) -> dict[str, float]:
    """Bone length of the source over the canonical one, by the joint where the bone ends."""
    ratio = lengths[1:] / CANONICAL_LENGTHS[1:]
    return {name: round(float(value), 3) for name, value in zip(CANONICAL_NAMES[1:], ratio, strict=True)}
