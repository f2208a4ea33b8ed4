"""Repairs: spikes interpolated, and the best piece of a take kept: without leaps, calibration poses and held ends."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.ingest import calibration, spikes
from motionlib.ingest.contacts import runs
from motionlib.ingest.findings import Findings
from motionlib.params import Ingest

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]

ADDED = 3  # frames at an end, which a leap parts from the rest, that a tool has added
ALLOWED = 6  # frames of spikes, however short the take is
KEPT_SHARE = 0.5  # of a take that must be free of leaps


class Take(NamedTuple):
    """A take in metres, y up, at its own rate.

    Attributes:
        root: (T, 3).
        quat: (T, J, 4).
        joints: (T, 22, 3) of the canonical body.
        fps: Hz.
    """

    root: FloatArray
    quat: FloatArray
    joints: FloatArray
    fps: float


def mend(take: Take, settings: Ingest, found: Findings) -> tuple[Take, slice]:
    """The take without spikes, and the frames of it that are kept."""
    steps = spikes.away(take.joints)
    take, mended = _without_spikes(take, steps, settings, found)
    if mended:
        steps = spikes.away(take.joints)
    leaps = spikes.find_leaps(steps, take.fps, settings.judging)
    leaping = np.zeros(len(steps), dtype=np.bool_)
    leaping[[leap.frame for leap in leaps]] = True
    start, end = _without_poses(take, leaping, settings, found)
    start, end = _without_held_ends(calibration.held(steps), start, end, take.fps, settings, found)
    inner = [leap for leap in leaps if start <= leap.frame < end - 1]
    if inner:
        start, end = _between_leaps(inner, start, end, take, settings, found)
    return take, slice(start, end) if (start, end) != (0, len(take.root)) else slice(None)


def _without_spikes(take: Take, steps: FloatArray, settings: Ingest, found: Findings) -> tuple[Take, bool]:
    judging = settings.judging
    peaks = spikes.find_spikes(take.joints, steps, take.fps, judging)
    if not peaks:
        return take, False
    frames = sum(peak.width for peak in peaks)
    said = f"{len(peaks)} in {frames} of {len(take.root)} frames; {spikes.say(peaks)} (over {judging.spike_metres:g} m)"
    if len(peaks) > judging.spike_count or frames > max(ALLOWED, judging.spike_share * len(take.root)):
        found.note("spikes", f"{said}, more than can be repaired")
        return take, False
    found.note("spikes_removed", f"{said}; they were interpolated")
    root, quat = spikes.mend(take.root, take.quat, peaks)
    joints = take.joints.copy()
    for peak in peaks:  # straight lines are near enough for measures
        before, after = peak.start - 1, peak.start + peak.width
        share = ((np.arange(peak.start, after) - before) / (after - before))[:, None, None]
        joints[peak.start : after] = (1 - share) * joints[before] + share * joints[after]
    return Take(root, quat, joints, take.fps), True


def _without_poses(take: Take, leaping: BoolArray, settings: Ingest, found: Findings) -> tuple[int, int]:
    """Frames without a T-pose or a rest pose at either end; all of them if the rest would be too short."""
    frames, shortest = len(take.root), max(2, round(settings.judging.pose_seconds * take.fps))
    t_poses = calibration.t_poses(take.joints)
    poses = t_poses | calibration.rest_poses(take.quat)
    for frame in np.flatnonzero(leaping[:ADDED]).tolist():
        poses[: frame + 1] = True
    for frame in np.flatnonzero(leaping[-ADDED:]).tolist():
        poses[max(frames - ADDED, 1) + frame :] = True
    start, end = calibration.kept(poses, leaping, shortest)
    if (start, end) == (0, frames) or end - start < settings.min_seconds * take.fps:
        return 0, frames
    where = [f"frames {first} to {last - 1}" for first, last in ((0, start), (end, frames)) if last > first]
    what = "a T-pose" if t_poses[:start].any() or t_poses[end:].any() else "a pose that is no part of the motion"
    found.note("calibration_cut", f"{' and '.join(where)} of {frames} hold {what}; they were cut off")
    return start, end


def _without_held_ends(
    held: BoolArray, start: int, end: int, fps: float, settings: Ingest, found: Findings
) -> tuple[int, int]:
    """Frames without those at the ends that repeat the next or the one before, for longer than a captured pause."""
    frames, shortest = len(held) + 1, settings.judging.pose_seconds * fps
    first, last = start, end
    for begin, until in runs(held):
        if until - begin < shortest:
            continue
        if begin <= first < until:
            first = until
        if begin < last - 1 <= until:
            last = begin + 1
    if last - first < max(2, settings.min_seconds * fps) or (first, last) == (start, end):
        return start, end
    where = [f"frames {a} to {b - 1}" for a, b in ((start, first), (last, end)) if b > a]
    found.note("held_cut", f"{' and '.join(where)} of {frames} repeat one pose; they were cut off")
    return first, last


def _between_leaps(
    leaps: list[spikes.Leap], start: int, end: int, take: Take, settings: Ingest, found: Findings
) -> tuple[int, int]:
    """The longest piece within which nothing goes faster than any person."""
    borders = [start, *(leap.frame + 1 for leap in leaps), end]
    first, last = max(pairwise(borders), key=lambda piece: piece[1] - piece[0])
    worst = max(leaps, key=lambda leap: leap.size)
    judging = settings.judging
    limit = judging.leap_speed if worst.joint == 0 else judging.pop_speed
    said = (
        f"{len(leaps)} times; {CANONICAL_NAMES[worst.joint]} by {worst.size:.2f} m between frames {worst.frame} and "
        f"{worst.frame + 1}, {worst.size * take.fps:.0f} m/s (over {limit:g})"
    )
    if last - first < max(KEPT_SHARE * (end - start), settings.min_seconds * take.fps):
        found.note("root_jumps" if worst.joint == 0 else "pose_jumps", said)
        return start, end
    found.note("cut_at_jump", f"{said}; frames {first} to {last - 1} of {len(take.root)} were kept")
    return first, last
