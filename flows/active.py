"""The flow run that is under way: its MLflow run, and what becomes of one that was killed."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from flows.embedded import HOME
from motionlib import supervision
from motionlib.tracking import store

FILE = HOME / "active.json"
TRACES = "motionlib.supervisor"


class BusyError(RuntimeError):
    """Another flow run is under way in this checkout."""


@contextlib.contextmanager
def run(tags: Mapping[str, str]) -> Iterator[str]:
    """The MLflow run of a flow run, with its id; what a killed run left open is closed first.

    Raises:
        BusyError: If another flow run is under way here.
    """
    _close_killed()
    parent = store.open_run(str(runtime.flow_run.name or "retrain"), {**tags, TRACES: supervision.name_self()})
    mine = {"supervisor": supervision.name_self(), "mlflow": parent, "prefect": str(runtime.flow_run.id or "")}
    FILE.write_text(json.dumps(mine, indent=1) + "\n")
    try:
        yield parent
    except BaseException:
        store.close_run(parent, "FAILED")
        raise
    else:
        store.close_run(parent, "FINISHED")
    finally:
        FILE.unlink(missing_ok=True)


def check_alone(file: Path = FILE) -> None:
    """See that no other flow run is under way in this checkout.

    Raises:
        BusyError: If one is, naming its process.
    """
    left = _left(file)
    if left and not left["supervisor"].startswith(f"{os.getpid()}:") and supervision.alive(left["supervisor"]):
        raise BusyError(f"process {left['supervisor'].partition(':')[0]} runs the pipeline here; wait for it or end it")


def _close_killed() -> None:
    check_alone()
    left = _left(FILE)
    if not left:
        return
    runs = store.client().search_runs([store.experiment()], "attributes.status = 'RUNNING'")
    for one in runs:
        if left["mlflow"] in (one.info.run_id, one.data.tags.get(store.PARENT_TAG)):
            store.close_run(one.info.run_id, "KILLED")
    with get_client(sync_client=True) as client, contextlib.suppress(ObjectNotFound, ValueError):
        client.set_flow_run_state(left["prefect"], Crashed(message="its process was gone"), force=True)
    FILE.unlink()


def _left(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    content: dict[str, str] = json.loads(file.read_text())
    return content
