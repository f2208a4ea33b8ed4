"""SMPL body models out of pickles, which `ingest.unpickle` reads in a process of its own."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from motionlib.ingest import unpickle
from motionlib.ingest.opcodes import RefusedPickleError
from motionlib.ingest.pickled import array_of, load

NEEDED = ("v_template", "shapedirs", "J_regressor")
_KEY = re.compile(r"[A-Za-z_]\w{0,63}")


class Converted(NamedTuple):
    """What was written: shapes by name; names of entries that are no arrays and were left out; size in bytes."""

    shapes: dict[str, tuple[int, ...]]
    left_out: tuple[str, ...]
    size: int


def convert(source: Path, target: Path) -> Converted:
    """Write the arrays of a pickled body model as `.npz`; the pickle is never run.

    Raises:
        ValueError: Naming the file, if it is too large, is refused, or is no body model.
        OSError: If a file cannot be read or written.
    """
    done = unpickle.arrays(source, body_arrays)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(done.data)
    part.replace(target)
    shapes = {name: tuple(array.shape) for name, array in done.arrays().items()}
    return Converted(shapes, done.left_out, len(done.data))


def body_arrays(data: bytes) -> tuple[dict[str, np.ndarray], list[str]]:
    """Arrays of a pickled body model by name, and the names of what is none.

    Raises:
        RefusedPickleError: If the pickle is refused or holds no body model.
    """
    found = load(data)
    if not isinstance(found, dict):
        raise RefusedPickleError("it holds no dictionary, hence no body model")
    arrays: dict[str, np.ndarray] = {}
    left_out = []
    for key, value in found.items():
        name = key.decode("latin1") if isinstance(key, bytes) else key
        if not isinstance(name, str) or not _KEY.fullmatch(name):
            raise RefusedPickleError(f"{str(name)[:80]!r} is no name of a part of a body model")
        try:
            arrays[name] = array_of(value)
        except RefusedPickleError as error:
            if name in NEEDED:
                raise RefusedPickleError(f"{name}: {error}") from None
            left_out.append(name)
    missing = [name for name in NEEDED if name not in arrays]
    if missing:
        raise RefusedPickleError(f"no {', '.join(missing)}: not a body model")
    return dict(sorted(arrays.items())), sorted(left_out)
