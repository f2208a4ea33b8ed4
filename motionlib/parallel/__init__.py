"""The same function over many items on all cores, or on a Ray cluster: results in order, no bad item stops the rest."""

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import FrameType
from typing import TypeVar

from motionlib.parallel.processes import CRASHED, TOO_LONG, Answer, Failed, on_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

RAY_ADDRESS = "MOTIONLIB_RAY_ADDRESS"  # environment: `local` (start one here), `auto`, or `host:port` of a Ray head


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    seconds: float | None = None,
    batch: int = 16,
    worth: bool = True,
    failed: Callable[[Item, str], Result],
) -> Iterator[Result]:
    """Give `function(item)` of every item in the items' order, whatever the number of workers.

    With processes at work, at most `processes.BATCHES_AHEAD` batches per worker are taken from `items` ahead of what
    was given. An exception inside `function` rises where its result would stand. A batch whose process dies or takes
    too long is tried again item by item; what fails alone, in a new process, is given to `failed`.

    Args:
        function: Picklable, as are items and results.
        workers: Processes; None: one for each core that this process may use. A Ray cluster uses all that it has.
        seconds: What one item may take. With None and one worker the work is done in this process.
        batch: Items that travel together.
        worth: False if starting processes (about a second) costs more than it gains: the work is then done in this
            process, where an item that takes too long is still given up, but one that crashes is not survived.
        failed: Gives the result of an item that took longer than `seconds` (`took_too_long`), or that ended its
            process or ran out of memory (`reader_crashed`; `processes.WORKER_BYTES`). Called in this process.

    Raises:
        ValueError: If `workers`, `seconds` or `batch` is not positive, or Ray is asked for and cannot be reached.
    """
    for name, value in (("workers", workers), ("seconds", seconds), ("batch", batch)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    count = workers or len(os.sched_getaffinity(0))
    address = os.environ.get(RAY_ADDRESS, "")
    can_ring = seconds is None or threading.current_thread() is threading.main_thread()
    if can_ring and (not worth or (count == 1 and seconds is None and not address)):
        return _here(function, items, seconds, failed)
    batches = _batches(items, batch)
    if not address:
        return _flat(on_cores(function, batches, count, seconds), failed)
    from motionlib.parallel.cluster import on_ray  # only where there is a cluster

    return _flat(on_ray(function, batches, address, seconds), failed)


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _flat(
    answers: Generator[tuple[list[Item], Answer], None, None], failed: Callable[[Item, str], Result]
) -> Iterator[Result]:
    try:
        for items, answer in answers:
            for item, result in zip(items, answer.results, strict=False):
                yield failed(item, result.reason) if isinstance(result, Failed) else result
            if answer.bug is not None:
                raise answer.bug
    finally:
        answers.close()


class _TooLongError(BaseException):
    """Rises inside an item; no `except Exception` of a reader may swallow it."""


def _here(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    seconds: float | None,
    failed: Callable[[Item, str], Result],
) -> Iterator[Result]:
    for item in items:
        try:
            with _alarm(seconds):
                result = function(item)
        except _TooLongError:
            result = failed(item, TOO_LONG)
        except MemoryError:
            result = failed(item, CRASHED)
        yield result


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a signal handler
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


__all__ = ["CRASHED", "RAY_ADDRESS", "TOO_LONG", "map_ordered"]
