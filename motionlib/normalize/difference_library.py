"""What the two modes of features differ by over a library: a sample of its takes, for the report of `normalize`."""

from dataclasses import replace
from typing import Any

from motionlib import sources
from motionlib.artifacts import Clip, ClipLibrary, Report
from motionlib.artifacts.memory import Memory
from motionlib.normalize.difference import PUBLISHED_FPS, Difference, difference, picture, summary
from motionlib.rig.canonical import canonical_motion

SAMPLED = 100  # takes, so that the report of a growing library costs the same
LONGEST = 60.0  # s of a take that are looked at


def with_modes(report: Report, library: ClipLibrary) -> Report:
    """The report with what both modes make of a sample of the library: numbers under `modes`, a picture `modes.png`."""
    memory = Memory("modes", sources.fingerprint(["motionlib.normalize.difference_library"]))
    found = []
    number, shard = 0, library.open(0)
    for row in _sample(library):
        known = memory.get(row["motion"])
        if known is None:
            if row["shard"] != number:
                number, shard = row["shard"], library.open(row["shard"])
            known = _compared(shard.clip(shard.by_id[row["id"]]))
        memory.put(row["motion"], known)
        if known:
            found.append(Difference(**known))
    memory.save()
    return Report(report.numbers | {"modes": summary(found)}, report.pictures | {"modes.png": picture(found)})


def _compared(clip: Clip) -> dict[str, Any]:
    """A take in both modes as JSON; empty if it is no body or too short, and so among the takes that are left out."""
    frames = int(LONGEST * clip.fps)
    short = replace(clip, root_pos=clip.root_pos[:frames], local_quat=clip.local_quat[:frames])
    try:
        motion = canonical_motion(short, PUBLISHED_FPS)
        return difference(motion.joints, motion.world_quat, clip.fps)._asdict()
    except ValueError:
        return {}


def _sample(library: ClipLibrary) -> list[dict[str, Any]]:
    """Rows of at most SAMPLED takes in the library's order: those with the first hashes, so that few change with it."""
    order = library.table.select(["motion", "kept"]).to_pydict()
    kept = [
        (motion, place) for place, (motion, kept) in enumerate(zip(order["motion"], order["kept"], strict=True)) if kept
    ]
    places = sorted(place for _, place in sorted(kept)[:SAMPLED])
    rows: list[dict[str, Any]] = library.table.take(places).to_pylist()
    return rows
