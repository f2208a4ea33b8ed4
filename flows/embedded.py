"""The embedded profile: everything on this machine in `.motionlib/`, on loopback, with telemetry off.

A PREFECT_API_URL or MLFLOW_TRACKING_URI that is given is left as it is.
"""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

from motionlib import supervision

HOME = Path(".motionlib")
SHORT_LIVED = "PREFECT__SERVER_EPHEMERAL"  # Prefect: no schedules, no late runs, no user interface
SECONDS_TO_START = 120.0  # of Prefect's server; the first start lays its tables
SECONDS_BETWEEN_LOOKS = 0.05
QUIET = {
    "DO_NOT_TRACK": "true",  # MLflow takes `true`, not 1
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "true",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # stages speak for themselves on the terminal
    "GIT_OPTIONAL_LOCKS": "0",
}
UNUSED_SERVICES = ("SCHEDULER", "LATE_RUNS", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "FOREMAN", "TRIGGERS")


def set_environment() -> None:
    """Set what Prefect, MLflow and DVC read when they are imported; what is set already stays."""
    home = HOME.resolve()
    home.mkdir(exist_ok=True)
    defaults = QUIET | {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect' / 'prefect.db'}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}",
    }
    (home / "prefect").mkdir(exist_ok=True)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def prefect_server() -> Iterator["Server | None"]:
    """A Prefect server for the time of the block, or None where PREFECT_API_URL names one."""
    if os.environ.get("PREFECT_API_URL"):
        yield None
        return
    server = Server()
    try:
        yield server
    finally:
        server.stop()


def new_password() -> str:
    """What Prefect calls an auth string: a name and a secret."""
    return f"motionlib:{secrets.token_urlsafe(24)}"


class Server:
    """Prefect's server in a process of its own, started at once; `wait` until it answers.

    Sets PREFECT_API_URL and a password that is made anew each time, for this process and what it starts.
    """

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        password = new_password()
        os.environ["PREFECT_API_URL"] = self.url = f"http://127.0.0.1:{port}/api"
        os.environ["PREFECT_API_AUTH_STRING"] = password
        services = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in UNUSED_SERVICES}
        environment = os.environ | services | {SHORT_LIVED: "1", "PREFECT_SERVER_API_AUTH_STRING": password}
        environment[supervision.SUPERVISOR] = supervision.name_self()
        self._log = (HOME / "prefect" / "server.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", "--port", str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Return once the server answers.

        Raises:
            RuntimeError: If it ends, or does not answer in time, naming its log.
        """
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f"{self.url}/health", timeout=5)  # noqa: S310 (loopback)
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
        raise RuntimeError(f"Prefect's server did not start; see {self._log.name}")

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
            os.environ.pop(name, None)
