"""Rows of numbers written as text: the common layout quickly, any other one strictly, with the same result.

The common layout is one row a line with blanks between the numbers; pyarrow's converter reads it at several hundred
megabytes per second. Whatever it does not take goes token by token through Python's own `float`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest.quality import BadMotionError

FloatArray = NDArray[np.float64]

MAX_VALUE = 1e9  # file units or degrees; larger ones overflow float32 a few steps later
CHUNK = 1 << 20  # bytes that are converted at one time; a line, or else a single number, must fit into them
LONG_NUMBER = 64  # bytes; doubles printed in full take 25
MAX_COMMENTS = 10_000  # among the numbers of one file

NUMERIC = b"0123456789+-.eE \t\r\n\v\f"
_NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity|1\.#\w*)(\(\w*\))?$", re.IGNORECASE)
_COMMENT = re.compile(rb"(?<!\S)(?:#|//)[^\r\n]*")
_SPACE = re.compile(rb"\s")
_BLANKS = bytes.maketrans(b"\t\v\f", b"   ")


class Rows(NamedTuple):
    """`values` (T, width), by column in memory where that was quicker; `rest`: how many more than fill the last row."""

    values: FloatArray
    rest: int


def read_rows(block: bytes, width: int, first: int = 0) -> Rows:
    """Numbers of a block of text by rows of `width`, however the lines are broken.

    Args:
        block: The text.
        width: Numbers of a row.
        first: Frame that the first row is, for messages.

    Raises:
        BadMotionError: `bad_number` or `not_finite`, naming frame and value of the first offending one.
    """
    rows = _by_line(block, width) if _is_numeric(block) else None
    rows = rows or _by_token(block, width, first)
    if rows.values.size and not max(rows.values.max(), -rows.values.min()) < MAX_VALUE:
        frame = np.flatnonzero(~(np.abs(rows.values) < MAX_VALUE).all(axis=1))[0]
        raise BadMotionError("not_finite", f"frame {first + frame}: a value is infinite or beyond {MAX_VALUE:g}")
    return rows


def without_comments(block: bytes) -> bytes:
    """The same lines without what follows `#` or `//` where a word could begin.

    Raises:
        BadMotionError: `bad_number`, if there are more than MAX_COMMENTS.
    """
    if b"#" not in block and b"/" not in block:
        return block
    if block.count(b"#") + block.count(b"//") > MAX_COMMENTS:
        raise BadMotionError("bad_number", f"more than {MAX_COMMENTS} comments among the numbers")
    return _COMMENT.sub(b"", block)


def text(raw: bytes) -> str:
    """Decode as UTF-8, or as Latin-1 where it is not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _is_numeric(block: bytes) -> bool:
    """Whether only digits, signs, points, exponents and blanks are in it; its beginning is looked at first."""
    return (
        bool(block)
        and not block.isspace()
        and not block[:CHUNK].translate(None, NUMERIC)
        and not block.translate(None, NUMERIC)
    )


def _by_line(block: bytes, width: int) -> Rows | None:
    """Rows of a block that has one a line, None if it has another layout."""
    for layout in _layouts(block, width):
        rows = _converted(layout, width)
        if rows is not None:
            return rows
    return None


def _layouts(block: bytes, width: int) -> Iterator[bytes]:
    """The same lines: as they are, without blanks around them, with single blanks between the numbers."""
    yield block
    if 2 * width * block.count(b"\n") > len(block):
        return  # more lines than rows: cutting them all would cost more than it gains
    if any(blank in block for blank in (b"\t", b"\v", b"\f")):
        block = block.translate(_BLANKS)
    lines = [line.strip() for line in block.splitlines()]
    if max(map(len, lines)) > CHUNK:
        return
    block = b"\n".join(lines)
    yield block
    if b"  " in block:
        while b"  " in block:
            block = block.replace(b"  ", b" ")
        yield block


def _converted(block: bytes, width: int) -> Rows | None:
    """Rows of lines of numbers with single blanks between them, None if a line is no such thing."""
    from pyarrow import ArrowException, BufferReader, csv, float64

    names = [str(column) for column in range(width)]
    try:
        table = csv.read_csv(
            BufferReader(block),
            csv.ReadOptions(use_threads=False, block_size=CHUNK, column_names=names),
            csv.ParseOptions(delimiter=" ", quote_char=False),
            csv.ConvertOptions(column_types=dict.fromkeys(names, float64()), null_values=[], check_utf8=False),
        )
    except ArrowException:
        return None
    values = np.empty((width, table.num_rows))
    for row, column in zip(values, table.columns, strict=True):
        row[:] = column.to_numpy()
    return Rows(values.T, 0)


def _by_token(block: bytes, width: int, first: int = 0) -> Rows:
    parts: list[FloatArray] = []
    begin = done = 0
    while begin < len(block):
        end = begin + CHUNK
        cut = _SPACE.search(block, end, end + CHUNK)
        end = cut.end() if cut else end + CHUNK
        tokens = block[begin:end].split()
        parts.append(_numbers(tokens, first * width + done, width))
        begin, done = end, done + len(tokens)
    values = np.concatenate(parts) if parts else np.zeros(0)
    frames, rest = divmod(len(values), width)
    return Rows(values[: frames * width].reshape(frames, width), rest)


def _numbers(tokens: list[bytes], done: int, width: int) -> FloatArray:
    """Values of tokens of which the first is number `done` of the block."""
    longest = max(map(len, tokens), default=0)
    try:
        if longest < CHUNK and not b"".join(tokens).translate(None, NUMERIC):
            few = np.array(tokens, dtype=np.bytes_) if longest < LONG_NUMBER else [float(token) for token in tokens]
            return np.asarray(few, dtype=np.float64)
    except ValueError:
        pass
    index = next(i for i, token in enumerate(tokens) if not _is_number(token))
    token = tokens[index]
    reason = "not_finite" if _NOT_FINITE.match(token) else "bad_number"
    where = f"frame {(done + index) // width}, value {(done + index) % width}"
    raise BadMotionError(reason, f"{where}: {text(token[:40])!r} is not a finite number")


def _is_number(token: bytes) -> bool:
    if token.translate(None, NUMERIC) or len(token) >= CHUNK:
        return False
    try:
        float(token)
    except ValueError:
        return False
    return True
