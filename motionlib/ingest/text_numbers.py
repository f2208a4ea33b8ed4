"""Numbers written as text: quickly by pyarrow's converter, strictly token by token where it refuses, with one result.

Every blank becomes the end of a line, so that any layout is one column of numbers: that takes 2 ns per byte.
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest.quality import BadMotionError

FloatArray = NDArray[np.float64]

MAX_VALUE = 1e9  # file units or degrees; larger ones overflow float32 a few steps later
MAX_COMMENTS = 10_000  # among the numbers of one file
CHUNK = 1 << 20  # bytes that are converted at one time; a single number must fit into them
LONG_NUMBER = 64  # bytes; doubles printed in full take 25

_NUMERIC = b"0123456789+-.eE"
_NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity|1\.#\w*)(\(\w*\))?$", re.IGNORECASE)
_COMMENT = re.compile(rb"(?<!\S)(?:#|//)[^\r\n]*")
_SPACE = re.compile(rb"\s")
_ONE_A_LINE = bytes.maketrans(b" \t\r\v\f", b"\n\n\n\n\n")


class Rows(NamedTuple):
    """`values` (T, width); `rest`: how many numbers are left over after the last whole row."""

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
    numbers = _converted(block)
    if numbers is None:
        numbers = _by_token(block, width, first)
    frames, rest = divmod(len(numbers), width)
    values = numbers[: frames * width].reshape(frames, width)
    if len(numbers) and not max(numbers.max(), -numbers.min()) < MAX_VALUE:
        frame = np.flatnonzero(~(np.abs(numbers) < MAX_VALUE))[0] // width
        raise BadMotionError("not_finite", f"frame {first + frame}: a value is infinite or beyond {MAX_VALUE:g}")
    return Rows(values, rest)


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


def _converted(block: bytes) -> FloatArray | None:
    """All numbers of a block, None if one is not plainly a finite number."""
    from pyarrow import ArrowException, BufferReader, csv, float64

    if block.isspace():
        return None
    try:
        table = csv.read_csv(
            BufferReader(block.translate(_ONE_A_LINE)),
            csv.ReadOptions(use_threads=False, block_size=CHUNK, column_names=["number"]),
            csv.ParseOptions(quote_char=False),
            csv.ConvertOptions(column_types={"number": float64()}, null_values=[], check_utf8=False),
        )
    except ArrowException:
        return None
    chunks = table.column(0).chunks
    if any(chunk.null_count for chunk in chunks):
        return None
    # Through the buffers: `to_numpy` of a column imports pandas, which takes a process most of a second.
    parts = [np.frombuffer(chunk.buffers()[1], np.float64, len(chunk), 8 * chunk.offset) for chunk in chunks]
    numbers: FloatArray = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return numbers if np.isfinite(numbers.sum()) else None


def _by_token(block: bytes, width: int, first: int) -> FloatArray:
    """All numbers of a block, of which the first belongs to frame `first`."""
    parts: list[FloatArray] = []
    begin, done = 0, first * width
    while begin < len(block):
        end = begin + CHUNK
        cut = _SPACE.search(block, end, end + CHUNK)
        end = cut.end() if cut else end + CHUNK
        tokens = block[begin:end].split()
        parts.append(_numbers(tokens, done, width))
        begin, done = end, done + len(tokens)
    return np.concatenate(parts) if parts else np.zeros(0)


def _numbers(tokens: list[bytes], done: int, width: int) -> FloatArray:
    """Values of tokens of which the first is number `done` of the block."""
    longest = max(map(len, tokens), default=0)
    try:
        if longest < CHUNK and not b"".join(tokens).translate(None, _NUMERIC):
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
    if token.translate(None, _NUMERIC) or len(token) >= CHUNK:
        return False
    try:
        float(token)
    except ValueError:
        return False
    return True
