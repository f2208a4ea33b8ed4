"""What worker processes cost and give: start, overhead of an item, speed on all cores, memory.

    .venv/bin/python bench/bench_parallel.py [FOLDER]

judges the .bvh files of a folder, or takes that it makes itself, here and on 1, 2, ... processes.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from motionlib.artifacts import ClipInfo
from motionlib.ingest import synthetic
from motionlib.ingest.captions import Label
from motionlib.ingest.judge import judge
from motionlib.ingest.source import Source
from motionlib.ingest.survey import DEFAULTS
from motionlib.parallel import map_ordered

EMPTY_ITEMS = 20_000


def nothing(item: int) -> int:
    """What is measured as overhead."""
    return item


def verdict(data: bytes) -> str:
    """Read and judge one file."""
    return judge(Source("x.bvh", data), ClipInfo("x/x", "x/x.bvh", "x"), Label(), DEFAULTS).verdict


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="folder of .bvh files")
    folder = parser.parse_args().folder
    files = [path.read_bytes() for path in sorted(folder.rglob("*.bvh"))] if folder else _takes()
    run = partial(map_ordered, failed=_reason)
    start = _cost(lambda: list(run(nothing, [0], workers=1, seconds=60.0)))
    items = _cost(lambda: list(run(nothing, range(EMPTY_ITEMS), workers=1, seconds=60.0)))
    print(f"start_seconds: {start.wall:.3g} ({start.cpu:.3g} s of processor)")
    print(f"overhead_us_per_item: {(items.cpu - start.cpu) / EMPTY_ITEMS * 1e6:.3g}")
    print(f"files: {len(files)}, megabytes: {sum(map(len, files)) / 1e6:.4g}")
    here = _cost(lambda: list(run(verdict, files, worth=False)))
    print(f"here_files_per_second: {len(files) / here.wall:.4g} ({here.cpu:.3g} s of processor)")
    for workers in sorted({1, len(os.sched_getaffinity(0))}):
        there = _cost(lambda workers=workers: list(run(verdict, files, workers=workers, seconds=60.0)))
        print(
            f"files_per_second_on_{workers}: {len(files) / there.wall:.4g} "
            f"({here.wall / there.wall:.2f} times as fast as here, {there.cpu:.3g} s of processor)"
        )
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"peak_megabytes: {peaks[0]:.0f} here, {peaks[1]:.0f} in the largest worker")


def _reason(item: object, reason: str) -> str:  # noqa: ARG001 - the shape of `failed`
    return reason


def _takes() -> list[bytes]:
    return [synthetic.bvh(take) for take in synthetic.takes()]


class Cost(NamedTuple):
    """Seconds on the wall, and of all processors that took part."""

    wall: float
    cpu: float


def _cost(act: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), _processor()
    act()
    return Cost(time.perf_counter() - wall, _processor() - cpu)


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
