"""How quickly BVH is read and judged: megabytes, frames and files per second on one core.

    .venv/bin/python bench/bench_bvh.py [FOLDER]

measures the files of a folder, or a take that it makes itself, beside `pybvh` where that is installed.
"""

import argparse
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from motionlib.artifacts import ClipInfo
from motionlib.ingest import read_bvh, synthetic
from motionlib.ingest.captions import Label
from motionlib.ingest.judge import judge
from motionlib.ingest.source import Source
from motionlib.ingest.survey import DEFAULTS

REPEATS = 3  # the best counts
FRAMES = 10_000  # of the take made here: 31 joints, 96 channels


def long_take(frames: int) -> bytes:
    """A walk repeated until it has that many frames."""
    text = synthetic.bvh(synthetic.takes()[0]).decode()
    head, _, rows = text.partition("\nFrames: ")
    time_line, *lines = rows.split("\n")[1:-1]
    many = (lines * (frames // len(lines) + 1))[:frames]
    return "\n".join([head, f"Frames: {frames}", time_line, *many, ""]).encode()


def measure(files: list[bytes]) -> dict[str, float]:
    """Seconds to read and to judge all files, and what that is per megabyte, frame and file."""
    read = min(_seconds(lambda: [read_bvh(data) for data in files]) for _ in range(REPEATS))
    info = ClipInfo("x/x", "x/x.bvh", "x")
    judged = min(
        _seconds(lambda: [judge(Source("x.bvh", data), info, Label(), DEFAULTS) for data in files])
        for _ in range(REPEATS)
    )
    frames = sum(len(read_bvh(data).root_pos) for data in files)
    megabytes = sum(map(len, files)) / 1e6
    return {
        "files": len(files),
        "megabytes": megabytes,
        "frames": frames,
        "read_seconds": read,
        "judge_seconds": judged,
        "read_megabytes_per_second": megabytes / read,
        "judge_frames_per_second": frames / judged,
        "judge_files_per_second": len(files) / judged,
    }


def theirs(files: list[bytes]) -> dict[str, float]:
    """Seconds that pybvh takes to read the same files and turn their angles into quaternions, as we do."""
    if importlib.util.find_spec("pybvh") is None:
        return {}
    import pybvh  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it guesses which way is up and says so
        paths = [Path(folder) / f"{number}.bvh" for number in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            path.write_bytes(data)
        seconds = min(_seconds(lambda: [pybvh.read_bvh_file(path).to_quat() for path in paths]) for _ in range(REPEATS))
    return {"pybvh_seconds": seconds, "pybvh_megabytes_per_second": sum(map(len, files)) / 1e6 / seconds}


def _seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="folder of .bvh files")
    folder = parser.parse_args().folder
    files = [path.read_bytes() for path in sorted(folder.rglob("*.bvh"))] if folder else [long_take(FRAMES)]
    for name, value in (measure(files) | theirs(files)).items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
