"""Worker processes of this machine that are bounded in time and memory and end with the process that started them.

Each worker is a pebble pool of one: so it is certain which items ran when a process died, and a process that is ended
while it holds a lock of its pool holds up no other.
"""

import multiprocessing
import os
import pickle
import queue
import resource
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from pebble import ProcessExpired, ProcessFuture, ProcessPool

TOO_LONG, CRASHED = "took_too_long", "reader_crashed"  # keys of ingest.quality.REASONS
WORKER_BYTES = 4 << 30  # address space that a worker may take beyond what it starts with
BATCHES_AHEAD = 3  # per worker: one at work, one ready, one done and waiting for its turn
EARLY_SHARE = 0.5  # of an item's seconds, after which a batch comes back with what is done
START_SECONDS = 120.0  # for a process to start and import what the function needs, on a busy machine
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Function = Callable[[Any], Any]


class Failed(NamedTuple):
    """Stands for the result of an item that has none."""

    reason: str


class Answer(NamedTuple):
    """Results of the first items of a batch; `fate` if the process came to an end, `bug` if the function raised."""

    results: list[Any]
    fate: str = ""
    bug: BaseException | None = None


def on_cores(
    function: Function, batches: Iterator[list[Any]], workers: int, seconds: float | None
) -> Generator[tuple[list[Any], Answer], None, None]:
    """Batches with their answers, in order; what still runs is ended when the generator is closed."""
    slots = [Slot(seconds) for _ in range(workers)]
    free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
    for slot in slots:
        free.put(slot)

    def solve(items: list[Any]) -> Answer:
        slot = free.get()
        try:
            return slot.solve(function, items)
        finally:
            free.put(slot)

    threads = ThreadPoolExecutor(workers, thread_name_prefix="parallel")
    running: deque[tuple[list[Any], Future[Answer]]] = deque()
    try:
        with environment(ONE_THREAD):
            for items in batches:
                running.append((items, threads.submit(solve, items)))
                if len(running) >= BATCHES_AHEAD * workers:
                    items, answer = running.popleft()
                    yield items, answer.result()
            while running:
                items, answer = running.popleft()
                yield items, answer.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for slot in slots:
            slot.close()
        threads.shutdown()


class Slot:
    """One worker process, started when first needed and replaced when it came to an end.

    Args:
        seconds: What one item may take.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._pool: ProcessPool | None = None
        self._running: ProcessFuture[Any] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def solve(self, function: Function, items: list[Any]) -> Answer:
        """Results of all items; when a batch comes to an end, its items are done again, each alone."""
        results: list[Any] = []
        together = len(items)
        while len(results) < len(items):
            some = items[len(results) : len(results) + together]
            fresh = self._pool is None
            answer = self._travel(function, some)
            results += answer.results
            if answer.bug is not None:
                return Answer(results, bug=answer.bug)
            if answer.fate and len(some) == 1 and (fresh or answer.fate == TOO_LONG):
                results.append(Failed(answer.fate))
            elif answer.fate:
                together = 1
        return Answer(results)

    def close(self) -> None:
        """End the process, whatever it does; nothing is done by this slot any more."""
        with self._lock:
            self._closed = True
            running = self._running
            if running is not None:
                running.cancel()  # type: ignore[no-untyped-call]
        if running is not None:
            with suppress(Exception, CancelledError):
                running.result()
        self._end()

    def _travel(self, function: Function, items: list[Any]) -> Answer:
        """One way of some items to the process and back."""
        early = None if self.seconds is None else self.seconds * EARLY_SHARE
        last = None if self.seconds is None else self.seconds * (1.0 if len(items) == 1 else 1.0 + EARLY_SHARE)
        if self._pool is None:
            self._start(function)
        try:
            task = self._schedule(_work, last, pickle.dumps((function, items)), early)
            answer: Answer = pickle.loads(task.result())  # noqa: S301 - from our own process
            return answer
        except TimeoutError:
            fate = TOO_LONG
        except (ProcessExpired, BrokenProcessPool):
            fate = CRASHED
        self._end()
        return Answer([], fate)

    def _start(self, function: Function) -> None:
        context: Any = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(1, initializer=_start_worker, initargs=(WORKER_BYTES,), context=context)
        try:
            self._schedule(_import, START_SECONDS, pickle.dumps(function)).result()
        except (TimeoutError, ProcessExpired, BrokenProcessPool) as error:
            raise RuntimeError(
                f"a worker process does not start ({type(error).__name__}); does the script that was started "
                'guard its work by `if __name__ == "__main__":`?'
            ) from error

    def _schedule(self, function: Callable[..., Any], limit: float | None, *arguments: Any) -> "ProcessFuture[Any]":
        with self._lock:
            if self._closed or self._pool is None:
                raise CancelledError
            self._running = self._pool.schedule(function, args=arguments, timeout=limit)
            return self._running

    def _end(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


@contextmanager
def environment(wanted: dict[str, str]) -> Iterator[None]:
    """What processes started meanwhile inherit, where nothing else is said."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


# Inside a worker


def _start_worker(limit: int) -> None:
    """Bound this process's address space, and end it when its parent is gone."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = taken + limit
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _import(function: bytes) -> None:
    """Import what the function needs before its time is taken."""
    pickle.loads(function)  # noqa: S301 - from our own process


def _work(payload: bytes, early: float | None) -> bytes:
    """The answer for the items, or for the first of them when `early` seconds have passed."""
    until = None if early is None else time.monotonic() + early
    results: list[Any] = []
    try:
        function, items = pickle.loads(payload)  # noqa: S301 - from our own process
        for item in items:
            results.append(function(item))
            if until is not None and time.monotonic() > until:
                break
        return pickle.dumps(Answer(results))
    except MemoryError:
        os._exit(1)
    except Exception as error:
        return pickle.dumps(Answer(results, bug=_portable(error)))


def _portable(error: Exception) -> Exception:
    """The error, if it survives the way to another process, else one that says the same."""
    error.add_note("in a worker process:\n" + traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - from our own process
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    return error
