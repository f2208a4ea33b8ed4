"""The parts of a glTF file: its JSON, read under limits, and its buffers. No path is ever opened.

Source: Khronos glTF 2.0 specification, sections 3.6 (buffers), 4 (GLB), 2.4 (URIs).
"""

import base64
import binascii
import json
import posixpath
import re
import struct
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import unquote

from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source

MAGIC, VERSION, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
MAX_BYTES = 1 << 30  # 1 GiB
MAX_JSON_BYTES = 1 << 27  # 128 MiB, most of it a buffer as text; the rest is bounded by MAX_JSON_VALUES
MAX_JSON_VALUES = 1_000_000  # lists, objects and what stands in them; a crowd of rigs has 100,000
MAX_VALUE = 1e9  # metres
_DATA_URI = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)


class Item:
    """An object of the JSON that knows where it stands and gives only what has the right type and range."""

    def __init__(self, fields: Any, where: str) -> None:
        if not isinstance(fields, dict):
            raise BadMotionError("bad_header", f"{where or 'the file'} is no JSON object")
        self.fields, self.where = fields, where

    def __contains__(self, key: str) -> bool:
        return key in self.fields

    def fail(self, key: str, message: str) -> NoReturn:
        """Refuse the file because of one key."""
        raise BadMotionError("bad_header", f"{self.place(key)}: {message}")

    def place(self, key: str) -> str:
        """Where a key of this object stands in the file."""
        return f"{self.where}.{key}" if self.where else key

    def item(self, key: str) -> "Item":
        """A nested object; empty if it is not there."""
        return Item(self.fields.get(key, {}), self.place(key))

    def values(self, key: str) -> list[Any]:
        """A list; empty if it is not there."""
        value = self.fields.get(key, [])
        if not isinstance(value, list):
            self.fail(key, "is no list")
        return value

    def items(self, key: str) -> Iterator["Item"]:
        """The objects of a list."""
        return (Item(value, f"{self.place(key)}[{index}]") for index, value in enumerate(self.values(key)))

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        value = self.fields.get(key, default)
        if not isinstance(value, str):
            self.fail(key, "is no text")
        return value

    def whole(self, key: str, default: int | None = None, low: int = 0, high: int = 1 << 40) -> int:
        """A whole number within bounds; it must be there if there is no default."""
        value = self.fields.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(key, f"{str(value)[:40]} is no whole number from {low} to {high}")
        return value

    def index(self, key: str, count: int) -> int:
        """A reference into a list of `count` things."""
        value = self.fields.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
            self.fail(key, f"{str(value)[:40]} is none of the {count} there are")
        return value

    def indices(self, key: str, count: int) -> list[int]:
        """Distinct references into a list of `count` things."""
        values = self.values(key)
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
                self.fail(key, f"{str(value)[:40]} is none of the {count} there are")
        if len(set(values)) != len(values):
            self.fail(key, "names one thing twice")
        return values

    def numbers(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """As many finite numbers as the default has."""
        values = self.fields.get(key, default)
        if not isinstance(values, list | tuple) or len(values) != len(default):
            self.fail(key, f"is no list of {len(default)} numbers")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_VALUE:
                self.fail(key, f"{str(value)[:40]} is no number below {MAX_VALUE:g}")
        return tuple(float(value) for value in values)


class Document:
    """A glTF file whose buffers are fetched when they are asked for.

    Attributes:
        root: The JSON.
        fetched: Bytes of all buffers asked for so far.
    """

    def __init__(self, root: Item, binary: bytes | None, name: str, beside: Mapping[str, bytes]) -> None:
        self.root = root
        self.fetched = 0
        self._binary, self._name, self._beside = binary, name, beside
        self._buffers: dict[int, bytes] = {}
        self._lists: dict[str, list[Item]] = {}

    def items(self, key: str) -> list[Item]:
        """A top-level list, such as `nodes`."""
        if key not in self._lists:
            self._lists[key] = list(self.root.items(key))
        return self._lists[key]

    def buffer(self, index: int) -> bytes:
        """A buffer's bytes, at least as many as it declares.

        Raises:
            BadMotionError: If it is not there, too short, or not a plain name inside the delivery.
        """
        if index not in self._buffers:
            item = self.items("buffers")[index]
            data = self._resolve(item, index)
            length = item.whole("byteLength", low=1)
            if len(data) < length:
                item.fail("byteLength", f"{length} bytes declared, {len(data)} present")
            self._buffers[index] = data
            self.fetched += len(data)
        return self._buffers[index]

    def _resolve(self, item: Item, index: int) -> bytes:
        if "uri" not in item:
            if index or self._binary is None:
                item.fail("uri", "is missing, and there is no binary chunk")
            return self._binary
        uri = item.text("uri")
        if uri.startswith("data:"):
            return _decoded(uri, item)
        name = _companion(self._name, uri)
        if name is None:
            item.fail("uri", f"{uri[:80]!r} is not a plain file name inside the delivery")
        if name not in self._beside:
            raise BadMotionError("companion_missing", f"{item.place('uri')}: {name!r} is not in the delivery")
        return self._beside[name]


def companions(name: str, names: Collection[str]) -> list[str]:
    """Buffers that may belong to a glTF file: the `.bin` files of its folder that begin with its stem, or else all."""
    folder, stem = posixpath.dirname(name), posixpath.splitext(posixpath.basename(name))[0]
    here = sorted(n for n in names if n.lower().endswith(".bin") and posixpath.dirname(n) == folder)
    own = [n for n in here if posixpath.basename(n).startswith(stem)]
    return own or here


def open_document(source: Source) -> Document:
    """Take a `.gltf` or `.glb` apart.

    Raises:
        BadMotionError: If its bytes break the format, or ask for more than the limits.
    """
    data = source.data
    if not data:
        raise BadMotionError("empty_file", "the file is empty")
    if len(data) > MAX_BYTES:
        raise BadMotionError("too_large", f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")
    binary: bytes | None = None
    if data[:4] == b"glTF":
        text, binary = _chunks(data)
    elif data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        text = data
    else:
        raise BadMotionError("bad_header", "the file begins neither with `glTF` nor with a JSON object")
    root = Item(_parse(text), "")
    version = root.item("asset").text("version")
    if not version.startswith("2."):
        raise BadMotionError("bad_header", f"asset.version: {version[:20]!r}; only glTF 2 is read")
    return Document(root, binary, source.name, source.beside)


def _chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON and the binary chunk of a GLB."""
    if len(data) < 20:
        raise BadMotionError("bad_header", f"a GLB of {len(data)} bytes has no room for its header")
    _, version, length = struct.unpack_from("<III", data)
    if version != VERSION:
        raise BadMotionError("bad_header", f"GLB version {version}; only version 2 is read")
    if length > len(data):
        raise BadMotionError("bad_header", f"the GLB header declares {length} bytes, {len(data)} are present")
    found: dict[int, bytes] = {}
    position = 12
    while position + 8 <= length:
        size, kind = struct.unpack_from("<II", data, position)
        position += 8
        if size > length - position:
            raise BadMotionError("bad_header", f"byte {position}: a chunk of {size} bytes in {length - position}")
        found.setdefault(kind, data[position : position + size])
        position += size + -size % 4
        if JSON_CHUNK not in found:
            raise BadMotionError("bad_header", "the first chunk of the GLB is not JSON")
        if BIN_CHUNK in found:
            break
    if JSON_CHUNK not in found:
        raise BadMotionError("bad_header", "the GLB holds no JSON chunk")
    return found[JSON_CHUNK], found.get(BIN_CHUNK)


def _parse(text: bytes) -> Any:
    if len(text) > MAX_JSON_BYTES:
        raise BadMotionError("too_large", f"{len(text)} bytes of JSON, at most {MAX_JSON_BYTES} are read")
    values = text.count(b",") + text.count(b"[") + text.count(b"{")
    if values > MAX_JSON_VALUES:
        raise BadMotionError("too_large", f"{values} values in the JSON, at most {MAX_JSON_VALUES} are read")
    try:
        return json.loads(text.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError:
        raise BadMotionError("too_deep", "the JSON is nested too deep") from None
    except ValueError as error:
        raise BadMotionError("bad_header", f"the JSON is broken: {str(error)[:200]}") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _decoded(uri: str, item: Item) -> bytes:
    head = _DATA_URI.match(uri)
    if head is None:
        item.fail("uri", f"{uri[:40]!r} is no base64 data")
    try:
        return base64.b64decode(uri[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        item.fail("uri", "its base64 data are broken")


def _companion(name: str, uri: str) -> str | None:
    """The file in the delivery that a relative URI means; None if it is anything else."""
    plain = unquote(uri)
    parts = [part for part in plain.split("/") if part != "."]
    if not plain.isprintable() or "\\" in plain or ":" in plain or "?" in plain or not all(parts) or ".." in parts:
        return None
    return posixpath.join(posixpath.dirname(name), *parts)
