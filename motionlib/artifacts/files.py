"""JSON, manifests, flat rows and tables: what every artifact is made of."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
MANIFEST = "manifest.json"
LONG_LIST = 64  # items
NO_ROWS = 128  # bytes of a `.npy` file that holds a header alone


class BadArtifactError(ValueError):
    """A folder is not the artifact that was asked for: missing, half-written, or of another kind."""


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys and no NaN, so that equal values are equal bytes; of a long list, an item a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_indented(value, "\n") + "\n", encoding="utf-8")


def _indented(value: object, line: str) -> str:
    """As `json.dumps(value, indent=1)`, whose encoder takes seconds for the lists of a library."""
    inner = line + " "
    if isinstance(value, dict) and value:
        names = [(_compact({name: 0})[1:-4], name) for name in sorted(value)]  # numbers as keys become text
        parts = [f"{quoted}: {_indented(value[name], inner)}" for quoted, name in names]
    elif isinstance(value, list | tuple) and value:
        parts = [_compact(item) if len(value) > LONG_LIST else _indented(item, inner) for item in value]
    else:
        return _compact(value)
    first, last = "{}" if isinstance(value, dict) else "[]"
    return first + inner + ("," + inner).join(parts) + line + last


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)


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
        if path.is_file() and path != folder / MANIFEST
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


def read_rows(path: Path, width: int) -> Float32:
    """Memory-map a flat `.npy` of float32 rows (N, width)."""
    mapped = path.stat().st_size > NO_ROWS  # nothing cannot be mapped
    array: Float32 = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != width:
        raise BadArtifactError(f"{path}: expected float32 (N, {width}), got {array.dtype} {array.shape}")
    return array


class _NoPandas:
    """Says to `import` that there is no pandas."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def leave_pandas_out() -> None:
    """Keep pyarrow from loading pandas, of which nothing is used here, for a second at the first table of a process."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    pa.array([0])  # pyarrow looks once
    sys.meta_path.remove(finder)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file, or some columns of it; unlike pyarrow's own `read_table` it loads no pandas."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=None if columns is None else list(columns))


class RowFile:
    """A flat float32 `.npy` of rows that is appended to, so that memory holds one clip at a time."""

    def __init__(self, path: Path, width: int) -> None:
        self.path, self.width, self.count = path, width, 0
        self._raw = path.with_suffix(".raw")
        self._file = self._raw.open("wb")

    def append(self, rows: Float32) -> int:
        """Add rows (..., width) and give the number of the first."""
        start = self.count
        flat = np.ascontiguousarray(rows, dtype="<f4").reshape(-1, self.width)
        flat.tofile(self._file)
        self.count += len(flat)
        return start

    def __enter__(self) -> "RowFile":
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
