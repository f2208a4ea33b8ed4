"""data/features: what `normalize` makes, in shards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from motionlib.artifacts.feature_shards import (
    FeatureClip,
    FeatureShardWriter,
    Item,
    schema_of,
)
from motionlib.artifacts.files import BadArtifactError, Float32, read_rows, read_table, seal, unseal
from motionlib.artifacts.shards import SHARDS, Shards, digest_of

SHARD = "feature_shard"
TABLES = ("clips.parquet", "items.parquet", "mean.npy", "std.npy")
MAPPED = 256  # shards that stay memory-mapped; of more, rows are read as they are asked for, so that few files are open
ROWS_AT_ONCE = 1 << 16  # of a table in memory while it is written
_WHOLE_CLIPS, _WHOLE_ITEMS = schema_of(FeatureClip), schema_of(Item)


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """data/features: raw (not normalised) features of every clip, captioned spans and statistics.

    Attributes:
        rows: (N, D) float32 of each shard, or of the one shard; D = 263.
        mean, std: (D,) float32 of the training clips, std averaged inside the published groups.
        fps: Hz. mode: `compat` or `exact`.
    """

    rows: "Float32 | ShardedRows"
    clips: list[FeatureClip]
    items: list[Item]
    mean: Float32
    std: Float32
    fps: float
    mode: str

    @cached_property
    def by_id(self) -> dict[str, FeatureClip]:
        """Clips by id."""
        return {clip.id: clip for clip in self.clips}

    def of(self, clip: FeatureClip) -> Float32:
        """(frames, D) rows of one clip."""
        if isinstance(self.rows, ShardedRows):
            return self.rows.of(clip.shard, clip.start, clip.frames)
        return self.rows[clip.start : clip.start + clip.frames]

    def of_item(self, item: Item) -> Float32:
        """(end - start, D) rows of one captioned span."""
        return self.of(self.by_id[item.clip])[item.start : item.end]

    def split(self, *names: str, mirror: bool = True) -> list[FeatureClip]:
        """Clips of these splits, in order; without mirrored ones if `mirror` is False."""
        return [clip for clip in self.clips if clip.split in names and (mirror or not clip.mirror)]

    def captions(self) -> list[str]:
        """Unique captions in the order of `caption_id`."""
        unique = {item.caption_id: item.caption for item in self.items}
        return [unique[index] for index in range(len(unique))]


class ShardedRows:
    """Rows of many shards: memory-mapped while they are few, else read from disk when asked for.

    Args:
        width: D.
    """

    def __init__(self, shards: Sequence[Path], width: int) -> None:
        self._files = [shard / "features.npy" for shard in shards]
        self._width = width
        self._open = lru_cache(MAPPED)(self._map)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D) over all shards."""
        return sum(len(self._map(number)) for number in range(len(self._files))), self._width

    def of(self, shard: int, start: int, frames: int) -> Float32:
        """(frames, D) rows of one shard."""
        if len(self._files) <= MAPPED:
            return self._open(shard)[start : start + frames]
        return np.array(self._map(shard)[start : start + frames])

    def _map(self, shard: int) -> Float32:
        return read_rows(self._files[shard], self._width)


def write_features(
    folder: Path,
    clips: Iterable[tuple[FeatureClip, Float32]],
    items: Sequence[Item],
    *,
    mean: Float32,
    std: Float32,
    fps: float,
    mode: str,
) -> None:
    """Write one shard, clip by clip; each FeatureClip's `start` must be where its rows land."""
    name = digest_of("whole")
    shards = Shards(folder, SHARD)
    shards.open()
    with shards.writing(name) as part, FeatureShardWriter(part, len(mean)) as writer:
        for clip, features in clips:
            if writer.add(clip, features) != clip.start or len(features) != clip.frames:
                raise BadArtifactError(f"clip {clip.id}: rows do not lie where its table says")
        writer.items += items
        writer.finish(None, {})
    seal_features(shards, [name], mean=mean, std=std, fps=fps, mode=mode)


def seal_features(shards: Shards, names: Sequence[str], *, mean: Float32, std: Float32, fps: float, mode: str) -> int:
    """Make finished shards, in this order, the features of a library; gives the number of unique captions."""
    folder, captions = shards.folder, dict[str, int]()
    with pq.ParquetWriter(folder / TABLES[0], _WHOLE_CLIPS) as clip_file:
        clips = _write_tables(clip_file, (_with_shard(shards.path(name), number) for number, name in enumerate(names)))
    with pq.ParquetWriter(folder / TABLES[1], _WHOLE_ITEMS) as item_file:
        items = _write_tables(item_file, (_with_caption_ids(shards.path(name), captions) for name in names))
    np.save(folder / TABLES[2], mean.astype(np.float32), allow_pickle=False)
    np.save(folder / TABLES[3], std.astype(np.float32), allow_pickle=False)
    shards.close(names, TABLES)
    facts = {"fps": float(fps), "mode": mode, "dimensions": len(mean), "clips": clips, "items": items}
    seal(folder, "features", shards=list(names), **facts)
    return len(captions)


def read_features(folder: Path) -> FeatureSet:
    """Open data/features.

    Raises:
        BadArtifactError: If it is not finished or holds no clip.
    """
    manifest = unseal(folder, "features")
    clips = [FeatureClip(**row) for row in read_table(folder / "clips.parquet").to_pylist()]
    if not clips:
        raise BadArtifactError(f"no clips in {folder}; has the `normalize` stage left all of them out?")
    if "shards" not in manifest:
        raise BadArtifactError(f"{folder} was written by an older version; run the `normalize` stage again")
    return FeatureSet(
        rows=ShardedRows([folder / SHARDS / name for name in manifest["shards"]], manifest["dimensions"]),
        clips=clips,
        items=[Item(**row) for row in read_table(folder / "items.parquet").to_pylist()],
        mean=np.load(folder / "mean.npy", allow_pickle=False),
        std=np.load(folder / "std.npy", allow_pickle=False),
        fps=manifest["fps"],
        mode=manifest["mode"],
    )


def read_captions(folder: Path) -> list[str]:
    """Unique captions of data/features in the order of `caption_id`, without opening its rows."""
    table = read_table(folder / "items.parquet", columns=["caption_id", "caption"]).to_pylist()
    unique = {row["caption_id"]: row["caption"] for row in table}
    return [unique[index] for index in range(len(unique))]


def read_tokens(folder: Path) -> list[str]:
    """`word/POS` tokens of the unique captions of data/features by `caption_id`: the first given, "" where none are."""
    table = read_table(folder / "items.parquet", columns=["caption_id", "tokens"]).to_pylist()
    unique: dict[int, str] = {}
    for row in table:
        unique[row["caption_id"]] = unique.get(row["caption_id"]) or row["tokens"]
    return [unique[index] for index in range(len(unique))]


def _with_shard(shard: Path, number: int) -> pa.Table:
    table = read_table(shard / "clips.parquet")
    return table.append_column(_WHOLE_CLIPS.field("shard"), pa.array([number] * len(table), pa.int64()))


def _with_caption_ids(shard: Path, captions: dict[str, int]) -> pa.Table:
    table = read_table(shard / "items.parquet")
    numbers = [captions.setdefault(text, len(captions)) for text in table["caption"].to_pylist()]
    return table.add_column(
        _WHOLE_ITEMS.get_field_index("caption_id"), _WHOLE_ITEMS.field("caption_id"), pa.array(numbers, pa.int64())
    )


def _write_tables(file: Any, tables: Iterable[pa.Table]) -> int:
    """Write tables in groups of about ROWS_AT_ONCE rows, and give the number of rows."""
    waiting: list[pa.Table] = []
    total = 0
    for table in chain(tables, [None]):
        held = sum(map(len, waiting))
        if waiting and (table is None or held + len(table) > ROWS_AT_ONCE):
            file.write_table(pa.concat_tables(waiting).combine_chunks())
            total, waiting = total + held, []
        if table is not None:
            waiting.append(table)
    return total
