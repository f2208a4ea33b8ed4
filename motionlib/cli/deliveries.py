"""Commands about deliveries: judge one before training, fetch a public one."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from motionlib.cli.common import answer, existing, json_option, say_no

SHOWN_REASONS = 12  # kinds of remarks that the summary names


@click.command(epilog="Example: motionlib check /deliveries/monday")
@click.argument("paths", type=existing(), nargs=-1, required=True)
@json_option
def check(paths: tuple[Path, ...], as_json: bool) -> None:
    """Judge deliveries (folders, archives or single files) before training; nothing is changed.

    Exit code 1 if a file would be quarantined.
    """
    from motionlib.ingest.survey import check_delivery

    reports = {str(path): check_delivery(path) for path in paths}
    files: list[Any] = [line for report in reports.values() for line in _files(report)]
    rest = {path: {key: value for key, value in report.items() if key != "files"} for path, report in reports.items()}
    answer({"files": files, "deliveries": rest}, as_json, _text(files))
    if any(line["verdict"] == "quarantine" for line in files):
        say_no()


def _files(report: dict[str, object]) -> list[Any]:
    files = report["files"]
    assert isinstance(files, list)
    return files


def _text(files: list[Any]) -> str:
    """Every file that is not simply accepted, then the counts."""
    lines = []
    for line in files:
        if line["verdict"] != "accept":
            why = "; ".join(line["messages"]) or ", ".join(line["reasons"])
            lines.append(f"{line['verdict']:<10}  {line['path']}  {why}")
    counts = {
        verdict: sum(line["verdict"] == verdict for line in files) for verdict in ("accept", "repair", "quarantine")
    }
    licences = sorted({line["licence"] or "licence unknown" for line in files if line["verdict"] != "quarantine"})
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    lines.append(f"{len(files)} files: {told}" + (f" ({', '.join(licences[:SHOWN_REASONS])})" if licences else ""))
    return "\n".join(lines)


@click.group()
def fetch() -> None:
    """Bring public mocap to this machine; needs internet."""


@fetch.command(epilog="Example: motionlib fetch cmu --subjects 02 --subjects 07 --out cmu")
@click.option("--subjects", "-s", multiple=True, required=True, help="Subject number; may be given several times.")
@click.argument("more", nargs=-1)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("cmu"), show_default=True)
@click.option("--formats", multiple=True, default=("asf", "amc"), show_default=True, help="Kinds of files.")
@click.option("--url", help="Another mirror of the CMU site.")
@json_option
def cmu(
    subjects: tuple[str, ...],
    more: tuple[str, ...],
    out: Path,
    formats: tuple[str, ...],
    url: str | None,
    as_json: bool,
) -> None:
    """Fetch subjects of the CMU motion capture database with the lab's own descriptions.

    Interrupted downloads go on where they stopped; what is there and right is not fetched again.
    """
    from motionlib.ingest.fetch import CMU, fetch_cmu

    wanted = [*subjects, *more]
    files = fetch_cmu(wanted, out, base_url=url or CMU, formats=formats, say=partial(click.echo, err=True))
    answer({"out": str(out), "files": files}, as_json, f"{out}: {len(files)} files of {len(wanted)} subjects")
