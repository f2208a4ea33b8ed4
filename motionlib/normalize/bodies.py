"""A picture of one pose per rig, for `motionlib.drawing`."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS

FloatArray = NDArray[np.float64]

MOST_BODIES = 8  # rigs shown in the picture
DOTS_PER_INCH = 110
INCHES = 1.15  # on paper, of a metre
BODY_WIDTH, BODY_HEIGHT = 1.8, 2.1  # m that each pose gets
_COLOURS = {"left": "#b5541c", "right": "#3b6ea5", "": "#444444"}


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
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


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
