"""A command in its own process group: its lines as they come, its end within a time, nothing left behind."""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import psutil

SECONDS_TO_END = 5.0  # between SIGTERM and SIGKILL
SECONDS_BETWEEN_LOOKS = 0.2
MEGABYTE = 2.0**20


_running: set["Command"] = set()


def end_all() -> None:
    """End every command that is under way in this process, whichever thread waits for it."""
    for command in tuple(_running):
        command.kill()


class CommandError(RuntimeError):
    """A command ended with an error, or did not end in time; the message holds its last lines."""


class Command:
    """A running command.

    Attributes:
        lines: What it has written so far, standard output and error together.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.lines: list[str] = []
        self._name = " ".join(command)
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        _running.add(self)
        threading.Thread(target=self._pump, name="lines", daemon=True).start()

    def wait(self, tell: Callable[[str], None], timeout_s: float) -> None:
        """Pass every line on to `tell` until the command has ended; whatever happens, its group is gone after that.

        Raises:
            CommandError: If it fails or takes longer than `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        try:
            while self._process.poll() is None:
                self._pass_on(tell, SECONDS_BETWEEN_LOOKS)
                if time.monotonic() > until:
                    raise CommandError(f"`{self._name}` did not end within {timeout_s:.0f} s")
        finally:
            self.kill()
        while self._pass_on(tell, SECONDS_BETWEEN_LOOKS):
            pass
        if self._process.returncode:
            last = "\n".join(self.lines[-15:])
            raise CommandError(f"`{self._name}` ended with {self._process.returncode}:\n{last}")

    def kill(self) -> None:
        """End the whole group: asked first, then made to."""
        for signal_number, seconds in ((signal.SIGTERM, SECONDS_TO_END), (signal.SIGKILL, 1.0)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal_number)
            until = time.monotonic() + seconds
            while time.monotonic() < until and self._members():
                self._process.poll()
                time.sleep(SECONDS_BETWEEN_LOOKS / 4)
            if not self._members():
                break
        _running.discard(self)

    def usage(self) -> dict[str, float]:
        """Memory and processor time of the group, and load of the machine."""
        memory = seconds = 0.0
        for process in self._members():
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss / MEGABYTE
                seconds += sum(process.cpu_times()[:2])
        return {
            "process_memory_megabytes": memory,
            "process_cpu_seconds": seconds,
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_percentage": psutil.virtual_memory().percent,
        }

    def _members(self) -> list[psutil.Process]:
        members = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == self._process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    members.append(process)
        return members

    def _pump(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._queue.put(line.rstrip())
        self._queue.put(None)

    def _pass_on(self, tell: Callable[[str], None], wait_s: float) -> bool:
        """One batch of lines; False once there will be no more."""
        try:
            line = self._queue.get(timeout=wait_s)
        except queue.Empty:
            return False
        while line is not None:
            self.lines.append(line)
            if line:
                tell(line)
            try:
                line = self._queue.get_nowait()
            except queue.Empty:
                return True
        return False
