"""Faults put into good files: how many are found with the right reason, and how many good files are blamed."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import faults
import numpy as np
import pytest

from motionlib.artifacts import Caption, ClipInfo
from motionlib.ingest import synthetic
from motionlib.ingest.captions import Label
from motionlib.ingest.duplicates import settle
from motionlib.ingest.judge import Judged, judge
from motionlib.ingest.quality import QUARANTINE, REMARK, REPAIR
from motionlib.ingest.source import Source
from motionlib.params import Ingest, Judging

SETTINGS = Ingest(min_seconds=0.5, max_fps=480.0)
FILES, SEED = 200, 20261122
ASF, CENTIMETRE = 0.0254 / 0.45, 0.01
# Remarks that are alarms; the others state what a reader did or what a file lacks.
ALARMS = {"caption_contradicts", "frames_repeated", "floor_offset", "sinks", "floats", "overlaps", "mirrored_duplicate"}
WALKS, RUNS = r"walk|run|dash|/(16|127)_|02_01|02_02", r"run|dash|/16_(3[3-9]|4[56]|5[0-8])|/127_|/09_"
CMU, BANDAI = r"^cmu/", r"^bandai/"
# Kind -> how many, the names of files that it can happen to, and their shortest length in s.
PLAN = {
    "NaN": (3, "", 1), "cut file": (3, "", 1), "cut header": (1, "", 1), "empty": (1, "", 1),
    "decimal commas": (2, "", 1),
    "rate x4": (3, WALKS, 2), "rate x2": (2, RUNS, 1), "rate /4": (3, WALKS, 2),
    "root in mm": (2, WALKS, 2), "root in m": (2, WALKS, 2), "no known unit": (1, "", 1),
    "pops": (5, "", 2), "many pops": (2, "", 4), "jitter": (3, "", 1),
    "sunk 20 cm": (2, "", 1), "sinks for 0.5 s": (2, "", 2), "skate": (3, "", 2), "leap": (2, "", 2),
    "T-pose, one frame": (2, CMU, 1), "T-pose, 1 s": (2, CMU, 1), "T-pose behind": (1, CMU, 1),
    "held tail": (2, "", 1), "lost frames": (2, "", 3), "frozen": (1, "", 1), "stuck elbow": (2, "", 4),
    "bone explodes": (2, BANDAI, 1), "head down": (1, CMU, 1), "left is right": (1, CMU, 1),
    "copy": (2, "", 3), "mirrored copy": (2, CMU, 3), "crop": (2, "", 5), "half rate copy": (1, CMU, 3),
    "sides of the caption": (3, r"(left|right)-hand", 1), "no caption": (1, "", 1), "no licence": (1, "", 1),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class File:
    """One file of the seeded delivery; `kind` is the fault in it, "" for none."""

    name: str
    data: bytes
    label: Label
    kind: str = ""
    of: str = ""


def seed(files: list[File], plan: dict[str, tuple[int, str, float]], rng: np.random.Generator) -> list[File]:
    """The same files with faults in some, drawn at random; a copy takes the place of another file."""
    files = list(files)
    length = {file.name: _bvh(file).frame_time * len(_bvh(file).rows) for file in files}
    for kind, (count, names, seconds) in plan.items():
        fit = [
            i
            for i, file in enumerate(files)
            if not file.kind and re.search(names, file.name) and file.name not in {other.of for other in files}
            and length[file.name] >= seconds
        ]  # fmt: skip
        for _ in range(count):
            victim = fit.pop(int(rng.integers(len(fit))))
            if kind in faults.COPIES:  # the good file stays, a later one becomes the copy
                free = [i for i in range(len(files)) if i > victim and not files[i].kind]
                if not free:  # it comes last
                    free, victim = [victim], next(i for i in fit if i < victim)
                slot = free[int(rng.integers(len(free)))]
                fit = [i for i in fit if i != slot]
                files[slot] = _spoilt(files[victim], kind, rng, name=files[slot].name)
            else:
                files[victim] = _spoilt(files[victim], kind, rng, name=files[victim].name)
    return files


def _spoilt(file: File, kind: str, rng: np.random.Generator, name: str) -> File:
    data, label = file.data, file.label
    if kind in faults.NUMBERS:
        data = faults.NUMBERS[kind][0](_bvh(file), rng).bytes()
    elif kind in faults.BYTES:
        data = faults.BYTES[kind][0](data)
    else:
        label = faults.LABELS[kind][0](label)
    return File(name, data, label, kind, file.name if kind in faults.COPIES else "")


def _bvh(file: File) -> faults.Bvh:
    return faults.Bvh.read(file.data, ASF if file.name.startswith("cmu/") else CENTIMETRE)


def examine(files: list[File]) -> dict[str, object]:
    """Judge a delivery and compare what is found with what was put in."""
    verdicts = [_judged(file) for file in files]
    settled = settle([file.name for file in files], [one.fingerprint for one in verdicts], Judging())
    found = [set(one.reasons) for one in verdicts]
    for take, (reason, _) in settled.findings.items():
        found[take].add(reason)
    right = {"NUMBERS": faults.NUMBERS, "BYTES": faults.BYTES, "LABELS": faults.LABELS}
    wanted = {kind: set(entry[1]) for table in right.values() for kind, entry in table.items()}  # type: ignore[attr-defined]
    table: dict[str, Counter[str]] = {}
    missed, blamed = [], []
    for file, reasons in zip(files, found, strict=True):
        told = reasons & (set(QUARANTINE) | set(REPAIR) | ALARMS | {"caption_missing", "licence_missing"})
        if file.kind:
            hit = bool(told & wanted[file.kind])
            table.setdefault(file.kind, Counter())["found" if hit else f"missed: {sorted(told)}"] += 1
            missed += [] if hit else [f"{file.kind}: {file.name}: {sorted(told)}"]
        elif told:
            blamed.append(f"{file.name}: {sorted(told)}")
    planted = sum(1 for file in files if file.kind)
    return {
        "faults": planted,
        "found": planted - len(missed),
        "clean": len(files) - planted,
        "blamed": blamed,
        "missed": missed,
        "table": {kind: dict(sorted(counts.items())) for kind, counts in sorted(table.items())},
        "messages": [[file.name, *one.messages] for file, one in zip(files, verdicts, strict=True)],
    }


def _judged(file: File) -> Judged:
    info = ClipInfo(file.name, f"{file.name}.bvh", "d")
    return judge(Source(f"{file.name}.bvh", file.data), info, file.label, SETTINGS)


def synthetic_files() -> list[File]:
    label = Label(captions=(Caption("a person moves"),), licences=("MIT",))
    return [File(f"takes/{i:02d}", synthetic.bvh(take), label) for i, take in enumerate(synthetic.takes()[:40])]


SMALL = {
    "NaN": (1, "", 1), "cut file": (1, "", 1), "empty": (1, "", 1), "no known unit": (1, "", 1), "pops": (2, "", 2),
    "jitter": (1, "", 1), "skate": (1, "", 2), "leap": (1, "", 2), "T-pose, one frame": (1, "", 1),
    "held tail": (1, "", 1), "frozen": (1, "", 1), "copy": (1, "", 2), "no caption": (1, "", 1),
}  # fmt: skip


def test_faults_in_synthetic_takes_are_found_and_the_others_are_left_alone():
    result = examine(seed(synthetic_files(), SMALL, np.random.default_rng(SEED)))
    assert result["missed"] == []
    assert result["blamed"] == []


def test_what_is_said_of_a_fault_names_numbers():
    files = seed(synthetic_files()[:20], {"pops": (1, "", 2)}, np.random.default_rng(SEED))
    (victim,) = (file.name for file in files if file.kind)
    told = {name: messages for name, *messages in examine(files)["messages"]}  # type: ignore[attr-defined]
    assert re.search(r"spikes_removed: 3 in \d+ of \d+ frames; \w+ is 0\.\d+ m away in frames? \d+", told[victim][0])


@pytest.fixture(scope="module")
def delivery(real_mocap: Path, tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    """200 real files, drawn once and for all."""
    folder = tmp_path_factory.mktemp("mocap")
    subprocess.run([sys.executable, real_mocap / "unpack.py", folder], check=True, capture_output=True)
    labels: dict[str, Label] = {}
    for part in ("cmu", "bandai"):
        with (folder / part / "captions.csv").open() as table:
            for row in csv.DictReader(table):
                caption = Caption(row["text"], float(row["from_s"]), float(row["to_s"]))
                name = f"{part}/{row['file'].removesuffix('.bvh')}"
                labels[name] = labels.get(name, Label()) + Label((caption,), licences=("stated",))
    names = sorted(labels)
    drawn = sorted(np.random.default_rng(SEED).choice(len(names), FILES, replace=False).tolist())
    return [File(names[i], (folder / f"{names[i]}.bvh").read_bytes(), labels[names[i]]) for i in drawn]


@pytest.mark.slow
def test_faults_in_real_takes_are_found_with_the_right_reason(delivery: list[File]):
    files = seed(delivery, PLAN, np.random.default_rng(SEED))
    result = examine(files)
    print(json.dumps({key: value for key, value in result.items() if key != "messages"}, indent=1))

    assert result["faults"] == sum(count for count, _, _ in PLAN.values()) >= 60
    assert result["found"] >= 0.95 * result["faults"]  # type: ignore[operator]
    before = {file.name: set(_judged(file).reasons) for file in delivery}
    new = [line for line in result["blamed"] if not before[line.split(":")[0]]]  # type: ignore[attr-defined]
    assert len(new) <= 0.05 * result["clean"]  # type: ignore[operator]
    assert len(result["blamed"]) <= 0.15 * result["clean"]  # type: ignore[operator,arg-type]
    assert json.dumps(examine(files)) == json.dumps(result)


def test_every_alarm_is_a_remark():
    assert set(REMARK) >= ALARMS
