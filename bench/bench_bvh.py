"""How quickly BVH becomes joint positions and features, beside other readers: megabytes and frames per second.

    .venv/bin/python bench/bench_bvh.py [FOLDER]

measures the files of a folder, or a take that it makes itself. The same job for all: a file on disk, its text, world
positions of all joints in all frames. `pybvh` and `bvhio` are measured where they are installed.
"""

import argparse
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import kinematics
from motionlib.body.skeleton import Skeleton
from motionlib.ingest import RawMotion, read_bvh, synthetic
from motionlib.ingest.captions import Label
from motionlib.ingest.judge import judge
from motionlib.ingest.source import Source
from motionlib.ingest.survey import DEFAULTS
from motionlib.normalize.batched import extract_all
from motionlib.rig import geometry
from motionlib.rig.canonical import canonical_joints

REPEATS = 5  # the best counts
SLOW_REPEATS = 1  # of bvhio, which takes seconds
FRAMES = 10_000  # of the take made here: 31 joints, 96 channels
FPS = 20.0  # Hz of the features


def long_take(frames: int) -> bytes:
    """A walk repeated until it has that many frames."""
    text = synthetic.bvh(synthetic.takes()[0]).decode()
    head, _, rows = text.partition("\nFrames: ")
    time_line, *lines = rows.split("\n")[1:-1]
    many = (lines * (frames // len(lines) + 1))[:frames]
    return "\n".join([head, f"Frames: {frames}", time_line, *many, ""]).encode()


def measure(paths: list[Path]) -> dict[str, float]:
    """Seconds of each step over all files, and what they are per megabyte and frame."""
    files = [path.read_bytes() for path in paths]
    motions = [read_bvh(data) for data in files]
    frames, megabytes = sum(len(motion.root_pos) for motion in motions), sum(map(len, files)) / 1e6
    clips = [clip_of(motion) for motion in motions]
    canonical = [canonical_joints(clip, FPS) for clip in clips]
    info = ClipInfo("x/x", "x/x.bvh", "x")
    seconds = {
        "read": _seconds(lambda: [read_bvh(data) for data in files]),
        "place": _seconds(lambda: [joints_of(motion) for motion in motions]),
        "canonical": _seconds(lambda: [canonical_joints(clip, FPS) for clip in clips]),
        "features": _seconds(lambda: extract_all(canonical)),
        "judge": _seconds(lambda: [judge(Source("x.bvh", data), info, Label(), DEFAULTS) for data in files]),
        "ours": _seconds(lambda: [joints_of(read_bvh(path.read_bytes())) for path in paths]),
    }
    whole = seconds["read"] + seconds["canonical"] + seconds["features"]
    return {
        "files": len(paths),
        "megabytes": megabytes,
        "frames": frames,
        **{f"{step}_seconds": value for step, value in seconds.items()},
        "read_megabytes_per_second": megabytes / seconds["read"],
        "file_to_joints_frames_per_second": frames / seconds["ours"],
        "file_to_features_frames_per_second": frames / whole,
        "file_to_features_share_of_reading": seconds["read"] / whole,
        "judge_frames_per_second": frames / seconds["judge"],
    }


def compare(paths: list[Path], ours: float) -> dict[str, float]:
    """Seconds that other readers take for positions, and how many times ours that is."""
    found: dict[str, float] = {}
    for name, positions, repeats in (("pybvh", pybvh, REPEATS), ("bvhio", bvhio, SLOW_REPEATS)):
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed, so it is not measured")
            continue
        seconds = _seconds(lambda of=positions: [of(path) for path in paths], repeats)  # type: ignore[misc]
        found |= {f"{name}_seconds": seconds, f"times_{name}": seconds / ours}
    return found


def joints_of(motion: RawMotion) -> np.ndarray:
    """World positions (T, J, 3), file units."""
    return kinematics.forward(motion.skeleton, motion.root_pos, motion.local_quat)


def clip_of(motion: RawMotion) -> Clip:
    """The take in metres, as ingest keeps it."""
    unit = geometry.find_unit(motion) or 1.0
    skeleton = Skeleton(motion.skeleton.names, motion.skeleton.parents, motion.skeleton.offsets * unit)
    root_pos, local_quat = (motion.root_pos * unit).astype(np.float32), motion.local_quat.astype(np.float32)
    return Clip(ClipInfo("x/x", "x/x.bvh", "x"), skeleton, root_pos, local_quat, motion.fps)


def pybvh(path: Path) -> np.ndarray:
    """World positions by pybvh."""
    import pybvh  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it guesses which way is up and says so
        positions: np.ndarray = pybvh.read_bvh_file(path).node_positions()
    return positions


def bvhio(path: Path) -> np.ndarray:
    """World positions by bvhio."""
    import bvhio  # type: ignore[import-not-found]

    root = bvhio.readAsHierarchy(str(path))
    first, last = root.getKeyframeRange()
    poses = []
    for frame in range(first, last + 1):
        root.loadPose(frame)
        poses.append([joint.PositionWorld.to_tuple() for joint, _, _ in root.layout()])
    return np.array(poses)


def _seconds(act: Callable[[], object], repeats: int = REPEATS) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        act()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="folder of .bvh files")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as made:
        paths = sorted(folder.rglob("*.bvh")) if folder else [Path(made) / "take.bvh"]
        if not folder:
            paths[0].write_bytes(long_take(FRAMES))
        found = measure(paths)
        found |= compare(paths, found["ours_seconds"])
    for name, value in found.items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
