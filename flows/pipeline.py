"""Flow `retrain`: new mocap in, a better champion out. Read it as a table of contents."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import Task, flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, wait

from flows import active, delivery, graph, lineage, process, rematch, remote, results
from flows.run_stage import Journey, stage_task
from flows.slots import Slots
from flows.source_code import CodeMemory
from motionlib.promotion import gate, registry

WHO = "flow retrain"

StageTask = Task[[], State[Any]]


@flow(name="retrain", log_prints=False)
def retrain(raw: str | None = None, jobs: int = 1) -> dict[str, Any]:
    """Bring everything up to date, in the order of the data, and put the result before the gate.

    Args:
        raw: A folder or archive of mocap to bring in first.
        jobs: Stages that run at once where none needs what another makes; each gets a share of the cores.

    Returns:
        What `.motionlib/last_run.json` holds.
    """
    delivered = step(delivery.bring_in)(raw)
    memory = CodeMemory()
    pipeline = graph.read(Path.cwd(), memory)
    if touched := [stage.name for stage in pipeline.stages if stage.comments]:
        step(delivery.accept_comments)(touched)
        pipeline = graph.read(Path.cwd(), memory)
    stale = graph.stale(pipeline.stages)
    if stale:
        step(delivery.check_settings)()
    with active.run(tags := _tags(delivered)) as parent:
        journey = Journey(parent, tags, pipeline.remote, slots=Slots(jobs))
        tasks = [
            (stage, stage_task(stage, stale.get(stage.name), journey, remote.runner(stage)))
            for stage in pipeline.stages
        ]
        (in_turn if jobs == 1 else at_once)(tasks)
        if stale:
            graph.read(Path.cwd(), memory)  # what has run now is remembered by what its code means
        memory.save()
        commit = step(lineage.save)()
        decision = step(decide)(journey, commit)
        return results.publish(journey, decision, commit)


def in_turn(tasks: Sequence[tuple[graph.Stage, StageTask]]) -> None:
    """Bring the stages up to date one after the other, up to the first that fails."""
    for _, bring_up_to_date in tasks:
        bring_up_to_date()


def at_once(tasks: Sequence[tuple[graph.Stage, StageTask]]) -> None:
    """Bring each stage up to date as soon as those before it are; what does not need a failed one is finished first."""
    futures: dict[str, PrefectFuture[Any]] = {}
    try:
        for stage, bring_up_to_date in tasks:
            before = [futures[name] for name in stage.after]
            futures[stage.name] = bring_up_to_date.submit(return_state=False, wait_for=before)
        wait(list(futures.values()))
    except BaseException:
        process.end_all()
        raise
    causes_first = sorted(futures.values(), key=lambda future: future.state.is_pending())
    for future in causes_first:
        future.result()


def decide(journey: Journey, commit: str) -> dict[str, Any]:
    """Register the bundle if it is a new one, hold it against the champion, and promote it if the gate lets it pass."""
    bundle = Path("models/bundle")
    made = {f"stage_version.{one.stage}": one.version for one in journey.outcomes}
    tags = {**journey.tags, **made, **graph.hashes(graph.locked()["bundle"]), "lineage.commit": commit}
    version, new = registry.register(bundle, journey.parent, tags)
    if not new and registry.decided(version):
        return {"version": version, "new": False, "outcome": "", "reason": "The bundle is the one of before."}
    measured = rematch.measure(bundle, registry.champion_folder())
    verdict = gate.of_bundles(bundle, registry.champion_folder(), measured=measured)
    evidence = {"verdict": verdict.outcome, **verdict.evidence, "lineage": commit, "run": journey.parent}
    if "why" in measured:
        evidence["champion_measured_anew"] = measured["why"]
    if "codes" in measured:
        evidence["codes"] = measured["codes"]
    if verdict.outcome == gate.PASS:
        registry.promote(version, WHO, verdict.reason, evidence)
    else:
        registry.reject(version, WHO, verdict.reason, evidence)
    return {"version": version, "new": new, "outcome": verdict.outcome, "reason": verdict.reason}


def step(function: Any) -> Any:
    """A function as a task of its own, named like it."""
    name = function.__name__.replace("_", " ")
    return task(function, name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False)


def _tags(delivered: Mapping[str, Any]) -> dict[str, str]:
    return {
        "git.commit": lineage.head(),
        "git.dirty": str(lineage.dirty()).lower(),
        "prefect.flow_run_id": str(runtime.flow_run.id or ""),
        "deliveries": ", ".join(delivered["deliveries"]),
    }
