"""Tensors out of what `torch.save` wrote, without torch and without running the pickle inside.

Both forms are read: the zip of torch 1.6 and later, and the row of pickles before it. Source: `torch/serialization.py`.
No more bytes of storages are read, and no more bytes of arrays made, than a small multiple of the file's size.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest.opcodes import RefusedPickleError, Shell, load_next, ordered

ZIP = b"PK\x03\x04"  # how the zip form begins
MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older form
PROTOCOL = 1001  # the second
COUNT = struct.Struct("<q")  # before each storage of the older form
MOST_AXES = 8
LARGEST = 1 << 40  # numbers along an axis, or of a storage
LONGEST_NAME = 200  # letters
SHARED = 4  # bytes of arrays per byte of the file: tensors may share a storage, but not without end


@dataclass(frozen=True)
class Kind:
    """Stands for a storage class: the type of its numbers."""

    dtype: str


@dataclass(frozen=True)
class Storage:
    """A storage outside the pickle: its key and how many numbers of which type it holds."""

    kind: Kind
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, in numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Of its numbers."""
        return prod(self.size) * np.dtype(self.storage.kind.dtype).itemsize


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor:
    """Of `torch._utils._rebuild_tensor_v2`."""
    del rest
    fits = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= MOST_AXES
    counted = fits and all(_count(n) for n in (offset, *size, *stride)) and prod(n for n in size if n) < LARGEST
    if not isinstance(storage, Storage) or not counted:
        raise RefusedPickleError("a tensor of no shape")
    return Tensor(storage, offset, size, stride)


def _parameter(data: Any, *rest: Any) -> Any:
    """Of `torch._utils._rebuild_parameter`: what it holds."""
    del rest
    return data


_KINDS = {
    "Float": "f4", "Double": "f8", "Half": "f2", "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1",
}  # fmt: skip
_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): ordered,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", f"{name}Storage"): Kind(dtype) for name, dtype in _KINDS.items()},
    ("numpy", "dtype"): Shell,  # a training's best loss may stand in it as a number of NumPy: it is left out
    **{(f"numpy.{core}.multiarray", "scalar"): Shell for core in ("core", "_core")},
    ("_codecs", "encode"): Shell,
}


def tensors(data: bytes) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Arrays of a checkpoint's dictionaries of tensors, as `<entry>.<name>`, and names of the entries that are none.

    Raises:
        RefusedPickleError: If it is no checkpoint, asks for what is not allowed, or its parts do not belong together.
    """
    found, bytes_of, order = _zipped(data) if data.startswith(ZIP) else _in_a_row(data)
    if not isinstance(found, Mapping):
        raise RefusedPickleError("it holds no dictionary, hence no checkpoint")
    views, left_out = _views(found)
    if sum(tensor.bytes for tensor in views.values()) > SHARED * len(data):
        raise RefusedPickleError(f"its tensors are more than {SHARED} times as large as the file")
    return {name: _array(tensor, bytes_of(tensor.storage), order, name) for name, tensor in views.items()}, left_out


def _views(found: Mapping[Any, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors of the state dictionaries by name, and the entries that are none."""
    views: dict[str, Tensor] = {}
    left_out = []
    for entry, table in found.items():
        if not _is_name(entry) or not _is_table(table):
            left_out.append(ascii(entry)[:80].strip("'"))
            continue
        for name, tensor in table.items():
            if f"{entry}.{name}" in views:
                raise RefusedPickleError(f"two tensors are called {entry}.{name}")
            views[f"{entry}.{name}"] = tensor
    return views, sorted(left_out)


def _is_name(value: Any) -> bool:
    told = isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isascii() and value.isprintable()
    return told and "/" not in value and "\\" not in value


def _is_table(value: Any) -> bool:
    """Whether it is a state dictionary: names and tensors."""
    if not isinstance(value, Mapping) or not value:
        return False
    return all(_is_name(name) and isinstance(tensor, Tensor) for name, tensor in value.items())


def _storage(pid: Any) -> Storage:
    """What the id of a storage says: ("storage", class, key, device, count), in the older form a None more."""
    sound = isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage" and isinstance(pid[1], Kind)
    if not sound or not _is_name(pid[2]) or not _count(pid[4]) or any(view is not None for view in pid[5:]):
        raise RefusedPickleError("it speaks of something outside itself that is no storage of numbers")
    return Storage(pid[1], pid[2], pid[4])


_Found = tuple[Any, Callable[[Storage], bytes], str]


class _Members:
    """Members of a zip, each read once, together no more bytes than the file has: entries may lie over one another."""

    def __init__(self, data: bytes) -> None:
        try:
            self.archive = zipfile.ZipFile(io.BytesIO(data))
        except Exception as error:  # a broken zip raises whatever it likes
            raise RefusedPickleError(f"not a readable zip: {str(error)[:200]}") from None
        self.names = self.archive.namelist()
        if len(set(self.names)) != len(self.names):
            raise RefusedPickleError("the zip holds two files of one name")
        self.left = len(data)
        self.read: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self.read:
            self.read[name] = self._member(name)
        return self.read[name]

    def _member(self, name: str) -> bytes:
        if name not in self.archive.NameToInfo:
            raise RefusedPickleError(f"the zip holds no {name[:80]}")
        told = self.archive.getinfo(name)
        if told.compress_type != zipfile.ZIP_STORED or told.compress_size != told.file_size:
            raise RefusedPickleError(f"{name[:80]} is compressed, which torch never does")
        self.left -= told.file_size
        if self.left < 0:
            raise RefusedPickleError("the zip says that it holds more than it does")
        try:
            return self.archive.read(told)
        except Exception as error:
            raise RefusedPickleError(f"{name[:80]}: {str(error)[:200]}") from None


def _zipped(data: bytes) -> _Found:
    members = _Members(data)
    names = [name for name in members.names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(names) != 1:
        raise RefusedPickleError("a zip without `data.pkl` is no checkpoint")
    top = names[0].partition("/")[0]
    found = load_next(io.BytesIO(members[names[0]]), _KNOWN, _storage)
    told = f"{top}/byteorder"
    order = members[told] if told in members.archive.NameToInfo else b"little"
    if order not in (b"little", b"big"):
        raise RefusedPickleError("its bytes are in an unknown order")
    return found, lambda storage: members[f"{top}/data/{storage.key}"], "<" if order == b"little" else ">"


def _in_a_row(data: bytes) -> _Found:
    """The older form: magic number, protocol, system, the pickle, keys of storages, and each as a count and numbers."""
    stream = io.BytesIO(data)
    if load_next(stream, {}) != MAGIC or load_next(stream, {}) != PROTOCOL:
        raise RefusedPickleError("neither a zip nor the older form of a checkpoint")
    system = load_next(stream, {})
    if not isinstance(system, Mapping) or system.get("little_endian") is not True:
        raise RefusedPickleError("its bytes are not in little-endian order")
    storages: dict[str, Storage] = {}

    def remembered(pid: Any) -> Storage:
        storage = _storage(pid)
        if storages.setdefault(storage.key, storage) != storage:
            raise RefusedPickleError(f"storage {storage.key[:40]} is told in two ways")
        return storage

    found, keys = load_next(stream, _KNOWN, remembered), load_next(stream, {})
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in storages for key in keys):
        raise RefusedPickleError("its list of storages does not belong to it")
    if len(set(keys)) != len(keys):
        raise RefusedPickleError("its list of storages holds one twice")
    places = {key: _counted(stream, storages[key]) for key in keys}
    return found, lambda storage: places.get(storage.key, b""), "<"


def _counted(stream: io.BytesIO, storage: Storage) -> bytes:
    count = stream.read(COUNT.size)
    if len(count) != COUNT.size or COUNT.unpack(count)[0] != storage.count:
        raise RefusedPickleError(f"storage {storage.key[:40]} is not where it should be")
    return stream.read(storage.count * np.dtype(storage.kind.dtype).itemsize)


def _array(tensor: Tensor, data: bytes, order: str, name: str) -> NDArray[Any]:
    """The numbers of a tensor, copied."""
    storage, kind = tensor.storage, np.dtype(order + tensor.storage.kind.dtype)
    if len(data) != storage.count * kind.itemsize:
        raise RefusedPickleError(f"{name}: {len(data)} bytes of {storage.count} numbers")
    if not prod(tensor.size):
        return np.zeros(tensor.size, kind.newbyteorder("="))
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.size, tensor.stride, strict=True))
    if last >= storage.count or prod(tensor.size) > storage.count:
        raise RefusedPickleError(f"{name}: a tensor beyond its storage")
    flat = np.frombuffer(data, kind)
    steps = tuple(step * kind.itemsize for step in tensor.stride)
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.size, steps, writeable=False)
    return np.array(view, dtype=kind.newbyteorder("="))
