"""Where every code is used: an inverted index from code to clip, frames, licence and delivery."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from motionlib.artifacts import CodeSet, FeatureSet
from motionlib.codebook.order import run_starts

FACTS = ("licence", "delivery", "split")
COLUMNS = pa.schema(
    [
        ("codebook", pa.int16()),
        ("code", pa.int32()),
        ("clip", pa.dictionary(pa.int32(), pa.string())),
        ("start", pa.int32()),
        ("end", pa.int32()),
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in FACTS),
    ]
)


def index_table(codes: CodeSet, features: FeatureSet, levels: list[int]) -> pa.Table:
    """Every run of a code as a row, ordered by codebook, code, and place in the library.

    Columns are those of COLUMNS: frames [start, end) of the clip's features, and what is known of the clip. A code
    that repeats itself is one row.

    Args:
        levels: Codebooks that are listed.
    """
    clips = [features.by_id[clip] for clip in codes.clips]
    words = {"clip": codes.clips} | {name: [str(getattr(clip, name)) for clip in clips] for name in FACTS}
    parts = [_rows_of(codes, level) for level in levels]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    clip = rows.pop("number")
    columns: dict[str, Any] = dict(rows)
    for name, values in words.items():
        known, place = np.unique(np.array(values, dtype=object), return_inverse=True)
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(place[clip], pa.int32()), pa.array(list(known)))
    return pa.table([pa.array(columns[name], COLUMNS.field(name).type) for name in COLUMNS.names], schema=COLUMNS)


def _rows_of(codes: CodeSet, level: int) -> dict[str, NDArray[np.int64]]:
    column, frames = np.asarray(codes.codes[:, level]), codes.shape.frames_per_step
    lengths = np.diff(codes.offsets)
    first = np.flatnonzero(run_starts(column, lengths))
    steps = np.diff(first, append=len(column))
    number = np.searchsorted(codes.offsets, first, side="right") - 1
    start = (first - codes.offsets[number]) * frames
    order = np.argsort(column[first], kind="stable")
    found = {"code": column[first], "number": number, "start": start, "end": start + steps * frames}
    return {"codebook": np.full(len(first), level)} | {name: values[order] for name, values in found.items()}


def spans_of(index: pa.Table, codebook: int, code: int) -> pa.Table:
    """The rows of an `index_table` that are one code."""
    return index.filter((pc.field("codebook") == codebook) & (pc.field("code") == code))


def frames_by(spans: pa.Table, fact: str) -> dict[str, int]:
    """How many frames of some spans stand under each licence (or delivery, or split), most first."""
    frames = pc.subtract(spans["end"], spans["start"])
    sums = (
        pa.table({"fact": spans[fact].cast(pa.string()), "frames": frames})
        .group_by("fact")
        .aggregate([("frames", "sum")])
    )
    found = zip(sums["fact"].to_pylist(), sums["frames_sum"].to_pylist(), strict=True)
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))
