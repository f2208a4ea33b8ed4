"""One shard of data/features: rows, captioned spans and moments of the takes of one shard of data/clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from motionlib.artifacts.files import Float32, RowFile, read_json, read_rows, read_table, write_json

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureClip:
    """One clip's rows in its shard.

    Attributes:
        start, frames: Its rows are [start, start + frames) of the shard.
        split: train, val or test; a take and its mirror share it.
        mirror: Whether left and right are swapped; such an id is "M:" + the original's.
        rig: Name of the source skeleton's tree, as `Skeleton.rig_name` gives it; "" where it is not known.
        shard: Number of its shard.
    """

    id: str
    start: int
    frames: int
    split: str
    mirror: bool
    delivery: str
    subject: str
    action: str
    style: str
    licence: str
    rig: str = ""
    shard: int = 0


@dataclass(frozen=True)
class Item:
    """A captioned span: `rows` [start, end) of clip `clip`, counted inside the clip.

    Attributes:
        caption: Lower case, stripped, never empty; in a mirrored clip left and right are swapped.
        caption_id: Index in the table of unique captions (data/text is in the same order).
        tokens: The caption as `word/POS` tokens where its source gives it so, else "".
    """

    clip: str
    start: int
    end: int
    caption: str
    caption_id: int
    split: str
    source: str
    tokens: str = ""


class Extent(NamedTuple):
    """Of the rows of a shard: `size`, `mean` and `squares` of the training rows, `lowest`, `highest` of all; (D,)."""

    size: int
    mean: FloatArray
    squares: FloatArray
    lowest: FloatArray
    highest: FloatArray


@dataclass(frozen=True)
class TakeRecord:
    """What became of one take.

    Attributes:
        motion: Hash of its motion, as in data/clips.
        reason, message: Why it is left out; "" if it is not.
        rig: Name of the source skeleton's tree.
        lengths: (22,) m, mean bone lengths. pose: (66,) m, one pose of 22 joints. Empty if it is left out.
        facts: More numbers about the take for the report, by name.
    """

    id: str
    motion: str
    reason: str = ""
    message: str = ""
    rig: str = ""
    lengths: Sequence[float] = ()
    pose: Sequence[float] = ()
    facts: Mapping[str, float] = field(default_factory=dict)


_KINDS: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), float: pa.float64()}
_LISTS = {
    "lengths": pa.list_(pa.float64()),
    "pose": pa.list_(pa.float64()),
    "facts": pa.map_(pa.string(), pa.float64()),
}


def schema_of(kind: type, without: Sequence[str] = ()) -> pa.Schema:
    """Columns of a dataclass, less the named ones."""
    kept = [f for f in fields(kind) if f.name not in without]
    return pa.schema([(f.name, _LISTS.get(f.name) or _KINDS[f.type]) for f in kept])


CLIPS, ITEMS = schema_of(FeatureClip, ["shard"]), schema_of(Item, ["caption_id"])
TAKES = schema_of(TakeRecord)


class FeatureShardWriter:
    """Fills the folder of a shard, one clip in memory at a time."""

    def __init__(self, folder: Path, width: int) -> None:
        self._folder, self.width = folder, width
        self._rows = RowFile(folder / "features.npy", width)
        self.clips: list[FeatureClip] = []
        self.items: list[Item] = []
        self.takes: list[TakeRecord] = []

    @property
    def count(self) -> int:
        """Rows so far: where the next clip starts."""
        return self._rows.count

    def add(self, clip: FeatureClip, features: Float32) -> int:
        """Take in a clip's rows (frames, D) and give where they begin."""
        self.clips.append(clip)
        return self._rows.append(features)

    def finish(self, extent: Extent | None, notes: Mapping[str, Any]) -> None:
        """Write what is known of all rows (None: there are none), and `notes` as JSON for the report."""
        if extent is not None:
            table = np.stack([extent.mean, extent.squares, extent.lowest, extent.highest])
            np.save(self._folder / "extent.npy", table, allow_pickle=False)
        write_json(self._folder / "notes.json", {"training_rows": extent.size if extent else 0, **notes})

    def __enter__(self) -> Self:
        self._rows.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rows.__exit__(kind)
        if kind is None:
            pq.write_table(table_of(self.clips, CLIPS), self._folder / "clips.parquet")
            pq.write_table(table_of(self.items, ITEMS), self._folder / "items.parquet")
            pq.write_table(table_of(self.takes, TAKES), self._folder / "takes.parquet")


@dataclass(frozen=True, eq=False)
class FeatureShard:
    """A finished shard, read piece by piece."""

    folder: Path
    width: int

    @cached_property
    def rows(self) -> Float32:
        """(N, D), memory-mapped."""
        return read_rows(self.folder / "features.npy", self.width)

    @cached_property
    def clips(self) -> list[FeatureClip]:
        """Its clips, in order."""
        return [FeatureClip(**row) for row in read_table(self.folder / "clips.parquet").to_pylist()]

    @cached_property
    def by_id(self) -> dict[str, FeatureClip]:
        """Its clips by id."""
        return {clip.id: clip for clip in self.clips}

    def of(self, clip: FeatureClip) -> Float32:
        """(frames, D) rows of one clip."""
        return self.rows[clip.start : clip.start + clip.frames]

    def takes(self) -> list[TakeRecord]:
        """What became of every take, in order."""
        rows = read_table(self.folder / "takes.parquet").to_pylist()
        return [TakeRecord(**{**row, "facts": dict(row["facts"])}) for row in rows]

    def extent(self) -> Extent | None:
        """Moments and bounds of its rows; None if it has none."""
        path = self.folder / "extent.npy"
        if not path.is_file():
            return None
        return Extent(self.notes["training_rows"], *np.load(path, allow_pickle=False))

    @cached_property
    def notes(self) -> dict[str, Any]:
        """What `finish` was given for the report."""
        notes: dict[str, Any] = read_json(self.folder / "notes.json")
        return notes


def table_of(rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    """Dataclass instances as a table."""
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in schema.names}
    if "facts" in columns:
        columns["facts"] = [sorted(value.items()) for value in columns["facts"]]
    return pa.table(columns, schema=schema)
