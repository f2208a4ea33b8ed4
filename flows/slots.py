"""Several stages at once: each gets cores of its own, as threads of two trainings on one core mostly wait."""

import contextlib
import os
import queue
import shutil
from collections.abc import Iterator


class Slots:
    """As many places as stages run at once; a place is a share of the cores that this process may use.

    Args:
        jobs: Stages at once; beyond the number of cores, some share one.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs < 1:
            raise ValueError(f"{jobs} jobs at once; at least 1 is needed")
        self._free: queue.SimpleQueue[tuple[str, ...]] = queue.SimpleQueue()
        for place in range(jobs):
            self._free.put(_pinned(place, jobs))

    @contextlib.contextmanager
    def take(self) -> Iterator[tuple[str, ...]]:
        """What a command is to begin with, so that it stays on the cores of a free place; waits for one."""
        mine = self._free.get()
        try:
            yield mine
        finally:
            self._free.put(mine)


def _pinned(place: int, jobs: int) -> tuple[str, ...]:
    """Nothing for a single job, nor where the system cannot pin."""
    if jobs == 1 or not shutil.which("taskset"):
        return ()
    cores = sorted(os.sched_getaffinity(0))
    mine = cores[place::jobs] or [cores[place % len(cores)]]
    return ("taskset", "--cpu-list", ",".join(map(str, mine)))
