"""Arrays in files that nobody may trust: `.npy` and `.npz` without pickle, nothing made that the bytes cannot hold.

Headers are read by a strict grammar of our own (NumPy Enhancement Proposal 1, versions 1 to 3) and held against the
stored size before any array is made; a zip's directory is held against limits before any member is inflated.
"""

import io
import math
import re
import struct
import zipfile
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest.quality import BadMotionError

MAGIC = b"\x93NUMPY"
MAX_HEADER = 1 << 14  # bytes; NumPy itself refuses headers beyond 10,000
MAX_DIMENSIONS = 8
MAX_MEMBERS = 256  # of an npz; AMASS has 6 to 20
MAX_DIRECTORY = 1 << 17  # bytes of a zip's directory
MAX_INFLATED = 1 << 30  # bytes of one array, 1 GiB: an hour of SMPL-X at 120 Hz is half of it
MAX_RATIO = 50  # inflated to packed; motion packs 2 to 10 times, with hands at rest
RATIO_FROM = 1 << 24  # bytes; smaller arrays may pack as well as they like: zeros do
MAX_NUMBERS = 3 << 24  # of one array of motion: 42 minutes of SMPL-X at 120 Hz, 1.4 GB while they are read
MAX_ITEM = 8  # bytes of a number; longer floats differ between machines
NUMBERS = "biuf"  # kinds of NumPy types that are read as numbers
TEXT = "SU"
SHOWN = 120  # letters of a foreign text in a message

_HEADER = re.compile(rb"\{(?:'(?:descr|fortran_order|shape)':(?:'[^']{1,16}'|True|False|\([\d,]*\)),?){3}\}")
_DESCR = re.compile(rb"'descr':'([<>=|]?[a-zA-Z]\d{1,9})'")
_ORDER = re.compile(rb"'fortran_order':(True|False)")
_SHAPE = re.compile(rb"'shape':\(([\d,]*)\)")
_END_OF_ZIP = struct.Struct("<4s4H2LH")
_BROKEN_ZIP = (
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    NotImplementedError,
    ValueError,
    struct.error,
)


class Header(NamedTuple):
    """What a `.npy` header says: type, shape, whether columns come first, and where the numbers start."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def size(self) -> int:
        """Bytes of header and numbers together."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize


def read_header(data: bytes, name: str) -> Header:
    """Header of a `.npy` file, of which `data` is the beginning.

    Raises:
        BadMotionError: bad_header, naming what breaks the format or is not read (Python objects, records).
    """
    if not data.startswith(MAGIC) or len(data) < 10:
        raise BadMotionError("bad_header", f"{name}: does not begin as a .npy array")
    wide = data[6] > 1
    if data[6] not in (1, 2, 3) or len(data) < 12:
        raise BadMotionError("bad_header", f"{name}: version {data[6]} of the .npy format, known are 1 to 3")
    length, start = (struct.unpack_from("<L" if wide else "<H", data, 8)[0], 12 if wide else 10)
    text = data[start : start + length]
    if length > MAX_HEADER or len(text) < length:
        raise BadMotionError("bad_header", f"{name}: a header of {length} bytes, {len(text)} are there")
    text = b"".join(text.split())
    found = [pattern.search(text) for pattern in (_DESCR, _ORDER, _SHAPE)]
    if not _HEADER.fullmatch(text) or not all(found):
        said = text[:80].decode("latin-1")
        raise BadMotionError("bad_header", f"{name}: header {said!r} is not that of an array of numbers or text")
    descr, order, shape = (match[1] for match in found if match)
    return Header(_dtype(descr.decode(), name), _shape(shape, name), order == b"True", start + length)


def read_array(data: bytes, name: str, kinds: str = NUMBERS) -> NDArray[Any]:
    """The array of a `.npy` file, without a copy and read-only.

    Args:
        data: The whole file.
        name: For messages.
        kinds: Kinds of NumPy types that are wanted.

    Raises:
        BadMotionError: bad_header, where type, shape and size do not belong together or the type is not wanted.
    """
    header = read_header(data, name)
    if header.dtype.kind not in kinds:
        raise BadMotionError("bad_header", f"{name}: holds {header.dtype}, which is not read")
    if header.size != len(data):
        raise BadMotionError(
            "bad_header", f"{name}: {header.dtype} {header.shape} needs {header.size} bytes, the file has {len(data)}"
        )
    flat = np.frombuffer(data, header.dtype, offset=header.start)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def shown(text: object) -> str:
    """What a file or an error says, as far as it may stand in a message."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:SHOWN])


def as_floats(array: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers as float64, themselves if they are; a signalling NaN stays one, quietly."""
    with np.errstate(invalid="ignore"):
        return array.astype(np.float64, copy=False)


class Npz:
    """An `.npz` archive: its names at once, each array when it is asked for.

    Raises:
        BadMotionError: bad_header, where it is no zip, is broken, or its directory exceeds the limits.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        _check_directory(data, name)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            infos = self._zip.infolist()
        except _BROKEN_ZIP as error:
            raise BadMotionError("bad_header", f"{name}: not a readable zip archive: {shown(error)}") from None
        if len(infos) > MAX_MEMBERS:
            raise BadMotionError("bad_header", f"{name}: {len(infos)} members, at most {MAX_MEMBERS} are read")
        self._infos = {info.filename.removesuffix(".npy"): info for info in infos if info.filename.endswith(".npy")}

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the arrays, in the archive's order."""
        return tuple(self._infos)

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of an array by its header, without reading it.

        Raises:
            BadMotionError: bad_header, naming the key.
        """
        return self._header(key).shape

    def array(self, key: str, kinds: str = NUMBERS) -> NDArray[Any]:
        """One array.

        Raises:
            BadMotionError: bad_header, naming the key; also where the zip says another size than the array has.
        """
        info, where = self._infos[key], f"{self._name}, {shown(key)}"
        header = self._header(key)
        if header.dtype.kind not in kinds:
            raise BadMotionError("bad_header", f"{where}: holds {header.dtype}, which is not read")
        if header.size != info.file_size:
            said = f"{header.dtype} {header.shape} needs {header.size} bytes, the zip has {info.file_size}"
            raise BadMotionError("bad_header", f"{where}: {said}")
        return read_array(self._bytes(info, info.file_size, where), where, kinds)

    def text(self, key: str) -> str:
        """A string of a 0-d or one-element array, "" where there is none or it is something else."""
        if key not in self._infos:
            return ""
        try:
            array = self.array(key, TEXT)
        except BadMotionError:
            return ""
        if array.size != 1:
            return ""
        wide = "utf-32-be" if array.dtype.byteorder == ">" else "utf-32-le"
        encoding = wide if array.dtype.kind == "U" else "utf-8"
        return array.tobytes().decode(encoding, "replace").rstrip("\0")  # a str of NumPy's may hold no letters at all

    def _header(self, key: str) -> Header:
        info, where = self._infos[key], f"{self._name}, {shown(key)}"
        if info.file_size > MAX_INFLATED or (
            info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size
        ):
            said = f"{info.file_size} bytes packed in {info.compress_size}"
            raise BadMotionError("too_large", f"{where}: {said}, at most {MAX_INFLATED} and {MAX_RATIO} to 1 are read")
        return read_header(self._bytes(info, min(info.file_size, MAX_HEADER + 12), where), where)

    def _bytes(self, info: zipfile.ZipInfo, size: int, where: str) -> bytes:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise BadMotionError("bad_header", f"{where}: packed or encrypted in a way that NumPy does not write")
        try:
            with self._zip.open(info) as member:
                data = member.read(size)
        except _BROKEN_ZIP as error:
            raise BadMotionError("bad_header", f"{where}: the zip's entry is broken: {shown(error)}") from None
        if len(data) != size:
            raise BadMotionError("bad_header", f"{where}: {size} bytes promised by the zip, {len(data)} found")
        return data


def _dtype(descr: str, name: str) -> np.dtype[Any]:
    if descr.lstrip("<>=|")[0] not in "biufSU":
        raise BadMotionError("bad_header", f"{name}: type {descr!r} is neither numbers nor text")
    try:
        dtype = np.dtype(descr)
    except TypeError:
        raise BadMotionError("bad_header", f"{name}: no type {descr!r}") from None
    if dtype.kind in NUMBERS and dtype.itemsize > MAX_ITEM:
        raise BadMotionError("bad_header", f"{name}: numbers of {dtype.itemsize} bytes, at most {MAX_ITEM} are read")
    return dtype


def _shape(text: bytes, name: str) -> tuple[int, ...]:
    parts = text.split(b",")
    if parts and not parts[-1]:
        parts.pop()
    if len(parts) > MAX_DIMENSIONS or not all(part.isdigit() and len(part) < 19 for part in parts):
        raise BadMotionError("bad_header", f"{name}: no shape ({text[:80].decode()})")
    return tuple(int(part) for part in parts)


def _check_directory(data: bytes, name: str) -> None:
    """Hold the zip's closing record against the limits: before anything is made of its directory."""
    tail = data[-(_END_OF_ZIP.size + 0xFFFF) :]
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_OF_ZIP.size:
        raise BadMotionError("bad_header", f"{name}: not a zip archive, which .npz is")
    _, _, _, _, count, size, _, _ = _END_OF_ZIP.unpack_from(tail, at)
    if count > MAX_MEMBERS or size > MAX_DIRECTORY:
        raise BadMotionError("bad_header", f"{name}: a directory of {count} members in {size} bytes, refused")
