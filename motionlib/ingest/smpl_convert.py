"""SMPL body models out of pickles, read in a process of its own that may use little memory and time and write nothing.

`convert` starts `python -m motionlib.ingest.smpl_convert`, hands it the pickle through a pipe and takes the arrays back
through another. What it may know is in `ingest.pickled`; limits of the system hold should that fail.
"""

import io
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import motionlib
from motionlib.ingest.pickled import RefusedPickleError, array_of, load

MAX_PICKLE = 1 << 30  # bytes, 1 GiB; SMPL has 40 MB, SMPL-X 550 MB
MEMORY = 6 << 30  # bytes of addresses that the process may have, with the libraries it loads
CPU_SECONDS = 60  # SMPL-X takes 3
WALL_SECONDS = 180.0
NEEDED = ("v_template", "shapedirs", "J_regressor")
REFUSED = 3  # exit code: the message is on stderr
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
    size = source.stat().st_size
    if size > MAX_PICKLE:
        raise ValueError(f"{source}: {size} bytes, at most {MAX_PICKLE} are read")
    command = [sys.executable, "-P", "-m", "motionlib.ingest.smpl_convert"]
    paths = str(Path(motionlib.__file__).parent.parent)
    environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with source.open("rb") as stream:
        try:
            done = subprocess.run(
                command, stdin=stream, capture_output=True, env=environment, timeout=WALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"{source}: refused: reading it took longer than {WALL_SECONDS:g} s") from None
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == REFUSED:
        raise ValueError(f"{source}: refused: {said[-1] if said else 'no reason told'}")
    if done.returncode:
        raise ValueError(f"{source}: refused: its reader ended with {_ending(done.returncode)}")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        shapes = {name: tuple(arrays[name].shape) for name in arrays.files}
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(done.stdout)
    part.replace(target)
    return Converted(shapes, tuple(said), len(done.stdout))


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


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _limit() -> None:
    """From here on: bounded memory and time, no file longer than nothing, no core dump."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def main() -> int:
    """The process: a pickle on stdin, an npz on stdout, names of what was left out on stderr."""
    _limit()
    data = sys.stdin.buffer.read(MAX_PICKLE + 1)
    try:
        arrays, left_out = body_arrays(data)
        stream = io.BytesIO()
        np.savez(stream, **arrays)  # type: ignore[arg-type]
    except RefusedPickleError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except MemoryError:
        print("it asks for more memory than is allowed", file=sys.stderr)
        return REFUSED
    sys.stdout.buffer.write(stream.getbuffer())
    sys.stdout.buffer.flush()
    for name in left_out:
        print(name, file=sys.stderr)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # without unwinding whatever a hostile pickle left nested
