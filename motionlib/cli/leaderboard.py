"""The command that puts all models side by side."""

from pathlib import Path

import click

from motionlib.cli.common import answer, json_option

NAME = "leaderboard"


@click.command(epilog="Example: motionlib leaderboard --out docs --format md --format html")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write leaderboard.<format> to."
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["md", "html", "tex", "csv"]),
    help="Which to write; all of them if none is named.",
)
@json_option
def leaderboard(out: Path | None, formats: tuple[str, ...], as_json: bool) -> None:
    """Put every tokenizer and prior that MLflow knows side by side, with intervals, rates and costs.

    Without --out the tables are printed as Markdown.
    """
    from motionlib.leaderboard.formats import FORMATS, markdown
    from motionlib.leaderboard.tables import boards

    found = boards()
    written = []
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name in formats or tuple(FORMATS):
            path = out / f"{NAME}.{name}"
            path.write_text(FORMATS[name](found), encoding="utf-8")
            written.append(str(path))
    facts = {
        "written": written,
        "tables": [
            {"title": one.title, "note": one.note, "models": [line.name for line in one.lines if not line.anchor]}
            for one in found
        ],
    }
    answer(facts, as_json, "\n".join(written) if written else markdown(found))
