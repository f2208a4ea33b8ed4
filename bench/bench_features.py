"""Speed of features over a library, beside the published code's way and a careful one per clip, all on one thread.

    .venv/bin/python bench/bench_features.py [FOLDER]

measures the BVH files of a folder as well, from bytes to features; without one, a take at 120 Hz that it makes itself.
Frames are those of the features' rate, 20 Hz, but for the way from a file, where they are the source's.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from bench_bvh import long_take
from feature_ways import published, straight
from numpy.typing import NDArray

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import rotations, skeleton
from motionlib.ingest import read_bvh
from motionlib.normalize import exact, recover
from motionlib.normalize.humanml263 import extract, extract_all
from motionlib.rig.canonical import canonical_joints, canonical_motion
from motionlib.rig.geometry import find_unit

FloatArray = NDArray[np.float64]
CLIPS, SHORTEST, LONGEST = 200, 40, 200  # of the library made here: as long as HumanML3D's
REPEATS = 7  # rounds in which every way takes its turn; the best of each counts
FPS = 20.0
SOURCE_FRAMES = 6_000


def library() -> list[FloatArray]:
    """Clips (T, 22, 3) m: the canonical body, every bone swaying, walking ahead."""
    rng = np.random.default_rng(0)
    return [walking_figure(int(frames), rng) for frames in rng.integers(SHORTEST, LONGEST, CLIPS)]


def walking_figure(frames: int, rng: np.random.Generator) -> FloatArray:
    """One clip (frames, 22, 3) m, one metre per second ahead."""
    phase = np.arange(frames)[:, None, None] / FPS
    sway = 0.4 * np.sin(phase * rng.uniform(1, 6, size=(22, 3)))
    directions = rotations.normalise(skeleton.CANONICAL_DIRECTIONS[1:] + sway[:, 1:])
    joints = np.zeros((frames, 22, 3))
    joints[:, 0] = phase[:, 0] * [0, 0, 1] + [0, 0.95, 0]
    for joint, parent in enumerate(skeleton.CANONICAL_PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + directions[:, joint - 1] * skeleton.CANONICAL_LENGTHS[joint]
    return joints


def rates(ways: dict[str, Callable[[], object]], frames: int) -> dict[str, float]:
    """Frames per second of each way, the best of rounds in which they take turns, so that a busy moment hits all."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(REPEATS):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: frames / seconds for name, seconds in best.items()}


def over_a_library() -> None:
    """Features of many clips, in all ways."""
    clips = library()
    features = extract_all(clips)
    rows = [one for one in features if isinstance(one, np.ndarray)]
    worlds = [exact.turns.least_twist(clip) for clip in clips]
    found = rates(
        {
            "extract_all, compat": lambda: extract_all(clips),
            "extract, clip by clip": lambda: [extract(clip) for clip in clips],
            "straight numpy, clip by clip": lambda: [straight(clip) for clip in clips],
            "as published, clip by clip": lambda: [published(clip) for clip in clips],
            "exact, clip by clip": lambda: [exact.extract(*each) for each in zip(clips, worlds, strict=True)],
            "recover, clip by clip": lambda: [recover(one) for one in rows],
        },
        sum(map(len, clips)),
    )
    for name, rate in found.items():
        print(f"{name:30} {rate:>12,.0f} frames/s")
    ours = found["extract_all, compat"]
    for name in ("extract, clip by clip", "straight numpy, clip by clip", "as published, clip by clip"):
        print(f"extract_all against {name:28} {ours / found[name]:6.1f} times as fast")
    for name, way in (("straight", straight), ("published", published)):
        apart = max(np.abs(way(clip) - one)[:, :259].max() for clip, one in zip(clips, rows, strict=True))
        print(f"{name} differs by at most {apart:.1e}")


def from_files(files: Sequence[bytes]) -> None:
    """Bytes of BVH -> canonical joints -> features."""
    frames = sum(len(read_bvh(data).root_pos) for data in files)

    def compat() -> object:
        return extract_all([canonical_joints(clip(data), FPS) for data in files])

    def true() -> object:
        return [exact.extract(*canonical_motion(clip(data), FPS)) for data in files]

    found = rates(
        {
            "parse": lambda: [read_bvh(data) for data in files],
            "file to compat": compat,
            "file to exact": true,
        },
        frames,
    )
    for name, rate in found.items():
        print(f"{name:30} {rate:>12,.0f} source frames/s")


def clip(data: bytes) -> Clip:
    """A take in metres as the file tells it, without judging it."""
    raw = read_bvh(data)
    unit = find_unit(raw) or 0.01
    bones = skeleton.Skeleton(raw.skeleton.names, raw.skeleton.parents, raw.skeleton.offsets * unit)
    root, quat = (raw.root_pos * unit).astype(np.float32), raw.local_quat.astype(np.float32)
    return Clip(ClipInfo("take", "take.bvh", "bench"), bones, root, quat, raw.fps)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="of BVH files")
    folder = parser.parse_args().folder
    torch.set_num_threads(1)
    over_a_library()
    print()
    made = long_take(SOURCE_FRAMES).replace(b"Frame Time: 0.0333333", b"Frame Time: 0.0083333")
    from_files([path.read_bytes() for path in sorted(folder.rglob("*.bvh"))] if folder else [made])


if __name__ == "__main__":
    main()
