"""What a delivery comes in: a folder, a zip or a tar, read without ever writing a member to disk.

Archives are read by their directory first, with limits on members, inflated bytes and ratio; each member is inflated in
memory, at most as far as its directory entry says. No name from an archive ever becomes a path.
"""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from motionlib.ingest.archive_tar import Tar
from motionlib.ingest.archive_zip import Zip
from motionlib.ingest.members import ARCHIVE_SUFFIXES, MAX_FILE, MAX_MEMBERS, Member, Names, is_hidden
from motionlib.ingest.quality import BadMotionError

__all__ = ["ARCHIVE_SUFFIXES", "Container", "Folder", "Member", "Tar", "Zip", "is_archive", "open_container"]


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
        return Zip(path) if path.name.lower().endswith(".zip") else Tar(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name}: not a readable archive: {error}") from error


def is_archive(path: Path) -> bool:
    """Whether the name says that this is an archive."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


class Folder:
    """A folder; links that lead out of it are left out, links to folders are not followed.

    Raises:
        ValueError: If it holds more than MAX_MEMBERS files.
    """

    def __init__(self, path: Path, *, deep: bool = True) -> None:
        self._members: list[Member] = []
        self._names = Names()
        self._path = path
        self._home = path.resolve()
        for folder, subfolders, files in os.walk(path, onerror=self._unlisted):
            subfolders[:] = sorted(name for name in subfolders if deep and not is_hidden(name))
            for name in sorted(files):
                if not is_hidden(name):
                    self._add(Path(folder) / name)
        self._members.sort()

    def _add(self, file: Path) -> None:
        raw = file.relative_to(self._path).as_posix()
        if len(self._members) >= MAX_MEMBERS:
            raise ValueError(f"{self._path.name}: more than {MAX_MEMBERS} files")
        try:
            state, home = file.stat(), file.resolve()
        except OSError as error:
            self._names.note(raw, f"cannot be looked at: {error.strerror}")
            return
        if not stat.S_ISREG(state.st_mode) or not home.is_relative_to(self._home):
            self._names.note(raw, "no regular file inside the delivery")
        elif self._names.take(raw) is not None:
            self._members.append(Member(raw, state.st_size))

    def _unlisted(self, error: OSError) -> None:
        folder = Path(error.filename).relative_to(self._path).as_posix()
        self._names.note(folder, f"the folder cannot be listed: {error.strerror}")

    def members(self) -> list[Member]:
        """All regular files, by name."""
        return self._members

    def skipped(self) -> list[str]:
        """Links out of the folder, devices, archives, names that are no text."""
        return self._names.told()

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes | BadMotionError]]:
        """The named files one at a time."""
        wanted = set(names)
        for member in self._members:
            if member.name in wanted:
                yield member.name, self._read(member)

    def _read(self, member: Member) -> bytes | BadMotionError:
        if member.size > MAX_FILE:
            return BadMotionError("too_large", f"{member.size} bytes, at most {MAX_FILE} are read")
        try:
            with (self._path / member.name).open("rb") as file:
                data = file.read(MAX_FILE + 1)
        except OSError as error:
            return BadMotionError("unreadable", f"{error.strerror}")
        if len(data) > MAX_FILE:
            return BadMotionError("too_large", f"it grew beyond {MAX_FILE} bytes while it was read")
        return data
