"""Published data sets in a delivery, told by their folders: which files are motions, and which only repeat them.

HumanML3D and KIT-ML (Guo et al. 2022): `new_joints/` and `new_joint_vecs/` hold each motion twice, and once more
mirrored as `M<id>`; `texts/<id>.txt` says what happens, `train.txt`, `val.txt` and `test.txt` who learns from it.
AMASS (Mahmood et al. 2019): `<set>/<subject>/<take>_poses.npz`, beside files that only describe the subject's body.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from motionlib.ingest.containers import Member

# Folders that hold one motion each in another form, the most telling first; raw `joints` only beside the others.
FORMS = ("new_joints", "new_joint_vecs", "joints")
TEXT_FOLDERS = ("texts", "captions")
SPLIT_FILES = {"train.txt": "train", "val.txt": "val", "test.txt": "test"}  # train_val.txt repeats them, or worse
REPEATED = "the same motion in another form"
MIRRORED = "mirrored by others: mirrored here in training"
STATISTICS = "statistics"
SHAPE = "a body without motion"

_STATISTICS = re.compile(r"^(\w+_)?(mean|std)(_\w+)?\.npy$", re.IGNORECASE)
_AMASS_SHAPE = re.compile(r"^(shape|\w*stagei)\.npz$")
_AMASS_TAKE = re.compile(r"_(poses|stageii)\.npz$")


@dataclass(frozen=True, eq=False)
class Layout:
    """What a delivery's names say of its motion files.

    Attributes:
        left_out: Why a file is not judged, by its name.
        subjects: Who moves, by file, where folders tell.
        lists: Files that belong to a data set and are read by nobody (index.csv, train_val.txt).
    """

    left_out: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)

    @property
    def counts(self) -> dict[str, int]:
        """Files that are not judged, by suffix and why."""
        return dict(Counter(f"{_suffix(name)} ({why})" for name, why in self.left_out.items()))


def find_layout(motions: Iterable[Member], names: Collection[str]) -> Layout:
    """What repeats or only accompanies motions, in the published folder layouts.

    Args:
        motions: Files that could be motions.
        names: All files of the delivery.
    """
    layout = Layout()
    by_folder: dict[str, set[str]] = {}
    for member in motions:
        folder, base = posixpath.split(member.name)
        by_folder.setdefault(folder, set()).add(base)
    for root in _roots(by_folder):
        _humanml3d(root, by_folder, layout)
        for base in by_folder.get(root, ()):
            if _STATISTICS.match(base):
                layout.left_out[posixpath.join(root, base)] = STATISTICS
        layout.lists.update(
            {posixpath.join(root, base) for base in ("index.csv", "train_val.txt", "all.txt")} & set(names)
        )
    for folder, bases in sorted(by_folder.items()):
        _amass(folder, bases, layout)
    return layout


def texts_of(motions: Collection[str], names: Iterable[str]) -> dict[str, list[str]]:
    """Motion files by the text file that speaks of them: of the same stem beside them, or in a `texts` folder.

    A text `a/texts/b/x.txt` speaks of `a/b/x.*` and of `a/<any folder>/b/x.*`.
    """
    texts = sorted(name for name in names if _suffix(name) == ".txt")
    beside = {_stem(name): name for name in texts}
    shelves = {key: name for name in texts if (key := _shelved(name))}
    found: dict[str, list[str]] = {}
    for motion in motions:
        text = beside.get(_stem(motion)) or next(filter(None, map(shelves.get, _places(motion))), None)
        if text is not None:
            found.setdefault(text, []).append(motion)
    return found


def split_files(names: Iterable[str], texts: Mapping[str, object]) -> dict[str, str]:
    """Which split each list of ids stands for; a text that speaks of a motion is none."""
    return {
        name: SPLIT_FILES[posixpath.basename(name)]
        for name in sorted(names)
        if posixpath.basename(name) in SPLIT_FILES and name not in texts
    }


def named_in(split_file: str, ids: Iterable[str], motions: Iterable[str]) -> dict[str, str]:
    """Motion file by each of the `ids` of a list that is a stem, or a path without suffix, in its folder or below."""
    folder = posixpath.dirname(split_file)
    inside = f"{folder}/" if folder else ""
    wanted = set(ids)
    found: dict[str, str] = {}
    for name in motions:
        if not name.startswith(inside):
            continue
        stem = _stem(name)
        for key in (posixpath.basename(stem), stem[len(inside) :], name):
            if key in wanted:
                found.setdefault(key, name)
    return found


def _roots(by_folder: Mapping[str, set[str]]) -> list[str]:
    """Folders in which a folder of joints or features of HumanML3D's kind lies."""
    return sorted({posixpath.dirname(folder) for folder in by_folder if posixpath.basename(folder) in FORMS[:2]})


def _humanml3d(root: str, by_folder: Mapping[str, set[str]], layout: Layout) -> None:
    seen: dict[str, str] = {}
    for form in FORMS:
        folder = posixpath.join(root, form)
        for base in sorted(by_folder.get(folder, ())):
            if not base.endswith(".npy"):
                continue
            name = posixpath.join(folder, base)
            if base in seen:
                layout.left_out[name] = REPEATED
            seen.setdefault(base, name)
    for base, name in seen.items():
        if base.startswith("M") and base[1:] in seen:
            layout.left_out[name] = MIRRORED


def _amass(folder: str, bases: set[str], layout: Layout) -> None:
    takes = {base for base in bases if _AMASS_TAKE.search(base)}
    for base in takes:
        layout.subjects[posixpath.join(folder, base)] = folder
    for base in bases - takes:
        if takes and _AMASS_SHAPE.match(base):
            layout.left_out[posixpath.join(folder, base)] = SHAPE


def _shelved(name: str) -> tuple[str, str] | None:
    """Of a text in a `texts` or `captions` folder: the folder in which that one lies, and the stem within."""
    parts = name.split("/")
    for depth in range(len(parts) - 2, -1, -1):
        if parts[depth].lower() in TEXT_FOLDERS:
            return "/".join(parts[:depth]), _stem("/".join(parts[depth + 1 :]))
    return None


def _places(motion: str) -> Iterator[tuple[str, str]]:
    """Where a text that speaks of a motion may be shelved, the nearest first."""
    parts = _stem(motion).split("/")
    for depth in range(len(parts) - 1, -1, -1):
        above = "/".join(parts[:depth])
        yield above, "/".join(parts[depth:])
        if len(parts) - depth > 1:
            yield above, "/".join(parts[depth + 1 :])


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0]


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()
