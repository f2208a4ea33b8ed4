"""What the two modes of features differ by over a library: a sample of its takes, for the report of `normalize`."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from motionlib.artifacts import Clip, ClipLibrary, Report
from motionlib.normalize.difference import PUBLISHED_FPS, difference, picture, summary
from motionlib.rig.canonical import canonical_motion

SAMPLED = 100  # takes, spread evenly, so that the report of a growing library costs the same
LONGEST = 60.0  # s of a take that are looked at


def with_modes(report: Report, library: ClipLibrary) -> Report:
    """The report with what both modes make of a sample of the library: numbers under `modes`, a picture `modes.png`."""
    found = []
    for clip in _sample(library):
        frames = int(LONGEST * clip.fps)
        short = replace(clip, root_pos=clip.root_pos[:frames], local_quat=clip.local_quat[:frames])
        try:
            motion = canonical_motion(short, PUBLISHED_FPS)
            found.append(difference(motion.joints, motion.world_quat, clip.fps))
        except ValueError:  # no body, or too short; counted among the takes that are left out
            continue
    return Report(report.numbers | {"modes": summary(found)}, report.pictures | {"modes.png": picture(found)})


def _sample(library: ClipLibrary) -> Iterator[Clip]:
    """At most SAMPLED takes, in the library's order, each shard opened once."""
    kept = np.flatnonzero(library.table["kept"].to_numpy())
    rows = library.table.take(kept[np.unique(np.linspace(0, len(kept) - 1, SAMPLED).astype(int))]).to_pylist()
    for number in sorted({row["shard"] for row in rows}):
        shard = library.open(number)
        for row in rows:
            if row["shard"] == number:
                yield shard.clip(shard.by_id[row["id"]])
