"""Judging whole deliveries: file after file in a fixed order, on all cores, one broken file never stopping the rest."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from motionlib.artifacts import BadArtifactError, Clip, ClipInfo, library_fingerprints
from motionlib.ingest.containers import is_archive
from motionlib.ingest.deliveries import Delivery, delivery_name, open_delivery
from motionlib.ingest.duplicates import settle
from motionlib.ingest.judge import Judged
from motionlib.ingest.lines import Job, Line, Tally, file_line, hours, judge_job, tally, with_finding
from motionlib.parallel import map_ordered
from motionlib.params import Ingest
from motionlib.progress import track

PARALLEL_FROM = 32 << 20  # bytes; below it starting processes costs more than it gains
JOBS_AT_ONCE = 8  # files that travel to a process together
SHOWN_PROBLEMS = 50  # per delivery; all are counted
LIBRARY = Path("data/clips")
DEFAULTS = Ingest(min_seconds=0.5, max_fps=480.0)  # of `motionlib check` outside a project


@dataclass(frozen=True, eq=False)
class Survey:
    """Opened deliveries, and the archives that could not be opened, by file name.

    Attributes:
        places: Where each delivery lies.
    """

    deliveries: tuple[Delivery, ...]
    broken: dict[str, str]
    places: tuple[Path, ...] = field(default=())

    @property
    def file_count(self) -> int:
        """Number of files that get a verdict."""
        return sum(len(delivery.motions) for delivery in self.deliveries) + len(self.broken)

    @property
    def problems(self) -> list[str]:
        """What is wrong with captions and names, over all deliveries; none of it is fatal."""
        return [problem for delivery in self.deliveries for problem in delivery.problems]

    @property
    def byte_count(self) -> int:
        """Bytes of motion."""
        return sum(member.size for delivery in self.deliveries for member in delivery.motions)


def survey(paths: Iterable[Path]) -> Survey:
    """Open deliveries; an archive that cannot be opened becomes one quarantined file."""
    deliveries, places, broken = [], [], {}
    for path in paths:
        try:
            deliveries.append(open_delivery(path))
            places.append(path)
        except ValueError as error:
            broken[path.name] = str(error)
    return Survey(tuple(deliveries), broken, tuple(places))


def judge_all(found: Survey, settings: Ingest) -> Iterator[tuple[ClipInfo, Judged]]:
    """Every file's verdict, in the order of deliveries and their files, whatever the number of cores."""
    yield from broken_archives(found)
    jobs = (job for delivery in found.deliveries for job in delivery.read(settings.body_models_folder))
    yield from judge_jobs(jobs, settings, found.byte_count)


def broken_archives(found: Survey) -> Iterator[tuple[ClipInfo, Judged]]:
    """A line for each archive that could not be opened."""
    for file, message in found.broken.items():
        info = ClipInfo(id=file, file=file, delivery=delivery_name(Path(file)))
        yield info, Judged("quarantine", ("unreadable",), (f"unreadable: {message}",))


def judge_jobs(jobs: Iterable[Job], settings: Ingest, byte_count: int) -> Iterator[tuple[ClipInfo, Judged]]:
    """Verdicts of files in their order, `byte_count` bytes in all; few of them are in memory at a time."""

    def failed(job: Job, reason: str) -> tuple[ClipInfo, Judged]:
        limit = f"; ingest.seconds_per_file is {settings.seconds_per_file:g}" if reason == "took_too_long" else ""
        return job[0], Judged("quarantine", (reason,), (f"{reason}: reading {job[0].file} was given up{limit}",))

    return map_ordered(
        partial(judge_job, settings=settings),
        jobs,
        seconds=settings.seconds_per_file,
        batch=JOBS_AT_ONCE,
        worth=byte_count >= PARALLEL_FROM,
        failed=failed,
    )


def summary(found: Survey, counted: Tally) -> Line:
    """Counts over all files, per licence and per delivery."""
    deliveries = {delivery.name: _delivery_line(delivery, counted) for delivery in found.deliveries}
    return {**counted.numbers(), "deliveries": deliveries}


def check_delivery(
    path: Path,
    settings: Ingest = DEFAULTS,
    library: Path | None = LIBRARY,
    progress: str = "",
    look: Callable[[Clip], None] | None = None,
) -> dict[str, Any]:
    """Judge a folder, an archive or a single file without changing anything.

    Args:
        progress: What the work is called on stderr while it goes on; "" for silence.
        look: Shown every take that could be read, in order.
        library: data/clips, in which the same motion is looked for; None, or none there: only in the delivery itself.

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
    verdicts = []
    judged_files = judge_all(found, settings)
    for info, judged in track(judged_files, progress, found.file_count) if progress else judged_files:
        if look is not None and judged.clip is not None:
            look(judged.clip)
        landmarks = judged.fingerprint if judged.clip is not None else np.zeros((0, 2), np.int64)
        verdicts.append((file_line(info, judged), landmarks))
    findings = _findings(verdicts, settings, library)
    lines = [with_finding(line, findings.get(number)) for number, (line, _) in enumerate(verdicts)]
    whole = path.is_dir() or is_archive(path)
    for line in lines:  # as seen from the path that was given, not from data/raw
        inside = str(line["path"]).partition("/")[2]
        line["path"] = str(path / inside) if whole and inside else str(path)
    return {"files": lines, **summary(found, tally(lines))}


def _findings(verdicts: list[tuple[Line, Any]], settings: Ingest, library: Path | None) -> dict[int, tuple[str, str]]:
    """What the library, and then the files before it, say of each file."""
    new = {line["id"] for line, _ in verdicts}
    try:
        known = library_fingerprints(library) if library is not None and library.is_dir() else {}
    except BadArtifactError:
        known = {}
    known = {clip_id: landmarks for clip_id, landmarks in known.items() if clip_id not in new}
    ids = [*known, *(str(line["id"]) for line, _ in verdicts)]
    landmarks = [*known.values(), *(landmarks for _, landmarks in verdicts)]
    settled = settle(ids, landmarks, settings.judging)
    return {number - len(known): said for number, said in settled.findings.items() if number >= len(known)}


def _delivery_line(delivery: Delivery, counted: Tally) -> Line:
    files, seconds = counted.deliveries.get(delivery.name, [0, 0.0])
    return {
        "files": len(delivery.motions),
        "kept": files,
        "hours": hours(seconds),
        "problems": len(delivery.problems),
        "first_problems": list(delivery.problems[:SHOWN_PROBLEMS]),
        "other_files": delivery.others,
    }
