"""Untrusted arrays: what is read is what NumPy wrote, and what lies is refused before anything is made of it."""

import contextlib
import io
import struct
import time
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from motionlib.ingest.arrays import MAX_HEADER, Npz, read_array
from motionlib.ingest.quality import BadMotionError

HEADER = "{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def npy(array: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def npz(**members: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **members)
    return stream.getvalue()


def with_header(descr: str = "'<f4'", order: str = "False", shape: str = "(2,)", body: bytes = bytes(8)) -> bytes:
    text = HEADER.format(descr=descr, order=order, shape=shape).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


kinds = st.one_of(arrays.floating_dtypes(), arrays.integer_dtypes(), arrays.unsigned_integer_dtypes())


@given(array=arrays.arrays(kinds, arrays.array_shapes(min_dims=0, max_dims=3, max_side=5)), fortran=st.booleans())
def test_what_numpy_writes_is_read_as_it_was(array: np.ndarray, fortran: bool):
    written = np.asfortranarray(array) if fortran else array
    for found in (read_array(npy(written), "a.npy"), Npz(npz(a=written), "a.npz").array("a")):
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_format_are_read(version: tuple[int, int]):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.arange(6.0).reshape(2, 3), version)
    assert read_array(stream.getvalue(), "a.npy").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_text_is_read_and_python_objects_never_are():
    objects = np.array({"a": 1}, dtype=object)
    archive = Npz(npz(gender=np.array("male"), kind=np.array(b"female"), labels=objects), "a.npz")
    assert [archive.text(key) for key in ("gender", "kind", "labels", "none")] == ["male", "female", "", ""]
    with pytest.raises(BadMotionError, match="labels") as caught:
        archive.array("labels")
    assert caught.value.reason == "bad_header"
    with pytest.raises(BadMotionError):
        read_array(npy(objects, allow_pickle=True), "a.npy")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + bytes(20),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
        with_header(shape="(1000000000000,)"),
        with_header(shape="(3,)"),
        with_header(shape="(1,)"),
        with_header(shape="(2, -1)"),
        with_header(shape="(" + "9" * 40 + ",)"),
        with_header(shape="(2,) + (1,)"),
        with_header(shape="(" + "1," * 20 + ")"),
        with_header(descr="'|O'"),
        with_header(descr="'<V8'"),
        with_header(descr="[('a', '<f4')]"),
        with_header(descr="'<f3'"),
        with_header(descr="__import__('os').system('true')"),
        with_header(order="maybe"),
        with_header(descr="'<f4', 'descr': '<f8'"),
        b"\x93NUMPY\x01\x00" + struct.pack("<H", MAX_HEADER) + b"(" * MAX_HEADER,
        b"\x93NUMPY\x01\x00" + struct.pack("<H", MAX_HEADER) + b"{" + b" " * (MAX_HEADER - 1),
    ],
)
def test_a_header_that_lies_or_is_none_is_refused_at_once(data: bytes):
    start = time.perf_counter()
    with pytest.raises(BadMotionError, match=r"a\.npy") as caught:
        read_array(data, "a.npy")
    assert caught.value.reason == "bad_header"
    assert time.perf_counter() - start < 0.1


def read_all(data: bytes) -> None:
    archive = Npz(data, "a.npz")
    for key in archive.keys:
        archive.shape(key)
        archive.text(key)
        archive.array(key)


def refused(data: bytes) -> BadMotionError:
    """The error, after seeing that it came within 100 ms and 32 MB."""
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(BadMotionError) as caught:
        read_all(data)
    assert time.perf_counter() - start < 0.1
    assert tracemalloc.get_traced_memory()[1] < 32e6
    tracemalloc.stop()
    return caught.value


def test_a_bomb_is_refused_by_its_ratio():
    inflated = with_header(shape="(16000000,)", body=bytes(64_000_000))
    assert refused(zipped({"poses.npy": inflated})).reason == "too_large"


def test_a_header_larger_than_its_member_is_refused():
    assert "needs 4000000000079 bytes, the zip has 87" in str(
        refused(zipped({"poses.npy": with_header(shape="(1000000000000,)")}))
    )


def test_a_zip_of_very_many_members_is_refused_by_its_directory():
    assert "directory" in str(refused(zipped({f"{i}.npy": b"" for i in range(5000)}, zipfile.ZIP_STORED)))
    many = bytearray(zipped({f"{i}.npy": b"" for i in range(300)}, zipfile.ZIP_STORED))
    end = many.rfind(b"PK\x05\x06")
    many[end + 8 : end + 12] = struct.pack("<HH", 1, 1)  # the closing record lies
    assert "300 members" in str(refused(bytes(many)))


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06", b"\x80\x04pickle", bytes(1000)])
def test_what_is_no_zip_is_refused(data: bytes):
    assert refused(data).reason == "bad_header"


def test_a_damaged_or_foreign_member_is_named():
    data = bytearray(npz(poses=np.arange(1000.0)))
    data[2000] ^= 0xFF
    assert "poses" in str(refused(bytes(data)))
    assert "poses" in str(refused(zipped({"poses.npy": npy(np.zeros(3))}, zipfile.ZIP_BZIP2)))


def test_a_message_quotes_little_and_only_what_can_be_printed():
    said = str(refused(zipped({"\x1b[31m" + "x" * 60_000 + ".npy": b""})))
    assert len(said) < 300
    assert said.isprintable()


def test_a_size_that_the_directory_makes_up_is_refused():
    data = bytearray(zipped({"poses.npy": npy(np.zeros(100))}))
    entry = data.find(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<L", 128)  # the header alone, it says
    assert "poses" in str(refused(bytes(data)))


@given(data=st.data())
def test_no_mutation_raises_anything_else(data: st.DataObject):
    whole = bytearray(npz(poses=np.zeros((4, 72)), gender=np.array("male")))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadMotionError):
        read_all(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    with contextlib.suppress(BadMotionError):
        read_array(bytes(whole), "a.npy")


def test_a_crc_that_is_wrong_is_found():
    data = npz(poses=np.arange(10.0))
    right = struct.pack("<L", zlib.crc32(npy(np.arange(10.0))))
    assert data.count(right) == 2
    assert "poses" in str(refused(data.replace(right, bytes(4))))
