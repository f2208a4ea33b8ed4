"""The page of a delivery or a library: verdicts, reasons and what to do, coverage, rigs, files, and takes that play.

One self-contained file that opens from disk; the same lines give the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from motionlib.export.delivery import VERDICTS, Line, Overview, Why, kind_of, worst
from motionlib.export.delivery_rigs import rigs
from motionlib.export.delivery_takes import MarkedMotion, Take, chosen, read_takes
from motionlib.export.delivery_text import duration, share, unit_name
from motionlib.export.numbers import Card
from motionlib.export.player import HERE, Row, environment
from motionlib.figures import data_url
from motionlib.ingest import pictures
from motionlib.ingest.advice import thresholds
from motionlib.ingest.coverage import LENGTH_BORDERS, SPEED_NAMES, Coverage, adds, lacks
from motionlib.ingest.deliveries import Delivery
from motionlib.ingest.movement import SPEEDS, TURNS
from motionlib.params import Ingest

PAGE = "index.html"
MOST_LISTED = 5000  # files that the page lists; of more only those that are not accepted
MOST_WORDS = 30
MOST_PROBLEMS = 50


class Off(NamedTuple):
    """How unlike the champion's training a delivery is.

    Attributes:
        verdict: "" where there is nothing to compare with. sentences: Verdict and numbers.
        picture: PNG of the takes' scores, b"" for none.
        farthest: Of the takes that drive it `path`, `score`, `outside`, `drives` and `measures`, all as text.
    """

    verdict: str
    sentences: Sequence[str]
    picture: bytes
    farthest: Sequence[Mapping[str, Any]]


class Shown(NamedTuple):
    """A take in the page: its players, or why there is none."""

    row: Row
    verdict: str
    why_not: str


def pages(
    name: str,
    lines: Iterable[Line],
    settings: Ingest,
    *,
    deliveries: Sequence[Delivery] = (),
    library: Coverage | None = None,
    problems: Sequence[str] = (),
    off: Off | None = None,
) -> dict[str, bytes]:
    """The page `index.html` and the picture `coverage.png`, by file name.

    Args:
        name: Of the delivery or library. lines: Of all its files (`ingest.lines.file_line`), gone through once.
        settings: Whose thresholds decided.
        deliveries: From which takes are read again to be played; without any, none is.
        library: What is there already, if a new delivery is held against it.
        problems: What was wrong with captions and names.
        off: How unlike the champion's training it is, where that was asked.
    """
    found, listed, accepted = _read(lines)
    models = settings.body_models_folder
    takes = read_takes(deliveries, chosen(worst(listed), accepted), models) if deliveries else []
    page = (
        environment()
        .get_template("delivery.html")
        .render(
            title=name,
            lead=_lead(found),
            verdicts=[(key, found.verdicts[key], share(found.verdicts[key], found.files)) for key in VERDICTS],
            all_cards=_cards(found),
            whys=[(why, _decided(why, settings)) for why in found.why()],
            off=off,
            off_picture=data_url(off.picture) if off and off.picture else "",
            takes=[_shown(take) for take in takes],
            covered=found.covered,
            cells=_cells(found.covered),
            words=_words(found.covered),
            lengths=_lengths(found.covered),
            lacks=lacks(found.covered if library is None else library + found.covered),
            adds=None if library is None else adds(library, found.covered),
            rigs=rigs(found, deliveries, models),
            licences=_licences(found),
            problems=list(problems[:MOST_PROBLEMS]),
            problem_count=len(problems),
            files=[_row(line) for line in listed],
            all_listed=len(listed) == found.files,
            table_script=Markup((HERE / "delivery.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        )
    )
    return {PAGE: page.encode(), "coverage.png": pictures.coverage(found.covered)}


def write(folder: Path, name: str, lines: Iterable[Line], settings: Ingest, **more: Any) -> Path:
    """Write `pages` into a folder, which is made, and give the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in pages(name, lines, settings, **more).items():
        (folder / file).write_bytes(content)
    return folder / PAGE


def _read(lines: Iterable[Line]) -> tuple[Overview, list[Line], list[Line]]:
    """Sums over all lines; those that are listed; accepted ones among the first."""
    found = Overview()
    listed: list[Line] = []
    accepted: list[Line] = []
    whole = True
    for line in lines:
        found.add(line)
        if line["verdict"] == "accept" and len(accepted) < MOST_LISTED:
            accepted.append(line)
        if whole and found.files > MOST_LISTED:
            whole = False
            listed = [one for one in listed if one["verdict"] != "accept"]
        if whole or (line["verdict"] != "accept" and len(listed) < MOST_LISTED):
            listed.append(line)
    return found, listed, accepted


def _lead(found: Overview) -> str:
    accept, repair, quarantine = (found.verdicts[verdict] for verdict in VERDICTS)
    kept = f"{accept:,} of {found.files:,} files can be taken in as they are"
    repaired = f", {repair:,} after a repair" if repair else ""
    rest = f"; {quarantine:,} are set aside." if quarantine else "; none is set aside."
    return kept + repaired + rest


def _cards(found: Overview) -> list[Card]:
    without, unknown = found.kept - found.captioned, found.licences.get("", [0, 0.0])[0]
    cards = [
        Card("Files", f"{found.files:,}", "", f"{found.kept:,} are kept"),
        Card("Length", duration(found.seconds), "", f"{found.frames:,} frames"),
        Card("Frame rate", *_most(found.fps, lambda fps: f"{fps:g} Hz")),
        Card("Unit of length", *_most(found.units, unit_name)),
        Card("Axis that is up", *_most(found.ups, str)),
        Card("Captions", f"{found.captions:,}", "", f"none for {without:,} of the kept"),
        Card("Licences", str(len(found.licences)), "", f"none for {unknown:,.0f} of the kept"),
    ]
    return [card for card in cards if card.value]


def _most(counts: Mapping[Any, int], shown: Any) -> tuple[str, str, str]:
    """Value, interval and note of a card: the most frequent thing and how many takes have others."""
    if not counts:
        return "", "", ""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    others = ", ".join(f"{shown(thing)} ×{count:,}" for thing, count in ranked[1:4])
    more = f" and {len(ranked) - 4} more" if len(ranked) > 4 else ""
    return shown(ranked[0][0]), "", f"others: {others}{more}" if others else "all takes"


def _decided(why: Why, settings: Ingest) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in thresholds(why.reason, settings).items())


def _shown(take: Take) -> Shown:
    messages = "; ".join(str(message) for message in take.line["messages"]) or ", ".join(take.line["reasons"])
    motions: list[MarkedMotion] = [take.motion] if take.motion else []
    return Shown(Row(str(take.line["path"]), messages, motions), str(take.line["verdict"]), take.why_not)


def _cells(covered: Coverage) -> list[tuple[str, list[tuple[str, float]]]]:
    """Rows of the matrix: a speed, and for each turn the time as text and its shade in 0..1."""
    longest = max([covered.at(speed, turn) for speed in SPEEDS for turn in TURNS], default=0.0)
    return [
        (SPEED_NAMES[speed], [_cell(covered.at(speed, turn), longest) for turn in TURNS]) for speed in reversed(SPEEDS)
    ]


def _cell(seconds: float, longest: float) -> tuple[str, float]:
    """The shade grows with the square root, so that a tenth can still be seen."""
    shade = round((seconds / longest) ** 0.5, 3) if longest else 0.0
    return ("none" if seconds < 1 else duration(seconds)), shade


def _words(covered: Coverage) -> list[tuple[str, int, float]]:
    ranked = sorted(covered.words.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS]
    return [(word, count, round(count / ranked[0][1], 3)) for word, count in ranked]


def _lengths(covered: Coverage) -> list[tuple[str, int, float]]:
    borders = [f"{border:g}" for border in LENGTH_BORDERS]
    names = [f"below {borders[0]} s", *(f"{a} to {b} s" for a, b in pairwise(borders))]
    names.append(f"{borders[-1]} s and more")
    most = max(1, *covered.lengths)
    return [(name, count, round(count / most, 3)) for name, count in zip(names, covered.lengths, strict=True)]


def _licences(found: Overview) -> list[tuple[str, int, str]]:
    return [
        (name or "unknown", int(files), duration(seconds)) for name, (files, seconds) in sorted(found.licences.items())
    ]


def _row(line: Line) -> list[Any]:
    """A file in the table, in the order of its heads in `delivery.js`."""
    grave = [reason for reason in line["reasons"] if kind_of(reason) != "remark"]
    remarks = [reason for reason in line["reasons"] if kind_of(reason) == "remark"]
    facts = [line.get(name) for name in ("seconds", "fps", "joints")]
    seconds, fps, joints = (round(value, 2) if isinstance(value, float) else value for value in facts)
    messages = "\n".join(str(message) for message in line["messages"])
    return [line["path"], line["verdict"], " ".join(grave), " ".join(remarks), seconds, fps, joints, line["captions"],
            line["licence"], messages]  # fmt: skip
