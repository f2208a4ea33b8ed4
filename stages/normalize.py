"""Stage `normalize`: data/clips -> data/features, reports/normalize."""

from pathlib import Path

from motionlib import params, supervision, tracking
from motionlib.artifacts import read_clips, write_features, write_report
from motionlib.normalize import survey
from motionlib.normalize.convert import worker_count
from motionlib.normalize.library import Rows, normalize_library

CLIPS, FEATURES, REPORT = Path("data/clips"), Path("data/features"), Path("reports/normalize")


def main() -> None:
    """Bring every take to one skeleton, frame rate and layout, split the library and measure it."""
    config = params.load().normalize
    library = read_clips(CLIPS)
    with tracking.run("normalize", config.model_dump()) as log, Rows() as rows:
        log.dataset("clips", CLIPS)
        done = normalize_library(library, config, rows, worker_count(len(library)))
        mean, std = done.statistics
        clips = rows.of(done.clips)
        write_features(FEATURES, clips, done.items, mean=mean, std=std, fps=config.fps, mode=config.mode)
        write_report(REPORT, survey.report(done, config.fps))
        log.artifacts(REPORT)


if __name__ == "__main__":
    supervision.watch_supervisor()
    main()
