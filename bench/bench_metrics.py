"""How long the metrics take: `python bench/bench_metrics.py` prints milliseconds (best of five) for a whole test set.

The sizes are HumanML3D's: 4,646 test motions, embeddings of 512 numbers.
"""

import time
from collections.abc import Callable

import numpy as np

from motionlib.evaluation import distribution, intervals, matching, reconstruction

MOTIONS, WIDTH, POOL = 4646, 512, 32
FRAMES = 5_000  # of motion, about four minutes at 20 Hz
RESAMPLES = 2_000
TRIES = 5


def best(what: Callable[[], object]) -> float:
    """Milliseconds of the fastest try."""
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        what()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def plainly(values: np.ndarray, resamples: int) -> np.ndarray:
    """The bootstrap as it is usually written."""
    rng = np.random.default_rng(0)
    return np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(resamples)])


def main() -> None:
    """Print a line per metric."""
    rng = np.random.default_rng(0)
    text, motion = (rng.normal(size=(MOTIONS, WIDTH)).astype(np.float32) for _ in range(2))
    joints, other = (rng.normal(size=(FRAMES, 22, 3)) for _ in range(2))
    pools = list(matching.batches(MOTIONS, POOL, seed=0))
    own = np.eye(MOTIONS, dtype=bool)
    table = rng.normal(size=(4_000, 12))
    clips = [str(number // 3) for number in range(MOTIONS)]
    metrics: dict[str, Callable[[], object]] = {
        "FID": lambda: distribution.fid(text, motion),
        "KID": lambda: distribution.kid(text, motion),
        "R-precision, one repeat": lambda: matching.retrieval(text, motion, own, pools),
        "whole gallery": lambda: matching.gallery_recall(matching.distance_matrix(text, motion)),
        "bootstrap over clips": lambda: intervals.bootstrap(text[:, 0], RESAMPLES, 0, groups=clips),
        "bootstrap of 12 metrics, 4,000 clips, 10,000 resamples": lambda: intervals.bootstrap_table(table, 10_000, 0),
        "the same, one resample after the other (one of 12)": lambda: plainly(table[:, 0], 10_000),
        "KID of 300 with its interval": lambda: intervals.subsample(
            lambda rows: distribution.kid(text[rows, :128], motion[rows, :128]), 300, 200, 0
        ),
        f"MPJPE of {FRAMES} frames": lambda: reconstruction.mpjpe(joints, other),
        f"PA-MPJPE of {FRAMES} frames": lambda: reconstruction.pa_mpjpe(joints, other),
        "nearest of 20,000 frames, 500 frames": lambda: reconstruction.nearest_frame(
            joints[:500], np.tile(other, (4, 1, 1))
        ),
    }
    for name, metric in metrics.items():
        print(f"{name:56s} {best(metric):9.1f} ms")


if __name__ == "__main__":
    main()
