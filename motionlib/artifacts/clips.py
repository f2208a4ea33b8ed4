"""data/clips: what `ingest` makes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from motionlib.artifacts.files import (
    BadArtifactError,
    Float32,
    RowFile,
    read_json,
    read_rows,
    seal,
    unseal,
    write_json,
)
from motionlib.body.skeleton import Skeleton


@dataclass(frozen=True)
class Caption:
    """A sentence about a span of a clip.

    Attributes:
        start_s, end_s: Seconds from the clip's start; both 0 for the whole clip.
        source: Where the sentence comes from, such as `humanml3d` or `label`.
        split: train, val or test where a published split says so, else "".
    """

    text: str
    start_s: float = 0.0
    end_s: float = 0.0
    source: str = ""
    split: str = ""


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
class ClipLibrary:
    """The takes of data/clips, read one at a time."""

    folder: Path
    rows: list[dict[str, Any]]
    skeletons: list[Skeleton]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Clip]:
        roots = read_rows(self.folder / "root_pos.npy", 3)
        quats = read_rows(self.folder / "local_quat.npy", 4)
        for row in self.rows:
            yield self._clip(row, roots, quats)

    def _clip(self, row: dict[str, Any], roots: Float32, quats: Float32) -> Clip:
        skeleton = self.skeletons[row["skeleton"]]
        frames, joints = row["frames"], skeleton.joint_count
        captions = tuple(Caption(**caption) for caption in row["captions"])
        known = {f.name: row[f.name] for f in fields(ClipInfo) if f.name != "captions"}
        quat = quats[row["quat_start"] : row["quat_start"] + frames * joints]
        return Clip(
            info=ClipInfo(**known, captions=captions),
            skeleton=skeleton,
            root_pos=np.array(roots[row["root_start"] : row["root_start"] + frames]),
            local_quat=np.array(quat.reshape(frames, joints, 4)),
            fps=row["fps"],
        )


CAPTION_TYPE = pa.struct(
    [
        ("text", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("source", pa.string()),
        ("split", pa.string()),
    ]
)


def write_clips(folder: Path, clips: Iterable[Clip]) -> None:
    """Write takes in the order given, one in memory at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    skeletons: dict[str, int] = {}
    rows = []
    with RowFile(folder / "root_pos.npy", 3) as roots, RowFile(folder / "local_quat.npy", 4) as quats:
        for clip in clips:
            key = json.dumps(_skeleton_json(clip.skeleton), sort_keys=True)
            row = asdict(clip.info) | {
                "skeleton": skeletons.setdefault(key, len(skeletons)),
                "frames": clip.frame_count,
                "fps": float(clip.fps),
                "root_start": roots.append(clip.root_pos),
                "quat_start": quats.append(clip.local_quat),
            }
            rows.append(row)
    names = list(rows[0]) if rows else []
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in names}
    if rows:
        columns["captions"] = pa.array(columns["captions"], pa.list_(CAPTION_TYPE))
    pq.write_table(pa.table(columns), folder / "clips.parquet")
    write_json(folder / "skeletons.json", [json.loads(key) for key in skeletons])
    seal(folder, "clips", clips=len(rows))


def read_clips(folder: Path) -> ClipLibrary:
    """Open the takes of data/clips.

    Raises:
        BadArtifactError: If the folder is not finished or holds no clip.
    """
    unseal(folder, "clips")
    rows = pq.read_table(folder / "clips.parquet").to_pylist()
    if not rows:
        raise BadArtifactError(f"no clips in {folder}; see reports/ingest for why every file was left out")
    skeletons = [
        Skeleton(tuple(s["names"]), tuple(s["parents"]), np.array(s["offsets"], dtype=np.float64))
        for s in read_json(folder / "skeletons.json")
    ]
    return ClipLibrary(folder, rows, skeletons)


def _skeleton_json(skeleton: Skeleton) -> dict[str, Any]:
    return {
        "names": list(skeleton.names),
        "parents": list(skeleton.parents),
        "offsets": skeleton.offsets.tolist(),
    }
