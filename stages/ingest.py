"""Stage `ingest`: data/raw -> data/clips, reports/ingest."""

from dataclasses import replace
from pathlib import Path

from motionlib import params, supervision, tracking
from motionlib.artifacts import BadArtifactError, leave_pandas_out, write_report
from motionlib.export import delivery_page
from motionlib.ingest import library, report
from motionlib.ingest.deliveries import find_deliveries
from motionlib.ingest.survey import survey

RAW, CLIPS, REPORT = Path("data/raw"), Path("data/clips"), Path("reports/ingest")


def main() -> None:
    """Judge what is new in the deliveries and keep the takes that pass."""
    config = params.load().ingest
    found = survey(find_deliveries(RAW))
    if not found.file_count:
        raise BadArtifactError(f"no motion in {RAW}: put a delivery there, or run `python -m motionlib.ingest.prepare`")
    with tracking.run("ingest", config.model_dump()) as log:
        log.dataset("raw", RAW)
        made = library.bring_up_to_date(found, config, CLIPS)
        summary = report.report(found, made)
        page = delivery_page.pages(
            "Library", made.lines(), config, deliveries=found.deliveries, problems=found.problems
        )
        write_report(REPORT, replace(summary, pictures=summary.pictures | page))
        log.artifacts(REPORT)


if __name__ == "__main__":
    supervision.watch_supervisor()
    leave_pandas_out()
    main()
