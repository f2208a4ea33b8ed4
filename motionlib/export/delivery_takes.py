"""Takes of a delivery that a page plays: read once more from the delivery, faults marked where messages name them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body.skeleton import CANONICAL_NAMES, Skeleton
from motionlib.export.delivery import Line, kind_of
from motionlib.export.player import PackedMotion, pack
from motionlib.ingest import READERS, BadMotionError
from motionlib.ingest.deliveries import Delivery
from motionlib.ingest.source import Source
from motionlib.rig import geometry
from motionlib.rig.canonical import canonical_joints
from motionlib.rig.mapping import map_clip
from motionlib.rig.raw import RawMotion

SHOWN_FPS = 20.0  # Hz of what is played
SHOWN_SECONDS = 12.0  # of a take; a longer one is shown from just before its first fault
LEAD_SECONDS = 2.0  # before the first fault
SHORTEST_MARK = 0.1  # s; a fault of one frame could not be seen
MOST_BAD, MOST_GOOD = 12, 4  # takes on a page
GUESSED_HEIGHT = 1.7  # m; what a body without a known unit is drawn at
_FRAMES = re.compile(r"\bframes? (\d+)(?:(?: to | and |-|–)(\d+))?")


class Mark(TypedDict):
    """A fault: seconds of what is shown, the reason's code, canonical joints that it touches."""

    start: float
    end: float
    text: str
    joints: list[int]


class MarkedMotion(PackedMotion):
    """A motion with its faults."""

    marks: list[Mark]


class Take(NamedTuple):
    """A take as a page shows it: its line, its motion or why there is none, and its rig as a clip."""

    line: Line
    motion: MarkedMotion | None
    why_not: str
    clip: Clip | None


def chosen(worst: Sequence[Line], accepted: Sequence[Line]) -> list[Line]:
    """What is worth playing: of each deciding reason its first files in turn, then accepted takes spread evenly.

    Args:
        worst: Lines that are not simply accepted, the worst first. accepted: Some that are.
    """
    turns: dict[str, list[Line]] = {}
    for line in worst:
        if line.get("joints"):  # what could not be read at all cannot be played
            turns.setdefault(str(line["reasons"][0]), []).append(line)
    bad: list[Line] = []
    while turns and len(bad) < MOST_BAD:
        bad += [lines.pop(0) for lines in turns.values()]
        turns = {reason: lines for reason, lines in turns.items() if lines}
    count = min(MOST_GOOD, len(accepted))
    good = [accepted[(2 * number + 1) * len(accepted) // (2 * count)] for number in range(count)]
    return [*bad[:MOST_BAD], *good]


def read_takes(deliveries: Iterable[Delivery], lines: Sequence[Line], body_models: Path | None = None) -> list[Take]:
    """The takes of some lines, in the order of the lines; what cannot be shown says why.

    Args:
        body_models: Folder of the user's own SMPL files, if there is one.
    """
    wanted = {str(line["id"]): line for line in lines}
    found = {
        str(line["id"]): take(source, info, line)
        for delivery in deliveries
        for info, source, line in _sources(delivery, wanted, body_models)
    }
    return [found.get(str(line["id"]), Take(line, None, "it is not in the delivery any more", None)) for line in lines]


def _sources(
    delivery: Delivery, wanted: Mapping[str, Line], body_models: Path | None
) -> Iterator[tuple[ClipInfo, Source, Line]]:
    names = {member.name for member, info, _ in delivery.known() if info.id in wanted}
    for info, _, source in delivery.read(body_models, names) if names else ():
        if isinstance(source, Source):
            yield info, source, wanted[info.id]


def take(source: Source, info: ClipInfo, line: Line) -> Take:
    """One file as it is, before any repair, on the canonical joints."""
    suffix = "." + source.name.rpartition(".")[2].lower()
    try:
        raw = READERS[suffix].read(source)
        clip = _clip(raw, info, source.rig)
        joints = canonical_joints(clip, SHOWN_FPS)
        if not np.isfinite(joints).all():
            raise ValueError("it holds numbers that are not finite")
    except (ArithmeticError, BadMotionError, LookupError, ValueError) as error:
        return Take(line, None, str(error), None)
    marks = _marks(line, clip, len(joints) / SHOWN_FPS)
    start = max(marks[0]["start"] - LEAD_SECONDS, 0.0) if marks else 0.0
    first = min(int(start * SHOWN_FPS), max(len(joints) - int(SHOWN_SECONDS * SHOWN_FPS), 0))
    shown = joints[first : first + int(SHOWN_SECONDS * SHOWN_FPS)]
    packed = pack(_centred(shown), SHOWN_FPS, title=_title(line, first, len(shown), len(joints)), text=line["path"])
    inside = [_moved(mark, first / SHOWN_FPS, len(shown) / SHOWN_FPS) for mark in marks]
    return Take(line, MarkedMotion(**packed, marks=[mark for mark in inside if mark["end"] > mark["start"]]), "", clip)


def _clip(raw: RawMotion, info: ClipInfo, rig: str) -> Clip:
    """What a reader gave, in metres and y up, as well as they can be told."""
    unit = raw.unit or geometry.find_unit(raw) or _guessed_unit(raw)
    up = raw.up or geometry.find_up(raw)
    root_pos, local_quat = raw.root_pos, raw.local_quat
    if up != "y":
        root_pos, local_quat = geometry.turn_y_up(root_pos, local_quat, up)
    skeleton = Skeleton(raw.skeleton.names, raw.skeleton.parents, raw.skeleton.offsets * unit)
    known = ClipInfo(id=info.id, file=info.file, delivery=info.delivery, rig=rig)
    return Clip(known, skeleton, (root_pos * unit).astype(np.float32), local_quat.astype(np.float32), raw.fps)


def _guessed_unit(raw: RawMotion) -> float:
    joints = geometry.sampled_joints(raw)
    return GUESSED_HEIGHT / max(float(np.median(np.ptp(joints, axis=1).max(axis=1))), 1e-9)


def _centred(joints: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Around the middle of the way, the lowest foot on the floor, so that the page's camera finds it."""
    way = joints[:, 0, [0, 2]]
    middle = (way.min(axis=0) + way.max(axis=0)) / 2
    floor = np.percentile(joints[..., 1].min(axis=1), 10)
    return np.asarray(joints - np.array([middle[0], floor, middle[1]]))


def _marks(line: Line, clip: Clip, seconds: float) -> list[Mark]:
    """Where the messages of a line say that something is wrong, in order of time."""
    carried = _carried(clip)
    found = []
    for message in line["messages"]:
        reason, _, said = str(message).partition(": ")
        if kind_of(reason) == "remark":
            continue
        words = set(re.findall(r"[\w:.-]+", said))
        joints = sorted({joint for name in words for joint in carried.get(name, ())})
        for match in _FRAMES.finditer(said):
            start, end = (int(number) / clip.fps for number in (match[1], match[2] or match[1]))
            if start <= seconds:
                end = min(max(end, start + SHORTEST_MARK), seconds)
                found.append(Mark(start=start, end=end, text=reason, joints=joints))
            break  # what follows the first place says how much is left
    return sorted(found, key=lambda mark: (mark["start"], mark["text"]))


def _moved(mark: Mark, start: float, seconds: float) -> Mark:
    begin, end = (min(max(round(mark[key] - start, 3), 0.0), seconds) for key in ("start", "end"))
    return Mark(start=begin, end=end, text=mark["text"], joints=mark["joints"])


def _carried(clip: Clip) -> dict[str, list[int]]:
    """Canonical joints by the name of the source joint that carries them, and by their own."""
    mapping = map_clip(clip)
    found: dict[str, list[int]] = {name: [joint] for joint, name in enumerate(CANONICAL_NAMES)}
    for joint, (first, second) in enumerate(zip(mapping.first, mapping.second, strict=True)):
        for source in {first, second}:
            found.setdefault(clip.skeleton.names[source], []).append(joint)
    return found


def _title(line: Line, first: int, shown: int, frames: int) -> str:
    """What is shown of a take."""
    if shown == frames:
        return str(line["verdict"])
    start, end, whole = (frame / SHOWN_FPS for frame in (first, first + shown, frames))
    return f"{line['verdict']}, {start:.0f} to {end:.0f} s of {whole:.0f} s"
