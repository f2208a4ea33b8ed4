"""The skeleton part of a BVH file, read strictly and without recursion.

Source: Meredith & Maddock, "Motion Capture File Formats Explained" (2001), section 5.
Keywords in any case, braces anywhere, names with spaces and colons, tabs, any line ends, comments (`#` or `//` to the
end of the line) and a byte order mark are accepted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.text_numbers import text

# Limits far above any real rig: they bound what a hostile file can ask for.
MAX_JOINTS = 1024
MAX_DEPTH = 256
MAX_CHANNELS = 12  # of one joint: three positions and nine turns
MAX_WORD = 1024  # bytes of a name, a keyword or a number
MAX_HEADER = 1 << 22  # bytes before the word MOTION; 1,024 joints take 200 kB
CHANNELS = ("xposition", "yposition", "zposition", "xrotation", "yrotation", "zrotation")

GAP = rb"(?:\s++|(?:#|//)[^\r\n]*+)*+"  # blanks and comments
_GAP = re.compile(GAP)
_TOKEN = re.compile(rb"[{}]|[^\s{}]{1,%d}" % MAX_WORD)
_NAME = re.compile(rb"[^\r\n{}]{0,%d}" % MAX_WORD)


@dataclass(frozen=True)
class Hierarchy:
    """The skeleton part, joints in file order (parents first).

    Attributes:
        names: As written, not necessarily unique; ends of chains are `<parent>_end`.
        offsets: (J) triples, file units.
        channels: (J) tuples of keys of CHANNELS, in file order; ends have none.
        end: Byte at which the word MOTION ends.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: tuple[tuple[float, float, float], ...]
    channels: tuple[tuple[str, ...], ...]
    end: int


class _Cursor:
    """Walks over the tokens of the header and knows the line it is on."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 3 if data.startswith(b"\xef\xbb\xbf") else 0

    @property
    def line(self) -> int:
        ends = self.data.count(b"\n", 0, self.position) or self.data.count(b"\r", 0, self.position)
        return ends + 1

    def fail(self, message: str, reason: str = "bad_hierarchy") -> BadMotionError:
        return BadMotionError(reason, f"line {self.line}: {message}")

    def token(self) -> bytes:
        """Next token, or b"" at the end of the file."""
        match = _TOKEN.match(self.data, self._skip(), MAX_HEADER)
        if match is None:
            if len(self.data) > MAX_HEADER:
                raise self.fail(f"the skeleton part takes more than {MAX_HEADER} bytes")
            return b""
        return self._taken(match)

    def name(self) -> str:
        """The rest of the line up to a brace."""
        match = _NAME.match(self.data, self.position, MAX_HEADER)
        assert match is not None  # it matches the empty string
        return text(self._taken(match).strip())

    def expect(self, token: bytes) -> None:
        found = self.token()
        if found.lower() != token:
            raise self.fail(f"expected {text(token)!r}, found {_shown(found)}")

    def number(self, what: str) -> float:
        return _finite(self.token(), what, self)

    def _skip(self) -> int:
        match = _GAP.match(self.data, self.position, MAX_HEADER)
        assert match is not None  # it matches the empty string
        return match.end()

    def _taken(self, match: re.Match[bytes]) -> bytes:
        self.position = match.end()
        word = match.group()
        if len(word) == MAX_WORD:
            raise self.fail(f"a word of {MAX_WORD} bytes or more begins with {_shown(word)}")
        return word


class _Builder:
    """Collects joints while the cursor walks; `open` holds the joints whose brace is not closed yet."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[tuple[float, float, float] | None] = []
        self.channels: list[tuple[str, ...] | None] = []
        self.open: list[int] = []

    def add(self, name: str, cursor: _Cursor) -> None:
        if len(self.names) >= MAX_JOINTS:
            raise cursor.fail(f"more than {MAX_JOINTS} joints", "too_many_joints")
        if len(self.open) >= MAX_DEPTH:
            raise cursor.fail(f"joints nested deeper than {MAX_DEPTH}", "too_deep")
        self.parents.append(self.open[-1] if self.open else -1)
        self.open.append(len(self.names))
        self.names.append(name)
        self.offsets.append(None)
        self.channels.append(None)
        cursor.expect(b"{")

    def set_offset(self, cursor: _Cursor) -> None:
        joint = self.open[-1]
        if self.offsets[joint] is not None:
            raise cursor.fail(f"joint {self.names[joint]!r} has two OFFSETs")
        what = f"OFFSET of {self.names[joint]!r}"
        self.offsets[joint] = (cursor.number(what), cursor.number(what), cursor.number(what))

    def set_channels(self, cursor: _Cursor) -> None:
        joint = self.open[-1]
        name = self.names[joint]
        if self.channels[joint] is not None:
            raise cursor.fail(f"joint {name!r} has two lists of CHANNELS")
        count = cursor.token()
        if not count.isdigit() or len(count) > 2 or int(count) > MAX_CHANNELS:
            raise cursor.fail(f"CHANNELS of {name!r}: expected a count of 0 to {MAX_CHANNELS}, found {_shown(count)}")
        listed = tuple(text(cursor.token()).lower() for _ in range(int(count)))
        for channel in listed:
            if channel not in CHANNELS:
                raise cursor.fail(f"joint {name!r} has an unknown channel {channel!r}")
        if any(listed.count(channel) > 1 for channel in CHANNELS[:3]):
            raise cursor.fail(f"joint {name!r} names a position channel twice")
        self.channels[joint] = listed

    def close(self, cursor: _Cursor) -> None:
        joint = self.open.pop()
        if self.offsets[joint] is None:
            raise cursor.fail(f"joint {self.names[joint]!r} has no OFFSET")

    def hierarchy(self, end: int) -> Hierarchy:
        return Hierarchy(
            names=tuple(self.names),
            parents=tuple(self.parents),
            offsets=tuple(offset for offset in self.offsets if offset is not None),
            channels=tuple(channels or () for channels in self.channels),
            end=end,
        )


def read_hierarchy(data: bytes) -> Hierarchy:
    """Read everything up to and including the word MOTION.

    Raises:
        BadMotionError: Naming the line and what stands there.
    """
    cursor, builder = _Cursor(data), _Builder()
    if cursor.token().lower() != b"hierarchy":
        raise BadMotionError("not_bvh", "line 1: the file does not begin with HIERARCHY")
    cursor.expect(b"root")
    builder.add(_named(cursor.name(), builder), cursor)
    inside: dict[bytes, Callable[[], None]] = {
        b"offset": lambda: builder.set_offset(cursor),
        b"channels": lambda: builder.set_channels(cursor),
        b"joint": lambda: builder.add(_named(cursor.name(), builder), cursor),
        b"end": lambda: _end_site(cursor, builder),
        b"endsite": lambda: _end_site(cursor, builder),
        b"}": lambda: builder.close(cursor),
    }
    while builder.open:
        token = cursor.token()
        step = inside.get(token.lower())
        if step is None:
            raise cursor.fail(f"expected a part of joint {builder.names[builder.open[-1]]!r}, found {_shown(token)}")
        step()
    after = cursor.token().lower()
    if after == b"root":
        raise cursor.fail(f"a second root {cursor.name()!r} beside {builder.names[0]!r}", "several_roots")
    if after != b"motion":
        reason = "bad_hierarchy" if after else "no_motion"
        raise cursor.fail(f"expected MOTION after the skeleton, found {_shown(after)}", reason)
    return builder.hierarchy(cursor.position)


def _named(name: str, builder: _Builder) -> str:
    return name or f"joint_{len(builder.names)}"


def _end_site(cursor: _Cursor, builder: _Builder) -> None:
    parent = builder.names[builder.open[-1]]
    cursor.name()  # the word `Site`, or what some writers put in its place
    builder.add(f"{parent}_end", cursor)


def _shown(token: bytes) -> str:
    return repr(text(token[:40])) if token else "the end of the file"


def _finite(token: bytes, what: str, cursor: _Cursor) -> float:
    try:
        value = float(token)
    except ValueError:
        raise cursor.fail(f"{what}: {_shown(token)} is not a number") from None
    if not abs(value) < 1e9:
        raise cursor.fail(f"{what}: {_shown(token)} is not a length", "not_finite")
    return value
