"""Folders and archives: what is read of them, what is left out and said so, and what one broken member costs."""

import bz2
import contextlib
import gzip
import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.ingest import members
from motionlib.ingest.containers import Container, Folder, open_container
from motionlib.ingest.quality import BadMotionError

FILES = {"a.bvh": b"A" * 2000, "deep/er/b.bvh": bytes(range(256)) * 9, "empty.txt": b""}
PACKINGS = ["d.zip", "d.tar", "d.tar.gz", "d.tar.xz", "d.tar.bz2"]


def pack(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    packing = path.name.rpartition(".tar")[2].lstrip(".")
    with tarfile.open(path, f"w:{packing}") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def contents(container: Container, *names: str) -> dict[str, bytes | str]:
    """What is read, with the reason in place of what cannot be."""
    found = container.read(set(names) or {member.name for member in container.members()})
    return {name: data.reason if isinstance(data, BadMotionError) else data for name, data in found}


@pytest.fixture(params=["folder", *PACKINGS, "stored.zip", "bzip2.zip"])
def container(request: pytest.FixtureRequest, tmp_path: Path) -> Container:
    if request.param != "folder":
        methods = {"stored.zip": zipfile.ZIP_STORED, "bzip2.zip": zipfile.ZIP_BZIP2}
        return open_container(pack(tmp_path / request.param, FILES, methods.get(request.param, zipfile.ZIP_DEFLATED)))
    for name, data in FILES.items():
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_bytes(data)
    return open_container(tmp_path / "f")


def test_all_kinds_hold_the_same(container: Container):
    assert contents(container) == FILES
    assert {member.name: member.size for member in container.members()} == {n: len(d) for n, d in FILES.items()}
    assert container.skipped() == []


def test_a_single_file_is_read_by_its_name(container: Container):
    assert contents(container, "deep/er/b.bvh", "none") == {"deep/er/b.bvh": FILES["deep/er/b.bvh"]}
    assert contents(container, "a.bvh") == {"a.bvh": FILES["a.bvh"]}


# -- names ------------------------------------------------------------------------------------------------------------

ABSURD = ["../x", "/x", "C:\\x", "a\0b/../x", "a\nb", "x" * 300, "/".join("d" * 70), "//", "..\\x"]


@pytest.mark.parametrize("kind", ["d.zip", "d.tar"])
def test_absurd_names_are_left_out_and_told(tmp_path: Path, kind: str):
    names = [name for name in ABSURD if kind == "d.zip" or "\0" not in name]
    path = tmp_path / kind
    if kind == "d.zip":  # written by hand: the standard library mends names
        entries = [(name.encode(), b"evil") for name in names] + [(b"good.bvh", b"good")]
        path.write_bytes(raw_zip(entries))
    else:
        pack(path, dict.fromkeys(names, b"evil") | {"good.bvh": b"good"})
    container = open_container(path)
    assert contents(container) == {"good.bvh": b"good"}
    assert len(container.skipped()) == len([name for name in names if not name.endswith("/") or kind == "d.tar"])


@pytest.mark.parametrize("kind", ["d.zip", "d.tar"])
def test_of_two_files_of_one_name_the_first_is_read(tmp_path: Path, kind: str):
    path = tmp_path / kind
    if kind == "d.zip":
        path.write_bytes(raw_zip([(b"a.bvh", b"first"), (b"./a.bvh", b"second")]))
    else:
        pack(path, {"a.bvh": b"first", "./a.bvh": b"second"})
    container = open_container(path)
    assert contents(container) == {"a.bvh": b"first"}
    assert container.skipped() == ["'./a.bvh': a second file of this name; the first one is read"]


@pytest.mark.parametrize("kind", ["d.zip", "d.tar"])
def test_names_that_differ_in_case_are_both_read_and_told(tmp_path: Path, kind: str):
    container = open_container(pack(tmp_path / kind, {"Walk.bvh": b"1", "walk.bvh": b"2"}))
    assert contents(container) == {"Walk.bvh": b"1", "walk.bvh": b"2"}
    assert "upper and lower case" in container.skipped()[0]


@pytest.mark.parametrize("kind", ["folder", "d.zip", "d.tar.gz"])
def test_an_archive_inside_is_told_and_not_opened(tmp_path: Path, kind: str):
    files = {"a.bvh": b"A", "more/inner.zip": b"PK", "old.tar.gz": b"x", "x.7z": b"7z"}
    if kind == "folder":
        for name, data in files.items():
            (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "f" / name).write_bytes(data)
    container = open_container(tmp_path / "f" if kind == "folder" else pack(tmp_path / kind, files))
    assert contents(container) == {"a.bvh": b"A"}
    assert [note.partition(":")[0] for note in container.skipped()] == ["'more/inner.zip'", "'old.tar.gz'", "'x.7z'"]


def test_a_name_in_utf8_is_read_with_and_without_the_flag(tmp_path: Path):
    (tmp_path / "d.zip").write_bytes(raw_zip([("größe.bvh".encode(), b"1"), (b"\x81.bvh", b"2")]))
    assert contents(open_container(tmp_path / "d.zip")) == {"größe.bvh": b"1", "ü.bvh": b"2"}


def test_a_million_notes_are_told_in_a_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(members, "MAX_NOTES", 3)
    container = open_container(pack(tmp_path / "d.tar", {f"../{i}": b"" for i in range(10)}))
    assert container.skipped()[3:] == ["and 7 more files left out"]


# -- what is no file --------------------------------------------------------------------------------------------------


def test_links_devices_and_sparse_files_of_a_tar_are_left_out(tmp_path: Path):
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        for number, kind in enumerate(kinds):
            info = tarfile.TarInfo(f"{number}.bvh")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        sparse = tarfile.TarInfo("sparse.bvh")
        sparse.type = tarfile.GNUTYPE_SPARSE
        archive.addfile(sparse)
        pax = tarfile.TarInfo("pax.bvh")
        pax.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        archive.addfile(pax)
        archive.addfile(tarfile.TarInfo("good.bvh"))
    container = open_container(tmp_path / "d.tar")
    assert [member.name for member in container.members()] == ["good.bvh"]
    assert len(container.skipped()) == 7


def test_links_in_a_zip_and_a_folder_are_left_out(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        link = zipfile.ZipInfo("link.bvh")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "no plain file" in open_container(tmp_path / "d.zip").skipped()[0]

    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "out.bvh").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "f" / "pipe.bvh")
    folder = Folder(tmp_path / "f")
    assert folder.members() == []
    assert len(folder.skipped()) == 2


def test_a_dangling_link_and_a_folder_that_cannot_be_listed_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "gone.bvh").symlink_to(tmp_path / "nowhere")
    (tmp_path / "secret").mkdir()
    listed = os.scandir

    def scandir(folder: str) -> object:
        if Path(folder).name == "secret":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert Folder(tmp_path).skipped() == [
        "'gone.bvh': cannot be looked at: No such file or directory",
        "'secret': the folder cannot be listed: Permission denied",
    ]


# -- what is broken ---------------------------------------------------------------------------------------------------


def test_an_encrypted_member_says_so_and_the_others_are_read(tmp_path: Path):
    (tmp_path / "d.zip").write_bytes(raw_zip([(b"a.bvh", b"A")], flags=1))
    ((_, error),) = open_container(tmp_path / "d.zip").read({"a.bvh"})
    assert isinstance(error, BadMotionError)
    assert "encrypted" in str(error)


@pytest.mark.parametrize("broken", [3, 5])
def test_one_broken_member_of_a_zip_does_not_stop_the_others(tmp_path: Path, broken: int):
    files = {f"{i}.bvh": os.urandom(64) for i in range(10)}
    data = pack(tmp_path / "d.zip", files, zipfile.ZIP_STORED).read_bytes()
    at = data.index(files[f"{broken}.bvh"])
    (tmp_path / "d.zip").write_bytes(data[:at] + b"?" + data[at + 1 :])
    assert contents(open_container(tmp_path / "d.zip")) == files | {f"{broken}.bvh": "unreadable"}


def test_a_member_whose_size_is_a_lie_does_not_stop_the_others(tmp_path: Path):
    path = tmp_path / "d.zip"
    for size in (2**32 - 2, 10**6, 1):
        path.write_bytes(raw_zip([(b"a.bvh", b"A" * 50), (b"b.bvh", b"B")], sizes={b"a.bvh": size}))
        found = contents(open_container(path))
        assert found["b.bvh"] == b"B"
        assert found["a.bvh"] in ("too_large", "unreadable")


@pytest.mark.parametrize("kind", ["d.tar", "d.tar.gz", "d.tar.xz"])
def test_a_tar_that_breaks_off_gives_what_came_before(tmp_path: Path, kind: str):
    files = {f"{i}.bvh": os.urandom(20_000) for i in range(8)}
    data = pack(tmp_path / kind, files).read_bytes()
    (tmp_path / kind).write_bytes(data[: int(0.62 * len(data))])
    container = open_container(tmp_path / kind)
    found = contents(container)
    whole = [name for name in files if found.get(name) == files[name]]
    assert whole in (list(files)[:4], list(files)[:5])  # a packed one breaks off a little earlier
    assert set(found.values()) - set(files.values()) <= {"unreadable"}
    assert "what came before was read" in container.skipped()[-1]


def test_a_tar_with_a_broken_header_gives_what_came_before(tmp_path: Path):
    data = bytearray(pack(tmp_path / "d.tar", {"a.bvh": b"A", "b.bvh": b"B"}).read_bytes())
    data[1024 + 3] ^= 1
    (tmp_path / "d.tar").write_bytes(data)
    container = open_container(tmp_path / "d.tar")
    assert contents(container) == {"a.bvh": b"A"}
    assert "no tar header at byte 1024" in container.skipped()[0]


def test_long_names_big_numbers_and_pax_sizes_are_read(tmp_path: Path):
    name = "/".join(["folder"] * 30) + "/take.bvh"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "d.tar", "w", format=form) as archive:
            info = tarfile.TarInfo(name)
            info.size, info.uid = 3, 2**40
            archive.addfile(info, io.BytesIO(b"abc"))
        assert contents(open_container(tmp_path / "d.tar")) == {name: b"abc"}


def test_packed_streams_behind_one_another_are_one(tmp_path: Path):
    plain = pack(tmp_path / "d.tar", FILES).read_bytes()
    for suffix, squeeze in ((".gz", gzip.compress), (".bz2", bz2.compress)):
        (tmp_path / f"d.tar{suffix}").write_bytes(squeeze(plain[:700]) + squeeze(plain[700:]))
        assert contents(open_container(tmp_path / f"d.tar{suffix}")) == FILES


def test_bytes_before_a_zip_do_not_matter(tmp_path: Path):
    data = pack(tmp_path / "d.zip", FILES).read_bytes()
    (tmp_path / "d.zip").write_bytes(b"#!/bin/sh unpacks itself\n" + data)
    assert contents(open_container(tmp_path / "d.zip")) == FILES


def test_zip64_is_read(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    assert contents(open_container(tmp_path / "d.zip")) == FILES


def test_a_volume_of_several_is_refused(tmp_path: Path):
    data = bytearray(raw_zip([(b"a.bvh", b"A")]))
    data[-18] = 2
    (tmp_path / "d.zip").write_bytes(data)
    with pytest.raises(ValueError, match="several volumes"):
        open_container(tmp_path / "d.zip")


@given(data=st.binary(max_size=600), kind=st.sampled_from(PACKINGS))
def test_any_bytes_are_an_archive_or_a_value_error(tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str):
    path = tmp_path_factory.mktemp("any") / kind
    path.write_bytes(data)
    with contextlib.suppress(ValueError):
        contents(open_container(path))


def raw_zip(entries: list[tuple[bytes, bytes]], flags: int = 0, sizes: dict[bytes, int] | None = None) -> bytes:
    """A stored zip with names as they are; `sizes` are told in place of the true ones."""
    body, directory = b"", b""
    for name, data in entries:
        size = (sizes or {}).get(name, len(data))
        common = struct.pack("<HHHHIII", flags, 0, 0, 0, zipfile.crc32(data), len(data), size)
        directory += (
            b"PK\1\2"
            + struct.pack("<HH", 20, 20)
            + common
            + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, len(body))
        )
        directory += name
        body += b"PK\3\4" + struct.pack("<H", 20) + common + struct.pack("<HH", len(name), 0) + name + data
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end
