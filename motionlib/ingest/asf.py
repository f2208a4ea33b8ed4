"""ASF files: the skeleton that an AMC file moves, read strictly and line by line.

Source: Lander, "Working with Motion Capture File Formats" (Game Developer, January 1998), and the files of the CMU
Graphics Lab. A bone's `direction`, `length` and `axis` are told in the world's axes as the body stands at rest; `axis`
turns these into the frame C in which the bone's motion M is told, so that the bone turns by C M C^-1 in its parent.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from motionlib.body import rotations
from motionlib.ingest.bvh_hierarchy import MAX_DEPTH, MAX_JOINTS, MAX_WORD
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.text_numbers import MAX_VALUE, text
from motionlib.rig.raw import FloatArray

MAX_BYTES = 1 << 22  # 4 MiB; a thousand bones take 200 kB
ROOT = "root"
TURNS = ("rx", "ry", "rz")
SHIFTS = ("tx", "ty", "tz")
STRETCH = "l"
_KEYWORD = re.compile(r":[\w-]+$")
# Lines of a bone that say nothing about how it lies or turns.
_IGNORED = frozenset({"id", "limits", "bodymass", "cofmass"})


@dataclass(frozen=True, eq=False)
class Bone:
    """One bone; its joint is where it begins.

    Attributes:
        along: (3,) file units, from its beginning to its end at rest.
        axis: (4,) unit quaternion C.
        freedoms: Words of TURNS, SHIFTS or STRETCH, in the order of the values of a frame.
    """

    name: str
    along: FloatArray
    axis: FloatArray
    freedoms: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Asf:
    """A skeleton.

    Attributes:
        bones: Parents first; the first is the root.
        parents: Index of each bone's parent, -1 for the root.
        position: (3,) file units, which the root's translations are added to.
        degrees: Whether angles are degrees where the AMC does not say.
    """

    bones: tuple[Bone, ...]
    parents: tuple[int, ...]
    position: FloatArray
    degrees: bool


class _Lines:
    """The words of each line that has any, and the number of the line for messages."""

    def __init__(self, data: bytes, file: str) -> None:
        self.file, self.number = file, 0
        self._lines = data.splitlines()

    def fail(self, message: str, reason: str = "bad_hierarchy") -> BadMotionError:
        return BadMotionError(reason, f"{self.file}, line {self.number}: {message}")

    def next(self) -> list[str]:
        """Words of the next line that holds more than a comment; none at the end."""
        while self.number < len(self._lines):
            line = self._lines[self.number]
            self.number += 1
            words = text(line).split("#")[0].split()
            if any(len(word) > MAX_WORD for word in words):
                raise self.fail(f"a word of more than {MAX_WORD} letters")
            if words:
                return words
        return []

    def numbers(self, words: list[str], count: int, what: str) -> list[float]:
        try:
            values = [float(word) for word in words[:count]]
        except ValueError:
            values = []
        if len(values) != count:
            raise self.fail(f"{what} needs {count} numbers, found {' '.join(words)[:40]!r}")
        if not all(abs(value) < MAX_VALUE for value in values):
            raise self.fail(f"{what}: {' '.join(words)[:40]!r} is beyond {MAX_VALUE:g}", "not_finite")
        return values


class _Reader:
    """What the sections said so far."""

    def __init__(self, lines: _Lines) -> None:
        self.lines = lines
        self.degrees = True
        self.root: dict[str, list[str]] = {}
        self.bones: dict[str, dict[str, list[str]]] = {}
        self.children: dict[str, list[str]] = {}

    def read(self) -> None:
        sections: dict[str, Callable[[list[str]], None]] = {
            ":units": self._unit,
            ":root": self._of_root,
            ":bonedata": self._of_bones,
            ":hierarchy": self._of_hierarchy,
        }
        section: Callable[[list[str]], None] | None = None
        while words := self.lines.next():
            if words[0].startswith(":"):
                section = sections.get(words[0].lower())
            elif section is not None:
                section(words)

    def _unit(self, words: list[str]) -> None:
        if words[0].lower() == "angle":
            if len(words) < 2 or words[1].lower() not in ("deg", "rad"):
                raise self.lines.fail("angles are in `deg` or in `rad`")
            self.degrees = words[1].lower() == "deg"

    def _of_root(self, words: list[str]) -> None:
        self.root[words[0].lower()] = words[1:]

    def _of_bones(self, words: list[str]) -> None:
        if words[0].lower() != "begin":
            raise self.lines.fail(f"expected `begin` of a bone, found {words[0][:40]!r}")
        said: dict[str, list[str]] = {}
        while (words := self.lines.next()) and words[0].lower() != "end":
            key = words[0].lower()
            if key[0] in "(+-.0123456789":
                continue  # further limits
            if key not in ("name", "direction", "length", "axis", "dof", *_IGNORED):
                raise self.lines.fail(f"a bone has no {key[:40]!r}")
            said[key] = words[1:]
        name = " ".join(said.get("name", []))
        if not words or not name or name == ROOT or name in self.bones:
            raise self.lines.fail(f"a bone without end, without name or with another's: {name[:40]!r}")
        if len(self.bones) >= MAX_JOINTS:
            raise self.lines.fail(f"more than {MAX_JOINTS} bones", "too_many_joints")
        self.bones[name] = said

    def _of_hierarchy(self, words: list[str]) -> None:
        if words[0].lower() in ("begin", "end") and len(words) == 1:
            return
        for word in words:
            if word != ROOT and word not in self.bones:
                raise self.lines.fail(f"{word[:40]!r} is no bone of this file")
        self.children.setdefault(words[0], []).extend(words[1:])


def read_asf(data: bytes, file: str) -> Asf:
    """Read one ASF file; `file` is its name for messages.

    Raises:
        BadMotionError: With a reason code, naming the file and the line or the bone.
    """
    if len(data) > MAX_BYTES:
        raise BadMotionError("too_large", f"{file} has {len(data)} bytes, at most {MAX_BYTES} are read")
    lines = _Lines(data.removeprefix(b"\xef\xbb\xbf"), file)
    said = _Reader(lines)
    said.read()
    if not said.root or not said.bones:
        raise BadMotionError("bad_hierarchy", f"{file} has no `:root` or no `:bonedata`, so it is no ASF skeleton")
    names, parents = _ordered(said.children, file)
    missing = sorted(set(said.bones) - set(names))
    if missing:
        raise BadMotionError("bad_hierarchy", f"{file}: bone {missing[0]!r} hangs on no other")
    bones = (_root(said, lines), *(_bone(name, said, lines) for name in names[1:]))
    position = lines.numbers(said.root.get("position", ["0", "0", "0"]), 3, "`position` of the root")
    return Asf(bones, tuple(parents), np.array(position), said.degrees)


def _ordered(children: dict[str, list[str]], file: str) -> tuple[list[str], list[int]]:
    """Names from the root down, each before its children, and the index of each one's parent."""
    names, parents = [], []
    waiting = [(ROOT, -1, 0)]
    while waiting:
        name, parent, depth = waiting.pop()
        if name in names or depth > MAX_DEPTH:
            reason, how = ("bad_hierarchy", "hangs on two others") if name in names else ("too_deep", "hangs too deep")
            raise BadMotionError(reason, f"{file}: bone {name!r} {how}")
        parents.append(parent)
        names.append(name)
        waiting += [(child, len(names) - 1, depth + 1) for child in reversed(children.get(name, []))]
    return names, parents


def _root(said: _Reader, lines: _Lines) -> Bone:
    order = tuple(word.lower() for word in said.root.get("order", []))
    turned = [*said.root.get("orientation", ["0", "0", "0"])[:3], *said.root.get("axis", ["XYZ"])]
    return Bone(ROOT, np.zeros(3), _axis(turned, ROOT, said.degrees, lines), _freedoms(order, ROOT, lines))


def _bone(name: str, said: _Reader, lines: _Lines) -> Bone:
    words = said.bones[name]
    direction = lines.numbers(words.get("direction", []), 3, f"`direction` of bone {name!r}")
    (length,) = lines.numbers(words.get("length", []), 1, f"`length` of bone {name!r}")
    axis = _axis(words.get("axis", []), name, said.degrees, lines)
    order = tuple(word.lower() for word in words.get("dof", []))
    return Bone(name, np.array(direction) * length, axis, _freedoms(order, name, lines))


def _freedoms(order: tuple[str, ...], name: str, lines: _Lines) -> tuple[str, ...]:
    unknown = [word for word in order if word not in (*TURNS, *SHIFTS, STRETCH)]
    if unknown or len(set(order)) != len(order):
        raise lines.fail(f"bone {name!r}: {' '.join(order)[:40]!r} names no or repeated degrees of freedom")
    return order


def _axis(words: list[str], name: str, degrees: bool, lines: _Lines) -> FloatArray:
    """Quaternion of three angles and the order in which they turn, such as `0 0 20 XYZ`: about x first."""
    what = f"`axis` of bone {name!r}"
    angles = np.array(lines.numbers(words, 3, what))
    order = words[3].upper() if len(words) > 3 else ""
    if sorted(order) != ["X", "Y", "Z"]:
        raise lines.fail(f"{what} needs an order such as XYZ, found {order[:40]!r}")
    return rotations.from_euler((np.deg2rad(angles) if degrees else angles)[::-1], order[::-1])
