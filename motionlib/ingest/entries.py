"""What is known of a file before it is read: its digest, remembered as long as size and time stay, and its key."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from motionlib.artifacts import ClipInfo, digest_of
from motionlib.ingest.deliveries import Delivery
from motionlib.ingest.quality import BadMotionError

MEMORY = Path(".motionlib/digests.txt")
SETTLED_NS = 2_000_000_000  # ns; a file changed more recently may change again within its time stamp's step
DIGITS = 32  # hexadecimal, of a digest: 128 bits


@dataclass(frozen=True, slots=True)
class Entry:
    """A motion file of a delivery.

    Attributes:
        key: Hash of everything that its verdict depends on, apart from settings and code.
        name: Path inside the delivery. size: Bytes.
    """

    key: str
    info: ClipInfo
    name: str
    size: int


class Digests:
    """Digests of the files of deliveries; a file of the same path, size and time is not read again."""

    def __init__(self, memory: Path = MEMORY) -> None:
        self._memory = memory
        self._known: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        if memory.is_file():
            lines = memory.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
            self._known = {line[DIGITS + 1 :]: line[:DIGITS] for line in lines if line}

    def of(self, delivery: Delivery, place: Path, names: Sequence[str]) -> dict[str, str]:
        """Digest of each of these files of a delivery that lies at `place`; what cannot be read has one as well."""
        stamps = dict(zip(names, _stamps(place, names), strict=True))
        found = {name: self._known[stamp] for name, stamp in stamps.items() if stamp in self._known}
        for name, data in delivery.container.read(stamps.keys() - found.keys()):
            if isinstance(data, BadMotionError):
                found[name] = f"{data.reason}: {data}"
            else:
                found[name] = hashlib.sha256(data).hexdigest()[:DIGITS]
        settled = time.time_ns() - SETTLED_NS
        for name, stamp in stamps.items():
            if ":" not in found.setdefault(name, "missing:") and 0 < int(stamp.split(" ", 2)[1]) < settled:
                self._seen[stamp] = found[name]
        return found

    def save(self) -> None:
        """Remember what was asked for this time, and nothing else."""
        if self._seen == self._known:
            return
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        part = self._memory.with_suffix(".part")
        text = "".join(f"{digest} {stamp}\n" for stamp, digest in self._seen.items())
        part.write_text(text, encoding="utf-8", errors="surrogateescape")
        part.replace(self._memory)


def entries(delivery: Delivery, place: Path, digests: Digests, body_models: str) -> Iterator[Entry]:
    """The motion files of a delivery that lies at `place`, in its order.

    Args:
        body_models: Hash of the user's body models; "" without any.
    """
    known = list(delivery.known())
    needed = {member.name: delivery.companions.needed(member.name) for member, _, _ in known}
    names = dict.fromkeys([*needed, *(name for beside in needed.values() for name in beside)])
    found = digests.of(delivery, place, list(names))
    for member, info, label in known:
        beside = [(name, found[name]) for name in needed[member.name]]
        key = digest_of(info, label, found[member.name], beside, delivery.rigs.of(member.name), body_models)
        yield Entry(key, info, member.name, member.size)


def folder_digest(folder: Path | None) -> str:
    """Hash of the files of a folder by name, size and content; "" without one."""
    if folder is None:
        return ""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [(path.relative_to(folder).as_posix(), _content(path)) for path in files]
    return digest_of(*parts)


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamps(place: Path, names: Sequence[str]) -> Iterator[str]:
    """Size, time and path of each file, in one line; of an archive's members the archive's size and time."""
    whole = None if place.is_dir() else _stat(place)
    for name in names:
        path = f"{place}/{name}"
        size, changed = whole or _stat(path)
        yield f"{size} {changed} {path}".replace("\n", "\\n").replace("\r", "\\r")


def _stat(path: Path | str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path for each of 100,000 files takes longer than the stat
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
