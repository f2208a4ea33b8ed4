"""data/codes/<name>: what `encode_motion` makes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from motionlib.artifacts.feature_shards import Item
from motionlib.artifacts.files import (
    Float32,
    Int64,
    read_json,
    seal,
    unseal,
    write_json,
)


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
        vectors: (V, C) vector of each code of each of the Q codebooks, of one width; empty where codes are no vectors.
    """

    codes: Int64
    offsets: Int64
    clips: list[str]
    shape: CodeShape
    vectors: Sequence[Float32] = ()

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
    if len(codes.vectors):
        np.save(folder / "vectors.npy", np.stack(codes.vectors).astype("<f4"), allow_pickle=False)
    seal(folder, "codes", shape=codes.shape._asdict(), vectors=len(codes.vectors))


def read_codes(folder: Path) -> CodeSet:
    """Open data/codes/<name>."""
    manifest = unseal(folder, "codes")
    return CodeSet(
        codes=np.load(folder / "codes.npy", mmap_mode="r", allow_pickle=False),
        offsets=np.load(folder / "offsets.npy", allow_pickle=False),
        clips=read_json(folder / "clips.json"),
        shape=CodeShape(**manifest["shape"]),
        vectors=list(np.load(folder / "vectors.npy", allow_pickle=False)) if manifest["vectors"] else (),
    )
