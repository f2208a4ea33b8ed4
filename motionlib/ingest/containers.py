"""What a delivery comes in: a folder, a zip or a tar, read without ever writing a member to disk.

Archives are read by their directory first, with limits on members, inflated bytes and ratio; each member is inflated in
memory, at most as far as its directory entry says.
"""

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from motionlib.ingest.bvh import MAX_BYTES
from motionlib.ingest.quality import BadMotionError

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
MAX_MEMBERS = 1_000_000
MAX_INFLATED = 1 << 38  # bytes, 256 GiB: all of CMU as BVH is 10 GiB
MAX_RATIO = 250  # inflated to packed; BVH text packs 4 to 12 times
RATIO_FROM = 1 << 28  # bytes; a small archive may pack as well as it likes

_BROKEN = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, RuntimeError, NotImplementedError)


class Member(NamedTuple):
    """A file of a delivery: its path inside it with `/`, and its size in bytes."""

    name: str
    size: int


class Container(Protocol):
    """A delivery's files, in an order that is always the same."""

    def members(self) -> list[Member]:
        """All regular files."""

    def skipped(self) -> list[str]:
        """What is no regular file inside the delivery, and why it is left out."""

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes | BadMotionError]]:
        """The named files one at a time, in the order of `members`; an error where one cannot be read."""


def open_container(path: Path) -> Container:
    """Open a folder or an archive.

    Raises:
        ValueError: If it is neither, is broken, or asks for more than the limits.
    """
    if path.is_dir():
        return Folder(path)
    try:
        if path.name.lower().endswith(".zip"):
            return Zip(path)
        return Tar(path)
    except _BROKEN as error:
        raise ValueError(f"{path.name}: not a readable archive: {error}") from error


def is_archive(path: Path) -> bool:
    """Whether the name says that this is an archive."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


class Folder:
    """A folder; links that lead out of it are left out, links to folders are not followed."""

    def __init__(self, path: Path, *, deep: bool = True) -> None:
        self._members: list[Member] = []
        self._skipped: list[str] = []
        self._path = path
        for folder, subfolders, files in os.walk(path):
            subfolders[:] = [name for name in subfolders if deep and not _hidden(name)]
            for name in files:
                if not _hidden(name):
                    self._add(Path(folder) / name)
        self._members.sort()
        self._skipped.sort()

    def _add(self, file: Path) -> None:
        name = file.relative_to(self._path).as_posix()
        if not file.resolve().is_relative_to(self._path.resolve()) or not stat.S_ISREG(_mode(file)):
            self._skipped.append(f"{name!a}: no regular file inside the delivery")
        elif not _encodable(name):
            self._skipped.append(f"{name!a}: the name is not valid text")
        else:
            self._members.append(Member(name, file.stat().st_size))

    def members(self) -> list[Member]:
        """All regular files, by name."""
        return self._members

    def skipped(self) -> list[str]:
        """Links out of the folder, devices, names that are no text."""
        return self._skipped

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes | BadMotionError]]:
        """The named files one at a time."""
        wanted = set(names)
        for member in self._members:
            if member.name in wanted:
                yield member.name, self._read(member)

    def _read(self, member: Member) -> bytes | BadMotionError:
        if member.size > MAX_BYTES:
            return BadMotionError("too_large", f"{member.size} bytes, at most {MAX_BYTES} are read")
        try:
            return (self._path / member.name).read_bytes()
        except OSError as error:
            return BadMotionError("unreadable", f"{error.strerror}")


class Zip:
    """A zip archive."""

    def __init__(self, path: Path) -> None:
        self._file = zipfile.ZipFile(path)
        self._skipped: list[str] = []
        self._infos: dict[str, zipfile.ZipInfo] = {}
        infos = [info for info in self._file.infolist() if not info.is_dir()]
        _check_limits(path, [info.file_size for info in infos])
        for info in infos:
            name = _safe(info.filename)
            if name is None or stat.S_ISLNK(info.external_attr >> 16):
                self._skipped.append(f"{info.filename[:200]!r}: no plain file inside the archive")
            elif not any(_hidden(part) for part in name.split("/")):
                self._infos[name] = info

    def members(self) -> list[Member]:
        """All plain files, by name."""
        return [Member(name, self._infos[name].file_size) for name in sorted(self._infos)]

    def skipped(self) -> list[str]:
        """Links and names that lead out of the archive."""
        return self._skipped

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes | BadMotionError]]:
        """The named files one at a time."""
        for name in sorted(set(names) & set(self._infos)):
            info = self._infos[name]
            if info.file_size > MAX_BYTES:
                yield name, BadMotionError("too_large", f"{info.file_size} bytes, at most {MAX_BYTES} are read")
                continue
            try:
                with self._file.open(info) as member:
                    yield name, _exactly(member.read(info.file_size + 1), info.file_size)
            except _BROKEN as error:
                yield name, BadMotionError("unreadable", f"the archive's entry is broken: {error}")


class Tar:
    """A tar archive, packed or not, walked from front to back because packed ones cannot be entered in the middle."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._skipped: list[str] = []
        self._sizes: dict[str, int] = {}
        total = 0
        for info in self._walk():
            total += info.size
            _check_limits(path, [total])
            name = _safe(info.name)
            if len(self._sizes) >= MAX_MEMBERS:
                raise ValueError(f"{path.name}: more than {MAX_MEMBERS} members")
            if info.isdir():
                continue
            if name is None or not info.isreg() or info.issparse():
                self._skipped.append(f"{info.name[:200]!r}: no plain file inside the archive")
            elif not any(_hidden(part) for part in name.split("/")):
                self._sizes[name] = info.size

    def members(self) -> list[Member]:
        """All plain files in the archive's own order."""
        return [Member(name, size) for name, size in self._sizes.items()]

    def skipped(self) -> list[str]:
        """Links, devices and names that lead out of the archive."""
        return self._skipped

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes | BadMotionError]]:
        """The named files one at a time; of twins the first."""
        wanted = set(names) & set(self._sizes)
        try:
            with tarfile.open(self._path) as archive:
                for info in archive:
                    name = _safe(info.name)
                    if name in wanted and info.isreg():
                        wanted.discard(name)
                        yield name, self._read(archive, info)
        except _BROKEN as error:
            for name in sorted(wanted):
                yield name, BadMotionError("unreadable", f"the archive is broken before this entry: {error}")

    def _walk(self) -> Iterator[tarfile.TarInfo]:
        with tarfile.open(self._path) as archive:
            yield from archive

    @staticmethod
    def _read(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes | BadMotionError:
        if info.size > MAX_BYTES:
            return BadMotionError("too_large", f"{info.size} bytes, at most {MAX_BYTES} are read")
        member = archive.extractfile(info)
        assert member is not None  # it is a regular file
        return _exactly(member.read(info.size + 1), info.size)


def _exactly(data: bytes, size: int) -> bytes | BadMotionError:
    if len(data) != size:
        return BadMotionError("unreadable", f"{size} bytes promised by the archive, {len(data)} found")
    return data


def _check_limits(path: Path, sizes: list[int]) -> None:
    total, packed = sum(sizes), path.stat().st_size
    if len(sizes) > MAX_MEMBERS or total > MAX_INFLATED or (total > RATIO_FROM and total > MAX_RATIO * packed):
        raise ValueError(f"{path.name}: {len(sizes)} members of {total} bytes in an archive of {packed}: refused")


def _safe(name: str) -> str | None:
    """A member's name as a path inside the archive, or None where it leads out of it."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":" or not _encodable(name):
        return None
    return None if "\0" in name else "/".join(parts)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _encodable(name: str) -> bool:
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in name)


def _mode(file: Path) -> int:
    try:
        return file.stat().st_mode
    except OSError:
        return 0
