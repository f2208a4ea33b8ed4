"""What a reader is given, and what a format is: how to read it and which neighbours of a file it needs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from motionlib.rig.raw import RawMotion


@dataclass(frozen=True, eq=False)
class Source:
    """A file of a delivery.

    Attributes:
        name: Path inside the delivery, with `/` and its suffix. Never opened: the bytes are here.
        data: The file's bytes.
        beside: Its companions (an ASF beside an AMC) by their path inside the delivery.
        rig: The nearest `*.rig.json` of the delivery that speaks of this file, "" if there is none.
        body_models: Folder of the user's own SMPL files, if there is one.
        fps: Hz that the captions state for this file, None where they state none; it outweighs the file's own.
    """

    name: str
    data: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)
    rig: str = ""
    body_models: Path | None = None
    fps: float | None = None


Reader = Callable[[Source], RawMotion]
Companions = Callable[[str, Collection[str]], list[str]]


def alone(name: str, names: Collection[str]) -> list[str]:  # noqa: ARG001 - the shape of Companions
    """A format whose files need nothing beside them."""
    return []


class Format(NamedTuple):
    """How files of one suffix are read.

    Attributes:
        read: Strict; raises BadMotionError with a reason of `ingest.quality.REASONS`, and nothing else.
        companions: From a file's name and the names of the whole delivery, those that it needs beside it.
    """

    read: Reader
    companions: Companions = alone
