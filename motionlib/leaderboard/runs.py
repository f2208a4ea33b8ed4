"""What MLflow holds of each trained model: its report, what it rests on, and what it cost.

A run is tied to the files that it read and wrote by their hashes, so a codebook's report is found for exactly the
weights that it describes, also when DVC took one of the two from its cache.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motionlib.tracking import store

PAGE = 1000  # runs asked for at once
SEED = "train.seed"  # the one setting in which repetitions of a training differ


@dataclass(frozen=True)
class Run:
    """A finished stage.

    Attributes:
        stage, name: `train_tokenizer` and `vq_512` of `train_tokenizer@vq_512`.
        params: As text, flat. report: `report.json` of its folder, {} if it wrote none.
        reads, writes: Content hash by path. seconds: Wall time. hardware: Where it ran.
    """

    id: str
    stage: str
    name: str
    params: Mapping[str, str]
    report: Mapping[str, Any]
    reads: Mapping[str, str]
    writes: Mapping[str, str]
    seconds: float
    hardware: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> str:
        """Seed of its training."""
        return self.params.get(SEED, "")

    def settings(self) -> str:
        """Everything that decided its result but the seed; two entries that differ in name only are the same."""
        kept = {name: value for name, value in self.params.items() if name != SEED}
        return json.dumps([self.stage, kept, self.reads.get("data/features", "")], sort_keys=True)


def finished(*stages: str) -> list[Run]:
    """Finished runs of these stages, newest first."""
    return [_run(found) for found in _search() if found.data.tags.get("stage", "").partition("@")[0] in stages]


def newest(runs: list[Run], maker: Callable[[Run], Run | None] = lambda run: run) -> list[Run]:
    """Of the runs with the same settings and seed (of what made their model) the newest one; in the order given."""
    kept: dict[tuple[str, str], Run] = {}
    for run in runs:
        made = maker(run) or run
        kept.setdefault((made.settings(), made.seed), run)
    return list(kept.values())


def made_by(runs: list[Run], path: str, digest: str | None) -> Run | None:
    """The newest of the runs that wrote this content to this path."""
    return next((run for run in runs if digest and run.writes.get(path) == digest), None)


def reading(runs: list[Run], path: str, digest: str | None) -> Run | None:
    """The newest of the runs that read this content from this path."""
    return next((run for run in runs if digest and run.reads.get(path) == digest), None)


def _search() -> Iterator[Any]:
    token = None
    while True:
        page = store.client().search_runs(
            [store.experiment()],
            "attributes.status = 'FINISHED'",
            max_results=PAGE,
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _run(found: Any) -> Run:
    tags = dict(found.data.tags)
    stage, _, name = tags["stage"].partition("@")
    hashes = {
        kind: {key.removeprefix(f"dvc.{kind}."): value for key, value in tags.items() if key.startswith(f"dvc.{kind}.")}
        for kind in ("dep", "out")
    }
    return Run(
        id=str(found.info.run_id),
        stage=stage,
        name=name,
        params=dict(found.data.params),
        report=_report(str(found.info.run_id)),
        reads=hashes["dep"],
        writes=hashes["out"],
        seconds=max(0.0, ((found.info.end_time or 0) - found.info.start_time) / 1000),
        hardware=tags.get("hardware", ""),
        tags=tags,
    )


def _report(run_id: str) -> dict[str, Any]:
    """The stage's `report.json` among the run's artifacts."""
    client, folders = store.client(), [""]
    while folders:
        for entry in client.list_artifacts(run_id, folders.pop() or None):
            if entry.is_dir:
                folders.append(entry.path)
            elif entry.path.rpartition("/")[2] == "report.json":
                with tempfile.TemporaryDirectory() as place:
                    file = Path(client.download_artifacts(run_id, entry.path, place))
                    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
                    return found
    return {}
