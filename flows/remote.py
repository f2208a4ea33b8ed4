"""A GPU stage where there is a GPU: a flow run in another machine's work pool, its results back through DVC's remote.

The two machines share a git remote, a DVC remote, Prefect's and MLflow's servers, and nothing else. The worker runs the
same code at the lineage commit in a clone of its own; what it made comes back as a hit in DVC's run cache.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.deployments import run_deployment

from flows import graph, lineage
from flows.run_stage import DVC, Journey, Outcome, Run, run_here
from flows.source_code import CodeMemory

DEPLOYMENT = "MOTIONLIB_GPU_DEPLOYMENT"  # environment: deployment that runs GPU stages, such as `stage/gpu`
REFERENCES = "refs/motionlib"  # of commits that workers fetch


class RemoteError(RuntimeError):
    """A stage did not end well on another machine, or what it needs could not be sent there."""


def runner(stage: graph.Stage) -> Run:
    """What runs a stage: the deployment for GPU stages where one is named, else this machine."""
    name = os.environ.get(DEPLOYMENT) if stage.pool == "gpu" else None
    return partial(run_there, name) if name else run_here


def run_there(deployment: str, stage: graph.Stage, reason: str, journey: Journey) -> Outcome:
    """Have a stage run by a deployment, and take what it made out of DVC's run cache.

    Raises:
        RemoteError: If there is no DVC remote, or the flow run there does not complete.
    """
    if not journey.pull:
        raise RemoteError(f"{stage.name}: {DEPLOYMENT} is set, but there is no DVC remote to exchange data through")
    began = time.monotonic()
    commit = lineage.save()
    call("git", "push", "--quiet", "origin", f"{commit}:{REFERENCES}/{commit}")
    call(*DVC, "push", "--quiet")
    given = {"name": stage.name, "commit": commit, "parent": journey.parent, "tags": dict(journey.tags)}
    ended: Any = run_deployment(deployment, parameters=given, timeout=stage.timeout_s)
    if not (ended.state and ended.state.is_completed()):
        raise RemoteError(f"{stage.name} as {deployment}: {ended.state}")
    call(*DVC, "fetch", "--quiet", "--run-cache")
    outcome = run_here(stage, f"{reason}; ran as {deployment}", journey)
    return replace(outcome, seconds=time.monotonic() - began)


@flow(name="stage")
def stage(name: str, commit: str, parent: str, tags: Mapping[str, str]) -> None:
    """Run one stage in the worker's own clone, and push what it made."""
    call("git", "fetch", "--quiet", "origin", f"{REFERENCES}/{commit}")
    call("git", "checkout", "--quiet", "--force", "--detach", commit)
    wanted = {one.name: one for one in graph.read(Path.cwd(), CodeMemory()).stages}[name]
    run_here(wanted, f"asked for at {commit[:12]}", Journey(parent, tags, pull=True))
    call(*DVC, "push", "--quiet", "--run-cache")


def call(*command: str) -> None:
    """Run a command that must end well.

    Raises:
        RemoteError: If it does not, with its last lines.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        what = " ".join(command).replace(f"{sys.executable} -m ", "")
        raise RemoteError(f"`{what}` ended with {done.returncode}:\n{done.stderr[-2000:]}")
