"""Zip archives, read by their central directory first and inflated in memory no further than it says.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 (records), 4.4 (fields), 4.5.3 (zip64). Read here and not by the standard
library, which believes the directory: it makes an object of every entry that it claims, does not see overlapping
entries, and inflates bzip2 without a limit.
"""

import bz2
import stat
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from motionlib.ingest.members import MAX_FILE, MAX_MEMBERS, BrokenError, Member, Names, TooMuchError, too_much
from motionlib.ingest.quality import BadMotionError

STORED, DEFLATED, BZIP2 = 0, 8, 12
END, END64, LOCATOR64, ENTRY, LOCAL = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2", b"PK\3\4"
END_SIZE, END64_SIZE, LOCATOR_SIZE, ENTRY_SIZE, LOCAL_SIZE = 22, 56, 20, 46, 30
LONGEST_COMMENT = 65535  # bytes after the end record
MAX_DIRECTORY = 1 << 28  # bytes, 256 MiB: a million entries with long names
ENCRYPTED, UTF8 = 0x1, 0x800  # flags
UNIX = 3  # host system whose file modes stand in the upper half of the external attributes
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF  # the value stands in a zip64 field
CHUNK = 1 << 20  # bytes


class Entry(NamedTuple):
    """A file as the central directory tells it."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int

    @property
    def is_plain(self) -> bool:
        """Whether it is no link, device or folder as far as its mode says."""
        return stat.S_IFMT(self.mode) in (0, stat.S_IFREG)


class Zip:
    """A zip archive.

    Raises:
        ValueError: If it is broken, its entries overlap, or it asks for more than the limits.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = Names()
        self._entries: dict[str, Entry] = {}
        with path.open("rb") as file:
            entries, end = read_directory(file)
        overlapping = _overlapping(entries, end)
        for number, entry in enumerate(entries):
            if entry.name.endswith(("/", "\\")):
                continue
            if number in overlapping:
                self._names.note(entry.name, "the entry overlaps another one or the directory")
            elif not entry.is_plain:
                self._names.note(entry.name, "no plain file inside the archive")
            elif (name := self._names.take(entry.name)) is not None:
                self._entries[name] = entry
        honest = [entry.size for entry in self._entries.values() if not too_much(entry.size, entry.packed)]
        if too_much(sum(honest), packed := path.stat().st_size):
            raise TooMuchError(f"{len(honest)} members of {sum(honest)} bytes in an archive of {packed}: refused")

    def members(self) -> list[Member]:
        """All plain files, by name."""
        return [Member(name, self._entries[name].size) for name in sorted(self._entries)]

    def skipped(self) -> list[str]:
        """Links, archives, second files of one name, and names that lead out of the archive."""
        return self._names.told()

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes | BadMotionError]]:
        """The named files one at a time, by name."""
        with self._path.open("rb") as file:
            for name in sorted(set(names) & set(self._entries)):
                yield name, _content(file, self._entries[name])


def read_directory(file: BinaryIO) -> tuple[list[Entry], int]:
    """The central directory, one entry after the other, and the byte at which it begins.

    Raises:
        BrokenError: If there is none, or it does not hold what it says.
        TooMuchError: If it lists more than MAX_MEMBERS files.
    """
    size = file.seek(0, 2)
    count, length, start, shift = _end(file, size)
    if start < 0 or start + length > size or count * ENTRY_SIZE > length:
        raise BrokenError(f"{count} entries in {length} bytes of directory at byte {start} of {size}")
    if length > MAX_DIRECTORY:
        raise TooMuchError(f"a directory of {length} bytes, at most {MAX_DIRECTORY} are read: refused")
    file.seek(start)
    directory = file.read(length)
    listed = directory.count(ENTRY)
    if max(count, listed) > MAX_MEMBERS:
        raise TooMuchError(f"{max(count, listed)} members, at most {MAX_MEMBERS} are read: refused")
    entries: list[Entry] = []
    position = 0
    while position < length:
        if directory[position : position + 4] != ENTRY or position + ENTRY_SIZE > length:
            raise BrokenError(f"entry {len(entries)} of {count} is not there")
        entry, position = _entry(directory, position, shift)
        entries.append(entry)
    if len(entries) & FULL16 != count & FULL16:  # old tools count no further than 16 bits
        raise BrokenError(f"{count} entries declared, {len(entries)} present")
    return entries, start


def _end(file: BinaryIO, size: int) -> tuple[int, int, int, int]:
    """Entries, bytes and place of the directory, and how many bytes stand before the archive proper."""
    tail_size = min(size, END_SIZE + LONGEST_COMMENT)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(END)
    if at < 0 or at + END_SIZE > len(tail):
        raise BrokenError("the end of the directory is not there: no zip archive, or cut off")
    place = size - tail_size + at
    disk, first, _, count, length, offset = struct.unpack_from("<HHHHII", tail, at + 4)
    if FULL16 in (disk, first, count) or FULL32 in (length, offset):
        found = _end64(file, place)
        if found is not None:
            return found
    if disk or first:
        raise BrokenError("the archive is one of several volumes; join them first")
    shift = place - length - offset
    return count, length, offset + shift, shift


def _end64(file: BinaryIO, place: int) -> tuple[int, int, int, int] | None:
    """The same from a zip64 archive; None if there is no such record."""
    if place < LOCATOR_SIZE + END64_SIZE:
        return None
    file.seek(place - LOCATOR_SIZE)
    locator = file.read(LOCATOR_SIZE)
    if locator[:4] != LOCATOR64:
        return None
    file.seek(place - LOCATOR_SIZE - END64_SIZE)
    record = file.read(END64_SIZE)
    if record[:4] != END64:
        raise BrokenError("the zip64 end of the directory is not where it should be")
    count, length, offset = struct.unpack_from("<QQQ", record, 32)
    shift = place - LOCATOR_SIZE - END64_SIZE - length - offset
    return count, length, offset + shift, shift


def _entry(directory: bytes, at: int, shift: int) -> tuple[Entry, int]:
    """The entry at a byte of the directory, and where the next one begins."""
    host, flags, method = directory[at + 5], *struct.unpack_from("<HH", directory, at + 8)
    crc, packed, size, name_length, extra_length, comment = struct.unpack_from("<IIIHHH", directory, at + 16)
    mode, offset = struct.unpack_from("<II", directory, at + 38)
    extra_at = at + ENTRY_SIZE + name_length
    raw = directory[at + ENTRY_SIZE : extra_at]
    extra = directory[extra_at : extra_at + extra_length]
    if FULL32 in (packed, size, offset):
        size, packed, offset = _wide(extra, size, packed, offset)
    entry = Entry(
        _name(raw, bool(flags & UTF8)),
        flags,
        method,
        crc,
        packed,
        size,
        offset + shift,
        mode >> 16 if host == UNIX else 0,
    )
    return entry, extra_at + extra_length + comment


def _name(raw: bytes, is_utf8: bool) -> str:
    """A name; without the flag it is UTF-8 where it can be, as macOS writes it."""
    try:
        return raw.decode("utf-8", "surrogateescape" if is_utf8 else "strict")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _wide(extra: bytes, *values: int) -> list[int]:
    """Size, packed size and offset, those that are full taken from the zip64 extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            return [next(wide, value) if value == FULL32 else value for value in values]
        at += 4 + length
    return list(values)


def _overlapping(entries: list[Entry], end: int) -> set[int]:
    """Entries that reach into what comes behind them: the bomb of Fifield (WOOT 2019), or a broken directory."""
    order = sorted(range(len(entries)), key=lambda number: entries[number].offset)
    found = set()
    for number, following in zip(order, [*order[1:], -1], strict=True):
        entry = entries[number]
        limit = entries[following].offset if following >= 0 else end
        if entry.offset < 0 or entry.offset + LOCAL_SIZE + entry.packed > limit:
            found.add(number)
    return found


def _content(file: BinaryIO, entry: Entry) -> bytes | BadMotionError:
    """What an entry holds, if it is what the directory says."""
    if entry.size > MAX_FILE or too_much(entry.size, entry.packed):
        return BadMotionError("too_large", f"{entry.size} bytes in {entry.packed}, at most {MAX_FILE} are read")
    if entry.flags & ENCRYPTED:
        return BadMotionError("unreadable", "the archive's entry is encrypted; unpack it with its password")
    try:
        file.seek(entry.offset)
        local = file.read(LOCAL_SIZE)
        if len(local) < LOCAL_SIZE or local[:4] != LOCAL:
            return BadMotionError("unreadable", f"the archive's entry is not at byte {entry.offset}")
        file.seek(sum(struct.unpack_from("<HH", local, 26)), 1)
        data = _inflated(file, entry)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        return BadMotionError("unreadable", f"the archive's entry is broken: {error}")
    if len(data) != entry.size:
        found = f"{len(data)} found" if len(data) < entry.size else "more found"
        return BadMotionError("unreadable", f"{entry.size} bytes promised by the archive, {found}")
    if zlib.crc32(data) != entry.crc:
        return BadMotionError("unreadable", "the archive's entry is broken: its checksum differs")
    return data


def _inflated(file: BinaryIO, entry: Entry) -> bytes:
    """At most one byte more than the entry promises."""
    if entry.method == STORED:
        return file.read(min(entry.packed, entry.size + 1))
    if entry.method == DEFLATED:
        return _deflated(file, entry)
    if entry.method == BZIP2:
        return _unbzipped(file, entry)
    raise BrokenError(f"packed by method {entry.method}; stored, deflated and bzip2 are read")


def _deflated(file: BinaryIO, entry: Entry) -> bytes:
    inflate, left = zlib.decompressobj(-zlib.MAX_WBITS), entry.packed
    result = bytearray()
    waiting = b""
    while len(result) <= entry.size and not inflate.eof:
        if not waiting:
            waiting = file.read(min(CHUNK, left))
            left -= len(waiting)
            if not waiting:
                break
        result += inflate.decompress(waiting, entry.size + 1 - len(result))
        waiting = inflate.unconsumed_tail
    return bytes(result)


def _unbzipped(file: BinaryIO, entry: Entry) -> bytes:
    """A bzip2 entry, inflated step by step."""
    unpack, left = bz2.BZ2Decompressor(), entry.packed
    result = bytearray()
    while len(result) <= entry.size and not unpack.eof:
        chunk = b""
        if unpack.needs_input:
            chunk = file.read(min(CHUNK, left))
            left -= len(chunk)
            if not chunk:
                break
        result += unpack.decompress(chunk, entry.size + 1 - len(result))
    return bytes(result)
