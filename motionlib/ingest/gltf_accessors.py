"""Numbers of a glTF file: accessors, their views and their sparse parts, checked before anything is allocated.

Source: Khronos glTF 2.0 specification, sections 3.6.2 (accessors), 3.6.2.3 (sparse), 3.11 (normalised integers).
"""

from typing import Any

import numpy as np

from motionlib.ingest.gltf_document import MAX_VALUE, Document, Item
from motionlib.ingest.quality import BadMotionError
from motionlib.rig.raw import FloatArray

WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
INDEX_COMPONENTS = (5121, 5123, 5125)
FLOAT = 5126
MAX_UNBACKED = 1 << 18  # elements of an accessor that has no buffer view: zeros that no byte stands for
# How often the bytes of a file may be read in all. Accessors hardly overlap; a small file whose thousand accessors each
# span all of it would be a bomb.
MAX_OVERLAP = 2
SMALL = 1 << 20  # bytes that are always allowed


class Accessors:
    """Reads accessors of one document, each once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._items = document.items("accessors")
        self._views = document.items("bufferViews")
        self._read: dict[int, FloatArray] = {}
        self._spent = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._items)

    def read(self, index: int, kind: str) -> FloatArray:
        """(count, width) float64 of an accessor; not to be written to.

        Args:
            index: A valid index.
            kind: A key of WIDTHS that it must be.

        Raises:
            BadMotionError: If it is of another kind, promises more than is there, or holds what is not finite.
        """
        item = self._items[index]
        if item.text("type") != kind:
            item.fail("type", f"is {item.text('type')[:20]!r} where {kind} is needed")
        if index not in self._read:
            values = self._values(item, WIDTHS[kind])
            if not (np.abs(values) < MAX_VALUE).all():
                row = int(np.argwhere(~(np.abs(values) < MAX_VALUE))[0][0])
                raise BadMotionError("not_finite", f"{item.where}, element {row}: a value is infinite or too large")
            self._read[index] = values
        return self._read[index]

    def _values(self, item: Item, width: int) -> FloatArray:
        component = item.whole("componentType")
        if component not in COMPONENTS or (width == WIDTHS["MAT4"] and component != FLOAT):
            item.fail("componentType", f"{component} is not a type that this kind of accessor can have")
        count = item.whole("count", low=1)
        if "bufferView" in item:
            stored = self._view(item, component, count, width)
        elif count > MAX_UNBACKED:
            item.fail("count", f"{count} elements without a buffer view, at most {MAX_UNBACKED} are read")
        else:
            stored = np.zeros((count, width), COMPONENTS[component])
        if "sparse" in item:
            stored = self._sparse(item.item("sparse"), stored, component)
        with np.errstate(invalid="ignore"):  # a signalling NaN is found by the caller as any other
            values: FloatArray = stored.astype(np.float64)
        if item.fields.get("normalized") is True and component != FLOAT:
            values = np.maximum(values / np.iinfo(stored.dtype).max, -1.0)
        return values

    def _sparse(self, item: Item, stored: Any, component: int) -> Any:
        count = item.whole("count", low=1, high=len(stored))
        where, what = item.item("indices"), item.item("values")
        kind = where.whole("componentType")
        if kind not in INDEX_COMPONENTS:
            where.fail("componentType", f"{kind} is no unsigned type")
        places = self._view(where, kind, count, 1)[:, 0].astype(np.int64)
        if (np.diff(places) <= 0).any() or places[-1] >= len(stored):
            where.fail("bufferView", f"the places do not rise, or go beyond {len(stored)} elements")
        result = stored.copy()
        result[places] = self._view(what, component, count, stored.shape[1])
        return result

    def _view(self, item: Item, component: int, count: int, width: int) -> Any:
        """(count, width) as stored, without a copy."""
        view = self._views[item.index("bufferView", len(self._views))]
        for name in view.item("extensions").fields:
            view.fail("extensions", f"the data are compressed ({name[:60]}); export the file without compression")
        buffer = view.index("buffer", len(self._document.items("buffers")))
        data = self._document.buffer(buffer)
        start, length = view.whole("byteOffset", 0), view.whole("byteLength", low=1)
        if start + length > len(data):
            view.fail("byteLength", f"ends at byte {start + length} of {len(data)}")
        dtype = np.dtype(COMPONENTS[component])
        size = dtype.itemsize * width
        stride = view.whole("byteStride", size, low=size, high=max(size, 252))
        inside = item.whole("byteOffset", 0)
        if inside + stride * (count - 1) + size > length:
            item.fail("count" if "count" in item else "bufferView", f"{count} elements do not fit into {view.where}")
        self._spent += count * size
        if self._spent > MAX_OVERLAP * self._document.fetched + SMALL:
            item.fail("bufferView", f"the accessors read the file's bytes more than {MAX_OVERLAP} times over")
        return np.ndarray((count, width), dtype, data, start + inside, (stride, dtype.itemsize))
