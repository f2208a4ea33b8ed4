"""A stage process ends when the process that started it is gone, so that no orphan writes beside a retry.

Killing DVC leaves the command it runs alive, and a retry would then write into the same outputs. So the supervisor
names itself in the environment (its process id and when that process started, since ids are used again), and a
thread in the stage looks after it. A stage runs in a process group of its own, which ends as a whole.
"""

import os
import signal
import threading
import time

SUPERVISOR = "MOTIONLIB_SUPERVISOR"  # environment: "<process id>:<start time in s>"
SECONDS_BETWEEN_LOOKS = 1.0
START_TOLERANCE = 0.05  # s; one process's start time reads the same to the clock tick, 0.01 s


def name_self() -> str:
    """What a supervisor puts under `SUPERVISOR` into the environment of the stages it starts."""
    import psutil  # only where there is a supervisor: the library alone does without

    return f"{os.getpid()}:{psutil.Process().create_time():.2f}"


def alive(supervisor: str) -> bool:
    """Whether the named supervisor still runs; a zombie, or another process under its number, does not count.

    Raises:
        ValueError: If the name is not one that `name_self` gives.
    """
    import psutil

    number, _, started = supervisor.partition(":")
    try:
        process = psutil.Process(int(number))
        same: bool = abs(process.create_time() - float(started)) <= START_TOLERANCE
        return same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def watch_supervisor() -> None:
    """Start the watchdog if a supervisor named itself in the environment; otherwise do nothing.

    Raises:
        ValueError: If the environment names the supervisor in another form.
    """
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor:
        alive(supervisor)  # in the main thread, so that a name in another form is an error and not a silent thread
        threading.Thread(target=_watch, args=(supervisor,), name="supervisor-watch", daemon=True).start()


def _watch(supervisor: str) -> None:
    while alive(supervisor):
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.killpg(os.getpgrp(), signal.SIGKILL)
