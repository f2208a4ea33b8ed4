"""How quickly takes are judged, and where the thresholds of `ingest.judging` stand among the takes of a library.

    .venv/bin/python bench/bench_judge.py [FOLDER ...] [--thresholds]

judges the BVH files of the folders, or takes that it makes itself. Times are of judging without reading. With
`--thresholds` it prints the tables of docs/judging.md.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motionlib.artifacts import Caption, Clip, ClipInfo
from motionlib.ingest import RawMotion, doubts, duplicates, mending, read_bvh, spikes, synthetic
from motionlib.ingest.captions import Label
from motionlib.ingest.findings import Findings
from motionlib.ingest.judge import MEASURED_FPS, Judged, judge
from motionlib.ingest.landmarks import fingerprint
from motionlib.ingest.measures import MEASURES, measure_take
from motionlib.ingest.source import Source
from motionlib.params import Ingest, Judging
from motionlib.rig import geometry
from motionlib.rig.canonical import canonical_joints

WANTED = 60_000  # source frames a second and core
SETTINGS = Ingest(min_seconds=0.5, max_fps=480.0)
LABEL = Label(captions=(Caption("a person moves"),), licences=("stated",))
QUANTILES = (0.0, 0.01, 0.5, 0.99, 1.0)
# Threshold -> the measure it is held against, and whether what is below it is doubted.
HELD_AGAINST = {
    "jitter_mm": ("jitter", False), "skate": ("skate", False), "sink": ("penetration", False),
    "floor": ("floor", False),
    "float_seconds": ("air_longest", False), "pull": ("pull", False), "fall_low": ("fall", True),
    "fall_high": ("fall", False), "tempo_low": ("tempo", True), "tempo_high": ("tempo", False),
    "haste": ("haste", False), "stride_low": ("stride", True), "stride_high": ("stride", False),
    "root_high": ("root_share", False),
}  # fmt: skip
FACTORS = (2.0, 4.0, 0.5, 0.25)  # by which a rate is put wrong


@dataclass(frozen=True, eq=False)
class Take:
    """A file and what it holds."""

    name: str
    data: bytes
    motion: RawMotion


def takes_of(folders: list[Path]) -> list[Take]:
    """The files of the folders, or synthetic takes."""
    if not folders:
        made = [(take.name, synthetic.bvh(take)) for take in synthetic.takes()]
        return [Take(name, data, read_bvh(data)) for name, data in made]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.bvh"))]
    return [Take(str(path), path.read_bytes(), read_bvh(path.read_bytes())) for path in paths]


def judged(take: Take, fps: float | None = None) -> Judged:
    """The verdict on a take, or on one whose file says another rate."""
    data = take.data
    if fps is not None:
        head, _, tail = data.partition(b"Frame Time:")
        data = head + f"Frame Time: {1 / fps:.9f}\n".encode() + tail.partition(b"\n")[2]
    return judge(Source(f"{take.name}.bvh", data), ClipInfo(take.name, f"{take.name}.bvh", "x"), LABEL, SETTINGS)


def speeds(takes: list[Take]) -> None:
    """Source frames a second of judging as a whole and of its parts."""
    frames = sum(len(take.motion.root_pos) for take in takes)
    reading = _seconds(lambda: [read_bvh(take.data) for take in takes])
    whole = _seconds(lambda: [judged(take) for take in takes]) - reading
    clips = [_clip(take) for take in takes]
    joints = [canonical_joints(clip, clip.fps) for clip in clips]
    sparse = [(one[:: _step(clip)], clip.fps / _step(clip)) for one, clip in zip(joints, clips, strict=True)]
    both = list(zip(joints, clips, sparse, strict=True))
    made = [
        mending.Take(clip.root_pos, clip.local_quat, one, clip.fps) for one, clip in zip(joints, clips, strict=True)
    ]
    parts: dict[str, Callable[[], object]] = {
        "unit and up": lambda: [(geometry.find_unit(take.motion), geometry.find_up(take.motion)) for take in takes],
        "canonical joints": lambda: [canonical_joints(clip, clip.fps) for clip in clips],
        "spikes, leaps, poses": lambda: [mending.mend(take, SETTINGS, Findings()) for take in made],
        "measures": lambda: [measure_take(one, clip.fps, *few) for one, clip, few in both],
        "stillness": lambda: _doubt_all(made),
        "flips": lambda: [spikes.flips(clip.local_quat) for clip in clips],
        "landmarks": lambda: [fingerprint(*few) for few in sparse],
    }
    print(f"{len(takes)} takes, {frames} frames; reading {frames / reading:,.0f} frames/s")
    for name, job in parts.items():
        print(f"  {name:22} {frames / _seconds(job):12,.0f} frames/s")
    enough = "enough" if frames / whole >= WANTED else f"fewer than the {WANTED:,} wanted"
    print(f"  judging, without reading {frames / whole:9,.0f} frames/s: {enough}")
    prints = [fingerprint(*few) for few in sparse]
    start = time.process_time()
    settled = duplicates.settle([take.name for take in takes], prints, Judging())
    print(f"  settling {len(takes)} takes: {time.process_time() - start:.2f} s, {len(settled.findings)} findings")


def thresholds(takes: list[Take]) -> None:
    """Quantiles of measures beside their thresholds, counts of reasons, and how often a wrong rate is told."""
    verdicts = [judged(take) for take in takes]
    columns = {name: [one.measures[name] for one in verdicts if name in one.measures] for name in MEASURES}
    columns["stride"] = [one.measures["step"] / one.measures["cadence"] for one in verdicts if "step" in one.measures]
    columns["haste"] = [
        one.measures["tempo"] * max(one.measures["pull"], 0.0) ** 0.5 for one in verdicts if one.measures
    ]
    print("| threshold | measure | takes | min | 1 % | median | 99 % | max | stands at | beyond it |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for key, (name, below) in HELD_AGAINST.items():
        values, limit = np.array(columns[name]), float(getattr(SETTINGS.judging, key))
        beyond = int((values < limit).sum() if below else (np.abs(values) > limit).sum())
        shown = " | ".join(f"{value:.3g}" for value in np.quantile(values, QUANTILES)) if len(values) else "| | | |"
        unit = {"stride": "m s", "haste": "Hz"}.get(name) or MEASURES[name][0]
        print(f"| `{key}` | {name} ({unit}) | {len(values)} | {shown} | {limit:g} | {beyond} |")
    print("\n| reason | takes |\n|---|---:|")
    for reason, count in sorted(Counter(reason for one in verdicts for reason in one.reasons).items()):
        print(f"| `{reason}` | {count} |")
    print("\n| rate wrong by | told | of takes |\n|---|---:|---:|")
    for factor in FACTORS:
        fit = [take for take in takes if 5 <= take.motion.fps * factor <= SETTINGS.max_fps]
        told = sum("fps_doubtful" in judged(take, take.motion.fps * factor).reasons for take in fit)
        print(f"| x {factor:g} | {told / max(len(fit), 1):.0%} | {len(fit)} |")


def _clip(take: Take) -> Clip:
    """The take in metres, not mended; only for files that are y up."""
    motion, unit = take.motion, geometry.find_unit(take.motion)
    assert unit is not None, take.name
    skeleton = replace(motion.skeleton, offsets=motion.skeleton.offsets * unit)
    root, quat = (motion.root_pos * unit).astype(np.float32), motion.local_quat.astype(np.float32)
    return Clip(ClipInfo(take.name, take.name, "bench"), skeleton, root, quat, motion.fps)


def _doubt_all(takes: list[mending.Take]) -> None:
    for take in takes:
        doubts.doubt_stillness(take, SETTINGS.judging, Findings())


def _step(clip: Clip) -> int:
    return max(1, round(clip.fps / MEASURED_FPS))


def _seconds(job: Callable[[], object], repeats: int = 3) -> float:
    """Of the processor, so that other work on the machine does not count; the best of some runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        job()
        best = min(best, time.process_time() - start)
    return best


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--thresholds", action="store_true", help="print the tables of docs/judging.md instead")
    arguments = parser.parse_args()
    takes = takes_of(arguments.folders)
    (thresholds if arguments.thresholds else speeds)(takes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
