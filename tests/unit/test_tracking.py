import json
from pathlib import Path

import pytest

from motionlib import tracking
from motionlib.tracking import store


@pytest.fixture(scope="module")
def mlflow_home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def mlflow(mlflow_home, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{mlflow_home}/mlflow.db")
    monkeypatch.delenv(tracking.SPOOL, raising=False)
    monkeypatch.chdir(mlflow_home)
    store.forget_client()
    yield store.client()
    store.forget_client()


def test_without_a_server_a_stage_is_silent(monkeypatch, tmp_path):
    monkeypatch.delenv(tracking.URI, raising=False)
    with tracking.run("ingest", {}) as log:
        log.metrics({"loss": 1.0}, 0)
        log.dataset("clips", tmp_path)
        log.artifacts(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_settings_are_flat():
    assert tracking.flat({"train": {"steps": 5, "betas": [0.9, 0.99]}, "kind": "vqvae"}) == {
        "train.steps": "5",
        "train.betas": "[0.9, 0.99]",
        "kind": "vqvae",
    }


def test_with_a_spool_a_stage_writes_events_and_imports_no_mlflow(monkeypatch, tmp_path):
    monkeypatch.setenv(tracking.URI, "sqlite:///nowhere.db")
    monkeypatch.setenv(tracking.SPOOL, str(tmp_path / "spool"))

    def stage() -> None:
        with tracking.run("train_tokenizer@a", {"n": 1}) as log:
            log.metrics({"loss": 2.0}, 7)
            raise FloatingPointError("loss is nan")

    with pytest.raises(FloatingPointError):
        stage()
    events = [json.loads(line) for line in (tmp_path / "spool").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", "metrics", "end"]
    assert (events[1]["step"], events[1]["values"]) == (7, {"loss": 2.0})
    assert (events[2]["status"], events[2]["error"]) == ("FAILED", "FloatingPointError: loss is nan")


def test_a_stage_alone_becomes_a_run_with_all_it_reported(mlflow, mlflow_home):
    report, data = mlflow_home / "report", mlflow_home / "data"
    for folder, name in ((report, "curve.png"), (data, "manifest.json")):
        folder.mkdir()
        (folder / name).write_text("{}")
    with tracking.run("train_tokenizer@a", {"train": {"steps": 2500}}) as log:
        log.dataset("features", data)
        for step in range(2500):  # more than one batch
            log.metrics({"loss": 1 / (step + 1)}, step)
        log.artifacts(report)

    found = mlflow.search_runs([store.experiment()], "tags.stage = 'train_tokenizer@a'")
    assert len(found) == 1
    run = found[0]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"train.steps": "2500"}
    assert len(mlflow.get_metric_history(run.info.run_id, "loss")) == 2500
    assert [item.path for item in mlflow.list_artifacts(run.info.run_id, "report")] == ["report/curve.png"]
    assert [one.dataset.name for one in run.inputs.dataset_inputs] == ["features"]


def test_a_retry_goes_on_with_the_run_of_the_attempt_before(mlflow, tmp_path, monkeypatch):
    monkeypatch.setenv(tracking.SPOOL, str(tmp_path / "spool"))
    parent = store.open_run("retrain", {"flow": "1"})
    run_id = None
    for attempt in ("1", "2"):
        (tmp_path / "spool").unlink(missing_ok=True)
        tags = {"attempt": attempt}
        with store.Forwarder(tmp_path / "spool", run_id=run_id, parent=parent, tags=tags) as forwarder:
            if attempt == "1":
                with pytest.raises(OSError, match="disk"), tracking.run("ingest", {"n": 1}):
                    raise OSError("disk full")
            else:
                with tracking.run("ingest", {"n": 1}) as log:
                    log.metrics({"clips": 3.0}, 0)
        run_id = forwarder.run_id
    children = mlflow.search_runs([store.experiment()], f"tags.`{store.PARENT_TAG}` = '{parent}'")
    assert [child.info.run_id for child in children] == [run_id]
    assert children[0].info.status == "FINISHED"
    assert children[0].data.tags["attempt"] == "2"
    assert children[0].data.metrics == {"clips": 3.0}


def test_a_stage_that_never_begins_has_no_run(mlflow, tmp_path):
    with store.Forwarder(tmp_path / "spool", tags={"stage": "skipped"}) as forwarder:
        pass
    assert forwarder.run_id is None


def test_the_run_that_made_a_version_is_found_by_it(mlflow):
    run_id = store.open_run("ingest", {"stage_version": "abc"})
    assert store.find_run("stage_version", "abc") is None  # not finished
    store.close_run(run_id, "FINISHED")
    assert store.find_run("stage_version", "abc") == run_id


def test_system_metrics_of_the_stage_are_sampled(mlflow, tmp_path, monkeypatch):
    monkeypatch.setenv(tracking.SPOOL, str(tmp_path / "spool"))
    monkeypatch.setattr(store, "SECONDS_BETWEEN_BATCHES", 0.05)
    forwarder = store.Forwarder(tmp_path / "spool", sample=lambda: {"memory_megabytes": 5.0})
    with forwarder, tracking.run("ingest", {}):
        while "system/memory_megabytes" not in (
            mlflow.get_run(forwarder.run_id).data.metrics if forwarder.run_id else {}
        ):
            pass
    assert mlflow.get_run(forwarder.run_id).data.metrics["system/memory_megabytes"] == 5.0
