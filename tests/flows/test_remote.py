"""A GPU stage that runs in a second clone, with nothing in common but a git remote, a DVC remote and MLflow."""

import shutil
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Completed, Failed
from tiny_project import REPO, inside, retrain

from flows import deploy, remote
from motionlib.tracking import store

INGEST, TRAIN, BUNDLE = "ingest", "train_tokenizer@vq_512", "bundle"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def worker(again, tmp_path, monkeypatch):
    """A clone of the project whose `stage` flow stands for the deployment; the project itself cannot train."""
    again.command("git", "init", "-q", "--bare", str(tmp_path / "origin"))
    again.command("git", "remote", "add", "origin", str(tmp_path / "origin"))
    again.command("git", "push", "-q", "origin", "main")
    again.command("dvc", "remote", "add", "-q", "-d", "shared", str(tmp_path / "shared"))
    again.command("git", "commit", "-qam", "name the remote")
    again.command("git", "clone", "-q", str(again.folder), str(tmp_path / "worker"))
    place = tmp_path / "worker"
    again.command("git", "-C", str(place), "remote", "set-url", "origin", str(tmp_path / "origin"))
    asked: list[dict[str, Any]] = []

    def run_deployment(name: str, parameters: dict[str, Any], timeout: float) -> Any:
        asked.append({"deployment": name, **parameters})
        uri = f"sqlite:///{again.folder}/.motionlib/mlflow.db"
        with inside(place, uri):
            remote.stage(**parameters)
        with inside(again.folder):
            return SimpleNamespace(state=Completed())

    monkeypatch.setenv(remote.DEPLOYMENT, "stage/gpu")
    monkeypatch.setattr(remote, "run_deployment", run_deployment)
    return SimpleNamespace(folder=place, asked=asked)


def test_a_gpu_stage_trains_on_the_worker_and_its_outputs_come_back(again, worker):
    again.edit("params.yaml", "window_frames: ", "window_frames: 3")
    shutil.rmtree(again.folder / "models")
    result = retrain()
    assert [(one["deployment"], one["name"]) for one in worker.asked] == [("stage/gpu", TRAIN)]
    assert again.outcomes(result) == {INGEST: "cached", TRAIN: "restored", BUNDLE: "cached"}  # pulled, as it was
    assert (worker.folder / "models/tokenizers/vq_512/model.json").is_file()
    assert (again.folder / "models/tokenizers/vq_512/model.json").is_file()
    (child,) = store.client().search_runs([store.experiment()], f"tags.`{store.PARENT_TAG}` = '{result['mlflow_run']}'")
    assert child.info.run_id == next(one["run_id"] for one in result["stages"] if one["stage"] == TRAIN)


def test_a_worker_that_fails_fails_the_stage(again, worker, monkeypatch):
    monkeypatch.setattr(remote, "run_deployment", lambda *_, **__: SimpleNamespace(state=Failed(message="no GPU left")))
    again.edit("params.yaml", "window_frames: ", "window_frames: 4")
    with pytest.raises(Exception, match="no GPU left"):
        retrain()


def test_without_a_dvc_remote_a_gpu_elsewhere_is_of_no_use(again, monkeypatch):
    monkeypatch.setenv(remote.DEPLOYMENT, "stage/gpu")
    again.edit("params.yaml", "window_frames: ", "window_frames: 5")
    with pytest.raises(Exception, match="there is no DVC remote"):
        retrain()


def test_a_clone_is_put_on_a_server_as_the_place_for_gpu_stages(prefect_server, monkeypatch, capsys):
    from prefect.client.orchestration import get_client

    monkeypatch.chdir(REPO)
    for _ in range(2):  # doing it twice changes nothing
        deploy.deploy("gpu")
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name("stage/gpu")
        pools = [pool.name for pool in client.read_work_pools()]
    assert (found.work_pool_name, found.entrypoint) == ("gpu", "flows/remote.py:stage")
    assert pools.count("gpu") == 1


def test_without_a_shared_server_there_is_nothing_to_put_a_clone_on(monkeypatch, capsys):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert deploy.main("gpu") == 2
    assert "PREFECT_API_URL" in capsys.readouterr().err
