"""What lies beside a motion file and is no motion itself: companions that its reader needs, and words about its rig."""

import posixpath
from collections.abc import Collection, Iterable, Mapping

from motionlib.ingest.containers import Container, Member
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Format, alone

COMPANION_SUFFIXES = (".asf", ".bin")  # files that only serve others: skeletons of .amc, buffers of .gltf
MAX_COMPANION_BYTES = 1 << 28  # 256 MiB in one companion
KEPT_BYTES = 1 << 28  # 256 MiB of companions in memory: all of CMU's 144 skeletons are 3 MiB
RIG_FILE = "rig.json"  # speaks of all files of its folder and below; `<stem>.rig.json` of one file
MAX_RIG_BYTES = 1 << 20  # 1 MiB in one rig file
MAX_RIGS_BYTES = 1 << 26  # 64 MiB in all of a delivery's rig files


def is_rig(name: str) -> bool:
    """Whether this file says something about rigs, by its name."""
    base = posixpath.basename(name)
    return base == RIG_FILE or base.endswith("." + RIG_FILE)


class Companions:
    """The companions of a delivery's files: each read once as long as they fit into KEPT_BYTES together."""

    def __init__(self, container: Container, motions: Iterable[str], readers: Mapping[str, Format]) -> None:
        self._container = container
        self._sizes = {
            member.name: member.size
            for member in container.members()
            if _suffix(member.name) in COMPANION_SUFFIXES and member.size <= MAX_COMPANION_BYTES
        }
        self._of = {name: _needed(name, self._sizes, readers) for name in motions} if self._sizes else {}
        self._kept: dict[str, bytes | None] = {}  # None: could not be read

    @property
    def names(self) -> set[str]:
        """Files that serve as companions here."""
        return {name for needed in self._of.values() for name in needed}

    def needed(self, motion: str) -> list[str]:
        """Files that this motion file needs beside it, as far as they are there."""
        return self._of.get(motion, [])

    def beside(self, motion: str) -> dict[str, bytes]:
        """The companions of a motion file that are there and readable, by their path inside the delivery."""
        needed = self.needed(motion)
        if any(name not in self._kept for name in needed):
            self._fetch(needed)
        found = {name: self._kept.get(name) for name in needed}
        return {name: data for name, data in found.items() if data is not None}

    def _fetch(self, needed: Collection[str]) -> None:
        """Read what is missing; everything in one go where it fits, because a packed tar is walked as a whole."""
        wanted = self.names
        if sum(self._sizes[name] for name in wanted) > KEPT_BYTES:
            self._kept, wanted = {}, set(needed)
        for name, data in self._container.read(wanted - self._kept.keys()):
            self._kept[name] = None if isinstance(data, BadMotionError) else data


class Rigs:
    """The rig files of a delivery."""

    def __init__(self, container: Container) -> None:
        found = [member for member in container.members() if is_rig(member.name)]
        kept, self.problems = _small(found)
        self._texts: dict[str, str] = {}
        for name, data in container.read(kept):
            if isinstance(data, BadMotionError):
                self.problems.append(f"{name}: {data}")
                continue
            try:
                self._texts[name] = data.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                self.problems.append(f"{name}: not UTF-8 at byte {error.start}")
        self.names = {member.name for member in found}

    def of(self, motion: str) -> str:
        """Text of the rig file nearest to a motion file: its own, its folder's, a parent folder's; "" without any."""
        own = f"{posixpath.splitext(motion)[0]}.{RIG_FILE}"
        if own in self._texts:
            return self._texts[own]
        folder = motion
        while folder:
            folder = posixpath.dirname(folder)
            text = self._texts.get(posixpath.join(folder, RIG_FILE))
            if text is not None:
                return text
        return ""


def _needed(name: str, candidates: Collection[str], readers: Mapping[str, Format]) -> list[str]:
    reader = readers.get(_suffix(name))
    if reader is None or reader.companions is alone:
        return []
    return [other for other in reader.companions(name, candidates) if other in candidates]


def _small(found: list[Member]) -> tuple[set[str], list[str]]:
    """Names of the rig files that are read, and why others are not."""
    kept, problems, total = set(), [], 0
    for member in found:
        total += member.size
        if member.size > MAX_RIG_BYTES:
            problems.append(f"{member.name}: larger than {MAX_RIG_BYTES} bytes")
        elif total > MAX_RIGS_BYTES:
            problems.append(f"{member.name}: the rig files hold more than {MAX_RIGS_BYTES} bytes together")
        else:
            kept.add(member.name)
    return kept, problems


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()
