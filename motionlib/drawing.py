"""Pictures drawn beside the work: importing matplotlib takes most of a second, which another process spends meanwhile.

A stage opens a `desk` first and asks it for pictures by the name of the function that draws them, so that it never
imports that module itself. Without an open desk, or when it has gone, pictures are drawn right here: the same bytes.
"""

import importlib
import pickle  # what passes between this process and its own child, never a file's
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

SIZE_BYTES = 8  # of the length before every message
_open: list["_Desk"] = []


class _Desk:
    """The other process; it ends when its input does, hence also when this process dies."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "motionlib.drawing"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def draw(self, where: str, arguments: tuple[object, ...]) -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        _send(self.process.stdin, pickle.dumps((where, arguments)))
        answer = _receive(self.process.stdout)
        if answer is None:
            raise EOFError
        return answer

    def close(self) -> None:
        with suppress(OSError):
            self.process.communicate()


@contextmanager
def desk() -> Iterator[None]:
    """While open, `draw` uses a process that has matplotlib ready."""
    made = _Desk()
    _open.append(made)
    try:
        yield
    finally:
        if made in _open:
            _open.remove(made)
        made.close()


def draw(where: str, *arguments: object) -> bytes:
    """The picture that a function gives.

    Args:
        where: `package.module:function`. arguments: What it takes; whatever can be sent to another process.
    """
    if _open:
        try:
            return _open[-1].draw(where, arguments)
        except (EOFError, OSError):  # the process died of it: the error shows here
            _open.pop().close()
    return _here(where, arguments)


def _here(where: str, arguments: tuple[object, ...]) -> bytes:
    module, _, name = where.partition(":")
    function: Callable[..., bytes] = getattr(importlib.import_module(module), name)
    return function(*arguments)


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(SIZE_BYTES, "big") + message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    head = stream.read(SIZE_BYTES)
    if len(head) < SIZE_BYTES:
        return None
    size = int.from_bytes(head, "big")
    message = stream.read(size)
    return message if len(message) == size else None


def _serve() -> None:
    """Draw what is asked for until the input ends."""
    importlib.import_module("matplotlib.figure")
    importlib.import_module("matplotlib.backends.backend_agg")
    while (message := _receive(sys.stdin.buffer)) is not None:
        where, arguments = pickle.loads(message)  # noqa: S301 (from the process that started this one)
        _send(sys.stdout.buffer, _here(where, arguments))


if __name__ == "__main__":
    _serve()
