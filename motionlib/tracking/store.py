"""The MLflow side of tracking: runs, batches of metrics, tags, and the search for the run that made a file."""

import hashlib
import json
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

EXPERIMENT = "motionlib"
LOCAL_DATABASE, LOCAL_ARTIFACTS = Path(".motionlib/mlflow.db"), Path(".motionlib/mlartifacts")
PARENT_TAG, RUN_NAME_TAG, NOTE_TAG = "mlflow.parentRunId", "mlflow.runName", "mlflow.note.content"
BATCH_METRICS, BATCH_PARAMS, BATCH_TAGS = 1000, 100, 100  # MLflow's limits of one log_batch
VALUE_CHARACTERS = 5000  # of a tag or parameter; MLflow's limit is 8000 and 6000
DIGEST_CHARACTERS = 36  # MLflow's limit of a dataset's digest
FORBIDDEN = re.compile(r"[^\w\-. :/]")  # in names of tags, parameters and metrics
SECONDS_BETWEEN_BATCHES = 2.0
SECONDS_BETWEEN_SAMPLES = 5.0


@cache
def client() -> Any:
    """An MLflow client of MLFLOW_TRACKING_URI, or else of the checkout's own database.

    MLflow is imported here, because the import takes seconds.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{LOCAL_DATABASE.resolve()}")
    LOCAL_DATABASE.parent.mkdir(exist_ok=True)
    from mlflow import MlflowClient

    uri = os.environ["MLFLOW_TRACKING_URI"]
    return MlflowClient(uri, uri)


@cache
def experiment() -> str:
    """Id of the project's experiment, made when it is not there."""
    found = client().get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    local = os.environ["MLFLOW_TRACKING_URI"].startswith("sqlite:")
    place = LOCAL_ARTIFACTS.resolve().as_uri() if local else None
    return str(client().create_experiment(EXPERIMENT, artifact_location=place))


def forget_client() -> None:
    """Look at MLFLOW_TRACKING_URI anew."""
    client.cache_clear()
    experiment.cache_clear()


def open_run(name: str, tags: Mapping[str, str], parent: str | None = None) -> str:
    """Begin a run and give its id."""
    kept = dict(tags) | ({PARENT_TAG: parent} if parent else {})
    run = client().create_run(experiment(), run_name=name, tags=_short(dict(list(kept.items())[:BATCH_TAGS])))
    run_id = str(run.info.run_id)
    set_tags(run_id, dict(list(kept.items())[BATCH_TAGS:]))
    return run_id


def set_tags(run_id: str, tags: Mapping[str, str]) -> None:
    """Tag a run, in batches."""
    from mlflow.entities import RunTag

    every = [RunTag(name, value) for name, value in _short(tags).items()]
    for start in range(0, len(every), BATCH_TAGS):
        client().log_batch(run_id, tags=every[start : start + BATCH_TAGS])


def close_run(run_id: str, status: str) -> None:
    """End a run as FINISHED, FAILED or KILLED."""
    client().set_terminated(run_id, status)


def find_run(tag: str, value: str) -> str | None:
    """Id of the newest finished run with this tag, or None."""
    condition = f"tags.`{tag}` = '{value}' and attributes.status = 'FINISHED'"
    runs = client().search_runs([experiment()], condition, max_results=1, order_by=["attributes.start_time DESC"])
    return str(runs[0].info.run_id) if runs else None


def log_metrics(run_id: str, values: Mapping[str, float]) -> None:
    """Note final numbers of a run."""
    for start in range(0, len(every := _metrics(values, int(time.time() * 1000), 0)), BATCH_METRICS):
        client().log_batch(run_id, metrics=every[start : start + BATCH_METRICS])


def log_file(run_id: str, file: Path, folder: str) -> None:
    """Attach a file to a run."""
    client().log_artifact(run_id, str(file), folder)


class Forwarder:
    """Sends the events of one stage on to MLflow while the stage writes them.

    Attributes:
        run_id: The stage's run, or None as long as the stage has not begun.
        digest: Content hash of an input by its path.
        sample: Gives system metrics of the stage's processes, every few seconds.
    """

    def __init__(
        self,
        spool: Path,
        *,
        run_id: str | None = None,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
        digest: Callable[[str], str] | None = None,
        sample: Callable[[], Mapping[str, float]] | None = None,
    ) -> None:
        self.spool, self.run_id, self.parent, self.tags = spool, run_id, parent, dict(tags or {})
        self.digest, self.sample = digest or manifest_digest, sample
        self._place, self._samples, self._next_sample = 0, 0, 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="tracking", daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self.spool.touch()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._error is not None:  # a finished training is not thrown away because a server was gone
            warnings.warn(f"not everything of {self.spool.name} reached MLflow: {self._error}", stacklevel=2)

    def _follow(self) -> None:
        try:
            while not self._done.wait(SECONDS_BETWEEN_BATCHES):
                self._drain()
            self._drain()
        except Exception as error:  # told by the thread that waits in __exit__
            self._error = error

    def _drain(self) -> None:
        metrics: list[Any] = []
        for event in self._read():
            if event["event"] == "metrics":
                metrics += _metrics(event["values"], event["time_ms"], event["step"])
            else:
                self._apply(event)
        now = time.monotonic()
        if self.run_id and self.sample and now >= self._next_sample and not self._done.is_set():
            values = {f"system/{name}": value for name, value in self.sample().items()}
            metrics += _metrics(values, int(time.time() * 1000), self._samples)
            self._samples, self._next_sample = self._samples + 1, now + SECONDS_BETWEEN_SAMPLES
        for start in range(0, len(metrics), BATCH_METRICS):
            client().log_batch(self.run_id, metrics=metrics[start : start + BATCH_METRICS])

    def _read(self) -> list[dict[str, Any]]:
        """Whole lines that are new."""
        with self.spool.open("rb") as file:
            file.seek(self._place)
            whole = file.read().rpartition(b"\n")[0]
        self._place += len(whole) + 1 if whole else 0
        return [json.loads(line) for line in whole.splitlines()]

    def _apply(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "start":
            self._start(event["stage"], event["params"], event.get("hardware", ""))
        elif event["event"] == "dataset":
            _log_dataset(str(self.run_id), event["name"], event["path"], self.digest(event["path"]))
        elif event["event"] == "artifacts":
            folder = Path(event["folder"])
            client().log_artifacts(self.run_id, str(folder), str(folder) if not folder.is_absolute() else folder.name)
        elif event["event"] == "end":
            if event["error"]:
                set_tags(str(self.run_id), {"error": event["error"]})
            close_run(str(self.run_id), event["status"])

    def _start(self, stage: str, params: Mapping[str, str], hardware: str) -> None:
        from mlflow.entities import Param

        tags = {"stage": stage, "hardware": hardware} | self.tags
        if self.run_id is None:
            self.run_id = open_run(stage, tags, self.parent)
            every = [Param(name, value) for name, value in _short(params).items()]
            for start in range(0, len(every), BATCH_PARAMS):
                client().log_batch(self.run_id, params=every[start : start + BATCH_PARAMS])
        else:  # a retry goes on with the run of the attempt before
            client().update_run(self.run_id, status="RUNNING")
            set_tags(self.run_id, tags)


def manifest_digest(path: str) -> str:
    """Hash of an artifact's manifest (kinds and sizes), for stages that run without DVC's hashes."""
    manifest = Path(path) / "manifest.json"
    return hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else "unknown"


def tag_name(name: str) -> str:
    """A name as MLflow allows it: `train_tokenizer@vq_512` becomes `train_tokenizer:vq_512`."""
    return FORBIDDEN.sub(":", name)


def _short(values: Mapping[str, str]) -> dict[str, str]:
    return {tag_name(name): str(value)[:VALUE_CHARACTERS] for name, value in values.items()}


def _metrics(values: Mapping[str, float], time_ms: int, step: int) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(tag_name(name), float(value), time_ms, step) for name, value in values.items()]


def _log_dataset(run_id: str, name: str, path: str, digest: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": path})
    dataset = Dataset(name, digest[:DIGEST_CHARACTERS], "local", source)
    client().log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
