"""BVH files: a strict reader that says what is wrong, where, and never guesses in silence.

Source: Meredith & Maddock, "Motion Capture File Formats Explained" (2001), section 5. The rotation channels of a joint
multiply in file order, R = R_1 R_2 R_3. A position channel takes the place of that component of the joint's OFFSET.
"""

import re

import numpy as np

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.ingest.bvh_hierarchy import CHANNELS, GAP, Hierarchy, read_hierarchy
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.text_numbers import read_rows, text, without_comments
from motionlib.rig.raw import FloatArray, RawMotion

MAX_BYTES = 1 << 30  # 1 GiB: ten hours of a 31-joint body at 120 Hz as text
MAX_HEAD = 1 << 16  # bytes from the word MOTION to the first value; the two lines take 50
COMMON_RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 72.0, 90.0, 100.0, 120.0, 144.0, 200.0, 240.0, 250.0)  # Hz
WHOLE_RATE_TOLERANCE = 5e-4  # relative: 1 / 0.0333333 is 30 Hz, 29.97 Hz is not
ADDED_OFFSET = 1e-3  # of a joint's OFFSET: channels that stay below it are zeros which the writer adds to the OFFSET
BLOCK = 256  # frames whose angles are turned into quaternions at once: they fit a core's cache

_HEAD = re.compile(GAP + rb"Frames\s*:\s*(\S*)" + GAP + rb"Frame\s+Time\s*:\s*(\S*)", re.IGNORECASE)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_bvh(data: bytes) -> RawMotion:
    """Read one BVH file.

    Joints that move in their parent keep their mean offset; `stretch` says how far they strayed from it.

    Raises:
        BadMotionError: With a reason code, and the line or the frame.
    """
    if len(data) > MAX_BYTES:
        raise BadMotionError("too_large", f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")
    if not data or data.isspace():
        raise BadMotionError("empty_file", "the file is empty")
    data = _as_utf_8(data)
    hierarchy = read_hierarchy(data)
    width = sum(len(channels) for channels in hierarchy.channels)
    if not width:
        raise BadMotionError("no_channels", "no joint of the skeleton has a channel")
    declared, frame_time, start = _motion_head(data, hierarchy.end)
    values = _motion_values(data[start:], declared, width)
    fps, rounded = frame_rate(frame_time)
    return _to_motion(hierarchy, values, fps, ("frame_rate_rounded",) if rounded else ())


def frame_rate(frame_time: str) -> tuple[float, bool]:
    """Hz of a printed frame time in seconds, and whether it had to be rounded to a common rate.

    A whole rate within 0.05 % is that rate; otherwise a common rate that prints as the same digits is meant.
    """
    seconds = float(frame_time)
    fps = 1.0 / seconds
    if round(fps) > 0 and abs(fps - round(fps)) <= WHOLE_RATE_TOLERANCE * fps:
        return float(round(fps)), False
    digits = frame_time.lower().split("e")[0].partition(".")[2]
    half = 0.5 * 10.0 ** -len(digits)
    meant = [rate for rate in COMMON_RATES if "e" not in frame_time.lower() and abs(1 / rate - seconds) <= half]
    return (min(meant, key=lambda rate: abs(rate - fps)), True) if meant else (fps, False)


def _as_utf_8(data: bytes) -> bytes:
    if not data.startswith(_UTF_16):
        return data
    try:
        return data.decode("utf-16").encode("utf-8")
    except UnicodeError as error:
        raise BadMotionError("not_bvh", f"the file begins as UTF-16 text but is none: {error}") from None


def _motion_head(data: bytes, start: int) -> tuple[int, str, int]:
    """Declared frames, frame time as printed, and where the values begin."""
    line = (data.count(b"\n", 0, start) or data.count(b"\r", 0, start)) + 1
    match = _HEAD.match(data, start, start + MAX_HEAD)
    if match is None:
        reason = "bad_frame_time" if b"frames" in data[start : start + 80].lower() else "bad_frame_count"
        raise BadMotionError(reason, f"after line {line}: expected `Frames: N` and `Frame Time: SECONDS`")
    count, time = match.group(1), match.group(2)
    if not count.isdigit() or len(count) > 12:
        raise BadMotionError("bad_frame_count", f"after line {line}: {text(count[:40])!r} is no number of frames")
    try:
        seconds = float(time)
    except ValueError:
        seconds = 0.0
    if not 1e-6 < seconds < 1e6:
        raise BadMotionError("bad_frame_time", f"after line {line}: {text(time[:40])!r} is no frame time in seconds")
    return int(count), text(time), match.end()


def _motion_values(block: bytes, declared: int, width: int) -> FloatArray:
    """(frames, width) numbers as they stand, however the lines are broken."""
    values, more = read_rows(without_comments(block), width)
    if more or len(values) != declared:
        extra = f" and {more} values of {width} more" if more else ""
        raise BadMotionError("frame_count_mismatch", f"{declared} frames declared, {len(values)} present{extra}")
    if not declared:
        raise BadMotionError("no_frames", "the motion part holds no frame")
    return values


def _to_motion(hierarchy: Hierarchy, values: FloatArray, fps: float, remarks: tuple[str, ...]) -> RawMotion:
    local = _rotations(hierarchy, values)
    offsets = np.array(hierarchy.offsets, dtype=np.float64)
    moving, tracks = _places(hierarchy, values, offsets)
    stretch = np.zeros(len(offsets))
    offsets[moving], stretch[moving] = _folded(tracks, offsets[moving])
    root_pos = tracks[0].T.copy() if 0 in moving else np.tile(offsets[0], (len(values), 1))
    stretch[0] = 0.0
    names, parents = _unique(hierarchy.names), hierarchy.parents
    if 0 not in moving:
        remarks += ("no_root_translation",)
    if names != hierarchy.names:
        remarks += ("names_made_unique",)
    if parents.count(0) == 1 and 1 in moving and len(hierarchy.channels[1]) >= 6:
        remarks = (*(remark for remark in remarks if remark != "no_root_translation"), "carrier_root_removed")
        root_pos = root_pos + rotations.rotate(local[:, 0], tracks[moving.index(1)].T)
        local = np.concatenate([rotations.multiply(local[:, 0], local[:, 1])[:, None], local[:, 2:]], axis=1)
        names, parents = names[1:], tuple(max(parent - 1, -1) for parent in parents[1:])
        offsets, stretch = offsets[1:], np.concatenate([[0.0], stretch[2:]])
    offsets[0] = 0.0  # the root's place is root_pos
    return RawMotion(Skeleton(names, parents, offsets), root_pos, local, fps, stretch, remarks)


def _rotations(hierarchy: Hierarchy, values: FloatArray) -> FloatArray:
    """(T, J, 4) quaternions of the rotation channels in degrees, multiplied in file order."""
    groups: dict[str, list[tuple[int, list[int]]]] = {}
    column = 0
    for joint, channels in enumerate(hierarchy.channels):
        turns = [index for index, channel in enumerate(channels) if channel in CHANNELS[3:]]
        order = "".join(channels[index][0].upper() for index in turns)
        groups.setdefault(order, []).append((joint, [column + index for index in turns]))
        column += len(channels)
    groups.pop("", None)
    local = np.empty((len(values), len(hierarchy.names), 4))
    for start in range(0, len(values), BLOCK):
        angles = np.multiply(values[start : start + BLOCK].T, np.pi / 180.0, order="C")
        parts = np.zeros((4, local.shape[1], angles.shape[1]))
        parts[0] = 1.0
        for order, group in groups.items():
            joints, columns = [joint for joint, _ in group], np.array([turns for _, turns in group]).T
            turned = rotations.euler_parts((angles[turns] for turns in columns), order)
            for part, value in zip(parts, turned, strict=True):
                part[joints] = value
        local[start : start + BLOCK] = parts.transpose(2, 1, 0)
    return local


def _places(hierarchy: Hierarchy, values: FloatArray, offsets: FloatArray) -> tuple[list[int], FloatArray]:
    """Joints with position channels, and their places (N, 3, T) in their parents, file units."""
    moving: list[int] = []
    found: list[tuple[int, int, int]] = []
    column = 0
    for joint, channels in enumerate(hierarchy.channels):
        axes = [(CHANNELS.index(channel), column + i) for i, channel in enumerate(channels) if channel in CHANNELS[:3]]
        found += [(len(moving), axis, where) for axis, where in axes]
        moving += [joint] if axes else []
        column += len(channels)
    tracks = np.repeat(offsets[moving][:, :, None], len(values), axis=2)
    for track, axis, where in found:
        tracks[track, axis] = values[:, where]
    return moving, tracks


def _folded(tracks: FloatArray, offsets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The offsets (N, 3) that stand for translations (N, 3, T), and how far (N,) these stray from them."""
    added = np.abs(tracks).max(axis=(1, 2), initial=0.0) <= ADDED_OFFSET * np.abs(offsets).max(axis=1, initial=0.0)
    mean = tracks.mean(axis=2)
    strayed = tracks - mean[:, :, None]
    stretch = np.sqrt((strayed * strayed).sum(axis=1).max(axis=1, initial=0.0))
    return np.where(added[:, None], offsets, mean), np.where(added, 0.0, stretch)


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same names, later twins with a number."""
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 2
        while candidate in seen:
            candidate, number = f"{name}.{number}", number + 1
        seen.add(candidate)
        result.append(candidate)
    return tuple(result)
