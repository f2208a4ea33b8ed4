"""Files inside a delivery: names that are safe to speak of, limits, and a list of what was left out."""

from typing import NamedTuple

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
FOREIGN_ARCHIVES = (".7z", ".rar", ".gz", ".xz", ".bz2", ".zst")  # not opened at all, but told of
MAX_MEMBERS = 1_000_000
MAX_FILE = 1 << 30  # bytes of one file, 1 GiB: ten hours of a 31-joint body at 120 Hz as text
MAX_INFLATED = 1 << 38  # bytes, 256 GiB: all of CMU as BVH is 10 GiB
MAX_RATIO = 250  # inflated to packed; BVH text packs 4 to 12 times
RATIO_FROM = 1 << 26  # bytes, 64 MiB; what is smaller may pack as well as it likes
LONGEST_NAME, LONGEST_PART, DEEPEST = 1024, 255, 64  # letters of a path and of one folder or file, and folders
MAX_NOTES = 1000


class Member(NamedTuple):
    """A file of a delivery: its path inside it with `/`, and its size in bytes."""

    name: str
    size: int


class TooMuchError(ValueError):
    """An archive asks for more than the limits allow: it is refused as a whole."""


class BrokenError(ValueError):
    """An archive breaks its format here; what came before may be sound."""


class Names:
    """Decides which names of a delivery are taken, and keeps note of the others.

    Attributes:
        notes: What was left out and why, MAX_NOTES at most; `more` counts the rest.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.more = 0
        self._taken: set[str] = set()
        self._folded: dict[str, str] = {}

    def take(self, raw: str) -> str | None:
        """The name as a plain path inside the delivery; None if it is hidden, unsafe, taken, or an archive's."""
        name, problem = _plain(raw)
        if problem:
            self.note(raw, problem)
            return None
        if any(is_hidden(part) for part in name.split("/")):
            return None
        if name in self._taken:
            self.note(raw, "a second file of this name; the first one is read")
            return None
        if is_archive_name(name):
            self.note(raw, "an archive inside the delivery is not opened; unpack it, or put it beside the delivery")
            return None
        self._taken.add(name)
        twin = self._folded.setdefault(name.casefold(), name)
        if twin != name:
            self.note(raw, f"differs from {twin[:200]!a} in upper and lower case only; both are read")
        return name

    def note(self, raw: str, problem: str) -> None:
        """Keep note of something that is left out."""
        if len(self.notes) < MAX_NOTES:
            self.notes.append(f"{raw[:200]!a}: {problem}")
        else:
            self.more += 1

    def told(self) -> list[str]:
        """All notes, sorted, and how many more there are."""
        return sorted(self.notes) + ([f"and {self.more} more files left out"] if self.more else [])


def is_archive_name(name: str) -> bool:
    """Whether a name says that it is an archive or a packed file."""
    return name.lower().endswith((*ARCHIVE_SUFFIXES, *FOREIGN_ARCHIVES))


def is_hidden(part: str) -> bool:
    """Whether a folder or file is none of the user's business: dot files, and what macOS adds to archives."""
    return part.startswith(".") or part == "__MACOSX"


def too_much(size: int, packed: int) -> bool:
    """Whether so many bytes cannot honestly come out of so few."""
    return size > most(packed)


def most(packed: int) -> int:
    """How many bytes may come out of so many packed ones."""
    return min(MAX_INFLATED, max(RATIO_FROM, MAX_RATIO * packed))


def _plain(raw: str) -> tuple[str, str]:
    """A name as a path inside the delivery, and what is wrong with it ("" if nothing)."""
    slashed = raw.replace("\\", "/")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or slashed.startswith("/") or slashed[1:2] == ":":
        return "", "no plain file inside the archive"
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in slashed):
        return "", "the name is not valid text"
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in slashed):
        return "", "the name holds control characters"
    if len(slashed) > LONGEST_NAME or max(map(len, parts)) > LONGEST_PART or len(parts) > DEEPEST:
        return "", "the name is longer or deeper than any file system takes"
    return "/".join(parts), ""
