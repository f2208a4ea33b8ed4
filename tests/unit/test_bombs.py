"""Archives that ask for more than anybody has: each is refused within a tenth of a second, or harmless."""

import io
import lzma
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from motionlib.ingest import members
from motionlib.ingest.containers import open_container
from motionlib.ingest.quality import BadMotionError

AT_ONCE = 0.1  # s of the processor, so that a busy machine fails no test


def outcome(path: Path) -> str:
    """The message of the refusal, or what became of the only member."""
    before = time.process_time()
    try:
        container = open_container(path)
        found = list(container.read({member.name for member in container.members()}))
        result = " ".join(str(data) if isinstance(data, BadMotionError) else f"{len(data)} bytes" for _, data in found)
        result += " ".join(container.skipped())
    except ValueError as error:
        result = str(error)
    assert time.process_time() - before < AT_ONCE
    return result


def zeros(count: int) -> tuple[bytes, int]:
    """So many zeros, deflated without holding them, and their checksum."""
    squeeze, crc, block, parts = zlib.compressobj(9, zlib.DEFLATED, -15), 0, bytes(1 << 20), []
    for _ in range(count >> 20):
        parts.append(squeeze.compress(block))
        crc = zlib.crc32(block, crc)
    return b"".join([*parts, squeeze.flush()]), crc


def zip_of(packed: bytes, crc: int, size: int, names: int = 1, method: int = 8, overlap: bool = False) -> bytes:
    """A zip of equal members; overlapping ones share one body."""
    common = struct.pack("<HHHHIII", 0, method, 0, 0, crc, len(packed), size)
    body, directory = b"", b""
    for number in range(names):
        name = b"%06d.bvh" % number
        if not overlap or not number:
            offset = len(body)
            body += b"PK\3\4" + struct.pack("<H", 20) + common + struct.pack("<HH", len(name), 0) + name + packed
        directory += b"PK\1\2" + struct.pack("<HH", 20, 20) + common
        directory += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, offset) + name
    count = min(names, 0xFFFF)
    return body + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)


def test_a_zip_of_zeros(tmp_path: Path):
    (tmp_path / "d.zip").write_bytes(zip_of(*zeros(100 << 20), 100 << 20))
    assert "104857600 bytes in" in outcome(tmp_path / "d.zip")


def test_a_zip_of_many_members_that_are_small_each(tmp_path: Path):
    (tmp_path / "d.zip").write_bytes(zip_of(*zeros(8 << 20), 8 << 20, names=100))
    assert outcome(tmp_path / "d.zip").endswith("refused")


def test_a_zip_whose_members_share_one_body(tmp_path: Path):
    (tmp_path / "d.zip").write_bytes(zip_of(*zeros(8 << 20), 8 << 20, names=300, overlap=True))
    assert outcome(tmp_path / "d.zip").count("overlaps another one") >= 299


def test_a_zip_that_says_little_and_holds_much(tmp_path: Path):
    (tmp_path / "d.zip").write_bytes(zip_of(*zeros(100 << 20), 1000))
    assert outcome(tmp_path / "d.zip") == "1000 bytes promised by the archive, more found"


def test_a_zip_that_says_much_and_holds_little(tmp_path: Path):
    packed, crc = zlib.compress(b"x")[2:-4], zlib.crc32(b"x")
    (tmp_path / "d.zip").write_bytes(zip_of(packed, crc, 0xFFFFFFFE))
    assert "at most" in outcome(tmp_path / "d.zip")


def test_a_zip_inside_a_zip_inside_a_zip(tmp_path: Path):
    inner = zip_of(*zeros(8 << 20), 8 << 20)
    for _ in range(5):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(f"{number}.zip", inner)
        inner = file.getvalue()
    (tmp_path / "d.zip").write_bytes(inner)
    assert outcome(tmp_path / "d.zip").count("an archive inside the delivery is not opened") == 10


@pytest.mark.parametrize("at", [8, 10, 12, 16])
def test_a_zip_whose_end_record_lies(tmp_path: Path, at: int):
    data = bytearray(zip_of(zlib.compress(b"x")[2:-4], zlib.crc32(b"x"), 1))
    data[len(data) - 22 + at : len(data) - 22 + at + 2] = b"\xfe\xff"
    (tmp_path / "d.zip").write_bytes(data)
    harmless = {8: "1 bytes", 16: "'000000.bvh': the entry overlaps another one or the directory"}
    assert (
        outcome(tmp_path / "d.zip") == harmless[at]
        if at in harmless
        else "not a readable" in outcome(tmp_path / "d.zip")
    )


def test_a_zip_of_a_billion_members(tmp_path: Path):
    end64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 10**9, 10**9, 46 * 10**9, 0)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, 0, 1)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "d.zip").write_bytes(end64 + locator + end)
    assert "not a readable archive" in outcome(tmp_path / "d.zip")


def packed_tar(header: tarfile.TarInfo, squeeze: Callable[[bytes], bytes], body: bytes = b"") -> bytes:
    return squeeze(header.tobuf(tarfile.GNU_FORMAT) + body)


def test_a_tar_of_zeros_packed_with_xz(tmp_path: Path):
    (tmp_path / "d.tar.xz").write_bytes(lzma.compress(bytes(100 << 20), preset=0))
    assert outcome(tmp_path / "d.tar.xz") == ""  # a block of zeros ends a tar: nothing is in it


def test_a_member_of_zeros_packed_with_xz(tmp_path: Path):
    info = tarfile.TarInfo("a.bvh")
    info.size = 100 << 20
    (tmp_path / "d.tar.xz").write_bytes(packed_tar(info, lambda data: lzma.compress(data, preset=0), bytes(100 << 20)))
    assert outcome(tmp_path / "d.tar.xz").endswith("refused")


def test_a_tar_that_says_much_and_holds_nothing(tmp_path: Path):
    for size in (10**12, 2**70):
        info = tarfile.TarInfo("a.bvh")
        info.size = size
        (tmp_path / "d.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT))
        assert outcome(tmp_path / "d.tar").endswith("refused")


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_an_extended_header_of_a_terabyte(tmp_path: Path, kind: bytes):
    info = tarfile.TarInfo("a.bvh")
    info.type, info.size = kind, 10**12
    (tmp_path / "d.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    assert "extended header of 1000000000000 bytes" in outcome(tmp_path / "d.tar")


def test_a_thousand_long_names_in_a_row_do_not_recurse(tmp_path: Path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 5
    chain = (info.tobuf(tarfile.GNU_FORMAT) + b"a.bvh".ljust(512, b"\0")) * 3000
    (tmp_path / "d.tar").write_bytes(chain + tarfile.TarInfo("x").tobuf() + bytes(1024))
    assert "extended headers in a row" in outcome(tmp_path / "d.tar")


def test_an_xz_that_wants_four_gigabytes_of_dictionary(tmp_path: Path):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 16}]
    data = bytearray(lzma.compress(tarfile.TarInfo("a.bvh").tobuf(), filters=filters))
    at = data.index(b"\x21\x01") + 2  # the property byte of LZMA2: the size of its dictionary
    data[at] = 40
    data[20:24] = struct.pack("<I", zlib.crc32(data[12:20]))
    (tmp_path / "d.tar.xz").write_bytes(data)
    assert "not a readable archive" in outcome(tmp_path / "d.tar.xz")


def test_a_gzip_that_goes_on_for_ever_is_stopped_by_its_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(members, "RATIO_FROM", 1 << 20)
    info = tarfile.TarInfo("a.bvh")
    info.size = 1 << 20
    body = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join([body.compress((info.tobuf() + bytes(1 << 20)) * 8), body.flush()])
    (tmp_path / "d.tar.gz").write_bytes(data)
    assert outcome(tmp_path / "d.tar.gz").endswith("refused")
