"""Speed of feature extraction and recovery, beside the published way: inverse and forward kinematics chain by chain.

    .venv/bin/python bench/bench_features.py

Both run in float64 numpy on one thread; the clip is made here. Prints frames per second and the largest difference.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations, skeleton
from motionlib.normalize import extract, recover
from motionlib.normalize.humanml263 import uniform

FloatArray = NDArray[np.float64]
FRAMES, REPEATS = 200, 30


def walking_figure(frames: int) -> FloatArray:
    """(frames, 22, 3) m: the canonical body, every bone swaying, one metre per second ahead."""
    phase = np.arange(frames)[:, None, None] / 20
    sway = 0.4 * np.sin(phase * np.random.default_rng(0).uniform(1, 6, size=(22, 3)))
    directions = rotations.normalise(skeleton.CANONICAL_DIRECTIONS[1:] + sway[:, 1:])
    joints = np.zeros((frames, 22, 3))
    joints[:, 0] = phase[:, 0] * [0, 0, 1] + [0, 0.95, 0]
    for joint, parent in enumerate(skeleton.CANONICAL_PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + directions[:, joint - 1] * skeleton.CANONICAL_LENGTHS[joint]
    return joints


def uniform_by_kinematics(joints: FloatArray) -> FloatArray:
    """Retargeting as published (`uniform_skeleton`): local rotations of every chain, then forward kinematics."""
    legs = [5, 8]
    lengths = np.linalg.norm(joints[0] - joints[0, np.maximum(skeleton.CANONICAL_PARENTS, 0)], axis=-1)
    scale = skeleton.CANONICAL_LENGTHS[legs].sum() / lengths[legs].sum()
    local = np.zeros((len(joints), 22, 4))
    for chain in skeleton.CANONICAL_CHAINS:
        base = np.tile([1.0, 0, 0, 0], (len(joints), 1))
        for before, joint in pairwise(chain):
            bone = rotations.normalise(joints[:, joint] - joints[:, before])
            swing = rotations.shortest(np.tile(skeleton.CANONICAL_DIRECTIONS[joint], (len(joints), 1)), bone)
            local[:, joint] = rotations.multiply(rotations.inverse(base), swing)
            base = rotations.multiply(base, local[:, joint])
    pose = np.zeros_like(joints)
    pose[:, 0] = joints[:, 0] * scale
    for chain in skeleton.CANONICAL_CHAINS:
        base = np.tile([1.0, 0, 0, 0], (len(joints), 1))
        for before, joint in pairwise(chain):
            base = rotations.multiply(base, local[:, joint])
            offset = skeleton.CANONICAL_DIRECTIONS[joint] * skeleton.CANONICAL_LENGTHS[joint]
            pose[:, joint] = pose[:, before] + rotations.rotate(base, offset)
    return pose


def recover_frame_by_frame(features: FloatArray) -> FloatArray:
    """Recovery with a loop over frames, as one would write it first."""
    joints = np.zeros((len(features), 22, 3))
    heading, x, z = 0.0, 0.0, 0.0
    for frame, row in enumerate(features.astype(np.float64)):
        if frame:
            heading -= 2 * features[frame - 1, 0]
            step = rotations.rotate(rotations.from_yaw(heading), [features[frame - 1, 1], 0, features[frame - 1, 2]])
            x, z = x + step[0], z + step[2]
        joints[frame, 0] = [x, row[3], z]
        local = rotations.rotate(rotations.from_yaw(heading), row[4:67].reshape(21, 3))
        joints[frame, 1:] = local + np.array([x, 0, z])
    return joints


def frames_per_second(work: Callable[[], object], frames: int) -> float:
    """The best of several runs."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return frames / best


def main() -> None:
    """Time each function and its alternative on the same clip."""
    joints = walking_figure(FRAMES)
    features = extract(joints)
    batch = np.broadcast_to(features, (32, *features.shape))
    rows = len(features)
    print(f"extract              {frames_per_second(lambda: extract(joints), FRAMES):>12,.0f} frames/s")
    print(f"  its retargeting    {frames_per_second(lambda: uniform(joints), FRAMES):>12,.0f} frames/s")
    print(f"  by IK and FK       {frames_per_second(lambda: uniform_by_kinematics(joints), FRAMES):>12,.0f} frames/s")
    print(f"recover              {frames_per_second(lambda: recover(features), rows):>12,.0f} frames/s")
    print(f"recover, batch of 32 {frames_per_second(lambda: recover(batch), 32 * rows):>12,.0f} frames/s")
    print(f"  frame by frame     {frames_per_second(lambda: recover_frame_by_frame(features), rows):>12,.0f} frames/s")
    print(f"retargeting differs by {np.abs(uniform(joints) - uniform_by_kinematics(joints)).max():.1e} m")
    print(f"recovery differs by {np.abs(recover(features) - recover_frame_by_frame(features)).max():.1e} m")


if __name__ == "__main__":
    main()
