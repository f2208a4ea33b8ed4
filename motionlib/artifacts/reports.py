"""reports/: numbers, and pictures or pages beside them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motionlib.artifacts.files import read_json, seal, unseal, write_json


@dataclass(frozen=True)
class Report:
    """A stage's report: numbers (nested dictionaries of JSON) and pictures by file name."""

    numbers: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)


def write_report(folder: Path, report: Report) -> None:
    """Write `report.json` and the pictures (or pages) beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in report.pictures.items():
        (folder / name).write_bytes(picture)
    write_json(folder / "report.json", report.numbers)
    seal(folder, "report")


def read_report(folder: Path) -> dict[str, Any]:
    """Numbers of a stage's report."""
    unseal(folder, "report")
    numbers: dict[str, Any] = read_json(folder / "report.json")
    return numbers
