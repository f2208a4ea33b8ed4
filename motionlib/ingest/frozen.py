"""Joints that stand still while the body moves: a sensor that failed, a limb that was left out of the solve."""

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.ingest.contacts import runs

FloatArray = NDArray[np.floating]

EXACT = 2e-6  # m; a distance that changes less does not change: rounding of float32 quaternions gives 3e-7
LIMIT = 0.002  # m from its longest: a straight arm or leg stands at the solver's limit, often for seconds
MOVING, OFTEN = 0.2, 0.5  # m/s some joint goes, and share of the time that it does, while the hinge stands still
_J = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}
# A joint that is bent by nothing keeps these two joints at one distance.
HINGES = {
    "left_elbow": ("left_shoulder", "left_wrist"),
    "right_elbow": ("right_shoulder", "right_wrist"),
    "left_knee": ("left_hip", "left_ankle"),
    "right_knee": ("right_hip", "right_ankle"),
}


def frozen(joints: FloatArray, steps: FloatArray, fps: float, shortest: float) -> tuple[str, int, int] | None:
    """The hinge that is frozen longest: its name, first and last frame; None if none is, for `shortest` s.

    Args:
        joints: (T, 22, 3) m.
        steps: (T - 1, 22) m each joint goes in a frame.
        fps: Hz.
        shortest: s.
    """
    found: tuple[str, int, int] | None = None
    moving = steps.max(axis=1) * fps > MOVING
    for name, (above, below) in HINGES.items():
        bone = joints[:, _J[above]] - joints[:, _J[below]]
        apart = np.sqrt((bone * bone).sum(1))
        change = np.abs(np.diff(apart))
        if not (change > EXACT).any():
            continue  # never bent at all: a rig without that hinge
        for start, end in runs((change < EXACT) & (apart[1:] < apart.max() - LIMIT)):
            if not moving[start:end].mean() > OFTEN:
                continue
            if end - start >= shortest * fps and (found is None or end - start > found[2] - found[1]):
                found = (name, start, end)
    return found
