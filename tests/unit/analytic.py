"""A motion known at every instant, so that any frame rate can sample it: standing, then walking, all joints swaying."""

import numpy as np

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import rotations
from motionlib.body.skeleton import (
    CANONICAL_DIRECTIONS,
    CANONICAL_LENGTHS,
    CANONICAL_NAMES,
    CANONICAL_PARENTS,
    Skeleton,
)

SKELETON = Skeleton(CANONICAL_NAMES, CANONICAL_PARENTS, CANONICAL_DIRECTIONS * CANONICAL_LENGTHS[:, None])
STRIDE = 0.9  # Hz
SPEED = 1.2  # m/s
STARTING = 1.5  # s, from standing to full speed


def walk(fps, seconds=6.0, standing=1.0, turns=0.0, radius=1.0, seed=0):
    """A take at `fps` Hz: stand, then walk straight ahead, or `turns` rounds to the left (negative: to the right)."""
    time = np.arange(int(np.floor(seconds * fps + 1e-9)) + 1) / fps
    pace, way = eased(time, standing)
    rng = np.random.default_rng(seed)
    size, phase = rng.uniform(0.05, 0.3, (22, 3)), rng.uniform(0, 2 * np.pi, (22, 3))
    angles = size * np.sin(2 * np.pi * STRIDE * time[:, None, None] + phase)
    angles += 0.3 * size * np.sin(4 * np.pi * STRIDE * time[:, None, None] + 2 * phase)
    local = rotations.from_euler(pace[:, None, None] * angles, "ZYX")
    yaw = 2 * np.pi * turns * way / eased(np.array([seconds]), standing)[1]
    local[:, 0] = rotations.multiply(rotations.from_yaw(yaw), local[:, 0])
    root = np.zeros((len(time), 3))
    root[:, 1] = 0.95 + 0.03 * pace * np.sin(4 * np.pi * STRIDE * time)
    if turns:
        side = np.sign(turns) * radius  # m to the left, where the middle of the circle lies
        root[:, 0], root[:, 2] = side * (1 - np.cos(yaw)), side * np.sin(yaw)
    else:
        root[:, 2] = SPEED * way
    return Clip(ClipInfo("walk", "walk.bvh", "made"), SKELETON, root.astype(np.float32), local.astype(np.float32), fps)


def eased(time, standing):
    """Pace in [0, 1] at each time in s, and its integral in s."""
    share = np.clip((time - standing) / STARTING, 0.0, 1.0)
    way = STARTING * (share**3 - share**4 / 2) + np.maximum(time - standing - STARTING, 0.0)
    return 3 * share**2 - 2 * share**3, way
