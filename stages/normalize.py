"""Stage `normalize`: data/clips -> data/features, reports/normalize."""

from pathlib import Path

from motionlib import params, supervision, tracking
from motionlib.artifacts import leave_pandas_out, read_clips, write_report
from motionlib.normalize import survey
from motionlib.normalize.difference_library import with_modes
from motionlib.normalize.library import normalize_library

CLIPS, FEATURES, REPORT = Path("data/clips"), Path("data/features"), Path("reports/normalize")


def main() -> None:
    """Bring what is new to one skeleton, frame rate and layout, split the library and measure it."""
    config = params.load().normalize
    library = read_clips(CLIPS)
    with tracking.run("normalize", config.model_dump()) as log:
        log.dataset("clips", CLIPS)
        done = normalize_library(library, config, FEATURES)
        write_report(REPORT, with_modes(survey.report(done, config.fps), library))
        log.artifacts(REPORT)


if __name__ == "__main__":
    supervision.watch_supervisor()
    leave_pandas_out()
    main()
