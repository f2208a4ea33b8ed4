"""data/features: what `normalize` makes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from motionlib.artifacts.files import BadArtifactError, Float32, RowFile, as_table, read_rows, seal, unseal


@dataclass(frozen=True)
class FeatureClip:
    """One clip's rows in the feature table.

    Attributes:
        start, frames: Its rows are [start, start + frames).
        split: train, val or test; a take and its mirror share it.
        mirror: Whether left and right are swapped; such an id is "M:" + the original's.
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


@dataclass(frozen=True)
class Item:
    """A captioned span: `rows` [start, end) of clip `clip`, counted inside the clip.

    Attributes:
        caption: Lower case, stripped, never empty; in a mirrored clip left and right are swapped.
        caption_id: Index in the table of unique captions (data/text is in the same order).
    """

    clip: str
    start: int
    end: int
    caption: str
    caption_id: int
    split: str
    source: str


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """data/features: raw (not normalised) features of every clip, captioned spans and statistics.

    Attributes:
        rows: (N, D) float32, memory-mapped; D = 263.
        mean, std: (D,) float32 of the training clips, std averaged inside the published groups.
        fps: Hz. mode: `compat` or `exact`.
    """

    rows: Float32
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
    """Write rows clip by clip; each FeatureClip's `start` must be where its rows land."""
    folder.mkdir(parents=True, exist_ok=True)
    table = []
    with RowFile(folder / "features.npy", len(mean)) as rows:
        for clip, features in clips:
            if rows.append(features) != clip.start or len(features) != clip.frames:
                raise BadArtifactError(f"clip {clip.id}: rows do not lie where its table says")
            table.append(clip)
    pq.write_table(as_table(table, FeatureClip), folder / "clips.parquet")
    pq.write_table(as_table(items, Item), folder / "items.parquet")
    np.save(folder / "mean.npy", mean.astype(np.float32), allow_pickle=False)
    np.save(folder / "std.npy", std.astype(np.float32), allow_pickle=False)
    seal(
        folder,
        "features",
        fps=float(fps),
        mode=mode,
        dimensions=len(mean),
        clips=len(table),
        items=len(items),
    )


def read_features(folder: Path) -> FeatureSet:
    """Open data/features.

    Raises:
        BadArtifactError: If it is not finished or holds no clip.
    """
    manifest = unseal(folder, "features")
    clips = [FeatureClip(**row) for row in pq.read_table(folder / "clips.parquet").to_pylist()]
    if not clips:
        raise BadArtifactError(f"no clips in {folder}; has the `normalize` stage left all of them out?")
    return FeatureSet(
        rows=read_rows(folder / "features.npy", manifest["dimensions"]),
        clips=clips,
        items=[Item(**row) for row in pq.read_table(folder / "items.parquet").to_pylist()],
        mean=np.load(folder / "mean.npy", allow_pickle=False),
        std=np.load(folder / "std.npy", allow_pickle=False),
        fps=manifest["fps"],
        mode=manifest["mode"],
    )


def read_captions(folder: Path) -> list[str]:
    """Unique captions of data/features in the order of `caption_id`, without opening its rows."""
    table = pq.read_table(folder / "items.parquet", columns=["caption_id", "caption"]).to_pylist()
    unique = {row["caption_id"]: row["caption"] for row in table}
    return [unique[index] for index in range(len(unique))]
