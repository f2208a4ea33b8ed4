"""A C3D file from joint positions, for tests: the format as its guide says, nothing of our reader in it."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

KINDS = {"<": 84, "vax": 85, ">": 86}


def c3d(
    labels: Sequence[str],
    places: Any,
    fps: float = 100.0,
    units: str = "mm",
    processor: str = "<",
    scale: float = -1.0,
    seen: Any = None,
    screen: tuple[str, str] = ("", ""),
    analog: int = 0,
    trial: bool = False,
) -> bytes:
    """(T, P, 3) points as a file of one processor; integers if the scale is positive, with `seen` (T, P)."""
    places = np.asarray(places, dtype=np.float64)
    frames, points = places.shape[:2]
    order = ">" if processor == ">" else "<"
    parameters = _parameters(labels, fps, units, screen, processor, order)
    parameters += _trial(frames, order) if trial else b""
    parameters += b"\0" * (-len(parameters) % 512)
    blocks = len(parameters) // 512
    parameters = parameters[:2] + bytes([blocks, KINDS[processor]]) + parameters[4:]
    head = struct.pack(order + "BBHHHHH", 2, 0x50, points, analog, 1, min(frames, 65535), 10)
    head += _floats([scale], processor, order) + struct.pack(order + "HH", 2 + blocks, 1 if analog else 0)
    head += _floats([fps], processor, order)
    hidden = np.zeros((frames, points)) if seen is None else ~np.asarray(seen)
    residual = np.where(hidden, -1.0, 0.0)[..., None]
    values = np.concatenate([places if scale < 0 else places / scale, residual], axis=-1).reshape(frames, -1)
    values = np.concatenate([values, np.full((frames, analog), 7.0)], axis=1)
    data = _floats(values, processor, order) if scale < 0 else np.round(values).astype(order + "i2").tobytes()
    return head.ljust(512, b"\0") + parameters + data.ljust(len(data) + -len(data) % 512, b"\0")


def _floats(values: Any, processor: str, order: str) -> bytes:
    if processor != "vax":
        return np.asarray(values, dtype=order + "f4").tobytes()
    bits = (np.asarray(values, dtype=np.float32) * 4).view(np.uint32)
    return np.stack([bits >> 16, bits & 0xFFFF], axis=-1).astype("<u2").tobytes()


def _parameters(
    labels: Sequence[str], fps: float, units: str, screen: tuple[str, str], processor: str, order: str
) -> bytes:
    result = b"\x01\x50\0\0" + _record(order, -1, "POINT", b"")
    for index in range(0, len(labels), 255):
        part = labels[index : index + 255]
        width = max(1, *(len(label) for label in part)) if part else 1
        name = "LABELS" + (str(index // 255 + 1) if index else "")
        text = b"".join(label.encode("latin-1").ljust(width) for label in part)
        result += _record(order, 1, name, bytes([255, 2, width, len(part)]) + text)
    result += _record(order, 1, "RATE", bytes([4, 0]) + _floats([fps], processor, order))
    for name, value in (("UNITS", units), ("X_SCREEN", screen[0]), ("Y_SCREEN", screen[1])):
        if value:
            result += _record(order, 1, name, bytes([255, 1, len(value)]) + value.encode())
    return result + _record(order, 1, "USED", bytes([2, 0]) + struct.pack(order + "h", len(labels)))


def _trial(frames: int, order: str) -> bytes:
    """First and last frame as two words each, the low one first."""
    result = _record(order, -2, "TRIAL", b"")
    for name, frame in (("ACTUAL_START_FIELD", 1), ("ACTUAL_END_FIELD", frames)):
        result += _record(order, 2, name, bytes([2, 1, 2]) + struct.pack(order + "HH", frame & 0xFFFF, frame >> 16))
    return result


def _record(order: str, group: int, name: str, data: bytes) -> bytes:
    body = data + b"\0"  # an empty description
    head = struct.pack("<bb", len(name), group) + name.encode()
    return head + struct.pack(order + "H", 2 + len(body)) + body
