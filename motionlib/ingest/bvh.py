"""BVH files: a strict reader that says what is wrong, where, and never guesses in silence.

Source: Meredith & Maddock, "Motion Capture File Formats Explained" (2001), section 5. The rotation channels of a joint
multiply in file order, R = R_1 R_2 R_3. A position channel takes the place of that component of the joint's OFFSET.
"""

import io
import re

import numpy as np

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.ingest.bvh_hierarchy import CHANNELS, Hierarchy, read_hierarchy, text
from motionlib.ingest.quality import BadMotionError
from motionlib.rig.raw import FloatArray, RawMotion

MAX_BYTES = 1 << 30  # 1 GiB: ten hours of a 31-joint body at 120 Hz as text
MAX_VALUE = 1e9  # file units or degrees; larger ones overflow float32 a few steps later
COMMON_RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 72.0, 90.0, 100.0, 120.0, 144.0, 200.0, 240.0, 250.0)  # Hz
WHOLE_RATE_TOLERANCE = 5e-4  # relative: 1 / 0.0333333 is 30 Hz, 29.97 Hz is not

_HEAD = re.compile(rb"\s*Frames\s*:\s*(\S*)\s*Frame\s+Time\s*:\s*(\S*)", re.IGNORECASE)
_NUMERIC = b"0123456789+-.eE \t\r\n\v\f"
_NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity|1\.#\w*)(\(\w*\))?$", re.IGNORECASE)


def read_bvh(data: bytes) -> RawMotion:
    """Read one BVH file.

    Joints that move in their parent keep their mean offset; `stretch` says how far they strayed from it.

    Raises:
        BadMotionError: With a reason code, and the line or the frame.
    """
    if not data.strip():
        raise BadMotionError("empty_file", "the file is empty")
    if len(data) > MAX_BYTES:
        raise BadMotionError("too_large", f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")
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


def _motion_head(data: bytes, start: int) -> tuple[int, str, int]:
    """Declared frames, frame time as printed, and where the values begin."""
    line = data.count(b"\n", 0, start) + 1
    match = _HEAD.match(data, start)
    if match is None:
        seen = b"frames" in data[start : start + 80].lower()
        reason = "bad_frame_time" if seen else "bad_frame_count"
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
    if block.translate(None, _NUMERIC):
        raise _bad_token(block, width)
    try:
        values = np.loadtxt(io.BytesIO(block), comments=None, ndmin=2) if block.strip() else np.zeros((0, width))
    except ValueError:  # ragged: frames wrapped over lines, or a broken number
        values = _by_token(block, width)
    frames, rest = divmod(values.size, width)
    if rest or frames != declared:
        extra = f" and {rest} values of {width} more" if rest else ""
        raise BadMotionError("frame_count_mismatch", f"{declared} frames declared, {frames} present{extra}")
    if not frames:
        raise BadMotionError("no_frames", "the motion part holds no frame")
    values = values.reshape(frames, width)
    bad = np.flatnonzero(~(np.abs(values) < MAX_VALUE).all(axis=1))
    if len(bad):
        raise BadMotionError("not_finite", f"frame {bad[0]}: a value is infinite or beyond {MAX_VALUE:g}")
    return values


def _by_token(block: bytes, width: int) -> FloatArray:
    try:
        return np.array(block.split(), dtype=np.bytes_).astype(np.float64)
    except ValueError:
        raise _bad_token(block, width) from None


def _bad_token(block: bytes, width: int) -> BadMotionError:
    """The first token that is no finite number, by frame."""
    for index, token in enumerate(block.split()):
        if token.translate(None, _NUMERIC) or not _is_number(token):
            reason = "not_finite" if _NOT_FINITE.match(token) else "bad_number"
            where = f"frame {index // width}, value {index % width}"
            return BadMotionError(reason, f"{where}: {text(token[:40])!r} is not a finite number")
    return BadMotionError("bad_number", "the motion part holds something that is not a number")


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _to_motion(hierarchy: Hierarchy, values: FloatArray, fps: float, remarks: tuple[str, ...]) -> RawMotion:
    frames, joints = len(values), len(hierarchy.names)
    local = np.empty((frames, joints, 4))
    local[:] = (1.0, 0.0, 0.0, 0.0)
    offsets = np.array(hierarchy.offsets, dtype=np.float64)
    stretch, root_pos = np.zeros(joints), np.tile(offsets[0], (frames, 1))
    moved: dict[int, FloatArray] = {}
    column = 0
    for joint, channels in enumerate(hierarchy.channels):
        block = values[:, column : column + len(channels)]
        column += len(channels)
        if any(channel in CHANNELS[3:] for channel in channels):
            local[:, joint] = _rotation(channels, block)
        if any(channel in CHANNELS[:3] for channel in channels):
            moved[joint] = _position(channels, block, offsets[joint])
    if 0 in moved:
        root_pos = moved.pop(0)
    else:
        remarks += ("no_root_translation",)
    for joint, track in moved.items():
        offsets[joint], stretch[joint] = _fold(track, offsets[joint])
    names, parents = _unique(hierarchy.names), hierarchy.parents
    if names != hierarchy.names:
        remarks += ("names_made_unique",)
    if parents.count(0) == 1 and 1 in moved and len(hierarchy.channels[1]) == 6:
        remarks += ("carrier_root_removed",)
        root_pos = root_pos + rotations.rotate(local[:, 0], moved[1])
        local = np.concatenate([rotations.multiply(local[:, 0], local[:, 1])[:, None], local[:, 2:]], axis=1)
        names, parents = names[1:], tuple(max(parent - 1, -1) for parent in parents[1:])
        offsets, stretch = offsets[1:], np.concatenate([[0.0], stretch[2:]])
        remarks = tuple(remark for remark in remarks if remark != "no_root_translation")
    offsets[0] = 0.0  # the root's place is root_pos
    return RawMotion(Skeleton(names, parents, offsets), root_pos, local, fps, stretch, remarks)


def _position(channels: tuple[str, ...], block: FloatArray, offset: FloatArray) -> FloatArray:
    """(T, 3) place of a joint in its parent, file units."""
    track = np.tile(offset, (len(block), 1))
    for index, channel in enumerate(channels):
        if channel in CHANNELS[:3]:
            track[:, CHANNELS.index(channel)] = block[:, index]
    return track


def _fold(track: FloatArray, offset: FloatArray) -> tuple[FloatArray, float]:
    """The offset that stands for a joint's translations, and how far they stray from it."""
    if np.abs(track).max() <= 1e-3 * np.abs(offset).max():
        return offset, 0.0  # channels of zeros beside a real OFFSET: this writer adds the two
    mean = track.mean(axis=0)
    return mean, float(np.linalg.norm(track - mean, axis=1).max())


def _rotation(channels: tuple[str, ...], block: FloatArray) -> FloatArray:
    """(T, 4) quaternions of one joint's rotation channels, degrees, multiplied in file order."""
    turns = [index for index, channel in enumerate(channels) if channel in CHANNELS[3:]]
    order = "".join(channels[index][0].upper() for index in turns)
    return rotations.from_euler(np.deg2rad(block[:, turns]), order)


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
