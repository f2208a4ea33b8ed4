"""One stage as a Prefect task: `dvc repro -s` in its own process group, its lines in the log, its run in MLflow.

DVC decides whether there is work to do and is the only cache; Prefect decides when, where and how often to retry.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from prefect import Task, get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import graph
from flows.embedded import HOME
from flows.process import Command
from flows.slots import Slots
from motionlib import supervision, tracking
from motionlib.tracking import store

DVC = (sys.executable, "-m", "dvc", "--wait-for-lock")
RETRY_DELAY_S = 2.0
RAN, RESTORED = "Running stage '", "is cached - skipping run"  # what DVC says of a stage
NOISE = ("Use `dvc push`", "To track the changes", "To enable auto", "Updating lock", "Generating lock", "\tgit add",
         "\tdvc config", "> ", RAN)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a stage ended.

    Attributes:
        what: `ran`, `restored` (out of DVC's cache) or `cached` (nothing to do).
        version: sha256 of its entry in dvc.lock.
        run_id: MLflow run that made its outputs, in this flow run or before; "" if that is not known.
    """

    stage: str
    what: str
    seconds: float
    version: str
    run_id: str


@dataclass
class Journey:
    """What the stages of one flow run share.

    Attributes:
        parent: MLflow run of the flow run.
        tags: For every stage's run.
        pull: Whether a DVC remote is there to pull from.
        children: MLflow run of each stage that has begun, so that a retry goes on with it.
        outcomes: Of the stages that have ended, in order.
        slots: Places for stages that run at once.
    """

    parent: str
    tags: Mapping[str, str]
    pull: bool = False
    children: dict[str, str] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    slots: Slots = field(default_factory=Slots)


Run = Callable[[graph.Stage, str, Journey], Outcome]


def stage_task(stage: graph.Stage, reason: str | None, journey: Journey, run: Run) -> Task[[], State[Any]]:
    """The task that brings one stage up to date; `reason` is why it is stale, None if it is not; `run` runs it."""

    @task(
        name=stage.name,
        task_run_name=stage.name,
        retries=stage.retries,
        retry_delay_seconds=RETRY_DELAY_S,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def bring_up_to_date() -> State[Any]:
        outcome = cached(stage) if reason is None else run(stage, reason, journey)
        journey.outcomes.append(outcome)
        if outcome.what == "ran":
            return Completed(message=f"ran in {outcome.seconds:.1f} s")
        return Completed(name="Cached", message=f"{outcome.what}; made by MLflow run {outcome.run_id or 'unknown'}")

    return bring_up_to_date


def cached(stage: graph.Stage, seconds: float = 0.0, what: str = "cached") -> Outcome:
    """The outcome of a stage that had nothing to do: it points to the run that made its outputs."""
    version = graph.version(graph.entry(stage.name))
    return Outcome(stage.name, what, seconds, version, store.find_run("stage_version", version) or "")


def run_here(stage: graph.Stage, reason: str, journey: Journey) -> Outcome:
    """Let DVC bring a stage up to date, here.

    Raises:
        CommandError: If it fails; Prefect then tries again as often as dvc.yaml says.
    """
    say = speaker(stage.name)
    say(f"stale: {reason}")
    with journey.slots.take() as pinned:
        began = time.monotonic()
        command, forwarder = _start(stage, journey, pinned)
        try:
            with forwarder:
                command.wait(say, stage.timeout_s)
        except BaseException:
            if forwarder.run_id:
                store.close_run(forwarder.run_id, "FAILED")
            raise
        finally:
            if forwarder.run_id:
                journey.children[stage.name] = forwarder.run_id
        seconds = time.monotonic() - began
    if not any(line.startswith(RAN) for line in command.lines):
        return cached(stage, seconds, "restored" if any(RESTORED in line for line in command.lines) else "cached")
    return _record(stage, journey, forwarder, seconds)


def _start(stage: graph.Stage, journey: Journey, pinned: Sequence[str]) -> tuple[Command, store.Forwarder]:
    """DVC at work on a stage, and what sends the stage's reports on."""
    spool = HOME / "spool" / f"{stage.name}.jsonl"
    spool.parent.mkdir(parents=True, exist_ok=True)
    spool.unlink(missing_ok=True)
    repro = (*pinned, *DVC, "repro", "--single-item", *(["--pull"] if journey.pull else []), stage.name)
    command = Command(repro, stage_environment(spool))
    forwarder = store.Forwarder(
        spool,
        run_id=journey.children.get(stage.name),
        parent=journey.parent,
        tags={**journey.tags, "stage": stage.name, "attempt": str(runtime.task_run.run_count or 1)}
        | {"prefect.task_run_id": str(runtime.task_run.id or "")},
        digest=digest_of,
        sample=command.usage,
    )
    return command, forwarder


def _record(stage: graph.Stage, journey: Journey, forwarder: store.Forwarder, seconds: float) -> Outcome:
    """Tie the stage's MLflow run to the hashes of what it read and wrote."""
    entry = graph.entry(stage.name)
    version = graph.version(entry)
    run_id = forwarder.run_id or store.open_run(stage.name, forwarder.tags, journey.parent)
    store.set_tags(run_id, {"stage_version": version, "outcome": "ran", **graph.hashes(entry)})
    store.close_run(run_id, "FINISHED")
    journey.children[stage.name] = run_id
    return Outcome(stage.name, "ran", seconds, version, run_id)


def stage_environment(spool: Path) -> dict[str, str]:
    """What a stage sees: who supervises it and where it reports to, but not Prefect's password."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return kept | {
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # on a busy machine, threads that wait by spinning slow training to a third
        supervision.SUPERVISOR: supervision.name_self(),
        tracking.SPOOL: str(spool.resolve()),
    }


def digest_of(path: str) -> str:
    """DVC's hash of an output of any stage, or of a folder that DVC tracks by itself."""
    tracked = Path(f"{path}.dvc")
    entries = [yaml.safe_load(tracked.read_text())] if tracked.is_file() else list(graph.locked().values())
    for entry in entries:
        for out in entry.get("outs", []):
            if out["path"] == (tracked.stem if tracked.is_file() else path):
                return str(out["md5"])
    return store.manifest_digest(path)


def speaker(name: str) -> Callable[[str], None]:
    """Tells a line to Prefect's log and to the person at the terminal."""
    logger = get_run_logger()

    def say(line: str) -> None:
        logger.info(line)
        if not line.startswith(NOISE):
            print(f"{name} | {line}", file=sys.stderr, flush=True)

    return say
