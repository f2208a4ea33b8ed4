"""How each intermediate result lies on disk; the only module that opens them.

Every artifact is a folder. Its `manifest.json` is written last and lists the kind and the size of every
other file, so a half-written folder is recognised and nothing larger than what is there is ever allocated.
Dense rows are flat `.npy` files read through mmap, tables are Parquet, weights are safetensors, the rest JSON.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from motionlib.body.skeleton import Skeleton

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
MANIFEST = "manifest.json"


class BadArtifactError(ValueError):
    """A folder is not the artifact that was asked for: missing, half-written, or of another kind."""


# --- JSON and manifests ------------------------------------------------------------------------------


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys and no NaN, so that equal values are equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        BadArtifactError: If there is none, or it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadArtifactError(f"no {path}; has the stage that makes it run?") from None
    except ValueError as error:
        raise BadArtifactError(f"{path} is not JSON: {error}") from error


def seal(folder: Path, kind: str, **facts: object) -> None:
    """Write the manifest of a finished folder: its kind, facts about it, and every file with its size."""
    files = {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    write_json(folder / MANIFEST, {"kind": kind, "files": files, **facts})


def unseal(folder: Path, kind: str) -> dict[str, Any]:
    """Read a folder's manifest after checking its kind and that every file is there in full.

    Raises:
        BadArtifactError: If it is not a finished artifact of that kind.
    """
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    if manifest.get("kind") != kind:
        raise BadArtifactError(f"{folder} holds {manifest.get('kind')!r}, expected {kind!r}")
    for name, size in manifest["files"].items():
        path = folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            raise BadArtifactError(f"{path}: expected {size} bytes, found {found}")
    return manifest


def _rows(path: Path, width: int) -> Float32:
    array: Float32 = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != width:
        raise BadArtifactError(f"{path}: expected float32 (N, {width}), got {array.dtype} {array.shape}")
    return array


def _table(rows: Sequence[Any], kind: type) -> pa.Table:
    names = [f.name for f in fields(kind)]
    return pa.table({name: [getattr(row, name) for row in rows] for name in names})


# --- clips: what `ingest` makes ----------------------------------------------------------------------


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
    """

    id: str
    file: str
    delivery: str
    subject: str = ""
    action: str = ""
    style: str = ""
    licence: str = ""
    captions: tuple[Caption, ...] = ()


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
        roots = _rows(self.folder / "root_pos.npy", 3)
        quats = _rows(self.folder / "local_quat.npy", 4)
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


class _RowFile:
    """A flat float32 `.npy` of rows that is appended to, so that memory holds one clip at a time."""

    def __init__(self, path: Path, width: int) -> None:
        self.path, self.width, self.count = path, width, 0
        self._raw = path.with_suffix(".raw")
        self._file = self._raw.open("wb")

    def append(self, rows: Float32) -> int:
        start = self.count
        flat = np.ascontiguousarray(rows, dtype="<f4").reshape(-1, self.width)
        flat.tofile(self._file)
        self.count += len(flat)
        return start

    def __enter__(self) -> "_RowFile":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Put the `.npy` header before the rows, unless something went wrong."""
        self._file.close()
        if kind is not None:
            return
        with self.path.open("wb") as out, self._raw.open("rb") as raw:
            header = {"descr": "<f4", "fortran_order": False, "shape": (self.count, self.width)}
            np.lib.format.write_array_header_1_0(out, header)
            while block := raw.read(1 << 24):
                out.write(block)
        self._raw.unlink()


def write_clips(folder: Path, clips: Iterable[Clip]) -> None:
    """Write takes in the order given, one in memory at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    skeletons: dict[str, int] = {}
    rows = []
    with _RowFile(folder / "root_pos.npy", 3) as roots, _RowFile(folder / "local_quat.npy", 4) as quats:
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


# --- features: what `normalize` makes ----------------------------------------------------------------


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
    with _RowFile(folder / "features.npy", len(mean)) as rows:
        for clip, features in clips:
            if rows.append(features) != clip.start or len(features) != clip.frames:
                raise BadArtifactError(f"clip {clip.id}: rows do not lie where its table says")
            table.append(clip)
    pq.write_table(_table(table, FeatureClip), folder / "clips.parquet")
    pq.write_table(_table(items, Item), folder / "items.parquet")
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
        rows=_rows(folder / "features.npy", manifest["dimensions"]),
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


# --- text: what `encode_text` makes ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TextTable:
    """data/text: embeddings of the unique captions, row = caption_id.

    Attributes:
        sentence: (N, E) float32. words: (sum of tokens, E) float32, caption i owning rows
        [offsets[i], offsets[i + 1]). encoder: {"spec", "digest", "dim"} of the encoder that made them.
    """

    captions: list[str]
    sentence: Float32
    words: Float32
    offsets: Int64
    encoder: dict[str, Any]

    def words_of(self, caption_id: int) -> Float32:
        """(S, E) states of one caption's word pieces."""
        return self.words[self.offsets[caption_id] : self.offsets[caption_id + 1]]


def write_text(folder: Path, table: TextTable) -> None:
    """Write data/text."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "captions.json", table.captions)
    np.save(folder / "sentence.npy", table.sentence.astype("<f4"), allow_pickle=False)
    np.save(folder / "words.npy", table.words.astype("<f4"), allow_pickle=False)
    np.save(folder / "offsets.npy", table.offsets.astype("<i8"), allow_pickle=False)
    seal(folder, "text", encoder=table.encoder)


def read_text(folder: Path) -> TextTable:
    """Open data/text."""
    encoder = unseal(folder, "text")["encoder"]
    return TextTable(
        captions=read_json(folder / "captions.json"),
        sentence=_rows(folder / "sentence.npy", encoder["dim"]),
        words=_rows(folder / "words.npy", encoder["dim"]),
        offsets=np.load(folder / "offsets.npy", allow_pickle=False),
        encoder=encoder,
    )


# --- codes: what `encode_motion` makes ---------------------------------------------------------------


class CodeShape(NamedTuple):
    """What a prior may know of a tokenizer: V codes per codebook, Q per step, frames per step, steps per second."""

    codebook_size: int
    codes_per_step: int
    frames_per_step: int
    steps_per_second: float


@dataclass(frozen=True, eq=False)
class CodeSet:
    """data/codes/<name>: the codes of every clip of data/features, whole clips encoded unpadded.

    Attributes:
        codes: (sum of L, Q) int64; clip i owns rows [offsets[i], offsets[i + 1]).
        clips: Ids in the order of data/features. A clip of T rows has T // frames_per_step steps.
    """

    codes: Int64
    offsets: Int64
    clips: list[str]
    shape: CodeShape

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each clip id."""
        return {clip: i for i, clip in enumerate(self.clips)}

    def of(self, clip: str) -> Int64:
        """(L, Q) codes of one clip."""
        i = self.index[clip]
        return self.codes[self.offsets[i] : self.offsets[i + 1]]

    def of_item(self, item: Item) -> Int64:
        """(l, Q) codes that lie wholly inside one captioned span."""
        per_step = self.shape.frames_per_step
        return self.of(item.clip)[math.ceil(item.start / per_step) : item.end // per_step]


def write_codes(folder: Path, codes: CodeSet) -> None:
    """Write data/codes/<name>."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "codes.npy", codes.codes.astype("<i8"), allow_pickle=False)
    np.save(folder / "offsets.npy", codes.offsets.astype("<i8"), allow_pickle=False)
    write_json(folder / "clips.json", codes.clips)
    seal(folder, "codes", shape=codes.shape._asdict())


def read_codes(folder: Path) -> CodeSet:
    """Open data/codes/<name>."""
    manifest = unseal(folder, "codes")
    return CodeSet(
        codes=np.load(folder / "codes.npy", mmap_mode="r", allow_pickle=False),
        offsets=np.load(folder / "offsets.npy", allow_pickle=False),
        clips=read_json(folder / "clips.json"),
        shape=CodeShape(**manifest["shape"]),
    )


# --- models ------------------------------------------------------------------------------------------


def write_model(folder: Path, weights: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> None:
    """Write a trained model: `weights.safetensors`, and `model.json` with all that rebuilds it (kind, sizes ...)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: np.ascontiguousarray(weights[name]) for name in sorted(weights)},
        folder / "weights.safetensors",
    )
    write_json(folder / "model.json", dict(card))
    seal(folder, "model")


def read_model(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Weights and card of a trained model.

    Raises:
        BadArtifactError: If the folder is not a finished model.
    """
    unseal(folder, "model")
    return load_file(folder / "weights.safetensors"), read_json(folder / "model.json")


# --- reports -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """A stage's report: numbers (nested dictionaries of JSON) and pictures by file name."""

    numbers: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)


def write_report(folder: Path, report: Report) -> None:
    """Write `report.json` and the pictures (or pages) beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in report.pictures.items():
        (folder / name).write_bytes(picture)
    write_json(folder / "report.json", report.numbers)
    seal(folder, "report")


def read_report(folder: Path) -> dict[str, Any]:
    """Numbers of a stage's report."""
    unseal(folder, "report")
    numbers: dict[str, Any] = read_json(folder / "report.json")
    return numbers
