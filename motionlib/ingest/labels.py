"""What the captions, splits and folders of a delivery say of its motion files, put together."""

import posixpath
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from motionlib.artifacts import Caption
from motionlib.ingest.captions import SPLITS, Captions, Label, read_table, read_text
from motionlib.ingest.containers import Container
from motionlib.ingest.layouts import Layout, named_in, split_files, texts_of
from motionlib.ingest.quality import BadMotionError

TABLES = (".csv", ".jsonl")
MAX_CAPTION_BYTES = 1 << 28  # 256 MiB in one caption file: HumanML3D's are 20 MiB in all


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels by motion file.

    Attributes:
        used: Files that said something.
        problems: What was wrong with them, by file and line.
    """

    of: dict[str, Label]
    used: set[str] = field(default_factory=set)
    problems: tuple[str, ...] = ()


def read_labels(container: Container, motions: Collection[str], layout: Layout) -> Labels:
    """Read every table, text and list of a delivery.

    Tables count before texts; a split that a table names counts with those of lists, and the strictest is taken.
    """
    sizes = {member.name: member.size for member in container.members()}
    texts = texts_of(motions, sizes)
    lists = split_files(sizes, texts)
    tables = {name for name in sizes if posixpath.splitext(name)[1].lower() in TABLES and name not in layout.lists}
    asked = {*texts, *lists, *tables}
    small = {name for name in asked if sizes[name] <= MAX_CAPTION_BYTES}
    problems = [f"{name}: larger than {MAX_CAPTION_BYTES} bytes" for name in sorted(asked - small)]
    found = _Found(motions, set(layout.left_out), set(sizes))
    for name, data in container.read(small):
        if isinstance(data, BadMotionError):
            problems.append(f"{name}: {data}")
        elif name in tables:
            found.tables[name] = read_table(data, name)
        elif name in lists:
            found.listed(name, lists[name], data)
        else:
            label, wrong = read_text(data, name)
            found.notes += [(motion, label) for motion in texts[name]]
            problems += wrong
    labels = found.together(layout.subjects)
    return Labels(labels, asked - found.no_lists, (*problems, *found.problems))


class _Found:
    """What was read so far."""

    def __init__(self, motions: Collection[str], left_out: set[str], files: set[str]) -> None:
        self.tables: dict[str, Captions] = {}
        self.notes: list[tuple[str, Label]] = []
        self.no_lists: set[str] = set()
        self.problems: list[str] = []
        self._motions = motions
        self._left_out = left_out
        self._files = files
        self._by_stem = {posixpath.splitext(name)[0]: name for name in motions}
        self._splits: dict[str, set[str]] = {}

    def listed(self, name: str, split: str, data: bytes) -> None:
        """A list of ids; one that names no motion at all is no list."""
        ids = dict.fromkeys(line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip())
        known = named_in(name, ids, self._motions)
        repeated = named_in(name, ids.keys() - known.keys(), self._left_out)
        if not known and not repeated:
            self.no_lists.add(name)
            return
        for motion in known.values():
            self._splits.setdefault(motion, set()).add(split)
        lost = len(ids) - len(known) - len(repeated)
        if lost:
            self.problems.append(f"{name}: {lost} of {len(ids)} names have no motion in the delivery")

    def together(self, subjects: dict[str, str]) -> dict[str, Label]:
        labels: dict[str, Label] = {}
        for name in sorted(self.tables):
            self.problems += self.tables[name].problems
            for file, label in self.tables[name].labels.items():
                target = file if file in self._files else self._by_stem.get(file, "")
                if target:
                    labels[target] = labels.get(target, Label()) + label
                else:
                    self.problems.append(f"{name}: no file {file!r} in the delivery")
        for target, label in sorted(self.notes, key=lambda note: note[0]):
            labels[target] = labels.get(target, Label()) + label
        for target, subject in sorted(subjects.items()):
            labels[target] = labels.get(target, Label()) + Label(subject=subject)
        wordless = {name for name, label in labels.items() if not all(caption.text for caption in label.captions)}
        for target in sorted(wordless | self._splits.keys()):
            labels[target] = _with_split(labels.get(target, Label()), self._splits.get(target, ()))
        return labels


def _with_split(label: Label, splits: Iterable[str]) -> Label:
    """A label whose captions all name the strictest split; one without words carries it where there are no others."""
    named = {"", *splits, *(caption.split for caption in label.captions)}
    split = next(split for split in reversed(SPLITS) if split in named)
    captions = [caption for caption in label.captions if caption.text] or [Caption("", source="split")]
    return replace(label, captions=tuple(replace(caption, split=split) for caption in captions))
