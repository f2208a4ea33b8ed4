"""Pickles that may be hostile, read in a process of its own that may use little memory and time and write nothing.

`arrays` starts `python -m motionlib.ingest.unpickle`, hands it the file through a pipe and takes arrays back through
another. What a pickle may ask for is in `ingest.pickled`; limits of the system hold should that fail.
"""

import importlib
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import motionlib
from motionlib.ingest.opcodes import RefusedPickleError

MAX_BYTES = 1 << 30  # 1 GiB; SMPL has 40 MB, SMPL-X 550 MB, the published evaluator with its optimiser 260 MB
MEMORY = 6 << 30  # bytes of addresses that the process may have, with the libraries it loads
CPU_SECONDS = 60  # SMPL-X takes 3
WALL_SECONDS = 180.0
REFUSED = 3  # exit code: the message is on stderr

Read = Callable[[bytes], tuple[dict[str, NDArray[Any]], list[str]]]


class Unpickled(NamedTuple):
    """What a file held: the bytes of a `.npz`, and the names of entries that were left out."""

    data: bytes
    left_out: tuple[str, ...]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays by name."""
        with np.load(io.BytesIO(self.data), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}


def arrays(source: Path, read: Read, seconds: float = WALL_SECONDS) -> Unpickled:
    """Arrays of a file that is or holds a pickle; the pickle is never run.

    Args:
        read: A function of a module, which gives arrays of the file's bytes and names of what it leaves out.

    Raises:
        ValueError: Naming the file, if it is too large or `read` refuses it.
        OSError: If it cannot be read.
    """
    size = source.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{source}: {size} bytes, at most {MAX_BYTES} are read")
    command = [sys.executable, "-P", "-m", "motionlib.ingest.unpickle", read.__module__, read.__name__]
    paths = str(Path(motionlib.__file__).parent.parent)
    environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with source.open("rb") as stream:
        try:
            done = subprocess.run(
                command, stdin=stream, capture_output=True, env=environment, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"{source}: refused: reading it took longer than {seconds:g} s") from None
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == REFUSED:
        raise ValueError(f"{source}: refused: {said[-1] if said else 'no reason told'}")
    if done.returncode:
        raise ValueError(f"{source}: refused: its reader ended with {_ending(done.returncode)}")
    return Unpickled(done.stdout, tuple(said))


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


def main(module: str, function: str) -> int:
    """The process: a file on stdin, an npz on stdout, names of what was left out on stderr."""
    read: Read = getattr(importlib.import_module(module), function)
    _limit()
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        found, left_out = read(data)
        stream = io.BytesIO()
        np.savez(stream, **found)  # type: ignore[arg-type]
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
    code = main(*sys.argv[1:3])
    sys.stderr.flush()
    os._exit(code)  # without unwinding whatever a hostile pickle left nested
