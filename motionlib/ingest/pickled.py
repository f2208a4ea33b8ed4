"""Numbers out of a pickle without running it: arrays, sparse matrices and chumpy's shells, as `opcodes` builds them.

Nothing of NumPy, SciPy or chumpy is called with what a pickle says. Each known name stands for a shell of ours that
only keeps its state; arrays are made afterwards, from bytes that are there. Everything else is refused by name.
"""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest.opcodes import RefusedPickleError, Shell, load_next

MAX_DEPTH = 16  # of shells within shells: chumpy's Select of a Ch of an array is 3
MAX_ENTRIES = 1 << 31  # of one matrix made dense
NUMBERS = "biuf"


class Array(Shell):
    """An ndarray: state (version, shape, type, column order, bytes)."""


class Type(Shell):
    """A NumPy type: its first argument is its code, its state begins with version and byte order."""


class Sparse(Shell):
    """A compressed sparse column matrix of SciPy."""


class SparseRows(Shell):
    """A compressed sparse row matrix of SciPy."""


class Value(Shell):
    """chumpy's `Ch`: a dictionary with the numbers under `x`."""


class Choice(Shell):
    """chumpy's `Select`: numbers of `a` at `idxs`."""


class Scalar(Shell):
    """A NumPy scalar: type and bytes."""


def _reconstruct(kind: Any, *rest: Any) -> Shell:
    """Of `numpy._reconstruct` and `copyreg._reconstructor`: an empty shell of a class that is a shell."""
    del rest
    if isinstance(kind, type) and issubclass(kind, Shell):
        return kind()
    raise RefusedPickleError("it makes an object of an unknown class")


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 2's strings are told to Python 3."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise RefusedPickleError("it encodes text in an unknown way")
    return text.encode("latin1")


def _buffer(data: Any, kind: Any, shape: Any, order: Any = "C") -> Array:
    array = Array()
    array.state = (1, shape, kind, order == "F", bytes(data) if isinstance(data, bytes | bytearray) else data)
    return array


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Type,
    ("copyreg", "_reconstructor"): _reconstruct,
    ("copy_reg", "_reconstructor"): _reconstruct,
    ("_codecs", "encode"): _encode,
    ("chumpy", "Ch"): Value,
    ("chumpy.ch", "Ch"): Value,
    ("chumpy.reordering", "Select"): Choice,
}
for _numpy in ("numpy.core", "numpy._core"):
    _KNOWN[f"{_numpy}.multiarray", "_reconstruct"] = _reconstruct
    _KNOWN[f"{_numpy}.multiarray", "scalar"] = Scalar
    _KNOWN[f"{_numpy}.numeric", "_frombuffer"] = _buffer
for _scipy in ("scipy.sparse", "scipy.sparse.csc", "scipy.sparse._csc"):
    _KNOWN[_scipy, "csc_matrix"] = Sparse
for _scipy in ("scipy.sparse", "scipy.sparse.csr", "scipy.sparse._csr"):
    _KNOWN[_scipy, "csr_matrix"] = SparseRows
for _python in ("builtins", "__builtin__"):
    _KNOWN |= {(_python, name): Shell for name in ("object", "set", "frozenset", "slice")}


def load(data: bytes) -> Any:
    """What a pickle holds, with shells in place of arrays.

    Raises:
        RefusedPickleError: If it names what is not known, is broken, or asks for too much.
    """
    return load_next(io.BytesIO(data), _KNOWN)


def array_of(value: Any, depth: int = 0) -> NDArray[Any]:
    """The array that a shell stands for; sparse matrices become dense.

    Raises:
        RefusedPickleError: If it is no array of numbers, or its parts do not belong together.
    """
    if depth > MAX_DEPTH:
        raise RefusedPickleError(f"shells nested deeper than {MAX_DEPTH}")
    if isinstance(value, Array):
        return _dense(value)
    if isinstance(value, Scalar) and len(value.args) == 2:
        return _from_bytes(value.args[1], _type(value.args[0]), ())
    if isinstance(value, Sparse | SparseRows):
        return _unpacked(value, depth)
    if isinstance(value, Value):
        return array_of(_part(value, "x"), depth + 1)
    if isinstance(value, Choice):
        chosen = array_of(_part(value, "a"), depth + 1).ravel()
        at = array_of(_part(value, "idxs"), depth + 1).astype(np.int64)
        if at.size and (at.min() < 0 or at.max() >= chosen.size):
            raise RefusedPickleError("a selection beyond its array")
        return _shaped(chosen[at.ravel()], _part(value, "preferred_shape"))
    if isinstance(value, bool | int | float):
        return np.asarray(value)
    raise RefusedPickleError(f"{type(value).__name__.lower()} is no array of numbers")


def _dense(value: Array) -> NDArray[Any]:
    state = value.state
    if not isinstance(state, tuple) or len(state) != 5:
        raise RefusedPickleError("an array without state")
    _, shape, kind, fortran, data = state
    return _from_bytes(data, _type(kind), shape, "F" if fortran else "C")


def _from_bytes(data: Any, kind: np.dtype[Any], shape: Any, order: Any = "C") -> NDArray[Any]:
    if isinstance(data, str):
        data = data.encode("latin1", "replace")
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape) or len(shape) > 8:
        raise RefusedPickleError("an array of no shape")
    if not isinstance(data, bytes | bytearray) or len(data) != math.prod(shape) * kind.itemsize:
        raise RefusedPickleError(f"an array {shape} of {kind} whose bytes are not there")
    return np.frombuffer(data, kind).reshape(shape, order=order)


def _type(value: Any) -> np.dtype[Any]:
    code = value.args[0] if isinstance(value, Type) and value.args else None
    if isinstance(code, bytes):
        code = code.decode("latin1")
    if not isinstance(code, str) or len(code) > 8 or code[:1] not in NUMBERS or not code[1:].isdigit():
        raise RefusedPickleError(f"an array of {str(code)[:20]!r}, which is not numbers")
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "<"
    order = order.decode("latin1") if isinstance(order, bytes) else order
    try:
        return np.dtype((order if order in ("<", ">") else "|") + code)
    except TypeError:
        raise RefusedPickleError(f"no type {code!r}") from None


def _unpacked(value: Sparse | SparseRows, depth: int) -> NDArray[Any]:
    data, indices, starts = (array_of(_part(value, name), depth + 1) for name in ("data", "indices", "indptr"))
    shape = _part(value, "_shape")
    if not (isinstance(shape, tuple) and len(shape) == 2 and all(isinstance(n, int) and n > 0 for n in shape)):
        raise RefusedPickleError("a sparse matrix of no shape")
    if math.prod(shape) > MAX_ENTRIES:
        raise RefusedPickleError(f"a matrix {shape}, at most {MAX_ENTRIES} entries are made dense")
    major, minor = shape if isinstance(value, SparseRows) else shape[::-1]
    starts, indices = starts.astype(np.int64).ravel(), indices.astype(np.int64).ravel()
    counts = np.diff(starts)
    sound = (
        len(starts) == major + 1 and starts[0] == 0 and starts[-1] == len(indices) == data.size and (counts >= 0).all()
    )
    if not sound or (len(indices) and (indices.min() < 0 or indices.max() >= minor)):
        raise RefusedPickleError("a sparse matrix whose parts do not belong together")
    dense = np.zeros((major, minor), dtype=data.dtype)
    np.add.at(dense, (np.repeat(np.arange(major), counts), indices), data.ravel())
    return dense if isinstance(value, SparseRows) else np.ascontiguousarray(dense.T)


def _shaped(array: NDArray[Any], shape: Any) -> NDArray[Any]:
    sizes = tuple(int(n) for n in shape) if isinstance(shape, tuple | list) else (-1,)
    try:
        return array.reshape(sizes)
    except ValueError:
        raise RefusedPickleError(f"a selection of {array.size} numbers is not {sizes}") from None


def _part(value: Shell, name: str) -> Any:
    if not isinstance(value.state, dict) or name not in value.state:
        raise RefusedPickleError(f"a {type(value).__name__.lower()} without `{name}`")
    return value.state[name]
