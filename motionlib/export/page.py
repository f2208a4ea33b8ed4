"""The page of a run: its key numbers with intervals, its motions playing, its pictures, in one self-contained file."""

from pathlib import Path
from typing import NamedTuple

from motionlib.artifacts import at, read_json
from motionlib.export.numbers import Reports, flat, read_reports, shown
from motionlib.export.player import Row, environment, read_motions, rows_by_text
from motionlib.export.results import cards, tables
from motionlib.figures import data_url

MOTIONS = "motions.json"
STAGES = (
    "evaluate",
    "codebook",
    "off_distribution",
    "train_tokenizer",
    "train_prior",
    "train_evaluator",
    "normalize",
    "ingest",
)


class Picture(NamedTuple):
    """A picture as a data URL."""

    url: str
    caption: str


def run_page(reports: Path, tokenizer: str = "", prior: str = "", evaluator: str = "") -> str:
    """One HTML page of a run; the same reports give the same bytes.

    Args:
        reports: Folder of the stages' reports.
        tokenizer, prior, evaluator: Names of what is bundled and of what scored it; the first ones if empty.
    """
    found = read_reports(reports, tokenizer, prior, evaluator)
    names = [name for name in (tokenizer, prior) if name]
    return (
        environment()
        .get_template("page.html")
        .render(
            title="Run" + (f" of {' and '.join(names)}" if names else ""),
            lead=_lead(found),
            all_cards=cards(found),
            rows=_rows(reports, prior),
            tables=tables(found),
            pictures=_pictures(reports, tokenizer, prior, evaluator),
            numbers=[
                (name.replace("_", " "), list(flat(report))) for name, report in found._asdict().items() if report
            ],
        )
    )


def _lead(found: Reports) -> str:
    """One sentence on what went in."""
    count = at(found.ingest, "count")
    if not count:
        return "No report of the stage `ingest` lies here."
    kept = count["files"] - count["quarantine"]
    return (
        f"{kept:,} of {count['files']:,} files, {at(found.ingest, 'hours'):.2f} hours and "
        f"{shown(at(found.ingest, 'captions'))} captions went in."
    )


def _rows(reports: Path, prior: str) -> list[Row]:
    """Motions of `reports/evaluate/<prior>`, those of one text side by side."""
    found = sorted((reports / "evaluate").rglob(MOTIONS)) if not prior else [reports / "evaluate" / prior / MOTIONS]
    files = [path for path in found if path.is_file()][:1]
    return [row for path in files for row in rows_by_text(read_motions(read_json(path), path.as_posix()))]


def _pictures(reports: Path, tokenizer: str, prior: str, evaluator: str) -> list[Picture]:
    """Pictures of every stage, those of the models that are bundled where names are given."""
    chosen = dict.fromkeys(("codebook", "off_distribution", "train_tokenizer"), tokenizer)
    chosen |= dict.fromkeys(("train_prior", "evaluate"), prior)
    chosen["train_evaluator"] = evaluator
    folders = [reports / stage / chosen.get(stage, "") for stage in STAGES]
    return [_picture(path, reports) for folder in folders for path in sorted(folder.rglob("*.png"))]


def _picture(path: Path, reports: Path) -> Picture:
    url = data_url(path.read_bytes())
    parts = path.relative_to(reports).with_suffix("").parts
    return Picture(url, " · ".join(part.replace("_", " ") for part in parts))
