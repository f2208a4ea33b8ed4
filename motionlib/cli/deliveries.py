"""Commands about deliveries: judge one before training, fetch a public one."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motionlib.cli.common import answer, existing, json_option, say_no

if TYPE_CHECKING:
    from motionlib.ingest.coverage import Coverage
    from motionlib.params import Ingest

LIBRARY_REPORT = Path("reports/ingest")


@click.command(epilog="Example: motionlib check /deliveries/monday --html monday")
@click.argument("paths", type=existing(), nargs=-1, required=True)
@json_option
@click.option(
    "--html", type=click.Path(file_okay=False, path_type=Path), help="Folder for a page with takes that play."
)
@click.option("--all", "every", is_flag=True, help="Name every file, not only the worst.")
def check(paths: tuple[Path, ...], as_json: bool, html: Path | None, every: bool) -> None:
    """Judge deliveries (folders, archives or single files) before training; nothing is changed.

    Prints one screen; the thresholds are those of params.yaml, if the command is run in a project. Exit code 1 if a
    file would be quarantined, 2 if there is nothing to judge.
    """
    from motionlib.ingest.survey import check_delivery

    settings, library = _settings(), _library()
    reports = {str(path): check_delivery(path, settings, progress="check") for path in paths}
    files: list[Any] = [line for report in reports.values() for line in report["files"]]
    rest = {path: {key: value for key, value in report.items() if key != "files"} for path, report in reports.items()}
    found = {"files": files, "deliveries": rest, **_gains(files, library)}
    if html is not None:
        _write_page(html, paths, found, settings, library)
    text = "" if as_json else _text(paths, found, settings, library) + ("\n\n" + _every(files) if every else "")
    answer(found, as_json, text)
    if any(line["verdict"] == "quarantine" for line in files):
        say_no()


def _settings() -> "Ingest":
    """Those of the project, or the defaults outside of one."""
    from motionlib import params
    from motionlib.ingest.survey import DEFAULTS

    return params.load().ingest if Path("params.yaml").is_file() else DEFAULTS


def _library() -> "Coverage | None":
    """Coverage of the project's library, if there is one."""
    from motionlib.artifacts import BadArtifactError, read_report
    from motionlib.ingest.coverage import Coverage

    try:
        numbers = read_report(LIBRARY_REPORT).get("coverage")
    except BadArtifactError:
        return None
    return Coverage.read(numbers) if numbers else None


def _gains(files: list[Any], library: "Coverage | None") -> dict[str, Any]:
    """Coverage of the deliveries, in numbers and in words."""
    from motionlib.ingest.coverage import adds, coverage, lacks

    covered = coverage(files)
    gains = {} if library is None else {"adds": adds(library, covered)}
    return {"coverage": covered.numbers(), "lacks": lacks(covered), **gains}


def _text(paths: tuple[Path, ...], found: dict[str, Any], settings: "Ingest", library: "Coverage | None") -> str:
    from motionlib.export.delivery import overview, worst
    from motionlib.export.delivery_rigs import rigs
    from motionlib.export.delivery_text import screen
    from motionlib.ingest.survey import survey

    name = ", ".join(str(path) for path in paths)
    lines = _relative(found["files"], paths)
    sums = overview(lines)
    known = rigs(sums, survey(paths).deliveries, settings.body_models_folder, pictures=False)
    sure = {rig.name: rig.confidence for rig in known if rig.confidence is not None}
    return screen(name, sums, worst(lines), library=library, sure=sure, problems=_problems(found))


def _problems(found: dict[str, Any]) -> list[str]:
    reports = [one for report in found["deliveries"].values() for one in report["deliveries"].values()]
    return [problem for report in reports for problem in report["first_problems"]]


def _every(files: list[Any]) -> str:
    """A line for each file."""
    return "\n".join(
        f"{line['verdict']:<10}  {line['path']}  {'; '.join(line['messages']) or ', '.join(line['reasons'])}".rstrip()
        for line in files
    )


def _write_page(
    folder: Path, paths: tuple[Path, ...], found: dict[str, Any], settings: "Ingest", library: "Coverage | None"
) -> None:
    from motionlib.artifacts import write_json
    from motionlib.export import delivery_page
    from motionlib.ingest.survey import survey

    page = delivery_page.write(
        folder,
        ", ".join(path.name for path in paths),
        _relative(found["files"], paths),
        settings,
        deliveries=survey(paths).deliveries,
        library=library,
        problems=_problems(found),
    )
    write_json(folder / "report.json", found)
    click.echo(f"page: {page}", err=True)


def _relative(files: list[Any], paths: tuple[Path, ...]) -> list[Any]:
    """Lines with paths that begin with the delivery's own name: where it lies on this disk tells others nothing."""

    def inside(path: Path) -> str:
        given = next((one for one in paths if path.is_relative_to(one)), Path())
        return path.relative_to(given.parent).as_posix()

    return [{**line, "path": inside(Path(line["path"]))} for line in files]


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
