"""Stage `ingest`: data/raw -> data/clips, reports/ingest."""

from collections.abc import Iterator
from pathlib import Path

from motionlib import params, supervision, tracking
from motionlib.artifacts import BadArtifactError, Clip, Report, write_clips, write_report
from motionlib.ingest import pictures
from motionlib.ingest.deliveries import find_deliveries
from motionlib.ingest.survey import Survey, file_line, judge_all, reason_counts, summary, survey
from motionlib.params import Ingest
from motionlib.progress import track

RAW, CLIPS, REPORT = Path("data/raw"), Path("data/clips"), Path("reports/ingest")


def main() -> None:
    """Judge every file of every delivery and keep the takes that pass."""
    config = params.load().ingest
    found = survey(find_deliveries(RAW))
    if not found.file_count:
        raise BadArtifactError(f"no motion in {RAW}: put a delivery there, or run `python -m motionlib.ingest.prepare`")
    lines: list[dict[str, object]] = []
    with tracking.run("ingest", config.model_dump()) as log:
        log.dataset("raw", RAW)
        write_clips(CLIPS, _kept(found, config, lines))
        numbers = summary(found, lines)
        seconds = [float(str(line["seconds"])) for line in lines if line["verdict"] != "quarantine"]
        shown = {"lengths.png": pictures.lengths(seconds), "reasons.png": pictures.reasons(reason_counts(lines))}
        write_report(REPORT, Report({"files": lines, **numbers}, shown))
        log.artifacts(REPORT)


def _kept(found: Survey, config: Ingest, lines: list[dict[str, object]]) -> Iterator[Clip]:
    """Takes that pass, while every file's line is noted."""
    for info, judged in track(judge_all(found, config), "ingest", found.file_count):
        lines.append(file_line(info, judged))
        if judged.clip:
            yield judged.clip


if __name__ == "__main__":
    supervision.watch_supervisor()
    main()
