"""Deliveries in data/raw: each direct subfolder or archive, its motion files, and what its captions say of them."""

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from motionlib.artifacts import ClipInfo
from motionlib.ingest import CONVERT, READERS
from motionlib.ingest.captions import Label
from motionlib.ingest.companions import Companions, Rigs
from motionlib.ingest.containers import ARCHIVE_SUFFIXES, Container, Folder, Member, is_archive, open_container
from motionlib.ingest.labels import read_labels
from motionlib.ingest.layouts import find_layout
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source

LICENCE_FILE = re.compile(r"^(licen[cs]es?|copying)(\.(txt|md))?$", re.IGNORECASE)
# What is looked for in a LICENSE file, most specific first, and the SPDX id it stands for.
LICENCES = (
    (r"CC0|creativecommons\.org/publicdomain/zero", "CC0-1.0"),
    (r"BY-NC-ND[ -]4|by-nc-nd/4|NonCommercial-NoDerivatives 4", "CC-BY-NC-ND-4.0"),
    (r"BY-NC-SA[ -]4|by-nc-sa/4|NonCommercial-ShareAlike 4", "CC-BY-NC-SA-4.0"),
    (r"BY-NC[ -]4|by-nc/4|Attribution-NonCommercial 4", "CC-BY-NC-4.0"),
    (r"BY-SA[ -]4|by-sa/4|Attribution-ShareAlike 4", "CC-BY-SA-4.0"),
    (r"CC[ -]BY[ -]4|licenses/by/4|Attribution 4\.0", "CC-BY-4.0"),
    (r"Apache License", "Apache-2.0"),
    (r"MIT License|Permission is hereby granted, free of charge", "MIT"),
)


@dataclass(frozen=True, eq=False)
class Delivery:
    """One delivery.

    Attributes:
        name: First part of its clips' ids.
        folder: Its place in data/raw: `<name>` or the archive's file name.
        motions: Files with motion, read or not, in the order in which `read` gives them.
        companions: What lies beside them because their readers need it.
        rigs: What rig files say of them.
        labels: By file.
        licence: Of the LICENSE file, as SPDX id where it is a known one; "" without such a file.
        problems: What was wrong with captions and names; none of it is fatal.
        others: Number of remaining files by suffix, and of motion files that only repeat others, saying so.
    """

    name: str
    folder: str
    container: Container
    motions: tuple[Member, ...]
    companions: Companions
    rigs: Rigs
    labels: dict[str, Label] = field(default_factory=dict)
    licence: str = ""
    problems: tuple[str, ...] = ()
    others: dict[str, int] = field(default_factory=dict)

    def known(self) -> Iterator[tuple[Member, ClipInfo, Label]]:
        """What is known of every motion file before it is read, in the order in which `read` gives them."""
        stems = Counter(posixpath.splitext(member.name)[0] for member in self.motions)
        for member in self.motions:
            stem = posixpath.splitext(member.name)[0]
            clip_id = f"{self.name}/{stem if stems[stem] == 1 else member.name}"
            file = f"{self.folder}/{member.name}"
            info = ClipInfo(id=clip_id, file=file, delivery=self.name, licence=self.licence)
            yield member, info, self.labels.get(member.name, Label())

    def read(
        self, body_models: Path | None = None, names: Collection[str] | None = None
    ) -> Iterator[tuple[ClipInfo, Label, Source | BadMotionError]]:
        """Motion files with what is known of them, one in memory at a time, beside the companions they need.

        Args:
            body_models: Folder of the user's own SMPL files, for the readers that can use them.
            names: Of the files inside the delivery that are read; None: all of `motions`.
        """
        known = {member.name: (info, label) for member, info, label in self.known()}
        for name, data in self.container.read(known.keys() if names is None else known.keys() & names):
            info, label = known[name]
            if isinstance(data, BadMotionError):
                yield info, label, data
                continue
            beside, rig = self.companions.beside(name), self.rigs.of(name)
            yield info, label, Source(name, data, beside, rig, body_models, label.fps)


def find_deliveries(raw: Path) -> list[Path]:
    """Direct subfolders and archives of data/raw, by name.

    Raises:
        ValueError: If a folder and an archive would bear the same name.
    """
    if not raw.is_dir():
        return []
    found = [path for path in sorted(raw.iterdir()) if not path.name.startswith(".")]
    found = [path for path in found if path.is_dir() or (path.is_file() and is_archive(path))]
    names = Counter(delivery_name(path) for path in found)
    for name, count in names.items():
        if count > 1:
            raise ValueError(f"{count} deliveries in {raw.name} are named {name!r}; rename all but one")
    return found


def delivery_name(path: Path) -> str:
    """Name of a delivery: its folder's, or its archive's without the suffix."""
    if path.is_dir():
        return path.name
    suffix = max((s for s in ARCHIVE_SUFFIXES if path.name.lower().endswith(s)), key=len, default="")
    return path.name[: len(path.name) - len(suffix)] if suffix else path.stem


def open_delivery(path: Path) -> Delivery:
    """Read a delivery's directory and captions; its motion files are read later, one at a time.

    A single motion file is a delivery too, with the captions that lie beside it.

    Raises:
        ValueError: If it is an archive that is broken or asks for more than the limits.
    """
    alone = path.is_file() and not is_archive(path)
    container = Folder(path.parent, deep=False) if alone else open_container(path)
    members = container.members()
    motions = tuple(member for member in members if _suffix(member.name) in (*READERS, *CONVERT))
    if alone:
        motions = tuple(member for member in members if member.name == path.name)
    companions = Companions(container, [member.name for member in motions], READERS)
    names = [member.name for member in members]
    layout = find_layout(motions, names)
    motions = tuple(m for m in motions if m.name not in companions.names and m.name not in layout.left_out)
    labels = read_labels(container, [member.name for member in motions], layout)
    licences = [name for name in names if LICENCE_FILE.match(posixpath.basename(name))]
    rigs = Rigs(container)
    used = {*(member.name for member in motions), *labels.used, *licences, *companions.names, *rigs.names}
    used |= layout.left_out.keys() | layout.lists
    others = Counter(_suffix(name) or "(no suffix)" for name in names if name not in used)
    return Delivery(
        name=delivery_name(path),
        folder=path.name,
        container=container,
        motions=motions,
        companions=companions,
        rigs=rigs,
        labels=labels.of,
        licence=_licence(container, licences),
        problems=(*container.skipped(), *rigs.problems, *labels.problems),
        others=dict(sorted({**others, **layout.counts}.items())),
    )


def _licence(container: Container, names: list[str]) -> str:
    for name, data in container.read(names[:1]):
        if isinstance(data, BadMotionError):
            return ""
        text = data[:65536].decode("utf-8", errors="replace")
        known = [licence for pattern, licence in LICENCES if re.search(pattern, text, re.IGNORECASE)]
        return known[0] if known else f"see {name}"
    return ""


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()
