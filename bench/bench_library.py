"""What a library costs: time, memory and clips per second of `ingest` and `normalize`, and of one per cent more.

    .venv/bin/python bench/bench_library.py [FOLDER] [--clips 1000 --clips 10000 ...] [--work FOLDER]

takes every hundredth file out of FOLDER (.bvh and captions), runs both stages over the rest in processes of their
own, and again with those files as a new delivery. With --clips it makes so many short takes and runs both. Memory
is that of the stage's process and the largest of its workers, sampled; wall time includes starting Python.
"""

import argparse
import io
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from motionlib.ingest import synthetic

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_S = 0.1  # between looks at the memory
FRAMES = 45  # of a made take, 1.5 s
FPS = 30
MIB = 1 << 20
EVERY = 100  # one file of so many is the new delivery
SHARE, START_S = 0.02, 3.0  # one per cent more may cost this share of the whole, and so many seconds


class Cost(NamedTuple):
    """Of one stage: wall s, and peak resident bytes of its own process and of its largest worker."""

    seconds: float
    own: int
    worker: int


def run(stage: str, project: Path) -> Cost:
    """Run a stage in a project and look at its memory.

    Raises:
        RuntimeError: If it fails, with what it said.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    began, own, worker = time.perf_counter(), 0, 0
    with (project / f"{stage}.log").open("w+") as log:
        command = [sys.executable, "-m", f"stages.{stage}"]
        process = psutil.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
        while process.poll() is None:
            try:
                own = max(own, process.memory_info().rss)
                worker = max([worker, *(child.memory_info().rss for child in process.children(recursive=True))])
            except psutil.NoSuchProcess:
                pass
            time.sleep(SAMPLE_S)
        log.seek(0)
        if process.returncode:
            raise RuntimeError(log.read())
    return Cost(time.perf_counter() - began, own, worker)


def made(count: int) -> Iterator[bytes]:
    """Short takes as BVH, no two alike: pieces of the quickstart set whose upper bodies sway in ways of their own."""
    bases = []
    for take in synthetic.takes()[::8]:
        head, _, rows = synthetic.bvh(take).decode().partition("\nFrames: ")
        joints = re.findall(r"(?:ROOT|JOINT) (\w+)", head)
        free = np.repeat([not re.search("Hips|Leg|Foot|Toe", joint) for joint in joints], 3)
        values = np.array([row.split() for row in rows.splitlines()[2:]], dtype=np.float64)
        bases.append((head, values, np.concatenate([[False] * 3, free])))
    time_s = np.arange(FRAMES)[:, None] / FPS
    for number in range(count):
        draw = np.random.default_rng(number)
        head, rows, free = bases[draw.integers(len(bases))]
        start = draw.integers(len(rows) - FRAMES)
        sway = np.sin(2 * np.pi * (draw.uniform(0.3, 1.5, rows.shape[1]) * time_s + draw.uniform(size=rows.shape[1])))
        values = rows[start : start + FRAMES] + free * draw.uniform(2, 9, rows.shape[1]) * sway
        line = " ".join(["%.3f"] * values.shape[1]) + "\n"
        text = f"{head}\nFrames: {FRAMES}\nFrame Time: {1 / FPS:.7f}\n" + line * FRAMES % tuple(values.ravel())
        yield text.encode()


def write_delivery(path: Path, count: int) -> None:
    """A tar archive of made takes with captions."""
    with tarfile.open(path, "w") as archive:
        rows = ["file,text,licence"]
        for number, data in enumerate(made(count)):
            name = f"{number // 1000:03}/{number:06}.bvh"
            rows.append(f"{name},a person moves in way {number % 97},CC0-1.0")
            _put(archive, name, data)
        _put(archive, "captions.csv", "\n".join([*rows, ""]).encode())


def _put(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def many(count: int, project: Path) -> None:
    """Print what a library of made takes costs."""
    (project / "data/raw").mkdir(parents=True)
    write_delivery(project / "data/raw/made.tar", count)
    costs = {stage: run(stage, project) for stage in ("ingest", "normalize")}
    told = ", ".join(
        f"{stage} {cost.seconds:.1f} s ({count / cost.seconds:.0f} clips/s, {cost.own / MIB:.0f} MiB"
        f" + {cost.worker / MIB:.0f} MiB a worker)"
        for stage, cost in costs.items()
    )
    print(f"{count} clips: {told}", flush=True)


def one_per_cent(source: Path, project: Path) -> None:
    """Print what the files of a folder cost, and what one per cent more does."""
    library, new = project / "data/raw/library", project / "data/raw/new"
    shutil.copytree(source, library)
    files = sorted(library.rglob("*.bvh"))
    apart = files[EVERY // 2 :: EVERY]
    new.mkdir()
    (project / "new").mkdir()
    for number, file in enumerate(apart):
        file.rename(project / "new" / f"{number}_{file.name}")
    _age(library)
    new.rmdir()
    whole = [run(stage, project) for stage in ("ingest", "normalize")]
    (project / "new").rename(new)
    _age(new)
    more = [run(stage, project) for stage in ("ingest", "normalize")]
    full, added = (sum(cost.seconds for cost in costs) for costs in (whole, more))
    print(f"{len(files) - len(apart)} files: ingest {whole[0].seconds:.1f} s, normalize {whole[1].seconds:.1f} s")
    print(
        f"{len(apart)} more: ingest {more[0].seconds:.1f} s, normalize {more[1].seconds:.1f} s, together {added:.1f} s"
    )
    print(f"one per cent more costs {added:.1f} s of {full:.1f} s; allowed: {SHARE * full + START_S:.1f} s")


def _age(folder: Path) -> None:
    """As if the files had been there for a while: digests of files just written are not remembered."""
    for file in folder.rglob("*"):
        os.utime(file, (1.7e9, 1.7e9))


def main() -> None:
    """Print the figures, a line for each library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="mocap as .bvh with captions")
    parser.add_argument(
        "--clips", type=int, action="append", default=[], help="takes to make; may be given several times"
    )
    parser.add_argument("--work", type=Path, help="where the projects lie meanwhile")
    given = parser.parse_args()
    counts = given.clips or ([] if given.folder else [1000])
    with tempfile.TemporaryDirectory(dir=given.work) as place:
        if given.folder:
            one_per_cent(given.folder.resolve(), _project(Path(place) / "real"))
        for count in counts:
            project = _project(Path(place) / str(count))
            many(count, project)
            shutil.rmtree(project)


def _project(folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(ROOT / "params.yaml", folder)
    return folder


if __name__ == "__main__":
    main()
