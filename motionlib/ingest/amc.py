"""AMC files: how the bones of an ASF skeleton move, read strictly.

Source: Lander, "Working with Motion Capture File Formats" (Game Developer, January 1998), and the files of the CMU
Graphics Lab. A frame is its number on a line and a line per bone: the name and a value per degree of freedom. All
frames must name the same bones in the order of the first, which is what lets a block of them be read at once.
"""

import posixpath
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.ingest.asf import SHIFTS, STRETCH, TURNS, Asf, Bone, read_asf
from motionlib.ingest.bvh_hierarchy import GAP
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source
from motionlib.ingest.text_numbers import CHUNK, read_rows, text, without_comments
from motionlib.rig.raw import FloatArray, RawMotion

MAX_BYTES = 1 << 30  # 1 GiB: eleven hours of a 30-bone body at 120 Hz as text
MAX_HEAD = 1 << 16  # bytes before the first frame; the usual lines take 100
ASSUMED_FPS = 120.0  # Hz; AMC does not say it, and most of CMU's trials are
MAX_DIGITS = 12  # of a frame's number
_SPACE = re.compile(rb"\s")
_HEAD = re.compile(GAP + rb":([^\r\n]*)")
_MODES = ("fully-specified", "degrees", "radians", "samples-per-second")


class _Layout(NamedTuple):
    """The words of every frame: `bones` as indices into the skeleton, `names` as (place, word), `width` in all."""

    bones: tuple[int, ...]
    names: tuple[tuple[int, bytes], ...]
    width: int


def skeletons_beside(name: str, names: Collection[str]) -> list[str]:
    """The ASF that an AMC belongs to; all of its folder where none is named after it, for the message.

    `02_01.amc` belongs to `02_01.asf`, else to `02.asf`, else to the only one of the folder.
    """
    folder, base = posixpath.split(name)
    there = sorted(other for other in names if posixpath.split(other)[0] == folder and _suffix(other) == ".asf")
    named = [other for other in there if _is_named_after(base, other)]
    return [max(named, key=len)] if named else there


def read_amc(source: Source) -> RawMotion:
    """Read one AMC file with the ASF skeleton beside it.

    Joints are where bones begin. Translations of bones other than the root are left out, and `stretch` says how far.

    Raises:
        BadMotionError: With a reason code, and the line, the bone or the frame.
    """
    data = source.data.removeprefix(b"\xef\xbb\xbf")
    if len(data) > MAX_BYTES:
        raise BadMotionError("too_large", f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")
    if not data or data.isspace():
        raise BadMotionError("empty_file", "the file is empty")
    beside = skeletons_beside(source.name, source.beside)
    if len(beside) != 1:
        among = f"; it could be {', '.join(beside[:5])}" if beside else ""
        raise BadMotionError("companion_missing", f"no .asf is named after {source.name}{among}")
    asf = read_asf(source.beside[beside[0]], beside[0])
    said, start = _head(data)
    layout, values = _values(without_comments(data[start:]), asf)
    degrees = "degrees" in said if "degrees" in said or "radians" in said else asf.degrees
    rate = source.fps or _rate(said)
    tracks = _tracks(layout, values, asf, degrees)
    remarks: tuple[str, ...] = () if rate else ("fps_assumed",)
    remarks += () if _is_named_after(source.name, beside[0]) else ("skeleton_assumed",)
    return _to_motion(asf, tracks, len(values), rate or ASSUMED_FPS, remarks)


def _head(data: bytes) -> tuple[dict[str, str], int]:
    """What the lines with a colon say, and where the first frame begins."""
    said: dict[str, str] = {}
    start = 0
    while match := _HEAD.match(data, start, MAX_HEAD):
        key, _, value = text(match.group(1).strip()).lower().partition(" ")
        if key not in _MODES:
            raise BadMotionError("bad_header", f"`:{key[:40]}` before the first frame is not known; known: {_MODES}")
        said[key], start = value, match.end()
    return said, start


def _rate(said: dict[str, str]) -> float | None:
    written = said.get("samples-per-second")
    if written is None:
        return None
    try:
        rate = float(written)
    except ValueError:
        rate = 0.0
    if not 1e-6 < rate < 1e6:
        raise BadMotionError("bad_frame_time", f"`:samples-per-second {written[:40]}` is no frame rate")
    return rate


def _values(block: bytes, asf: Asf) -> tuple[_Layout, FloatArray]:
    """The layout of the frames and their values (T, V) in its order."""
    layout, first = _layout(block, asf)
    parts: list[FloatArray] = []
    done = 0
    waiting: list[bytes] = []
    for words in _words(block):
        waiting += words
        frames = len(waiting) // layout.width
        parts.append(_frames(waiting[: frames * layout.width], layout, first + done, done))
        done, waiting = done + frames, waiting[frames * layout.width :]
    if waiting:
        raise BadMotionError("bad_frame", f"frame {done} is cut short: {len(waiting)} of {layout.width} words")
    return layout, np.concatenate(parts)


def _words(block: bytes) -> Iterator[list[bytes]]:
    """The words of a text, a piece at a time."""
    begin = 0
    while begin < len(block):
        cut = _SPACE.search(block, begin + CHUNK, begin + 2 * CHUNK)
        if cut is None and len(block) > begin + 2 * CHUNK:
            raise BadMotionError("bad_frame", f"a word of over {CHUNK} bytes stands among the frames")
        end = cut.end() if cut else len(block)
        yield block[begin:end].split()
        begin = end


def _layout(block: bytes, asf: Asf) -> tuple[_Layout, int]:
    """Layout of the first frame, line by line, and its number."""
    lines = (words for line in block[:CHUNK].splitlines() if (words := line.split()))
    number = next(lines, None)
    if number is None:
        raise BadMotionError("no_frames", "the file holds no frame")
    if not _is_count(number):
        there = text(b" ".join(number)[:40])
        raise BadMotionError("bad_frame", f"expected the number of the first frame, found {there!r}")
    known = {bone.name.encode(): index for index, bone in enumerate(asf.bones)}
    bones: list[int] = []
    names: list[tuple[int, bytes]] = []
    width = 1
    for name, *values in lines:
        if _is_count([name, *values]):
            break
        bone, shown = known.get(name), text(name[:40])
        if bone is None or bone in bones:
            how = "twice" if bone in bones else "but not in the skeleton"
            raise BadMotionError("bad_frame", f"frame 0: bone {shown!r} is there {how}")
        if len(values) != len(asf.bones[bone].freedoms):
            due = f"{len(asf.bones[bone].freedoms)} are due: {' '.join(asf.bones[bone].freedoms)}"
            raise BadMotionError("bad_frame", f"frame 0: bone {shown!r} has {len(values)} values, {due}")
        bones.append(bone)
        names.append((width, name))
        width += 1 + len(values)
    if not any(asf.bones[bone].freedoms for bone in bones):
        raise BadMotionError("no_channels", "no bone of the first frame has a value")
    return _Layout(tuple(bones), tuple(names), width), int(number[0])


def _is_count(words: list[bytes]) -> bool:
    return len(words) == 1 and words[0].isdigit() and len(words[0]) <= MAX_DIGITS


def _frames(words: list[bytes], layout: _Layout, number: int, done: int) -> FloatArray:
    """Values (T, V) of the words of whole frames, the first of which bears `number` and is frame `done` of the file."""
    width = layout.width
    frames = len(words) // width
    due = {0: [b"%d" % (number + frame) for frame in range(frames)]}
    due |= {place: [name] * frames for place, name in layout.names}
    if any(words[place::width] != column for place, column in due.items()):
        raise _misfit(words, due, width, done)
    numbers = list(words)
    for place in sorted(due, reverse=True):
        del numbers[place::width]
        width -= 1
    return read_rows(b"\n".join(numbers), width, done).values


def _misfit(words: list[bytes], due: dict[int, list[bytes]], width: int, done: int) -> BadMotionError:
    """The first word that is not the one due, in frames of which the first is frame `done` of the file."""
    pairs = ((frame, place, name) for place, column in due.items() for frame, name in enumerate(column))
    frame, place, name = min(pair for pair in pairs if words[pair[0] * width + pair[1]] != pair[2])
    what = f"bone {text(name)!r}" if place else f"its number {text(name)}"
    found = text(words[frame * width + place][:40])
    return BadMotionError("bad_frame", f"frame {done + frame}: expected {what}, found {found!r}")


def _tracks(layout: _Layout, values: FloatArray, asf: Asf, degrees: bool) -> dict[int, dict[str, FloatArray]]:
    """(T,) values by bone and degree of freedom; angles in radians."""
    tracks: dict[int, dict[str, FloatArray]] = {}
    column = 0
    for bone in layout.bones:
        tracks[bone] = {}
        for freedom in asf.bones[bone].freedoms:
            track = np.ascontiguousarray(values[:, column])
            tracks[bone][freedom] = np.deg2rad(track) if degrees and freedom in TURNS else track
            column += 1
    return tracks


def _to_motion(
    asf: Asf, tracks: dict[int, dict[str, FloatArray]], frames: int, fps: float, remarks: tuple[str, ...]
) -> RawMotion:
    joints = len(asf.bones)
    leaves = [index for index in range(1, joints) if index not in asf.parents]
    names = (*(bone.name for bone in asf.bones), *(f"{asf.bones[leaf].name}_end" for leaf in leaves))
    if len(set(names)) != len(names):
        raise BadMotionError("bad_hierarchy", "a bone is named like the end of another")
    parents = (*asf.parents, *leaves)
    offsets = np.array([np.zeros(3), *(asf.bones[parent].along for parent in parents[1:])])
    local = np.zeros((frames, len(names), 4))
    local[..., 0] = 1.0
    stretch = np.zeros(len(names))
    root_pos = np.tile(asf.position, (frames, 1))
    for index, track in tracks.items():
        local[:, index] = _turned(asf.bones[index], track, frames)
        shift = _shifted(track, frames)
        if index == 0:
            root_pos += shift
        elif any(axis in track for axis in SHIFTS):
            stretch[index] += np.linalg.norm(shift, axis=1).max()
        if STRETCH in track:
            stretch[[joint for joint, parent in enumerate(parents) if parent == index]] += np.abs(track[STRETCH]).max()
    if not any(axis in tracks.get(0, {}) for axis in SHIFTS):
        remarks += ("no_root_translation",)
    if any(bone.freedoms and index not in tracks for index, bone in enumerate(asf.bones)):
        remarks += ("bones_without_values",)
    return RawMotion(Skeleton(names, parents, offsets), root_pos, local, fps, stretch, remarks)


def _turned(bone: Bone, track: dict[str, FloatArray], frames: int) -> FloatArray:
    """(T, 4) of C M C^-1; the first angle of a frame turns first."""
    turns = [freedom for freedom in reversed(track) if freedom in TURNS]
    if not turns:
        return np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
    order = "".join(freedom[1].upper() for freedom in turns)
    motion = np.stack(rotations.euler_parts((track[freedom] for freedom in turns), order), axis=-1)
    motion[:, 1:] = motion[:, 1:] @ rotations.to_matrix(bone.axis).T
    return motion


def _shifted(track: dict[str, FloatArray], frames: int) -> FloatArray:
    """(T, 3) translations, file units."""
    return np.stack([track.get(axis, np.zeros(frames)) for axis in SHIFTS], axis=-1)


def _is_named_after(motion: str, skeleton: str) -> bool:
    """Whether the motion's stem is the skeleton's, or begins with it and an underscore."""
    stem, start = (posixpath.splitext(posixpath.basename(name))[0].lower() for name in (motion, skeleton))
    return stem == start or stem.startswith(start + "_")


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()
