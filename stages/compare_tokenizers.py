"""Stage `compare_tokenizers`: reports/off_distribution of every tokenizer -> reports/compare_tokenizers."""

from pathlib import Path

from motionlib import supervision, tracking
from motionlib.artifacts import Report, read_report, write_report
from motionlib.evaluation.off_distribution import pictures, table

READ, REPORT = Path("reports/off_distribution"), Path("reports/compare_tokenizers")


def main() -> None:
    """Show side by side what every tokenizer loses on motion that it never saw."""
    reports = {folder.name: read_report(folder) for folder in sorted(READ.iterdir()) if folder.is_dir()}
    rows = table.rows(reports)
    made = {
        "off_distribution.png": pictures.bars(reports),
        "error_by_distance.png": pictures.curves(reports),
        "off_distribution.md": table.markdown(rows, table.HEADS).encode(),
    }
    with tracking.run("compare_tokenizers", {}) as log:
        write_report(REPORT, Report({"rows": rows}, made))
        log.artifacts(REPORT)


if __name__ == "__main__":
    supervision.watch_supervisor()
    main()
