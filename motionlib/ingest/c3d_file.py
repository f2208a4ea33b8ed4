"""The bytes of a C3D file: header, parameters and 3D points, each held against what is there before it is believed.

Source: The C3D File Format, C-Motion / Motion Lab Systems user guide (2008), "Header", "Parameter section", "3D point
data". Read here and not by a native library: of ezc3d 1.7, one in some ten broken headers was a segmentation fault.
"""

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest.quality import BadMotionError
from motionlib.rig.raw import FloatArray

BLOCK = 512  # bytes
MAX_BYTES = 1 << 31  # 2 GiB, most of it analog data
MAX_PARAMETERS = 8192
KEY = 0x50
INTEL, DEC, MIPS = 84, 85, 86  # processor types: little endian, little endian with VAX floats, big endian
SIZES = {-1: 1, 1: 1, 2: 2, 4: 4}  # bytes by type of parameter: text, byte, integer, float
SATURATED = 65535  # a frame number that means this or more
HIGHEST_RATE = 10_000.0  # Hz

Parameter = list[str] | FloatArray


@dataclass(frozen=True, eq=False)
class Points:
    """The 3D points of a file.

    Attributes:
        labels: One name per point, without spaces around; "" for a point without one.
        fps: Hz.
        frames: T.
        parameters: By `GROUP:NAME` in capitals.
    """

    labels: tuple[str, ...]
    fps: float
    frames: int
    parameters: dict[str, Parameter]
    stored: "_Stored"

    def text(self, name: str) -> str:
        """The first text of a parameter, "" if it has none."""
        value = self.parameters.get(name)
        return value[0] if isinstance(value, list) and value else ""

    def track(self, point: int) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Places (T, 3) of one point in the file's unit, and in which frames (T,) it was seen."""
        return self.stored.track(point)


@dataclass(frozen=True)
class _Header:
    parameters: int
    points: int
    analog: int
    first: int
    last: int
    scale: float
    data: int
    rate: float


@dataclass(frozen=True, eq=False)
class _Stored:
    """The data section as it lies in the file."""

    data: bytes
    start: int
    frames: int
    frame_bytes: int
    scale: float
    codec: "_Codec"

    def track(self, point: int) -> tuple[FloatArray, NDArray[np.bool_]]:
        width = 4 if self.scale < 0 else 2
        raw = np.ndarray(
            (self.frames, 4 * width), np.uint8, self.data, self.start + 4 * width * point, (self.frame_bytes, 1)
        )
        if width == 2:
            words = np.ascontiguousarray(raw).view(self.codec.int16)
            return words[:, :3] * self.scale, (words[:, 3] >= 0) & (words[:, :3] != 0).any(axis=1)
        values = self.codec.floats(np.ascontiguousarray(raw))
        seen = np.isfinite(values).all(axis=1) & (values[:, 3] >= 0) & (values[:, :3] != 0).any(axis=1)
        return values[:, :3], seen


class _Codec:
    """How numbers are stored on the processor that wrote the file."""

    def __init__(self, processor: int) -> None:
        self.order = ">" if processor == MIPS else "<"
        self.int16 = np.dtype(f"{self.order}i2")
        self._vax = processor == DEC

    def floats(self, raw: NDArray[np.uint8]) -> FloatArray:
        """(..., 4 n) bytes as (..., n) float64."""
        with np.errstate(invalid="ignore"):
            if not self._vax:
                return raw.view(f"{self.order}f4").astype(np.float64)
            words = raw.view("<u2").astype(np.uint32)  # VAX F: the high half first, exponent biased by 2 more
            return ((words[..., 0::2] << 16) | words[..., 1::2]).view(np.float32).astype(np.float64) / 4.0

    def word(self, data: bytes, at: int) -> int:
        """An unsigned 16-bit number."""
        return int(struct.unpack_from(f"{self.order}H", data, at)[0])

    def float(self, data: bytes, at: int) -> float:
        """One float."""
        return float(self.floats(np.frombuffer(data, np.uint8, 4, at))[0])


def read_points(data: bytes) -> Points:
    """Take a C3D file apart.

    Raises:
        BadMotionError: If it breaks the format, promises more than it holds, or has no points.
    """
    if not data:
        raise BadMotionError("empty_file", "the file is empty")
    if len(data) > MAX_BYTES:
        raise BadMotionError("too_large", f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")
    if len(data) < 2 * BLOCK or data[1] != KEY or not data[0]:
        raise BadMotionError("bad_header", "the file does not begin as a C3D file does")
    section = (data[0] - 1) * BLOCK
    if section + 4 > len(data):
        raise BadMotionError("bad_header", f"parameters at byte {section} of {len(data)}")
    processor = data[section + 3]
    if processor not in (INTEL, DEC, MIPS):
        raise BadMotionError("bad_header", f"processor type {processor} is none of {INTEL}, {DEC}, {MIPS}")
    codec = _Codec(processor)
    header = _header(data, codec)
    parameters = _parameters(data, section + 4, codec)
    frame_bytes = (4 * header.points + header.analog) * (4 if header.scale < 0 else 2)
    frames = _frames(header, parameters)
    start = (header.data - 1) * BLOCK
    if not header.points:
        raise BadMotionError("not_motion", "the file holds no 3D points")
    if start < BLOCK or start + frames * frame_bytes > len(data):
        held = max(len(data) - start, 0) // frame_bytes if start >= BLOCK else 0
        raise BadMotionError("bad_header", f"{frames} frames of {header.points} points declared, {held} present")
    fps = float(np.ravel(_numbers(parameters, "POINT:RATE", header.rate))[0])
    if not 0 < fps <= HIGHEST_RATE:
        raise BadMotionError("bad_header", f"POINT:RATE is {fps:g} Hz")
    stored = _Stored(data, start, frames, frame_bytes, header.scale, codec)
    return Points(_labels(parameters, header.points), fps, frames, parameters, stored)


def _header(data: bytes, codec: _Codec) -> _Header:
    header = _Header(
        parameters=data[0],
        points=codec.word(data, 2),
        analog=codec.word(data, 4),
        first=codec.word(data, 6),
        last=codec.word(data, 8),
        scale=codec.float(data, 12),
        data=codec.word(data, 16),
        rate=codec.float(data, 20),
    )
    if not math.isfinite(header.scale) or header.scale == 0:
        raise BadMotionError("bad_header", f"the scale of the points is {header.scale:g}")
    return header


def _frames(header: _Header, parameters: dict[str, Parameter]) -> int:
    """Frames declared; those of the TRIAL group where the header's 16 bits do not reach."""
    count = header.last - header.first + 1
    if header.last == SATURATED:
        start = _wide(parameters, "TRIAL:ACTUAL_START_FIELD")
        end = _wide(parameters, "TRIAL:ACTUAL_END_FIELD")
        long = float(np.ravel(_numbers(parameters, "POINT:LONG_FRAMES", 0.0))[0])
        if start is not None and end is not None and end >= start:
            count = end - start + 1
        elif 0 < long < 2**31:
            count = int(long)
    if count <= 0:
        raise BadMotionError("no_frames", f"the header speaks of frames {header.first} to {header.last}")
    return count


def _wide(parameters: dict[str, Parameter], name: str) -> int | None:
    """A 32-bit number in two 16-bit ones, the low one first."""
    words = np.ravel(_numbers(parameters, name, -1.0))
    if len(words) != 2:
        return None
    low, high = (int(word) & 0xFFFF for word in words)
    return low | high << 16


def _numbers(parameters: dict[str, Parameter], name: str, default: float) -> FloatArray:
    value = parameters.get(name)
    if isinstance(value, np.ndarray) and value.size and np.isfinite(value).all():
        return value
    return np.array([default])


def _labels(parameters: dict[str, Parameter], points: int) -> tuple[str, ...]:
    """POINT:LABELS, then LABELS2 and so on, which take over at 255."""
    labels: list[str] = []
    for number in range(1, points // 255 + 3):
        value = parameters.get("POINT:LABELS" + (str(number) if number > 1 else ""))
        labels += value if isinstance(value, list) else []
    return tuple((labels + [""] * points)[:points])


def _parameters(data: bytes, start: int, codec: _Codec) -> dict[str, Parameter]:
    """All parameters by `GROUP:NAME`; the records are a chain that only leads forward."""
    groups: dict[int, str] = {}
    found: list[tuple[int, str, Parameter]] = []
    position = start
    for _ in range(MAX_PARAMETERS):
        if position + 2 > len(data):
            break
        length, group = struct.unpack_from("<bb", data, position)
        name_end = position + 2 + abs(length)
        if not length or not group or name_end + 2 > len(data):
            break
        name = data[position + 2 : name_end].decode("latin-1").strip().upper()
        step = codec.word(data, name_end)
        if group < 0:
            groups.setdefault(-group, name)
        else:
            end = name_end + step if step else len(data)
            found.append((group, name, _value(data[name_end + 2 : end], name, codec)))
        if not step:
            break
        position = name_end + step
    return {f"{groups.get(group, '')}:{name}": value for group, name, value in reversed(found)}


def _value(record: bytes, name: str, codec: _Codec) -> Parameter:
    """A parameter's data: a list of texts, or numbers. What a record says ends where the next one begins."""
    if len(record) < 2:
        raise BadMotionError("bad_header", f"parameter {name[:40]!r} is cut off")
    kind, dimensions = struct.unpack_from("<bB", record)
    sizes = list(record[2 : 2 + dimensions])
    begin = 2 + dimensions
    count = math.prod(sizes)
    if kind not in SIZES or len(sizes) < dimensions or begin + count * SIZES[kind] > len(record):
        raise BadMotionError("bad_header", f"parameter {name[:40]!r}: {sizes[:7]} values of type {kind} are not there")
    raw = np.frombuffer(record, np.uint8, count * SIZES[kind], begin)
    if kind == -1:
        width = sizes[0] if sizes else 1
        texts = raw.reshape(-1, width) if width else raw.reshape(0, 1)
        return [bytes(row).decode("latin-1").strip(" \0") for row in texts]
    if kind == 4:
        return codec.floats(raw)
    numbers: FloatArray = raw.view(codec.int16 if kind == 2 else np.uint8).astype(np.float64)
    return numbers
