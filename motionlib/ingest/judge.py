"""One verdict per file: accept, repair (and say how), or quarantine (and say why)."""

from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Caption, Clip, ClipInfo
from motionlib.body.skeleton import Skeleton
from motionlib.ingest import CONVERT, READERS, sides, spikes
from motionlib.ingest.captions import Label
from motionlib.ingest.contacts import root_share
from motionlib.ingest.doubts import doubt, doubt_root, rate_doubt
from motionlib.ingest.findings import Findings, Verdict
from motionlib.ingest.landmarks import fingerprint
from motionlib.ingest.measures import measure_take
from motionlib.ingest.mending import Take, mend
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source
from motionlib.params import Ingest
from motionlib.rig import geometry
from motionlib.rig.canonical import canonical_joints
from motionlib.rig.mapping import map_clip
from motionlib.rig.override import Override
from motionlib.rig.raw import RawMotion

FloatArray = NDArray[np.floating]

MIN_FPS = 5.0  # Hz; slower than any mocap, no gait survives it
MIN_JOINTS = 10  # a trunk, two arms and two legs of two bones each
STRETCH_NOTED = 0.001  # m; below it a joint's translation is rounding
STRETCH_REFUSED = 0.05  # m; above it dropping the translation changes the motion
LONGEST_BONE = 1.5  # m
KEPT_SHARE = 0.5  # of a caption's span that must be in what is kept
OFFSET_STEP = 1e-6  # m; offsets are rounded to it, so that takes of one body share one skeleton
OTHER_UNIT = 1.5  # times; a child is no other unit
BROKEN = {"spikes", "pose_jumps", "root_jumps"}  # what looks like a wrong rate, too
SAME_RATE = 0.001  # share by which a stated rate may differ from the file's without being news
MEASURED_FPS = 30.0  # Hz about which measures are taken, by leaving out whole frames


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


def judge(source: Source, info: ClipInfo, label: Label, settings: Ingest) -> Judged:
    """Read one file and decide whether it may be trained on. Never raises because of what the file holds.

    Args:
        source: The file's bytes and its companions.
        info: Its id, file and delivery; subject, action, style, licence and captions are taken from `label`, the
            licence from `info` where the captions state none.
        label: What captions say of it.
        settings: The `ingest` section of params.yaml.
    """
    found = Findings()
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
    if not any(caption.text for caption in known.captions):
        found.note("caption_missing")
    if not known.licence:
        found.note("licence_missing")
    suffix = PurePosixPath(info.file).suffix.lower()
    if suffix not in READERS:
        found.note("unknown_format", CONVERT.get(suffix, f"{suffix or 'no suffix'} is none of {', '.join(READERS)}"))
        return _verdict(found)
    try:
        motion = READERS[suffix].read(source)
    except BadMotionError as error:
        found.note(error.reason, str(error))
        return _verdict(found)
    except (ArithmeticError, LookupError, MemoryError, ValueError) as error:  # ours to mend, but not tonight's to stop
        found.note("unreadable", f"the reader failed with {type(error).__name__}: {error}")
        return _verdict(found)
    try:
        said = Override.read(source.rig)
    except ValueError as error:
        found.note("bad_rig_file", str(error))
        return _verdict(found)
    if said.unit is None:
        _check_stated_unit(motion, found)
    motion = said.applied(motion)
    if source.fps and abs(source.fps / motion.fps - 1) > SAME_RATE:
        found.note("fps_stated", f"{source.fps:.6g} Hz by the captions, {motion.fps:.6g} Hz by the file")
        motion = replace(motion, fps=source.fps)
    known_rate = source.fps is not None or said.fps is not None
    return _judge_motion(motion, known, settings, found, known_rate)


def _verdict(found: Findings, facts: dict[str, float | int | str] | None = None) -> Judged:
    return Judged(found.verdict, found.reasons, found.sentences, facts or {})


def _judge_motion(motion: RawMotion, info: ClipInfo, settings: Ingest, found: Findings, known_rate: bool) -> Judged:
    for remark in motion.remarks:
        found.note(remark, motion.notes.get(remark, ""))
    unit = _check_body(motion, found)
    _check_time(motion, settings, found)
    facts: dict[str, float | int | str] = {
        "up": geometry.find_up(motion),
        "fps": motion.fps,
        "frames": len(motion.root_pos),
        "seconds": round(len(motion.root_pos) / motion.fps, 6),
        "joints": motion.skeleton.joint_count,
    }
    if unit is None:
        return _verdict(found, facts)
    facts["unit"] = round(unit, 9)
    _check_lengths(motion, unit, found)
    clip = _in_metres(motion, unit, str(facts["up"]), info, found)
    try:
        map_clip(clip)
    except ValueError as error:
        found.note("not_mapped", str(error))
        return _verdict(found, facts)
    try:
        joints = canonical_joints(clip, clip.fps)
    except ValueError as error:  # the body is known, so it is the check of its sides
        found.note("sides_swapped", str(error))
        return _verdict(found, facts)
    if len(joints) < 2 or "fps_doubtful" in found.messages:
        return _verdict(found, facts)  # nothing that has to do with speed can be told
    return _judge_take(clip, joints, facts, settings, found, known_rate)


def _judge_take(
    clip: Clip,
    joints: FloatArray,
    facts: dict[str, float | int | str],
    settings: Ingest,
    found: Findings,
    known_rate: bool,
) -> Judged:
    """Mend a take on a known body, then measure and doubt what is kept of it."""
    step = _measuring_step(clip.fps, len(joints))
    take, piece = mend(Take(clip.root_pos, clip.local_quat, joints, clip.fps), settings, found)
    if piece != slice(None):  # a root in another unit leaps, too
        doubt_root(root_share(joints[::step], clip.fps / step), settings.judging, found)
    kept = Take(take.root[piece], take.quat[piece], take.joints[piece], take.fps)
    frames = len(kept.root)
    facts |= {"frames": frames, "seconds": round(frames / clip.fps, 6)}
    if frames < 2:
        return _verdict(found, facts)
    step = _measuring_step(clip.fps, frames)
    info = replace(clip.info, captions=_inside(clip.info.captions, piece, clip.fps, frames))
    clip = replace(clip, info=info, root_pos=_float32(kept.root), local_quat=_float32(kept.quat))
    sparse, fps = kept.joints[::step], clip.fps / step
    values = measure_take(kept.joints, clip.fps, sparse, fps)
    said = rate_doubt(values, clip.fps, settings.judging)
    if said and not known_rate and not BROKEN & set(found.messages):
        found.note("fps_doubtful", said)
    doubt(kept, values, settings.judging, found)
    _note_flips(clip, found)
    said = sides.contradiction(info.captions, values, settings.judging, frames / clip.fps)
    if said:
        found.note("caption_contradicts", said)
    told = {name: round(value, 6) for name, value in values.items() if value == value}
    verdict = found.verdict
    if verdict == "quarantine":  # and without landmarks, so that no later take counts as a copy of it
        return Judged(verdict, found.reasons, found.sentences, facts, None, told)
    return Judged(verdict, found.reasons, found.sentences, facts, clip, told, fingerprint(sparse, fps))


def _measuring_step(fps: float, frames: int) -> int:
    """Frames from one that is measured to the next: about MEASURED_FPS, and two of them in the shortest take."""
    return max(1, min(round(fps / MEASURED_FPS), frames - 1))


def _float32(array: FloatArray) -> NDArray[np.float32]:
    return array.astype(np.float32, copy=False)


def _note_flips(clip: Clip, found: Findings) -> None:
    flips = spikes.flips(clip.local_quat)
    if flips:
        frame, joint = flips[0]
        found.note("rotations_flip", f"{len(flips)} times, first {clip.skeleton.names[joint]} after frame {frame}")


def _check_body(motion: RawMotion, found: Findings) -> float | None:
    joints = motion.skeleton.joint_count
    if joints < MIN_JOINTS:
        found.note("not_humanoid", f"{joints} joints, at least {MIN_JOINTS} are a body")
        return None
    unit = geometry.find_unit(motion)
    if unit is None:
        longest = float(np.linalg.norm(motion.skeleton.offsets, axis=1).max())
        found.note("units_doubtful", f"longest bone {longest:.4g} units; tried {', '.join(_shown_units())} m per unit")
    return unit


def _check_stated_unit(motion: RawMotion, found: Findings) -> None:
    """A format that fixes the unit may still hold another one: glTF in centimetres."""
    fits = geometry.find_unit(replace(motion, unit=None)) if motion.unit else None
    if fits and motion.unit and not 1 / OTHER_UNIT < fits / motion.unit < OTHER_UNIT:
        said = f"the format says {motion.unit:g} m per unit, a grown body needs {fits:.4g}; a rig file can say which"
        found.note("units_doubtful", said)


def _check_time(motion: RawMotion, settings: Ingest, found: Findings) -> None:
    seconds = len(motion.root_pos) / motion.fps
    if not MIN_FPS <= motion.fps <= settings.max_fps:
        found.note("fps_doubtful", f"{motion.fps:.6g} Hz is not within {MIN_FPS:g} and {settings.max_fps:g} Hz")
    if seconds < settings.min_seconds or len(motion.root_pos) < 2:
        found.note("too_short", f"{seconds:.3f} s, at least {settings.min_seconds:g} s are needed")


def _in_metres(motion: RawMotion, unit: float, up: str, info: ClipInfo, found: Findings) -> Clip:
    root_pos, local_quat = motion.root_pos, motion.local_quat
    if up != "y":
        found.note("axes_turned", f"{up} was up; the data were turned so that y is")
        root_pos, local_quat = geometry.turn_y_up(root_pos, local_quat, up)
    offsets = np.round(motion.skeleton.offsets * unit / OFFSET_STEP) * OFFSET_STEP + 0.0  # no negative zero
    skeleton = Skeleton(motion.skeleton.names, motion.skeleton.parents, np.round(offsets, 6))
    return Clip(info, skeleton, (root_pos * unit).astype(np.float32), local_quat.astype(np.float32), motion.fps)


def _check_lengths(motion: RawMotion, unit: float, found: Findings) -> None:
    names = motion.skeleton.names
    stretch, bones = motion.stretch * unit, np.linalg.norm(motion.skeleton.offsets, axis=1) * unit
    worst, longest = int(stretch.argmax()), int(bones.argmax())
    if stretch[worst] > STRETCH_NOTED:
        reason = "bones_stretch" if stretch[worst] > STRETCH_REFUSED else "joint_translations_dropped"
        limit = STRETCH_REFUSED if stretch[worst] > STRETCH_REFUSED else STRETCH_NOTED
        found.note(reason, f"{names[worst]} by up to {stretch[worst] * 1000:.1f} mm (over {limit * 1000:g})")
    if bones[longest] > LONGEST_BONE:
        found.note("bone_too_long", f"{names[longest]} measures {bones[longest]:.2f} m (over {LONGEST_BONE:g})")


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


def _shown_units() -> list[str]:
    return [f"{unit:.4g}" for unit in geometry.UNITS]
