"""A flow run that is killed leaves nothing behind, and the next one goes on."""

import json
import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest
from tiny_project import Project, make_project

from motionlib.tracking import store

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
TRAIN = "train_tokenizer@vq_512"
SECONDS_TO_VANISH = 15.0


def inside(project: Project) -> list[psutil.Process]:
    """Processes that work in the project's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(project.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)
    return condition()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_flow_leaves_no_process_and_the_next_run_goes_on(tmp_path, how, monkeypatch):
    project = make_project(tmp_path / "project")
    (project.folder / "wait").touch()
    flow = project.start()
    assert flow.stderr is not None
    for line in flow.stderr:
        if "learning vq_512" in line:
            break
    assert len(inside(project)) >= 4  # the flow, Prefect's server, DVC and the stage
    flow.send_signal(how)
    assert wait_for(lambda: not inside(project), SECONDS_TO_VANISH), [one.cmdline() for one in inside(project)]
    flow.communicate()
    (project.folder / "wait").unlink()

    result = project.run()
    assert project.outcomes(result) == {"ingest": "cached", TRAIN: "ran", "bundle": "ran"}
    assert result["champion"] == "1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/.motionlib/mlflow.db")
    store.forget_client()
    statuses = [run.info.status for run in store.client().search_runs([store.experiment()], "")]
    store.forget_client()
    assert "RUNNING" not in statuses
    assert statuses.count("FINISHED") == 4  # parent, the two stages that ran, and ingest of the first run


def test_a_second_flow_in_the_same_checkout_is_refused(tmp_path):
    project = make_project(tmp_path / "project")
    state = project.folder / ".motionlib"
    state.mkdir()
    own = f"{os.getpid()}:{psutil.Process().create_time():.2f}"
    (state / "active.json").write_text(json.dumps({"supervisor": own, "mlflow": "", "prefect": ""}))
    flow = project.start()
    _, said = flow.communicate(timeout=180)
    assert flow.returncode == 1
    assert f"process {os.getpid()} runs the pipeline here" in said
