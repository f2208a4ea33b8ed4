"""Numbers of the stages' reports for a person: cards of what matters, and tables of all there is."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from motionlib.artifacts import BadArtifactError, read_report

# Parts of reports that are lists over clips, files or steps: they belong into pictures, not into tables.
TOO_LONG = ("per_clip", "files", "history", "points", "curve", "validation", "meaning")
LONGEST_LIST = 6
INTERVAL = {"mean", "low", "high"}
DIGITS = 3  # significant digits shown of a number
Numbers = Mapping[str, Any]
NOTHING: Numbers = MappingProxyType({})


class Card(NamedTuple):
    """One number that matters: its name, the number and its 95 % interval as text, what it is to be held against."""

    label: str
    value: str
    interval: str = ""
    note: str = ""


class Reports(NamedTuple):
    """Reports of the stages that made one bundle; {} where a stage wrote none.

    `codebook`, `off_distribution` and `train_tokenizer` are of its tokenizer, `train_prior` and `evaluate` of its
    prior.
    """

    ingest: Numbers = NOTHING
    normalize: Numbers = NOTHING
    train_evaluator: Numbers = NOTHING
    train_tokenizer: Numbers = NOTHING
    codebook: Numbers = NOTHING
    off_distribution: Numbers = NOTHING
    train_prior: Numbers = NOTHING
    evaluate: Numbers = NOTHING


def read_reports(root: Path, tokenizer: str = "", prior: str = "", evaluator: str = "") -> Reports:
    """Reports below `root`; of the named tokenizer, prior and evaluator, or else of the first of each."""
    return Reports(
        ingest=_report(root / "ingest"),
        normalize=_report(root / "normalize"),
        train_evaluator=_report(_named(root / "train_evaluator", evaluator)),
        train_tokenizer=_report(_named(root / "train_tokenizer", tokenizer)),
        codebook=_report(_named(root / "codebook", tokenizer)),
        off_distribution=_report(_named(root / "off_distribution", tokenizer)),
        train_prior=_report(_named(root / "train_prior", prior)),
        evaluate=_report(_named(root / "evaluate", prior)),
    )


def _named(folder: Path, name: str) -> Path:
    if name:
        return folder / name
    found = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return found[0] if found else folder


def _report(folder: Path) -> Numbers:
    try:
        return read_report(folder)
    except BadArtifactError:  # the stage has not run: the page says so by what it leaves out
        return NOTHING


def shown(value: Any, scale: float = 1.0, unit: str = "") -> str:
    """A number as text, with its interval where it has one: `28.4 (27.1 to 29.8) mm`."""
    if isinstance(value, Mapping) and set(value) >= INTERVAL:
        mean, low, high = (_number(value[name] * scale) for name in ("mean", "low", "high"))
        return f"{mean} ({low} to {high}){unit}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{_number(value * scale)}{unit}"


def card(label: str, value: Any, scale: float = 1.0, unit: str = "", note: str = "") -> Card:
    """A card of a number, short, its interval apart from it."""
    if isinstance(value, Mapping) and set(value) >= INTERVAL:
        mean, low, high = (_number(value[name] * scale) for name in ("mean", "low", "high"))
        return Card(label, f"{mean}{unit}", f"{low} to {high}", note)
    return Card(label, shown(value, scale, unit), "", note)


def _number(value: float) -> str:
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.{DIGITS}g}"


def flat(numbers: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every number of a report with its dotted place; what is a list over clips or steps is left out."""
    if isinstance(numbers, Mapping) and set(numbers) >= INTERVAL:
        yield prefix, shown(numbers)
    elif isinstance(numbers, Mapping):
        for name, value in numbers.items():
            if name not in TOO_LONG:
                yield from flat(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(numbers, list):
        if len(numbers) <= LONGEST_LIST:
            for index, value in enumerate(numbers):
                yield from flat(value, f"{prefix}.{index}")
    elif numbers is not None and numbers != "":
        yield prefix, shown(numbers)
