"""One shard of data/clips: the takes of some files, and what became of every one of these files."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from motionlib.artifacts.files import Float32, Int64, RowFile, read_json, read_rows, read_table, write_json
from motionlib.artifacts.shards import NAME_LENGTH, digest_of
from motionlib.body.skeleton import Skeleton


@dataclass(frozen=True)
class Caption:
    """A sentence about a span of a clip.

    Attributes:
        start_s, end_s: Seconds from the clip's start; both 0 for the whole clip.
        source: Where the sentence comes from, such as `humanml3d` or `label`.
        split: train, val or test where a published split says so, else "".
        tokens: The sentence as `word/POS word/POS ...` where its source gives it so, else ""; two captions that differ
            in it alone are one.
    """

    text: str
    start_s: float = 0.0
    end_s: float = 0.0
    source: str = ""
    split: str = ""
    tokens: str = field(default="", compare=False)


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a take besides its motion. Text fields are "" where nothing is known.

    Attributes:
        id: `<delivery>/<path inside it without suffix>`, unique in the library.
        file: Path below data/raw it was read from.
        rig: What a person says about the skeleton (JSON of `rig.override`), "" where it is mapped automatically.
    """

    id: str
    file: str
    delivery: str
    subject: str = ""
    action: str = ""
    style: str = ""
    licence: str = ""
    captions: tuple[Caption, ...] = ()
    rig: str = ""


@dataclass(frozen=True, eq=False)
class Clip:
    """A canonical take: any skeleton, true local rotations, its own frame rate.

    Attributes:
        root_pos: (T, 3) float32 metres, y up.
        local_quat: (T, J, 4) float32 unit quaternions (w, x, y, z), joint in its parent's frame.
        fps: Hz.
    """

    info: ClipInfo
    skeleton: Skeleton
    root_pos: Float32
    local_quat: Float32
    fps: float

    @property
    def frame_count(self) -> int:
        """T."""
        return len(self.root_pos)


@dataclass(frozen=True, eq=False)
class FileRecord:
    """What became of one file of a delivery, taken in or not.

    Attributes:
        key: Hash of all that is known of the file before it is judged.
        line: Its line of the report: JSON.
        fingerprint: (K, 2) int64 landmarks of its motion; empty where there are none.
    """

    key: str
    id: str
    line: dict[str, Any]
    fingerprint: Int64 = field(default_factory=lambda: np.zeros((0, 2), np.int64))


CAPTION_TYPE = pa.struct(
    [
        ("text", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("tokens", pa.string()),
    ]
)
CLIP_SCHEMA = pa.schema(
    [(f.name, pa.list_(CAPTION_TYPE) if f.name == "captions" else pa.string()) for f in fields(ClipInfo)]
    + [
        ("published", pa.string()),  # splits that the captions name, with commas between
        ("motion", pa.string()),  # hash of the motion, its skeleton and its rig's override
        ("about", pa.string()),  # hash of the other columns of ClipInfo
        ("skeleton", pa.int32()),
        ("frames", pa.int64()),
        ("fps", pa.float64()),
        ("root_start", pa.int64()),
        ("quat_start", pa.int64()),
    ]
)
FILE_SCHEMA = pa.schema(
    [("key", pa.string()), ("id", pa.string()), ("line", pa.string()), ("fingerprint", pa.binary())]
)


class ClipShardWriter:
    """Fills the folder of a shard, one take in memory at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._roots, self._quats = RowFile(folder / "root_pos.npy", 3), RowFile(folder / "local_quat.npy", 4)
        self._skeletons: dict[str, int] = {}
        self._clips: list[dict[str, Any]] = []
        self._files: list[dict[str, Any]] = []

    def facts(self) -> dict[str, Any]:
        """Counts for the shard's manifest."""
        return {"clips": len(self._clips), "files": len(self._files)}

    def add(self, record: FileRecord | None, clip: Clip | None) -> None:
        """Take in a file and its take, as far as there are any."""
        if record is not None:
            line = json.dumps(record.line, sort_keys=True, allow_nan=False, ensure_ascii=False)
            landmarks = np.ascontiguousarray(record.fingerprint, "<i8").tobytes()
            self._files.append({"key": record.key, "id": record.id, "line": line, "fingerprint": landmarks})
        if clip is not None:
            key = json.dumps(_skeleton_json(clip.skeleton), sort_keys=True)
            row = asdict(clip.info) | {
                "published": ",".join(sorted({caption.split for caption in clip.info.captions} - {""})),
                "motion": motion_digest(clip),
                "about": digest_of(clip.info),
                "skeleton": self._skeletons.setdefault(key, len(self._skeletons)),
                "frames": clip.frame_count,
                "fps": float(clip.fps),
                "root_start": self._roots.append(clip.root_pos),
                "quat_start": self._quats.append(clip.local_quat),
            }
            self._clips.append(row)

    def __enter__(self) -> Self:
        self._roots.__enter__()
        self._quats.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._roots.__exit__(kind)
        self._quats.__exit__(kind)
        if kind is None:
            pq.write_table(_table(self._clips, CLIP_SCHEMA), self._folder / "clips.parquet")
            pq.write_table(_table(self._files, FILE_SCHEMA), self._folder / "files.parquet")
            write_json(self._folder / "skeletons.json", [json.loads(key) for key in self._skeletons])


@dataclass(frozen=True, eq=False)
class ClipShard:
    """A finished shard, read piece by piece."""

    folder: Path

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The table of takes, in order."""
        rows: list[dict[str, Any]] = read_table(self.folder / "clips.parquet").to_pylist()
        return rows

    @cached_property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """Rows of the table of takes."""
        return {row["id"]: row for row in self.rows}

    @cached_property
    def _skeletons(self) -> list[Skeleton]:
        return [
            Skeleton(tuple(s["names"]), tuple(s["parents"]), np.array(s["offsets"], dtype=np.float64))
            for s in read_json(self.folder / "skeletons.json")
        ]

    @cached_property
    def _roots(self) -> Float32:
        return read_rows(self.folder / "root_pos.npy", 3)

    @cached_property
    def _quats(self) -> Float32:
        return read_rows(self.folder / "local_quat.npy", 4)

    def info(self, row: dict[str, Any]) -> ClipInfo:
        """What is known of a take."""
        known = {f.name: row[f.name] for f in fields(ClipInfo) if f.name != "captions"}
        return ClipInfo(**known, captions=tuple(Caption(**caption) for caption in row["captions"]))

    def clip(self, row: dict[str, Any]) -> Clip:
        """A take, copied out of the shard's files."""
        skeleton = self._skeletons[row["skeleton"]]
        frames, joints = row["frames"], skeleton.joint_count
        quat = self._quats[row["quat_start"] : row["quat_start"] + frames * joints]
        return Clip(
            info=self.info(row),
            skeleton=skeleton,
            root_pos=np.array(self._roots[row["root_start"] : row["root_start"] + frames]),
            local_quat=np.array(quat.reshape(frames, joints, 4)),
            fps=row["fps"],
        )

    def files(self) -> Iterator[FileRecord]:
        """What became of the files, in order."""
        for row in read_table(self.folder / "files.parquet").to_pylist():
            yield FileRecord(row["key"], row["id"], json.loads(row["line"]), _landmarks(row["fingerprint"]))

    @cached_property
    def records(self) -> dict[str, FileRecord]:
        """What became of the files, by key."""
        return {record.key: record for record in self.files()}

    def fingerprints(self) -> dict[str, Int64]:
        """(K, 2) int64 landmarks of each take by id; takes without any have (0, 2)."""
        takes = set(read_table(self.folder / "clips.parquet", columns=["id"])["id"].to_pylist())
        table = read_table(self.folder / "files.parquet", columns=["id", "fingerprint"])
        pairs = zip(table["id"].to_pylist(), table["fingerprint"].to_pylist(), strict=True)
        return {take: _landmarks(data) for take, data in pairs if take in takes}

    def keys(self) -> list[str]:
        """Keys of the files, in order."""
        keys: list[str] = read_table(self.folder / "files.parquet", columns=["key"])["key"].to_pylist()
        return keys


def motion_digest(clip: Clip) -> str:
    """Equal for takes of the same motion on the same rig, whatever they are called and whatever is said of them."""
    body = clip.skeleton
    facts = (body.names, body.parents, float(clip.fps), clip.root_pos.shape, clip.info.rig)
    digest = hashlib.sha256(repr(facts).encode())
    for part in (body.offsets, clip.root_pos, clip.local_quat):
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()[:NAME_LENGTH]


def _landmarks(data: bytes) -> Int64:
    return np.frombuffer(data, "<i8").astype(np.int64, copy=False).reshape(-1, 2)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.table({name: [row[name] for row in rows] for name in schema.names}, schema=schema)


def _skeleton_json(skeleton: Skeleton) -> dict[str, Any]:
    return {
        "names": list(skeleton.names),
        "parents": list(skeleton.parents),
        "offsets": skeleton.offsets.tolist(),
    }
