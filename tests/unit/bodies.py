"""Hand-made canonical bodies whose numbers can be checked in the head."""

import numpy as np

from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_LENGTHS, CANONICAL_NAMES, CANONICAL_PARENTS

J = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}


def standing(frames: int, arms: str = "down") -> np.ndarray:
    """(T, 22, 3) m: a body that stands still on the floor at 0, facing +z, arms down or out to the sides."""
    directions = CANONICAL_DIRECTIONS.copy()
    if arms == "out":
        for side, sign in (("left", 1.0), ("right", -1.0)):
            for part in ("elbow", "wrist"):
                directions[J[f"{side}_{part}"]] = (sign, 0, 0)
    pose = np.zeros((22, 3))
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        pose[joint] = pose[parent] + CANONICAL_LENGTHS[joint] * directions[joint]
    pose[:, 1] -= pose[:, 1].min()
    return np.repeat(pose[None], frames, axis=0)


def moved(joints: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The body moved by (T, 3) m."""
    return joints + place[:, None, :]


def line(frames: int, fps: float, speed: float) -> np.ndarray:
    """(T, 3): `speed` m/s along +z."""
    return np.stack([np.zeros(frames), np.zeros(frames), np.arange(frames) * speed / fps], axis=1)
