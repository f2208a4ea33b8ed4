"""Heads and tails of a take that are no motion: a T-pose for calibration, a tool's rest pose, held frames."""

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.ingest.contacts import runs

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]

SIDEWAYS = np.cos(np.radians(30.0))  # of the arms to the line of the hips
LEVEL = np.sin(np.radians(20.0))  # of the arms to the floor
STRAIGHT = 0.93  # of shoulder to wrist to the bones between
UPRIGHT = np.cos(np.radians(20.0))  # of trunk and legs to the vertical
REST = np.cos(np.radians(3.0) / 2)  # of the turn of every joint but the root to that of the rest pose
HELD = 1e-5  # m; below it a joint does not move at all: a capture trembles by 1e-4
_J = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}


def t_poses(joints: FloatArray) -> BoolArray:
    """(T,) whether (T, 22, 3) joints stand upright with both arms straight out to the sides."""
    across = _unit(joints[:, _J["left_hip"]] - joints[:, _J["right_hip"]])
    result: BoolArray = _unit(joints[:, _J["neck"]] - joints[:, _J["pelvis"]])[:, 1] > UPRIGHT
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder, elbow, wrist = (joints[:, _J[f"{side}_{part}"]] for part in ("shoulder", "elbow", "wrist"))
        arm = _unit(wrist - shoulder)
        bones = np.linalg.norm(elbow - shoulder, axis=1) + np.linalg.norm(wrist - elbow, axis=1)
        result &= (sign * (arm * across).sum(1) > SIDEWAYS) & (np.abs(arm[:, 1]) < LEVEL)
        result &= np.linalg.norm(wrist - shoulder, axis=1) > STRAIGHT * bones
        result &= _unit(joints[:, _J[f"{side}_ankle"]] - joints[:, _J[f"{side}_hip"]])[:, 1] < -UPRIGHT
    return result


def rest_poses(quat: FloatArray) -> BoolArray:
    """(T,) whether every joint below the root of (T, J, 4) is turned as in the rest pose."""
    rests: BoolArray = (np.abs(quat[:, 1:, 0]) > REST).all(axis=1)
    return rests


def kept(poses: BoolArray, leaps: BoolArray, shortest: int) -> tuple[int, int]:
    """First and last frame + 1 without the head and the tail that are poses.

    A head counts if the body leaps out of it, or stays in it for at least `shortest` frames; so does a tail.

    Args:
        poses: (T,) whether a frame is a T-pose or a rest pose.
        leaps: (T - 1,) whether the body leaps between a frame and the next.
        shortest: Frames.
    """
    start, end, frames = 0, len(poses), len(poses)
    for first, last in runs(poses):
        if first == 0 and last < frames and (last >= shortest or leaps[last - 1]):
            start = last
        if last == frames and first > 0 and (last - first >= shortest or leaps[first - 1]):
            end = first
    return start, end


def held(steps: FloatArray) -> BoolArray:
    """(T - 1,) whether no joint moves at all between a frame and the next; `steps` (T - 1, 22) m."""
    return np.asarray((steps < HELD).all(axis=1), dtype=np.bool_)


def _unit(vector: FloatArray) -> FloatArray:
    result: FloatArray = vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
    return result
