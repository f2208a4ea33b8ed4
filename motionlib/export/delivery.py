"""A delivery in numbers for a person: what is in it, what is wrong with it and what to do, what a library gains."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, NamedTuple

from motionlib.ingest.advice import advice
from motionlib.ingest.coverage import Coverage
from motionlib.ingest.quality import QUARANTINE, REASONS, REPAIR

Line = Mapping[str, Any]
VERDICTS = ("accept", "repair", "quarantine")
KINDS = ("quarantine", "repair", "remark")
WORST = 200  # lines that are kept as the worst


class Why(NamedTuple):
    """A reason over all files: its kind (of KINDS), how many files, the first of them and its message."""

    reason: str
    kind: str
    files: int
    example: str
    message: str

    @property
    def meaning(self) -> str:
        """One sentence."""
        return REASONS.get(self.reason, "")

    @property
    def advice(self) -> str:
        """What to do, "" if nothing."""
        return advice(self.reason)


@dataclass
class Overview:
    """Sums over the lines of a delivery or a library; grows line by line, in memory that does not grow with them.

    Attributes:
        verdicts: Files by verdict. suffixes: Files by kind.
        seconds, frames: Of the takes that are kept.
        fps, units, ups, rigs: Takes that could be read, by Hz, metres per file unit, axis, and rig (see `rig_of`).
        rig_examples: The first kept take of each rig.
        licences: Kept takes and their seconds by licence, "" for unknown.
        captions, captioned: Captions of kept takes; kept takes with one.
        covered: Coverage of the kept takes.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    frames: int = 0
    fps: Counter[float] = field(default_factory=Counter)
    units: Counter[float] = field(default_factory=Counter)
    ups: Counter[str] = field(default_factory=Counter)
    rigs: Counter[str] = field(default_factory=Counter)
    rig_examples: dict[str, Line] = field(default_factory=dict)
    licences: dict[str, list[float]] = field(default_factory=dict)
    captions: int = 0
    captioned: int = 0
    covered: Coverage = field(default_factory=Coverage)
    _reasons: Counter[str] = field(default_factory=Counter)
    _examples: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """All files that got a verdict."""
        return self.verdicts.total()

    @property
    def kept(self) -> int:
        """Files that are not quarantined."""
        return self.files - self.verdicts["quarantine"]

    def add(self, line: Line) -> None:
        """Count the line of one file."""
        self.verdicts[line["verdict"]] += 1
        self.suffixes[posixpath.splitext(line["path"])[1].lower() or "archive"] += 1
        self.covered.add(line)
        for reason in line["reasons"]:
            self._reasons[reason] += 1
            self._examples.setdefault(reason, (line["path"], told(line, reason)))
        if line.get("fps"):
            self.fps[round(float(line["fps"]), 3)] += 1
            self.ups[str(line.get("up") or "?")] += 1
            self.rigs[rig_of(line)] += 1
        if line.get("unit"):
            self.units[float(line["unit"])] += 1
        if line["verdict"] != "quarantine":
            self._keep(line)

    def _keep(self, line: Line) -> None:
        seconds = float(line.get("seconds") or 0.0)
        self.rig_examples.setdefault(rig_of(line), line)
        self.seconds += seconds
        self.frames += int(line.get("frames") or 0)
        self.captions += int(line["captions"])
        self.captioned += bool(line["captions"])
        sums = self.licences.setdefault(line["licence"], [0, 0.0])
        sums[0] += 1
        sums[1] += seconds

    def why(self) -> list[Why]:
        """All reasons, those that set files aside first, then repairs, then remarks, the most frequent first."""
        found = [
            Why(reason, kind_of(reason), files, *self._examples[reason]) for reason, files in self._reasons.items()
        ]
        return sorted(found, key=lambda why: (KINDS.index(why.kind), -why.files, why.reason))


def overview(lines: Iterable[Line]) -> Overview:
    """Sums over some lines."""
    result = Overview()
    for line in lines:
        result.add(line)
    return result


def kind_of(reason: str) -> str:
    """What a reason leads to: quarantine, repair, or nothing but a remark."""
    return "quarantine" if reason in QUARANTINE else "repair" if reason in REPAIR else "remark"


def told(line: Line, reason: str) -> str:
    """The details that a line gives of one of its reasons, "" if none."""
    start = reason + ": "
    return next((str(said)[len(start) :] for said in line["messages"] if str(said).startswith(start)), "")


def rig_of(line: Line) -> str:
    """How the rig of a take is named where no other name is known: by its number of joints."""
    return f"{line.get('joints') or '?'} joints"


def badness(line: Line) -> tuple[int, int, str]:
    """Sorts the worst files first: by verdict, then by the number of reasons that are more than remarks."""
    grave = sum(kind_of(reason) != "remark" for reason in line["reasons"])
    return (-VERDICTS.index(line["verdict"]), -grave, str(line["path"]))


def worst(lines: Iterable[Line], most: int = WORST) -> list[Line]:
    """The worst of the files that are not simply accepted."""
    return nsmallest(most, (line for line in lines if line["verdict"] != "accept"), key=badness)
