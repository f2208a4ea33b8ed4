"""A file's line of the report, and what many lines add up to."""

import math
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from motionlib.artifacts import ClipInfo
from motionlib.ingest.captions import Label
from motionlib.ingest.judge import Judged, judge
from motionlib.ingest.quality import QUARANTINE, REASONS, REMARK, REPAIR, BadMotionError
from motionlib.ingest.source import Source
from motionlib.ingest.words import action_words
from motionlib.params import Ingest

Line = dict[str, Any]
Job = tuple[ClipInfo, Label, Source | BadMotionError]
FAILED = "judging_failed"
VERDICTS = ("accept", "repair", "quarantine")
SECONDS_PER_HOUR = 3600.0
_RANK = {reason: rank for rank, reason in enumerate((*QUARANTINE, *REPAIR, *REMARK))}


def judge_job(job: Job, settings: Ingest) -> tuple[ClipInfo, Judged]:
    """The verdict of a file, also of one that could not be read; a bug that it meets is stated and stops no other."""
    info, label, source = job
    if isinstance(source, BadMotionError):
        return info, Judged("quarantine", (source.reason,), (f"{source.reason}: {source}",))
    try:
        return info, judge(source, info, label, settings)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        return info, Judged("quarantine", (FAILED,), (f"{FAILED}: {_where(error)}",))


def file_line(info: ClipInfo, judged: Judged) -> Line:
    """One file's line of a report: JSON, with None where a number is not finite."""
    facts = {name: _finite(value) for name, value in judged.facts.items()}
    measures = {name: _finite(value) for name, value in sorted(judged.measures.items())}
    return {
        "path": info.file,
        "id": info.id,
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "messages": list(judged.messages),
        "licence": judged.clip.info.licence if judged.clip else info.licence,
        "captions": len(judged.clip.info.captions) if judged.clip else 0,
        "words": _words(judged.clip.info) if judged.clip else [],
        "measures": measures,
        **facts,
    }


def _words(info: ClipInfo) -> list[str]:
    return list(action_words([*(caption.text for caption in info.captions), info.action]))


def with_finding(line: Line, finding: tuple[str, str] | None) -> Line:
    """The line with what the whole library says of the file: a reason and a message."""
    if finding is None:
        return line
    reason, message = finding
    reasons = sorted({*line["reasons"], reason}, key=_RANK.__getitem__)
    told = {said.partition(":")[0]: said for said in [*line["messages"], f"{reason}: {message}"]}
    messages = [told[key] for key in sorted(told, key=lambda key: _RANK.get(key, len(_RANK)))]
    verdict = line["verdict"] if reason in REMARK else "quarantine" if reason in QUARANTINE else "repair"
    return {**line, "reasons": reasons, "messages": messages, "verdict": verdict}


@dataclass
class Tally:
    """Counts over lines that are never all in memory; grows line by line."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    captions: int = 0
    frames: int = 0
    seconds: list[float] = field(default_factory=list)  # of each file that is kept
    licences: dict[str, list[float]] = field(default_factory=dict)  # files and seconds that are kept
    deliveries: dict[str, list[float]] = field(default_factory=dict)

    def add(self, line: Line) -> None:
        """Count one line."""
        self.verdicts[line["verdict"]] += 1
        self.reasons.update(line["reasons"])
        if line["verdict"] == "quarantine":
            return
        seconds = float(line["seconds"])
        self.captions += line["captions"]
        self.frames += int(line["frames"])
        self.seconds.append(seconds)
        delivery = line["id"].partition("/")[0]
        for groups, key in ((self.licences, line["licence"] or "unknown"), (self.deliveries, delivery)):
            sums = groups.setdefault(key, [0, 0.0])
            sums[0] += 1
            sums[1] += seconds

    def numbers(self) -> Line:
        """The counts as JSON, by file, reason and licence."""
        reasons = dict(sorted(self.reasons.items()))
        return {
            "count": {"files": self.verdicts.total(), **{key: self.verdicts[key] for key in VERDICTS}},
            "frames": self.frames,
            "hours": hours(math.fsum(self.seconds)),
            "captions": self.captions,
            "reasons": reasons,
            "meaning": {reason: REASONS[reason] for reason in reasons},
            "licences": {name: kept(sums) for name, sums in sorted(self.licences.items())},
        }


def tally(lines: Iterable[Line]) -> Tally:
    """Counts over some lines."""
    result = Tally()
    for line in lines:
        result.add(line)
    return result


def kept(sums: Iterable[float]) -> Mapping[str, float]:
    """Files and seconds as a line of the report."""
    files, seconds = sums
    return {"files": files, "hours": hours(seconds)}


def hours(seconds: float) -> float:
    """Rounded to a few milliseconds."""
    return round(seconds / SECONDS_PER_HOUR, 6)


def _where(error: Exception) -> str:
    """What went wrong, and in which function of ours; no line, which a comment would move."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = "/".join(PurePath(last.filename).parts[-2:])
    return f"{type(error).__name__} in {place}, {last.name}: {error}"


def _finite(value: float | int | str) -> float | int | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
