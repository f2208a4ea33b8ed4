"""The same on a Ray cluster: Ray says where a batch is done, and has it done again when its worker or node is lost.

Within its node a batch runs in a worker process of ours, bounded as on one machine, so that the results are the same.
All nodes need the same motionlib installed.
"""

import os
import pickle
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

from motionlib.parallel.processes import BATCHES_AHEAD, ONE_THREAD, Answer, Function, Slot, environment

RETRIES = 20  # of a batch whose worker or node is lost


def on_ray(
    function: Function, batches: Iterator[list[Any]], address: str, seconds: float | None
) -> Generator[tuple[list[Any], Answer], None, None]:
    """Batches with their answers, in order.

    Raises:
        ValueError: If Ray is not installed, or there is no cluster at `address`.
    """
    ray, connected = _connected(address)
    solve = ray.remote(max_retries=RETRIES, num_cpus=1)(_solve)
    running: deque[tuple[list[Any], Any]] = deque()
    try:
        ahead = BATCHES_AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
        for items in batches:
            running.append((items, solve.remote(pickle.dumps((function, items)), seconds)))
            if len(running) >= ahead:
                yield _first(ray, running)
        while running:
            yield _first(ray, running)
    finally:
        for _, answer in running:
            with suppress(Exception):  # it may be done, or lost with its node
                ray.cancel(answer, force=True)
        if connected:
            ray.shutdown()


def _first(ray: Any, running: deque[tuple[list[Any], Any]]) -> tuple[list[Any], Answer]:
    answer: Answer = pickle.loads(ray.get(running[0][1]))  # noqa: S301 - from a process of this cluster
    return running.popleft()[0], answer


def _connected(address: str) -> tuple[Any, bool]:
    """The module, and whether this call has connected it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns that this default will change
    try:
        import ray
    except ImportError as error:
        raise ValueError("Ray is asked for and not installed: pip install 'motionlib[scale]'") from error
    if ray.is_initialized():
        return ray, False
    here: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, logging_level="warning", log_to_driver=False, **here)
    except (ConnectionError, ValueError) as error:
        raise ValueError(f"no Ray cluster at {address!r}: {error}") from error
    return ray, True


# Inside a node

_slots: dict[float | None, Slot] = {}  # of this Ray worker, kept from one batch to the next


def _solve(payload: bytes, seconds: float | None) -> bytes:
    """A Ray task: one batch in the one process of this Ray worker."""
    function, items = pickle.loads(payload)  # noqa: S301 - from the process that connected
    with environment(ONE_THREAD):
        return pickle.dumps(_slots.setdefault(seconds, Slot(seconds)).solve(function, items))
