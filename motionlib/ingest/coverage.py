"""What a library of motion holds, and in words what it lacks: speed, turns, height, actions, lengths of its takes.

Made of the lines of a report: `measures` (`ingest.movement`), `words` (`ingest.words`), `captions`, `seconds`. Two
coverages add up, so that a delivery is held against a library without its files.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from motionlib.ingest.movement import SPEEDS, TURNS
from motionlib.ingest.words import EXPECTED

CELLS = tuple(f"{speed}_{turn}" for speed in SPEEDS for turn in TURNS)
LENGTH_BORDERS = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0)  # s between the classes of length
# Below both it counts as lacking, below the second alone as little: shares of the measured time, and seconds.
LITTLE_SHARE, LACKING_SECONDS = 0.02, 5.0
LOPSIDED = 1.5  # times more of one side than of the other
TOLD_FROM = 20  # captioned takes; fewer do not tell which actions are missing
SPEED_NAMES = {
    "idle": "standing still (below 0.25 m/s)",
    "walk": "walking (up to 2 m/s)",
    "jog": "jogging (2 to 4 m/s)",
    "run": "running (above 4 m/s)",
}


@dataclass
class Coverage:
    """Sums over kept takes; grows line by line.

    Attributes:
        takes, measured, captioned: Number of takes; of those that have measures; of those with a caption.
        seconds: Length of all takes.
        off_floor, low: Seconds with both feet off the floor; with the pelvis low.
        cells: Seconds by `<speed>_<turn>`.
        words: Takes by action word.
        lengths: Takes by class of length, one more than LENGTH_BORDERS.
    """

    takes: int = 0
    measured: int = 0
    captioned: int = 0
    seconds: float = 0.0
    off_floor: float = 0.0
    low: float = 0.0
    cells: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    lengths: list[int] = field(default_factory=lambda: [0] * (len(LENGTH_BORDERS) + 1))

    def add(self, line: Mapping[str, Any]) -> None:
        """Count the line of a file, unless it is quarantined; without measures it counts by its length only."""
        if line["verdict"] == "quarantine":
            return
        seconds, measures = float(line.get("seconds") or 0.0), line.get("measures") or {}
        self.takes += 1
        self.captioned += bool(line.get("captions"))
        self.seconds += seconds
        self.lengths[sum(seconds >= border for border in LENGTH_BORDERS)] += 1
        self.words.update(line.get("words") or ())
        if "seconds_idle_straight" in measures:
            self.measured += 1
            self.off_floor += measures["seconds_off_floor"] or 0.0
            self.low += measures["seconds_low"] or 0.0
            self.cells.update({name: measures[f"seconds_{name}"] or 0.0 for name in CELLS})

    def at(self, speed: str = "", turn: str = "") -> float:
        """Seconds at a speed and a turn, each any if not named."""
        rows, columns = [speed] if speed else SPEEDS, [turn] if turn else TURNS
        return sum(self.cells[f"{row}_{column}"] for row in rows for column in columns)

    def numbers(self) -> dict[str, Any]:
        """As JSON; `Coverage.read` is its inverse."""
        return {
            **vars(self),
            "cells": {name: round(seconds, 3) for name, seconds in sorted(self.cells.items())},
            "words": dict(sorted(self.words.items())),
            "lengths": list(self.lengths),
            **{name: round(getattr(self, name), 3) for name in ("seconds", "off_floor", "low")},
        }

    @classmethod
    def read(cls, numbers: Mapping[str, Any]) -> "Coverage":
        """Of what `numbers` gave."""
        lists = {"cells": Counter(numbers["cells"]), "words": Counter(numbers["words"])}
        return cls(**{**numbers, **lists, "lengths": list(numbers["lengths"])})

    def __add__(self, other: "Coverage") -> "Coverage":
        return Coverage(
            takes=self.takes + other.takes,
            measured=self.measured + other.measured,
            captioned=self.captioned + other.captioned,
            seconds=self.seconds + other.seconds,
            off_floor=self.off_floor + other.off_floor,
            low=self.low + other.low,
            cells=self.cells + other.cells,
            words=self.words + other.words,
            lengths=[a + b for a, b in zip(self.lengths, other.lengths, strict=True)],
        )


def coverage(lines: Iterable[Mapping[str, Any]]) -> Coverage:
    """Coverage of some lines."""
    result = Coverage()
    for line in lines:
        result.add(line)
    return result


def lacks(found: Coverage) -> list[str]:
    """What a library does not hold, or hardly, one sentence each, the gravest first."""
    if not found.takes:
        return ["there is no take"]
    return [*_speeds(found), *_turns(found), *_heights(found), *_actions(found), *_lengths(found)]


def adds(library: Coverage, new: Coverage) -> list[str]:
    """What a delivery brings that the library lacks or has little of, one sentence each."""
    told = []
    for speed in SPEEDS:
        for turn in TURNS:
            cell = f"{speed}_{turn}"
            have, more = library.cells[cell], new.cells[cell]
            if more >= LACKING_SECONDS and more >= have:
                way = "straight on" if turn == "straight" else f"with turns to the {turn}"
                told.append(f"{SPEED_NAMES[speed]} {way}: {_time(more)} more, the library has {_time(have)}")
    for name, what in (("off_floor", "off the floor"), ("low", "low down (squatting, sitting, lying)")):
        have, more = getattr(library, name), getattr(new, name)
        if more >= LACKING_SECONDS and more >= have:
            told.append(f"{what}: {_time(more)} more, the library has {_time(have)}")
    fresh = [word for word, _ in _by_count(new.words) if word not in library.words]
    if fresh:
        told.append(f"actions that no caption of the library speaks of: {_listed(fresh)}")
    return told


def _speeds(found: Coverage) -> Iterator[str]:
    total = found.at()
    if not found.measured:
        yield "no take was measured, so nothing is known of speed and turns"
        return
    for speed in reversed(SPEEDS):
        seconds = found.at(speed)
        if seconds < LACKING_SECONDS:
            yield f"no {SPEED_NAMES[speed]}" if seconds < 1.0 else f"hardly any {SPEED_NAMES[speed]}: {_time(seconds)}"
        elif seconds < LITTLE_SHARE * total:
            yield f"little {SPEED_NAMES[speed]}: {_time(seconds)}, {100 * seconds / total:.1f} % of the time"


def _turns(found: Coverage) -> Iterator[str]:
    left, right = found.at(turn="left"), found.at(turn="right")
    if found.measured and left + right < max(LACKING_SECONDS, LITTLE_SHARE * found.at()):
        yield f"hardly any turn: {_time(left + right)}"
    elif max(left, right) > LOPSIDED * min(left, right):
        rare, often = ("right", "left") if left > right else ("left", "right")
        some, many = sorted((left, right))
        much = f"{many / some:.1f} times rarer than" if some >= 1.0 else "missing against"
        yield f"turns to the {rare} are {much} turns to the {often} ({_time(some)} against {_time(many)})"
    for speed in ("run", "jog", "walk"):
        turning = found.at(speed, "left") + found.at(speed, "right")
        if found.at(speed) >= LACKING_SECONDS and turning < 1.0:
            yield f"nobody turns while {SPEED_NAMES[speed]}"


def _heights(found: Coverage) -> Iterator[str]:
    if not found.measured:
        return
    if found.off_floor < LACKING_SECONDS:
        yield f"hardly anybody leaves the floor: {_time(found.off_floor)}"
    if found.low < LACKING_SECONDS:
        yield f"hardly anybody squats, sits or lies: {_time(found.low)}"
    elif found.low < LITTLE_SHARE * found.at():
        share = 100 * found.low / found.at()
        yield f"little squatting, sitting or lying: {_time(found.low)}, {share:.1f} % of the time"


def _actions(found: Coverage) -> Iterator[str]:
    without = found.takes - found.captioned
    if not found.captioned:
        yield "no take has a caption"
        return
    if without:
        yield f"no caption for {without:,} of {found.takes:,} takes"
    missing = [word for word in EXPECTED if not found.words.get(word)]
    if found.captioned >= TOLD_FROM and missing:
        yield f"no caption speaks of: {_listed(missing)}"


def _lengths(found: Coverage) -> Iterator[str]:
    if sum(found.lengths[4:]) == 0:
        yield f"no take lasts {LENGTH_BORDERS[3]:g} s or longer"
    short = sum(found.lengths[:2])
    if 2 * short > found.takes:
        yield f"{short:,} of {found.takes:,} takes are shorter than {LENGTH_BORDERS[1]:g} s"


def _listed(words: list[str], most: int = 12) -> str:
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")


def _by_count(words: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(words.items(), key=lambda item: (-item[1], item[0]))


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
