"""data/clips: what `ingest` makes, in shards."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from motionlib.artifacts.clip_shards import CLIP_SCHEMA, Clip, ClipShard, ClipShardWriter
from motionlib.artifacts.files import BadArtifactError, Int64, read_table, seal, unseal
from motionlib.artifacts.shards import SHARDS, Shards, digest_of

SHARD = "clip_shard"
TABLE = "library.parquet"
_TAKEN = ("id", "file", "subject", "published", "motion", "about", "frames", "fps")  # columns from the shards
_SCHEMA = pa.schema(
    [
        *(CLIP_SCHEMA.field(name) for name in _TAKEN),
        pa.field("shard", pa.int32()),
        pa.field("group", pa.string()),
        pa.field("kept", pa.bool_()),
    ]
)


@dataclass(frozen=True, eq=False)
class ClipLibrary:
    """The takes of data/clips, read shard by shard, one take at a time.

    Attributes:
        shards: In the library's order.
        table: One row per take that could be read: its shard, the hashes of its motion and of what is said of it, its
            group (takes of one motion: copies, crops, mirror images), and whether it is kept.
    """

    folder: Path
    shards: list[ClipShard]
    table: pa.Table

    def __len__(self) -> int:
        return int(pc.sum(self.table["kept"]).as_py() or 0)

    def __iter__(self) -> Iterator[Clip]:
        for number in range(len(self.shards)):
            shard = self.open(number)
            for row in self.kept(number):
                yield shard.clip(shard.by_id[row["id"]])

    def kept(self, number: int) -> list[dict[str, Any]]:
        """Rows of the table of one shard, without takes that are left out as copies of others."""
        start, end = self._borders[number], self._borders[number + 1]
        rows: list[dict[str, Any]] = self.table.slice(start, end - start).to_pylist()
        return [row for row in rows if row["kept"]]

    @cached_property
    def _borders(self) -> list[int]:
        """Rows at which the shards begin and end in the table."""
        numbers = self.table["shard"].to_pylist()
        return [bisect_left(numbers, number) for number in range(len(self.shards) + 1)]

    @cached_property
    def groups(self) -> dict[str, str]:
        """Group of each kept take; takes of one group belong on one side of a split."""
        columns = [self.table[name].to_pylist() for name in ("id", "group", "kept")]
        return {take: group for take, group, kept in zip(*columns, strict=True) if kept}

    def open(self, number: int) -> ClipShard:
        """A shard that is read from now on and forgotten with the object."""
        return ClipShard(self.shards[number].folder)


def write_clips(folder: Path, clips: Iterable[Clip]) -> None:
    """Write takes in the order given as a library of one shard, one take in memory at a time."""
    name = digest_of("whole")
    shards = Shards(folder, SHARD)
    shards.open()
    with shards.writing(name) as part, ClipShardWriter(part) as writer:
        for clip in clips:
            writer.add(None, clip)
    seal_clips(shards, [name])


def seal_clips(
    shards: Shards, names: Sequence[str], groups: Mapping[str, str] | None = None, left_out: Collection[str] = ()
) -> int:
    """Make finished shards, in this order, the library, and give the number of its takes.

    Args:
        groups: Group by id, where it is not the take alone.
        left_out: Ids of takes that are copies of others.
    """
    folder, tables = shards.folder, [_SCHEMA.empty_table()]
    for number, name in enumerate(names):
        table = read_table(shards.path(name) / "clips.parquet", columns=_TAKEN)
        ids = table["id"].to_pylist()
        more = ([number] * len(ids), [(groups or {}).get(i, i) for i in ids], [i not in left_out for i in ids])
        arrays = [pa.array(values, _SCHEMA.field(at).type) for at, values in enumerate(more, start=len(_TAKEN))]
        tables.append(pa.table([*(table[column] for column in _TAKEN), *arrays], schema=_SCHEMA))
    whole = pa.concat_tables(tables).combine_chunks()
    pq.write_table(whole, folder / TABLE)
    kept = int(pc.sum(whole["kept"]).as_py() or 0)
    shards.close(names, [TABLE])
    seal(folder, "clips", clips=kept, shards=list(names))
    return kept


def read_clips(folder: Path) -> ClipLibrary:
    """Open the takes of data/clips.

    Raises:
        BadArtifactError: If the folder is not finished or holds no clip.
    """
    names = unseal(folder, "clips").get("shards", [])
    library = ClipLibrary(folder, [ClipShard(folder / SHARDS / name) for name in names], _table(folder))
    if not len(library):
        raise BadArtifactError(f"no clips in {folder}; see reports/ingest for why every file was left out")
    return library


def library_fingerprints(folder: Path) -> dict[str, Int64]:
    """(K, 2) int64 landmarks of each kept take of data/clips, by id.

    Raises:
        BadArtifactError: If the folder is not finished.
    """
    library = read_clips(folder)
    found = {take: marks for shard in library.shards for take, marks in shard.fingerprints().items()}
    return {take: marks for take, marks in found.items() if take in library.groups}


def _table(folder: Path) -> pa.Table:
    if not (folder / TABLE).is_file():
        raise BadArtifactError(f"{folder} was written by an older version; run the `ingest` stage again")
    return read_table(folder / TABLE)
