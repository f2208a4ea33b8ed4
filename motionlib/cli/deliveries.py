"""Commands about deliveries: judge one before training, fetch a public one."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motionlib.cli.common import answer, existing, json_option, one_line, say_no

if TYPE_CHECKING:
    from motionlib.export.delivery_page import Off
    from motionlib.ingest.coverage import Coverage
    from motionlib.params import Ingest
    from motionlib.promotion.yardstick import Yardstick

LIBRARY_REPORT, LAST_BUNDLE = Path("reports/ingest"), Path("models/bundle")


@click.command(epilog="Example: motionlib check /deliveries/monday --html monday")
@click.argument("paths", type=existing(), nargs=-1, required=True)
@json_option
@click.option(
    "--html", type=click.Path(file_okay=False, path_type=Path), help="Folder for a page with takes that play."
)
@click.option("--all", "every", is_flag=True, help="Name every file, not only the worst.")
@click.option("--model", "model", default="", help="Compare with this model: a version or a bundle's folder.")
def check(paths: tuple[Path, ...], as_json: bool, html: Path | None, every: bool, model: str) -> None:
    """Judge deliveries (folders, archives or single files) before training; nothing is changed.

    Prints one screen; the thresholds are those of params.yaml, if the command is run in a project. How unlike the
    training of the champion (else of the last bundle) the takes are, is told as no need, fine-tune or retrain. Exit
    code 1 if a file would be quarantined, 2 if there is nothing to judge.
    """
    from motionlib.ingest.survey import check_delivery

    settings, library = _settings(), _library()
    stick, why = _yardstick(model, paths)
    look = None if stick is None else stick.look
    reports = {str(path): check_delivery(path, settings, progress="check", look=look) for path in paths}
    files: list[Any] = [line for report in reports.values() for line in report["files"]]
    rest = {path: {key: value for key, value in report.items() if key != "files"} for path, report in reports.items()}
    off = {"verdict": None, "why": why, "sentences": [f"off-distribution: {why}"]}
    if stick is not None:
        off = stick.result({line["id"]: line["path"] for line in files}, _kept(files))
    found = {"files": files, "deliveries": rest, **_gains(files, library), "off_distribution": off}
    if html is not None:
        _write_page(html, paths, found, settings, library)
    text = "" if as_json else _text(paths, found, settings, library) + ("\n\n" + _every(files) if every else "")
    answer(found, as_json, text)
    if any(line["verdict"] == "quarantine" for line in files):
        say_no()


def _yardstick(model: str, paths: tuple[Path, ...]) -> "tuple[Yardstick | None, str]":
    """What takes are measured against, or why there is nothing; a model that was asked for must be there."""
    if not model and not _made_here():
        return None, "there is no champion to compare with yet"
    from motionlib import params
    from motionlib.ingest.survey import survey
    from motionlib.promotion.yardstick import DEFAULTS, Yardstick

    config = params.load().normalize if Path("params.yaml").is_file() else DEFAULTS
    try:
        return Yardstick.open(model, config, survey(paths).file_count), ""
    except (ValueError, OSError) as error:
        if model:
            raise
        return None, one_line(error)


def _made_here() -> bool:
    """Whether a model was promoted or bundled here; looking closer takes seconds."""
    from motionlib.promotion import journal
    from motionlib.promotion.listing import LISTING

    return journal.FILE.is_file() or (LAST_BUNDLE / LISTING).is_file()


def _kept(files: list[Any]) -> set[str]:
    return {line["id"] for line in files if line["verdict"] != "quarantine"}


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
    off = found["off_distribution"]["sentences"]
    return screen(name, sums, worst(lines), library=library, sure=sure, problems=_problems(found), off=off)


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
        off=_off(found["off_distribution"], paths),
    )
    write_json(folder / "report.json", found)
    click.echo(f"page: {page}", err=True)


def _off(found: dict[str, Any], paths: tuple[Path, ...]) -> "Off":
    """The off-distribution score as the page shows it."""
    from motionlib.export.delivery_page import Off

    if found["verdict"] is None:
        return Off("", found["sentences"], b"", [])
    from motionlib.evaluation.off_distribution import pictures

    picture = pictures.delivery([one["score"] for one in found["clips"]], found["clip_edge"], found["score"]["mean"])
    return Off(found["verdict"], found["sentences"], picture, _relative(found["farthest"], paths))


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
