"""One verdict per file: accept, repair (and say how), or quarantine (and say why)."""

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Caption, Clip, ClipInfo
from motionlib.body.skeleton import Skeleton
from motionlib.ingest import CONVERT, READERS
from motionlib.ingest.captions import Label
from motionlib.ingest.quality import QUARANTINE, REMARK, REPAIR, BadMotionError
from motionlib.ingest.source import Source
from motionlib.params import Ingest
from motionlib.rig import geometry
from motionlib.rig.raw import RawMotion

MIN_FPS = 5.0  # Hz; slower than any mocap, no gait survives it
MIN_JOINTS = 10  # a trunk, two arms and two legs of two bones each
STRETCH_NOTED = 0.001  # m; below it a joint's translation is rounding
STRETCH_REFUSED = 0.05  # m; above it dropping the translation changes the motion
LONGEST_BONE = 1.5  # m
FASTEST_ROOT = 20.0  # m/s; sprinters reach 12.4, so more is a leap of the data
KEPT_SHARE = 0.5  # of a take that must be free of leaps, and of a caption's span that must be in what is kept
OFFSET_STEP = 1e-6  # m; offsets are rounded to it, so that takes of one body share one skeleton
ADDED_POSE = 0.6  # rad, of the joint that turns most between the first two frames
ADDED_RATIO = 3.0  # of that turn to the largest one between the second frame and the third

Verdict = Literal["accept", "repair", "quarantine"]


@dataclass(frozen=True, eq=False)
class Judged:
    """A verdict.

    Attributes:
        reasons: Keys of REASONS, the deciding ones first, then remarks.
        messages: One sentence per reason that has details, naming line, frame or number.
        facts: unit (metres per file unit), up, fps, frames, seconds, joints; empty if nothing could be read.
        clip: None if quarantined.
        measures: By the names of `ingest.measures.MEASURES`; empty where the body could not be told.
        fingerprint: (K, 2) int64 landmarks of the motion for `ingest.duplicates.settle`.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    messages: tuple[str, ...] = ()
    facts: dict[str, float | int | str] = field(default_factory=dict)
    clip: Clip | None = None
    measures: dict[str, float] = field(default_factory=dict)
    fingerprint: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))


@dataclass
class _Findings:
    """Reasons with their details, as they come up."""

    messages: dict[str, str] = field(default_factory=dict)

    def note(self, reason: str, message: str = "") -> None:
        self.messages.setdefault(reason, message)

    def verdict(self) -> Verdict:
        if any(reason in QUARANTINE for reason in self.messages):
            return "quarantine"
        return "repair" if any(reason in REPAIR for reason in self.messages) else "accept"

    def judged(self, facts: dict[str, float | int | str], clip: Clip | None) -> Judged:
        ranked = [*QUARANTINE, *REPAIR, *REMARK]
        reasons = tuple(sorted(self.messages, key=ranked.index))
        messages = tuple(f"{reason}: {self.messages[reason]}" for reason in reasons if self.messages[reason])
        verdict = self.verdict()
        return Judged(verdict, reasons, messages, facts, None if verdict == "quarantine" else clip)


def judge(source: Source, info: ClipInfo, label: Label, settings: Ingest) -> Judged:
    """Read one file and decide whether it may be trained on. Never raises because of what the file holds.

    Args:
        source: The file's bytes and its companions.
        info: Its id, file and delivery; subject, action, style, licence and captions are taken from `label`, the
            licence from `info` where the captions state none.
        label: What captions say of it.
        settings: The `ingest` section of params.yaml.
    """
    found = _Findings()
    known = ClipInfo(
        id=info.id,
        file=info.file,
        delivery=info.delivery,
        subject=label.subject,
        action=label.action,
        style=label.style,
        licence=" AND ".join(label.licences) or info.licence,
        captions=label.captions,
        rig=source.rig,
    )
    if not known.captions:
        found.note("caption_missing")
    if not known.licence:
        found.note("licence_missing")
    suffix = PurePosixPath(info.file).suffix.lower()
    if suffix not in READERS:
        found.note("unknown_format", CONVERT.get(suffix, f"{suffix or 'no suffix'} is none of {', '.join(READERS)}"))
        return found.judged({}, None)
    try:
        motion = READERS[suffix].read(source)
    except BadMotionError as error:
        found.note(error.reason, str(error))
        return found.judged({}, None)
    except (ArithmeticError, LookupError, MemoryError, ValueError) as error:  # ours to mend, but not tonight's to stop
        found.note("unreadable", f"the reader failed with {type(error).__name__}: {error}")
        return found.judged({}, None)
    return _judge_motion(motion, known, settings, found)


def _judge_motion(motion: RawMotion, info: ClipInfo, settings: Ingest, found: _Findings) -> Judged:
    for remark in motion.remarks:
        found.note(remark)
    unit = _check_body(motion, found)
    _check_time(motion, settings, found)
    up = geometry.find_up(motion)
    piece = slice(None) if unit is None else _without_leaps(motion, unit, settings, found)
    root_pos, local_quat = motion.root_pos[piece], motion.local_quat[piece]
    if up != "y":
        found.note("axes_turned", f"{up} was up; the data were turned so that y is")
        root_pos, local_quat = geometry.turn_y_up(root_pos, local_quat)
    facts: dict[str, float | int | str] = {
        "up": up,
        "fps": motion.fps,
        "frames": len(root_pos),
        "seconds": round(len(root_pos) / motion.fps, 6),
        "joints": motion.skeleton.joint_count,
    }
    if unit is None:
        return found.judged(facts, None)
    facts["unit"] = round(unit, 9)
    _check_lengths(motion, unit, found)
    clip = Clip(
        info=replace(info, captions=_inside(info.captions, piece, motion.fps, len(root_pos))),
        skeleton=_in_metres(motion.skeleton, unit),
        root_pos=(root_pos * unit).astype(np.float32),
        local_quat=local_quat.astype(np.float32),
        fps=motion.fps,
    )
    return found.judged(facts, clip)


def _check_body(motion: RawMotion, found: _Findings) -> float | None:
    joints = motion.skeleton.joint_count
    if joints < MIN_JOINTS:
        found.note("not_humanoid", f"{joints} joints, at least {MIN_JOINTS} are a body")
        return None
    unit = geometry.find_unit(motion)
    if unit is None:
        longest = float(np.linalg.norm(motion.skeleton.offsets, axis=1).max())
        found.note("units_doubtful", f"longest bone {longest:.4g} units; tried {', '.join(_shown_units())} m per unit")
    return unit


def _check_time(motion: RawMotion, settings: Ingest, found: _Findings) -> None:
    seconds = len(motion.root_pos) / motion.fps
    if not MIN_FPS <= motion.fps <= settings.max_fps:
        found.note("fps_doubtful", f"{motion.fps:.6g} Hz is not within {MIN_FPS:g} and {settings.max_fps:g} Hz")
    if seconds < settings.min_seconds or len(motion.root_pos) < 2:
        found.note("too_short", f"{seconds:.3f} s, at least {settings.min_seconds:g} s are needed")
    if len(motion.root_pos) > 2:
        first, second = (_largest_angle(motion, frame) for frame in (0, 1))
        if first > ADDED_POSE and first > ADDED_RATIO * second:
            found.note("first_frame_differs", f"a joint turns by {math.degrees(first):.0f} degrees after frame 0")


def _check_lengths(motion: RawMotion, unit: float, found: _Findings) -> None:
    names = motion.skeleton.names
    stretch, bones = motion.stretch * unit, np.linalg.norm(motion.skeleton.offsets, axis=1) * unit
    worst, longest = int(stretch.argmax()), int(bones.argmax())
    if stretch[worst] > STRETCH_NOTED:
        reason = "bones_stretch" if stretch[worst] > STRETCH_REFUSED else "joint_translations_dropped"
        found.note(reason, f"{names[worst]} by up to {stretch[worst] * 1000:.1f} mm")
    if bones[longest] > LONGEST_BONE:
        found.note("bone_too_long", f"{names[longest]} measures {bones[longest]:.2f} m")


def _without_leaps(motion: RawMotion, unit: float, settings: Ingest, found: _Findings) -> slice:
    """The longest piece within which the root never moves faster than any person; the whole take as a rule."""
    speed = np.linalg.norm(np.diff(motion.root_pos, axis=0), axis=1) * unit * motion.fps
    leaps = np.flatnonzero(speed > FASTEST_ROOT)
    if not len(leaps):
        return slice(None)
    borders = [0, *(leaps + 1).tolist(), len(motion.root_pos)]
    start, end = max(pairwise(borders), key=lambda piece: piece[1] - piece[0])
    said = f"{speed[leaps[0]]:.0f} m/s between frames {leaps[0]} and {leaps[0] + 1}"
    if end - start < max(KEPT_SHARE * len(motion.root_pos), settings.min_seconds * motion.fps):
        found.note("root_jumps", said)
        return slice(None)
    found.note("cut_at_jump", f"{said}; frames {start} to {end - 1} of {len(motion.root_pos)} were kept")
    return slice(start, end)


def _inside(captions: tuple[Caption, ...], piece: slice, fps: float, frames: int) -> tuple[Caption, ...]:
    """Captions with their spans counted from the start of what was kept; without those that lie mostly outside."""
    if piece == slice(None):
        return captions
    begin, length = piece.start / fps, frames / fps
    kept = []
    for caption in captions:
        start, end = max(caption.start_s - begin, 0.0), min(caption.end_s - begin, length)
        whole = caption.end_s == 0.0
        if whole or end - start >= KEPT_SHARE * (caption.end_s - caption.start_s):
            kept.append(caption if whole else replace(caption, start_s=round(start, 6), end_s=round(end, 6)))
    return tuple(kept)


def _largest_angle(motion: RawMotion, frame: int) -> float:
    """Angle in radians by which the liveliest joint turns from `frame` to the next."""
    here, there = motion.local_quat[frame], motion.local_quat[frame + 1]
    cosine = np.abs((here * there).sum(axis=1)).clip(max=1.0)
    return float(2 * np.arccos(cosine).max())


def _in_metres(skeleton: Skeleton, unit: float) -> Skeleton:
    offsets = np.round(skeleton.offsets * unit / OFFSET_STEP) * OFFSET_STEP + 0.0  # no negative zero
    return Skeleton(skeleton.names, skeleton.parents, np.round(offsets, 6))


def _shown_units() -> list[str]:
    return [f"{unit:.4g}" for unit in geometry.UNITS]
