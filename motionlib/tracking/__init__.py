"""What a stage reports while it runs. Without MLFLOW_TRACKING_URI every call here does nothing.

A stage writes events, one JSON object a line, into a spool file and never waits for a server or imports MLflow (3 s).
`tracking.store` reads the file as it grows and sends it on in batches: in the flow's process if a flow
started the stage (environment `MOTIONLIB_SPOOL`), else in a thread of the stage's own process.
"""

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

SPOOL = "MOTIONLIB_SPOOL"  # environment: file that the flow reads events from
URI = "MLFLOW_TRACKING_URI"


class Log(Protocol):
    """Where a stage reports what it does while it runs."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Note values of this step; they are buffered and sent in batches."""

    def dataset(self, name: str, path: Path) -> None:
        """Name an input that the stage reads."""

    def artifacts(self, folder: Path) -> None:
        """Attach a finished report folder."""


class _Silent:
    def metrics(self, values: Mapping[str, float], step: int) -> None: ...

    def dataset(self, name: str, path: Path) -> None: ...

    def artifacts(self, folder: Path) -> None: ...


class _Spool:
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, event: str, **facts: object) -> None:
        line = json.dumps({"event": event, "time_ms": int(time.time() * 1000), **facts}, default=str)
        self._file.write(line + "\n")
        self._file.flush()

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        self.write("metrics", step=step, values={name: float(value) for name, value in values.items()})

    def dataset(self, name: str, path: Path) -> None:
        self.write("dataset", name=name, path=str(path))

    def artifacts(self, folder: Path) -> None:
        self.write("artifacts", folder=str(folder))


class _Prefixed:
    def __init__(self, log: Log, prefix: str) -> None:
        self._log, self._prefix = log, prefix

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        self._log.metrics({f"{self._prefix}{name}": value for name, value in values.items()}, step)

    def dataset(self, name: str, path: Path) -> None:
        self._log.dataset(name, path)

    def artifacts(self, folder: Path) -> None:
        self._log.artifacts(folder)


def prefixed(log: Log, prefix: str) -> Log:
    """The same log with `prefix` before every metric's name, for several trainings in one run."""
    return _Prefixed(log, prefix)


@contextmanager
def run(stage: str, params: Mapping[str, Any]) -> Iterator[Log]:
    """The MLflow run of one stage (`train_tokenizer@vq_512`), or silence where no MLflow is configured.

    The run begins here, so a stage that DVC skips has none. An error that leaves the block ends the run as failed.
    """
    if not os.environ.get(URI):
        yield _Silent()
    elif spool := os.environ.get(SPOOL):
        with _events(Path(spool), stage, params) as log:
            yield log
    else:
        from motionlib.tracking.store import Forwarder

        with tempfile.TemporaryDirectory(prefix="motionlib-") as folder:
            path = Path(folder) / "spool.jsonl"
            with Forwarder(path), _events(path, stage, params) as log:
                yield log


@contextmanager
def _events(path: Path, stage: str, params: Mapping[str, Any]) -> Iterator[_Spool]:
    with path.open("a", encoding="utf-8") as file:
        log = _Spool(file)
        log.write("start", stage=stage, params=flat(params), hardware=hardware())
        try:
            yield log
        except BaseException as error:
            log.write("end", status="FAILED", error=f"{type(error).__name__}: {error}")
            raise
        log.write("end", status="FINISHED", error="")


def hardware() -> str:
    """What this runs on, in words: processors, and the accelerator if a stage has loaded torch and there is one."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    found = torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else ""
    return f"{cores} x {name}" + (f", {found}" if found else "")


def flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as `train.steps` -> `"1000"`."""
    result: dict[str, str] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = str(value)
    return result
