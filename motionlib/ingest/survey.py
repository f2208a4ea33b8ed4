"""Judging whole deliveries: file after file in a fixed order, on all cores, one broken file never stopping the rest."""

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from motionlib.artifacts import ClipInfo
from motionlib.ingest.captions import Label
from motionlib.ingest.containers import is_archive
from motionlib.ingest.deliveries import Delivery, delivery_name, open_delivery
from motionlib.ingest.judge import Judged, judge
from motionlib.ingest.quality import REASONS, BadMotionError
from motionlib.ingest.source import Source
from motionlib.params import Ingest

PARALLEL_FROM = 100 << 20  # bytes; below it starting processes costs more than it gains
MAX_WORKERS = 16
SHOWN_PROBLEMS = 50  # per delivery; all are counted
DEFAULTS = Ingest(min_seconds=0.5, max_fps=480.0)  # of `motionlib check` outside a project

Job = tuple[ClipInfo, Label, Source | BadMotionError]


@dataclass(frozen=True, eq=False)
class Survey:
    """Opened deliveries, and the archives that could not be opened, by file name."""

    deliveries: tuple[Delivery, ...]
    broken: dict[str, str]

    @property
    def file_count(self) -> int:
        """Number of files that get a verdict."""
        return sum(len(delivery.motions) for delivery in self.deliveries) + len(self.broken)

    @property
    def byte_count(self) -> int:
        """Bytes of motion."""
        return sum(member.size for delivery in self.deliveries for member in delivery.motions)


def survey(paths: Iterable[Path]) -> Survey:
    """Open deliveries; an archive that cannot be opened becomes one quarantined file."""
    deliveries, broken = [], {}
    for path in paths:
        try:
            deliveries.append(open_delivery(path))
        except ValueError as error:
            broken[path.name] = str(error)
    return Survey(tuple(deliveries), broken)


def judge_all(found: Survey, settings: Ingest) -> Iterator[tuple[ClipInfo, Judged]]:
    """Every file's verdict, in the order of deliveries and their files, whatever the number of cores."""
    for file, message in found.broken.items():
        info = ClipInfo(id=file, file=file, delivery=delivery_name(Path(file)))
        yield info, Judged("quarantine", ("unreadable",), (f"unreadable: {message}",))
    jobs = (job for delivery in found.deliveries for job in delivery.read())
    workers = min(len(os.sched_getaffinity(0)), MAX_WORKERS, found.file_count)
    if workers < 2 or found.byte_count < PARALLEL_FROM:
        for job in jobs:
            yield _judge_job(job, settings)
        return
    yield from _on_all_cores(jobs, settings, workers)


def file_line(info: ClipInfo, judged: Judged) -> dict[str, object]:
    """One file's line of a report."""
    return {
        "path": info.file,
        "id": info.id,
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "messages": list(judged.messages),
        "licence": judged.clip.info.licence if judged.clip else info.licence,
        "captions": len(judged.clip.info.captions) if judged.clip else 0,
        **judged.facts,
    }


def summary(found: Survey, lines: list[dict[str, object]]) -> dict[str, object]:
    """Counts over all files, per delivery and per licence."""
    verdicts = Counter(str(line["verdict"]) for line in lines)
    reasons = reason_counts(lines)
    kept = [line for line in lines if line["verdict"] != "quarantine"]
    return {
        "count": {"files": len(lines), **{key: verdicts[key] for key in ("accept", "repair", "quarantine")}},
        "frames": sum(int(str(line["frames"])) for line in kept),
        "hours": round(_seconds(kept) / 3600, 6),
        "captions": sum(int(str(line["captions"])) for line in kept),
        "reasons": reasons,
        "meaning": {reason: REASONS[reason] for reason in reasons},
        "licences": {licence or "unknown": part for licence, part in _by(kept, "licence").items()},
        "deliveries": {delivery.name: _delivery_line(delivery, kept) for delivery in found.deliveries},
    }


def reason_counts(lines: list[dict[str, object]]) -> dict[str, int]:
    """How many files each reason was given for, by reason."""
    return dict(sorted(Counter(str(reason) for line in lines for reason in _listed(line["reasons"])).items()))


def check_delivery(path: Path, settings: Ingest = DEFAULTS) -> dict[str, object]:
    """Judge a folder, an archive or a single file without changing anything.

    Returns:
        JSON: `files` (path, verdict, reasons, messages, licence, facts) and the same summary as the `ingest` report.

    Raises:
        ValueError: If there is nothing at `path`, or no motion in it.
    """
    if not path.exists():
        raise ValueError(f"no file or folder {path}")
    found = survey([path])
    if not found.file_count:
        raise ValueError(f"{path}: no motion file in it")
    lines = [file_line(info, judged) for info, judged in judge_all(found, settings)]
    whole = path.is_dir() or is_archive(path)
    for line in lines:  # as seen from the path that was given, not from data/raw
        inside = str(line["path"]).partition("/")[2]
        line["path"] = str(path / inside) if whole and inside else str(path)
    return {"files": lines, **summary(found, lines)}


def _judge_job(job: Job, settings: Ingest) -> tuple[ClipInfo, Judged]:
    info, label, source = job
    if isinstance(source, BadMotionError):
        return info, Judged("quarantine", (source.reason,), (f"{source.reason}: {source}",))
    return info, judge(source, info, label, settings)


def _on_all_cores(jobs: Iterator[Job], settings: Ingest, workers: int) -> Iterator[tuple[ClipInfo, Judged]]:
    """Results in order, at most four files per worker in memory."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: deque[Future[tuple[ClipInfo, Judged]]] = deque()
        for job in jobs:
            running.append(pool.submit(_judge_job, job, settings))
            if len(running) >= 4 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _delivery_line(delivery: Delivery, kept: list[dict[str, object]]) -> dict[str, object]:
    own = [line for line in kept if str(line["id"]).startswith(delivery.name + "/")]
    return {
        "files": len(delivery.motions),
        "kept": len(own),
        "hours": round(_seconds(own) / 3600, 6),
        "problems": len(delivery.problems),
        "first_problems": list(delivery.problems[:SHOWN_PROBLEMS]),
        "other_files": delivery.others,
    }


def _by(lines: list[dict[str, object]], key: str) -> dict[str, dict[str, float]]:
    groups: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        groups.setdefault(str(line[key]), []).append(line)
    return {
        name: {"files": len(group), "hours": round(_seconds(group) / 3600, 6)} for name, group in sorted(groups.items())
    }


def _seconds(lines: list[dict[str, object]]) -> float:
    return sum(float(str(line["seconds"])) for line in lines)


def _listed(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
