"""What came out: on the terminal, on the flow run's page, in MLflow, and in `.motionlib/last_run.json`."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import runtime
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact

from flows.embedded import HOME
from flows.run_stage import Journey, Outcome
from motionlib.promotion import registry, summary
from motionlib.tracking import store

LAST_RUN = HOME / "last_run.json"
REPORTS, PAGE = Path("reports"), Path("reports/bundle/index.html")
LARGEST_PICTURE = 400_000  # bytes; Prefect keeps artifacts in its database
TAG_OF_STAGE = "stage_run."


def publish(journey: Journey, decision: Mapping[str, Any], commit: str) -> dict[str, Any]:
    """Write the results everywhere they are looked for, and give what `.motionlib/last_run.json` holds."""
    found = {
        "summary": summary.read(REPORTS),
        "stages": [vars(outcome) for outcome in journey.outcomes],
        "decision": dict(decision),
        "champion": registry.champion(),
        "commit": journey.tags["git.commit"],
        "lineage": commit,
        "mlflow_run": journey.parent,
        "prefect_flow_run": str(runtime.flow_run.id or ""),
        "page": str(PAGE) if PAGE.is_file() else "",
    }
    LAST_RUN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    _to_mlflow(journey, found)
    _to_prefect(journey.outcomes, found)
    return found


def show(found: Mapping[str, Any]) -> None:
    """The results as tables on standard output."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="Results", title_justify="left")
    for heading in ("", "value", ""):
        table.add_column(heading)
    for row in summary.rows(found["summary"]):
        table.add_row(*row)
    console.print(table)
    stages = Table(title="Stages", title_justify="left")
    for heading in ("stage", "outcome", "seconds"):
        stages.add_column(heading, justify="right" if heading == "seconds" else "left")
    for outcome in found["stages"]:
        stages.add_row(outcome["stage"], outcome["what"], f"{outcome['seconds']:.1f}" if outcome["seconds"] else "")
    console.print(stages)
    console.print(f"champion: version {found['champion'] or 'none'} ({found['decision']['reason'].rstrip('.')})")
    if found["page"]:
        console.print(f"motions:  open {found['page']} in a browser")
    console.print("board:    make board")
    console.print("MLflow:   .venv/bin/mlflow ui --backend-store-uri sqlite:///.motionlib/mlflow.db")
    console.print("Prefect:  .venv/bin/python -m flows.server")


def _to_mlflow(journey: Journey, found: Mapping[str, Any]) -> None:
    """The parent run points to the run that made each stage's outputs, in this flow run or in an earlier one."""
    tags = {f"{TAG_OF_STAGE}{one.stage}": one.run_id for one in journey.outcomes if one.run_id}
    tags |= {f"stage_version.{one.stage}": one.version for one in journey.outcomes}
    tags |= {"lineage.commit": found["lineage"], "champion": str(found["champion"] or "")}
    tags |= {store.NOTE_TAG: _markdown(found)}
    store.set_tags(journey.parent, tags)
    for one in journey.outcomes:
        if one.what == "ran":  # the lineage commit is made when all stages have ended
            store.set_tags(one.run_id, {"lineage.commit": found["lineage"]})
    store.log_metrics(journey.parent, summary.metrics(found["summary"]))
    store.log_file(journey.parent, LAST_RUN, "results")
    if PAGE.is_file():
        store.log_file(journey.parent, PAGE, "results")


def _to_prefect(outcomes: Sequence[Outcome], found: Mapping[str, Any]) -> None:
    create_markdown_artifact(_markdown(found), key="results", description="What came out")
    table = [
        {
            "stage": one.stage,
            "outcome": one.what,
            "seconds": round(one.seconds, 1),
            "stage version": one.version,
            "made by MLflow run": one.run_id,
        }
        for one in outcomes
    ]
    create_table_artifact(table, key="stages", description="Every stage, and the run that made its outputs")
    if not any(one.what == "ran" for one in outcomes):
        return  # the pictures are those of an earlier run's page
    for path in sorted(REPORTS.rglob("*.png")):
        if path.stat().st_size <= LARGEST_PICTURE:
            url = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
            create_image_artifact(url, key=_key(path), description=str(path))


def _markdown(found: Mapping[str, Any]) -> str:
    lines = ["| | | |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in summary.rows(found["summary"]))]
    lines += ["", f"**Champion: version {found['champion'] or 'none'}.** {found['decision']['reason']}"]
    return "\n".join([*lines, "", f"Lineage commit `{found['lineage']}`."])


def _key(path: Path) -> str:
    """Prefect's keys are lower case letters, digits and dashes."""
    name = str(path.relative_to(REPORTS).with_suffix("")).lower()
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
