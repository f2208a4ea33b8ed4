"""Tar archives, packed or not, walked from front to back without recursion and without believing a length.

Source: POSIX.1-2008 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format". Read
here and not by the standard library, which takes an extended header of any length into memory and recurses over them.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from motionlib.ingest.archive_stream import Stream
from motionlib.ingest.members import MAX_FILE, MAX_MEMBERS, BrokenError, Member, Names, TooMuchError, too_much
from motionlib.ingest.quality import BadMotionError

BLOCK = 512  # bytes
MAX_CHAIN = 8  # headers that extend one entry
MAX_EXTENSION = 1 << 16  # bytes of a long name or of extended headers; paths are at most 4096 long
REGULAR, FOLDER, LONG_NAME, LONG_LINK, SPARSE = (b"0", b"\0", b"7"), b"5", b"L", b"K", b"S"
PAX, PAX_GLOBAL = (b"x", b"X"), b"g"
DIGITS = frozenset(b"01234567 \0")


class Header(NamedTuple):
    """An entry: its name as it stands, bytes of data, and whether it is a plain file or a folder."""

    name: str
    size: int
    is_plain: bool
    is_folder: bool


class Tar:
    """A tar archive. One that is broken in the middle gives what came before.

    Raises:
        ValueError: If nothing of it can be read, or it asks for more than the limits.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = Names()
        self._sizes: dict[str, int] = {}
        try:
            with Stream(path) as stream:
                self._survey(stream)
        except BrokenError as error:
            if not self._sizes:
                raise
            self._names.note(path.name, f"{error}; what came before was read")

    def members(self) -> list[Member]:
        """All plain files in the archive's own order."""
        return [Member(name, size) for name, size in self._sizes.items()]

    def skipped(self) -> list[str]:
        """Links, devices, archives, second files of one name, names that lead out, and where the archive breaks off."""
        return self._names.told()

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes | BadMotionError]]:
        """The named files one at a time, in the archive's order."""
        wanted = set(names) & set(self._sizes)
        taken = Names()
        problem = "not found again"
        try:
            with Stream(self._path) as stream:
                for header in walk(stream):
                    name = taken.take(header.name) if header.is_plain else None
                    if name in wanted:
                        wanted.discard(name)
                        yield name, _content(stream, header.size)
                    if not wanted:
                        return
        except (ValueError, OSError) as error:
            problem = str(error)
        for name in [name for name in self._sizes if name in wanted]:
            yield name, BadMotionError("unreadable", f"the archive is broken before this entry: {problem}")

    def _survey(self, stream: Stream) -> None:
        total = count = 0
        packed = self._path.stat().st_size
        for header in walk(stream):
            count, total = count + 1, total + header.size
            if count > MAX_MEMBERS:
                raise TooMuchError(f"more than {MAX_MEMBERS} members: refused")
            if too_much(total, packed):
                raise TooMuchError(f"{count} members of {total} bytes in an archive of {packed}: refused")
            if header.is_folder:
                continue
            if not header.is_plain:
                self._names.note(header.name, "no plain file inside the archive")
            elif (name := self._names.take(header.name)) is not None:
                self._sizes[name] = header.size


def walk(stream: Stream) -> Iterator[Header]:
    """The entries of an archive; between two of them the caller may read the data of the last one, or a part of it.

    Raises:
        BrokenError: Where it breaks off or a header is not one.
    """
    name, size, sparse, chain = "", -1, False, 0  # told by headers that extend the next one
    while True:
        start = stream.position
        block = stream.read(BLOCK)
        if not block.strip(b"\0"):
            if not start and len(block) < BLOCK:
                raise BrokenError("the archive is empty")
            return
        header = _header(block, start)
        kind = block[156:157]
        if kind in (LONG_NAME, LONG_LINK, *PAX, PAX_GLOBAL):
            chain += 1
            if chain > MAX_CHAIN:
                raise BrokenError(f"more than {MAX_CHAIN} extended headers in a row at byte {start}")
            data = _extension(stream, header.size, start)
            if kind == LONG_NAME:
                name = _text(data)
            elif kind in PAX:
                name, size, sparse = _extended(data, name, start)
            continue
        length = header.size if size < 0 else size
        plain = header.is_plain and not sparse
        if kind == SPARSE:
            _skip_sparse_map(stream, block)
        end = stream.position + length + -length % BLOCK
        yield Header(name or header.name, length, plain, header.is_folder)
        name, size, sparse, chain = "", -1, False, 0
        if not stream.skip(max(end - stream.position, 0)):
            raise BrokenError(f"the archive breaks off in the entry at byte {start}")


def _header(block: bytes, start: int) -> Header:
    if len(block) < BLOCK:
        raise BrokenError(f"the archive breaks off at byte {start}")
    unsigned = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    stated = _number(block[148:156], start)
    if stated != unsigned and stated != unsigned - 256 * sum(byte > 127 for byte in block[:148] + block[156:]):
        raise BrokenError(f"no tar header at byte {start}")
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    kind = block[156:157]
    folder = kind == FOLDER or (kind == b"\0" and name.endswith("/"))
    full = f"{prefix}/{name}" if prefix else name
    return Header(full, _number(block[124:136], start), kind in REGULAR and not folder, folder)


def _number(field: bytes, start: int) -> int:
    """Octal digits, or GNU's big numbers in base 256."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if not DIGITS.issuperset(field):
        raise BrokenError(f"no number where one should be in the header at byte {start}")
    digits = field.split(b"\0")[0].strip() or b"0"
    if b" " in digits:
        raise BrokenError(f"no number where one should be in the header at byte {start}")
    return int(digits, 8)


def _extension(stream: Stream, size: int, start: int) -> bytes:
    """The data of an entry that speaks of the next one."""
    if size > MAX_EXTENSION:
        raise TooMuchError(
            f"an extended header of {size} bytes at byte {start}, at most {MAX_EXTENSION} are read: refused"
        )
    data = stream.read(size)
    if len(data) < size or not stream.skip(-size % BLOCK):
        raise BrokenError(f"the archive breaks off in the extended header at byte {start}")
    return data


def _extended(data: bytes, name: str, start: int) -> tuple[str, int, bool]:
    """Name, size (-1: not told) and whether the next entry is sparse, from lines `LENGTH KEY=VALUE`."""
    size, sparse, at = -1, False, 0
    while at < len(data) and data[at]:
        digits, _, _ = data[at : at + 8].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = data[at + len(digits) + 1 : at + length - 1].partition(b"=")
        if not equals or not len(digits) < length <= len(data) - at:  # a length of 0 would never end
            raise BrokenError(f"a record of the extended header at byte {start} is broken")
        if key == b"path":
            name = _text(value)
        elif key == b"size":
            if not value.isdigit() or len(value) > 20:
                raise BrokenError(f"the size in the extended header at byte {start} is no number")
            size = int(value)
        sparse = sparse or key.startswith(b"GNU.sparse")
        at += length
    return name, size, sparse


def _skip_sparse_map(stream: Stream, block: bytes) -> None:
    """Leave out the blocks that go on with the map of a sparse file, as long as each says that one more follows."""
    more = block[482]
    while more:
        block = stream.read(BLOCK)
        if len(block) < BLOCK:
            raise BrokenError("the archive breaks off in the map of a sparse file")
        more = block[504]


def _content(stream: Stream, size: int) -> bytes | BadMotionError:
    if size > MAX_FILE:
        return BadMotionError("too_large", f"{size} bytes, at most {MAX_FILE} are read")
    try:
        data = stream.read(size)
    except ValueError as error:
        return BadMotionError("unreadable", f"the archive's entry is broken: {error}")
    if len(data) != size:
        return BadMotionError("unreadable", f"{size} bytes promised by the archive, {len(data)} found")
    return data


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("utf-8", "surrogateescape")
