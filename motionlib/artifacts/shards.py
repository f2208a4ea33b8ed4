"""Folders of shards: a library in pieces, written once, kept while nothing in them changes, read one by one.

A shard bears the hash of what went into it. Which code and settings made it is remembered beside the artifact, in
`.motionlib/made/`, so that a change of code that changes no result changes no byte of the artifact.
"""

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motionlib.artifacts.files import MANIFEST, BadArtifactError, read_json, seal, unseal

SHARDS = "shards"
MADE = Path(".motionlib/made")
MOST_REMEMBERED = 200_000  # shards; the oldest are forgotten first
NAME_LENGTH = 32  # hexadecimal digits: 128 bits
BORDER_EVERY = 128  # mean files between borders
MOST_FILES = 512  # of a shard
MOST_BYTES = 64 << 20  # of source files in a shard, unless a single one is larger


def digest_of(*parts: object) -> str:
    """Short hash of some values, told apart by their `repr`."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()[:NAME_LENGTH]


def borders(files: Sequence[tuple[str, int]]) -> list[int]:
    """Ends of the shards of files (name, bytes) in their order, by content: one file more moves few borders.

    A shard ends behind a file whose hashed name is a multiple of BORDER_EVERY, and before it would hold more than
    MOST_FILES or MOST_BYTES.
    """
    ends: list[int] = []
    start = held = 0
    for position, (name, size) in enumerate(files):
        if position > start and (position - start >= MOST_FILES or held + size > MOST_BYTES):
            ends.append(position)
            start, held = position, 0
        held += size
        if int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % BORDER_EVERY == 0:
            ends.append(position + 1)
            start, held = position + 1, 0
    return ends if start == len(files) else [*ends, len(files)]


class Shards:
    """The shards of one artifact while a stage brings them up to date.

    Args:
        folder: The artifact.
        kind: Of its shards.
        maker: Hash of the code and settings that make them now; "": nothing is kept from before, nor for later.
    """

    def __init__(self, folder: Path, kind: str, maker: str = "") -> None:
        self.folder, self.kind, self.maker = folder, kind, maker
        self._memory = MADE / f"{kind}.txt"
        self._made = self._remembered() if maker else {}

    def path(self, name: str) -> Path:
        """Where a shard lies, whether it is there or not."""
        return self.folder / SHARDS / name

    def has(self, name: str) -> bool:
        """Whether this shard is there, whole, and made by `maker`."""
        path = self.path(name)
        if not self.maker or not path.is_dir():
            return False
        try:
            unseal(path, self.kind)
        except BadArtifactError:
            return False
        return self._made.get(_file_digest(path / MANIFEST)) == self.maker

    def others(self, wanted: Collection[str]) -> list[Path]:
        """Shards by `maker` that are there and whole, but not among those that are wanted."""
        found = sorted(path.name for path in (self.folder / SHARDS).glob("[!.]*") if path.is_dir())
        return [self.path(name) for name in found if name not in wanted and self.has(name)]

    def open(self) -> None:
        """Say that the artifact is being changed: until it is sealed again, nobody takes it for finished."""
        (self.folder / SHARDS).mkdir(parents=True, exist_ok=True)
        (self.folder / MANIFEST).unlink(missing_ok=True)

    @contextmanager
    def writing(self, name: str, facts: Callable[[], dict[str, Any]] = dict) -> Iterator[Path]:
        """An empty folder that becomes the shard when all went well; `facts` goes into its manifest."""
        part = self.folder / SHARDS / f".{name}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        hashes = {file.name: _file_digest(file) for file in sorted(part.iterdir())}
        seal(part, self.kind, sha256=hashes, **facts())
        shutil.rmtree(self.path(name), ignore_errors=True)
        part.rename(self.path(name))
        if self.maker:
            self._note(_file_digest(self.path(name) / MANIFEST))

    def close(self, wanted: Collection[str], tables: Collection[str]) -> None:
        """Remove everything but the wanted shards and these tables beside them."""
        for path in sorted((self.folder / SHARDS).iterdir()):
            if path.name not in wanted:
                _remove(path)
        for path in sorted(self.folder.iterdir()):
            if path.name not in {SHARDS, MANIFEST, *tables}:
                _remove(path)

    def _remembered(self) -> dict[str, str]:
        if not self._memory.is_file():
            return {}
        lines = [line.split() for line in self._memory.read_text(encoding="utf-8").splitlines()]
        made = dict(line for line in lines if len(line) == 2)
        if len(lines) > MOST_REMEMBERED:
            kept = list(made.items())[-MOST_REMEMBERED // 2 :]
            part = self._memory.with_suffix(".part")
            part.write_text("".join(f"{shard} {maker}\n" for shard, maker in kept), encoding="utf-8")
            part.replace(self._memory)
        return made

    def _note(self, shard: str) -> None:
        self._made[shard] = self.maker
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        with self._memory.open("a", encoding="utf-8") as file:
            file.write(f"{shard} {self.maker}\n")


def facts_of(shard: Path) -> dict[str, Any]:
    """What the manifest of a shard says, unchecked: its artifact's manifest has been."""
    facts: dict[str, Any] = read_json(shard / MANIFEST)
    return facts


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:NAME_LENGTH]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
