"""reports/: numbers, and pictures, pages or tables beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from motionlib.artifacts.files import BadArtifactError, read_json, read_table, seal, unseal, write_json

LINES_AT_ONCE = 4096  # turned into columns together
LINES = pa.schema(
    [
        *((name, pa.string()) for name in ("path", "id", "verdict", "licence", "up")),
        *((name, pa.list_(pa.string())) for name in ("reasons", "messages")),
        *((name, pa.int64()) for name in ("captions", "frames", "joints")),
        *((name, pa.float64()) for name in ("seconds", "fps", "unit")),
        ("measures", pa.map_(pa.string(), pa.float64())),
    ]
)


@dataclass(frozen=True)
class Report:
    """A stage's report: numbers (nested dictionaries of JSON), pictures and tables by file name."""

    numbers: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)


def write_report(folder: Path, report: Report) -> None:
    """Write `report.json`, and the pictures (or pages) and tables (Parquet) beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in report.pictures.items():
        (folder / name).write_bytes(picture)
    for name, table in report.tables.items():
        pq.write_table(table, folder / name)
    write_json(folder / "report.json", report.numbers)
    seal(folder, "report")


def read_report(folder: Path) -> dict[str, Any]:
    """Numbers of a stage's report."""
    unseal(folder, "report")
    numbers: dict[str, Any] = read_json(folder / "report.json")
    return numbers


def read_report_table(folder: Path, name: str) -> pa.Table:
    """A table (Parquet) of a stage's report.

    Raises:
        BadArtifactError: If the report is not there, or holds no such table.
    """
    if name not in unseal(folder, "report")["files"]:
        raise BadArtifactError(f"{folder} holds no {name}; run the stage that makes it again")
    return read_table(folder / name)


def line_table(lines: Iterable[dict[str, Any]]) -> pa.Table:
    """The files' lines of an ingest report as a table, columns of LINES; few lines are in memory as dictionaries."""
    rest = iter(lines)
    tables = [LINES.empty_table()]
    while some := list(islice(rest, LINES_AT_ONCE)):
        columns = {name: [line.get(name) for line in some] for name in LINES.names}
        columns["measures"] = [sorted((line.get("measures") or {}).items()) for line in some]
        tables.append(pa.table(columns, schema=LINES))
    return pa.concat_tables(tables).combine_chunks()


def at(numbers: Any, place: str) -> Any:
    """What stands at a dotted place of a report, such as `held_out.clips` or `r_precision.0`; None if nothing does."""
    for name in place.split("."):
        if isinstance(numbers, Mapping):
            numbers = numbers.get(name)
        elif isinstance(numbers, list) and name.isdigit() and int(name) < len(numbers):
            numbers = numbers[int(name)]
        else:
            return None
    return numbers
