"""The stage graph as dvc.yaml states it, and which stages are not up to date.

`dvc repro --dry` judges today's outputs and so shows what comes after a stale stage as unchanged; here staleness is
found once, before anything runs, and passed on.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from flows.source_code import CodeMemory, is_code

LOCK = Path("dvc.lock")
SECONDS_TO_WRITE, SECONDS_BETWEEN_LOOKS = 5.0, 0.05  # of dvc.lock


class BadGraphError(ValueError):
    """dvc.yaml does not say what the flow needs to know of a stage."""


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml.

    Attributes:
        name: As DVC addresses it, such as `train_tokenizer@vq_512`.
        pool: `cpu` or `gpu`. timeout_s: s. retries: After the first attempt.
        after: Stages whose outputs it reads.
        changes: What differs from its last run: path or `command` -> how; {} if nothing does.
        comments: The changes are in comments, docstrings or layout of source code only.
    """

    name: str
    pool: str
    timeout_s: float
    retries: int
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    after: tuple[str, ...] = ()
    changes: Mapping[str, str] = field(default_factory=dict)
    comments: bool = False


class Pipeline(NamedTuple):
    """All stages in the order of the data, and whether DVC has a remote to pull from."""

    stages: list[Stage]
    remote: bool


def read(folder: Path, memory: CodeMemory) -> Pipeline:
    """All stages, in the order of the data; what is independent keeps the order of dvc.yaml.

    Raises:
        BadGraphError: If a stage's `meta` lacks pool, timeout_s or retries.
    """
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        graph = repo.index.graph
        place = {stage: i for i, stage in enumerate(repo.index.stages)}
        sorter = TopologicalSorter({stage: list(graph.successors(stage)) for stage in repo.index.stages})
        sorter.prepare()
        stages: list[Any] = []
        while ready := sorted(sorter.get_ready(), key=lambda stage: place[stage]):
            stages += [stage for stage in ready if not stage.is_data_source]
            sorter.done(*ready)
        described = [_describe(stage, list(graph.successors(stage)), memory) for stage in stages]
        return Pipeline(described, bool(repo.config["remote"]))


def stale(stages: Iterable[Stage]) -> dict[str, str]:
    """Names of the stages to run, with the first reason of each: its own change, or a stale stage before it."""
    result: dict[str, str] = {}
    for stage in stages:
        before = [name for name in stage.after if name in result]
        if stage.changes and not stage.comments:
            path, how = next(iter(stage.changes.items()))
            result[stage.name] = f"{path}: {how}"
        elif before:
            result[stage.name] = f"after {before[0]}"
    return result


def locked(file: Path = LOCK) -> dict[str, Any]:
    """Entries of dvc.lock by stage name; {} if there is no such file."""
    if not file.is_file():
        return {}
    with file.open("rb") as stream:
        content = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (it is safe)
    stages: dict[str, Any] = (content or {}).get("stages", {})
    return stages


def entry(name: str) -> dict[str, Any]:
    """A stage's entry in dvc.lock, also while DVC writes the file for another stage.

    Raises:
        KeyError: If it has none.
    """
    until = time.monotonic() + SECONDS_TO_WRITE
    while True:
        with contextlib.suppress(KeyError, TypeError, AttributeError, yaml.YAMLError):
            found: dict[str, Any] = locked()[name]
            return found
        if time.monotonic() > until:
            raise KeyError(f"{LOCK} has no entry of {name}")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def version(entry: Mapping[str, Any]) -> str:
    """Stage version: sha256 of the canonical JSON of a stage's entry in dvc.lock."""
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def hashes(entry: Mapping[str, Any]) -> dict[str, str]:
    """`dvc.dep.<path>` and `dvc.out.<path>` -> md5 of a stage's entry in dvc.lock."""
    return {
        f"dvc.{kind[:-1]}.{item['path']}": item["md5"]
        for kind in ("deps", "outs")
        for item in entry.get(kind, [])
        if "md5" in item
    }


def _describe(stage: Any, before: Iterable[Any], memory: CodeMemory) -> Stage:
    meta = stage.meta or {}
    missing = [key for key in ("pool", "timeout_s", "retries") if key not in meta]
    if missing or meta["pool"] not in ("cpu", "gpu"):
        raise BadGraphError(f"dvc.yaml: stage {stage.addressing}: meta needs pool (cpu or gpu), timeout_s and retries")
    changes, comments = _changes(stage, memory)
    return Stage(
        name=stage.addressing,
        pool=meta["pool"],
        timeout_s=float(meta["timeout_s"]),
        retries=int(meta["retries"]),
        deps=tuple(dep.def_path for dep in stage.deps),
        outs=tuple(out.def_path for out in stage.outs),
        after=tuple(other.addressing for other in before if not other.is_data_source),
        changes=changes,
        comments=comments,
    )


def _changes(stage: Any, memory: CodeMemory) -> tuple[dict[str, str], bool]:
    """What differs, without DVC's locks: a stage that runs elsewhere does not hinder the look."""
    changes: dict[str, str] = {"command": "changed"} if stage.cmd_changed else {}
    only_comments = not changes
    for dep in stage.deps:
        status = dep.status()
        path = Path(dep.fs_path) if dep.def_path != "params.yaml" else None
        code = path is not None and is_code(path)
        recorded = dep.hash_info.value if dep.hash_info else None
        if code and path is not None and not status:
            memory.note(str(recorded), path)
        elif status:
            changes[dep.def_path] = _how(status)
            only_comments &= bool(code and path is not None and recorded and memory.same(str(recorded), path))
    for out in stage.outs:
        if status := out.status():
            changes[out.def_path] = _how(status)
            only_comments = False
    return changes, bool(changes) and only_comments


def _how(status: Mapping[str, Any]) -> str:
    value = next(iter(status.values()))
    if isinstance(value, Mapping):  # parameters: {"tokenizers.vq_512": "modified"}
        return ", ".join(f"{name} {how}" for name, how in value.items())
    return str(value)
