"""Deliveries: folders and archives, what is found in them, and how they come into data/raw."""

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from motionlib.ingest import CONVERT, synthetic
from motionlib.ingest.deliveries import Delivery, delivery_name, find_deliveries, open_delivery
from motionlib.ingest.prepare import import_delivery, prepare_raw
from motionlib.ingest.quality import BadMotionError

FILES = {
    "captions.csv": "file,text,licence\nb/two.bvh,someone runs,\nnone.bvh,x,\n",
    "one.bvh": "one",
    "one.txt": "a man walks#a/DET#0#0\n",
    "b/two.BVH": "two",
    "b/captions.jsonl": '{"file": "two.BVH", "text": "he runs", "subject": "s1"}',
    "b/notes.txt": "nothing about motion",
    "b/three.fbx": "Kaydara",
    "LICENSE": "Creative Commons Attribution-NonCommercial 4.0 International",
    "read me.md": "hello",
    ".DS_Store": "junk",
    "__MACOSX/x.bvh": "junk",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "studio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "studio"


def pack(folder: Path, target: Path) -> Path:
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
    else:
        with tarfile.open(target, f"w:{target.suffix[1:].replace('tar', '')}") as archive:
            archive.add(folder, ".")
    return target


@pytest.fixture(params=["folder", "d.zip", "d.tar", "d.tar.gz", "d.tar.xz", "d.tar.bz2"])
def delivery(request: pytest.FixtureRequest, folder: Path) -> Delivery:
    return open_delivery(folder if request.param == "folder" else pack(folder, folder.parent / request.param))


def test_folders_and_archives_hold_the_same(delivery: Delivery):
    read = {info.file.partition("/")[2]: (label, source.data) for info, label, source in delivery.read()}

    assert {name: data for name, (_, data) in read.items()} == {
        "one.bvh": b"one",
        "b/two.BVH": b"two",
        "b/three.fbx": b"Kaydara",
    }
    assert [caption.text for caption in read["one.bvh"][0].captions] == ["a man walks"]
    assert [caption.text for caption in read["b/two.BVH"][0].captions] == ["he runs"]
    assert read["b/two.BVH"][0].subject == "s1"
    assert delivery.licence == "CC-BY-NC-4.0"
    assert delivery.others == {".md": 1, ".txt": 1}
    assert list(delivery.problems) == [
        "captions.csv: no file 'b/two.bvh' in the delivery",
        "captions.csv: no file 'none.bvh' in the delivery",
    ]


def test_ids_are_unique_and_begin_with_the_delivery(folder: Path):
    (folder / "one.fbx").write_text("x")
    ids = [info.id for info, _, _ in open_delivery(folder).read()]
    assert ids == ["studio/b/three", "studio/b/two", "studio/one.bvh", "studio/one.fbx"]


def test_reading_keeps_the_order_of_names(folder: Path):
    names = [info.file for info, _, _ in open_delivery(folder).read()]
    assert names == sorted(names)


def test_a_single_file_is_a_delivery_with_the_captions_beside_it(folder: Path):
    found = open_delivery(folder / "one.bvh")
    ((info, label, source),) = found.read()
    data = source.data
    assert (info.id, data) == ("one/one", b"one")
    assert label.captions[0].text == "a man walks"
    assert found.licence == "CC-BY-NC-4.0"


def test_deliveries_are_the_direct_subfolders_and_archives(folder: Path, tmp_path: Path):
    pack(folder, tmp_path / "b.tar.xz")
    (tmp_path / "loose.bvh").write_text("x")
    (tmp_path / ".hidden").mkdir()
    assert [path.name for path in find_deliveries(tmp_path)] == ["b.tar.xz", "studio"]
    assert [delivery_name(path) for path in find_deliveries(tmp_path)] == ["b", "studio"]
    assert find_deliveries(tmp_path / "none") == []


def test_two_deliveries_of_one_name_are_refused(folder: Path, tmp_path: Path):
    pack(folder, tmp_path / "studio.zip")
    with pytest.raises(ValueError, match="'studio'"):
        find_deliveries(tmp_path)


def test_a_link_that_leads_out_is_left_out(folder: Path, tmp_path: Path):
    (tmp_path / "secret.bvh").write_text("secret")
    (folder / "link.bvh").symlink_to(tmp_path / "secret.bvh")
    (folder / "loop").symlink_to(folder)
    (folder / "inside.bvh").symlink_to(folder / "one.bvh")
    found = open_delivery(folder)
    assert "secret" not in str([source.data for _, _, source in found.read()])
    assert any("link.bvh" in problem for problem in found.problems)
    assert "inside.bvh" in [member.name for member in found.motions]


EVIL = ("../evil.bvh", "/evil.bvh", "a/../../evil.bvh", "C:\\evil.bvh", "..\\evil.bvh")


def test_names_in_a_zip_that_lead_out_are_reported_and_not_read(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for name in EVIL:
            archive.writestr(name, "evil")
        archive.writestr("good.bvh", "good")
    found = open_delivery(tmp_path / "d.zip")
    assert [source.data for _, _, source in found.read()] == [b"good"]
    assert len(found.problems) == len(EVIL)


def test_names_and_links_in_a_tar_that_lead_out_are_reported_and_not_read(tmp_path: Path):
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        for name in EVIL:
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("link.bvh")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    found = open_delivery(tmp_path / "d.tar")
    assert list(found.read()) == []
    assert len(found.problems) == len(EVIL) + 1


@pytest.mark.parametrize("name", ["d.zip", "d.tar", "d.tar.gz", "d.tar.xz"])
def test_a_broken_archive_is_named(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"not an archive")
    with pytest.raises(ValueError, match=name):
        open_delivery(tmp_path / name)


def test_a_damaged_member_does_not_stop_the_others(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("a.bvh", "A" * 50)
        archive.writestr("b.bvh", "B" * 50)
    data = (tmp_path / "d.zip").read_bytes().replace(b"A" * 50, b"A" * 49 + b"X")
    (tmp_path / "d.zip").write_bytes(data)
    first, second = (getattr(source, "data", source) for _, _, source in open_delivery(tmp_path / "d.zip").read())
    assert isinstance(first, BadMotionError)
    assert first.reason == "unreadable"
    assert second == b"B" * 50


# --- bringing deliveries in --------------------------------------------------------------------------


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Contents and times of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_text(), path.stat().st_mtime_ns) for path in files}


def test_importing_a_folder_takes_motion_captions_and_licence(folder: Path, tmp_path: Path, capsys):
    target = import_delivery(folder, tmp_path / "raw")
    assert target == tmp_path / "raw" / "studio"
    names = ["LICENSE", "b/captions.jsonl", "b/notes.txt", "b/two.BVH", "captions.csv", "one.bvh", "one.txt"]
    assert sorted(tree(target)) == names
    assert f"1 .fbx files left out: {CONVERT['.fbx']}" in capsys.readouterr().err


def test_importing_brings_companions_rig_words_splits_and_texts(folder: Path, tmp_path: Path):
    names = ("07/07.asf", "07/07_01.amc", "07/rig.json", "one.rig.json", "texts/one.txt", "train.txt", "a.npy", "b.npz")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    (folder / "stray.bin").write_text("nobody needs it")
    there = tree(import_delivery(folder, tmp_path / "raw"))
    assert set(names) <= set(there)
    assert "stray.bin" not in there
    alone = tree(import_delivery(folder / "07" / "07_01.amc", tmp_path / "raw"))
    assert sorted(alone) == ["07.asf", "07_01.amc", "rig.json"]


def test_importing_twice_changes_nothing(folder: Path, tmp_path: Path):
    target = import_delivery(folder, tmp_path / "raw")
    before = tree(target)
    import_delivery(folder, tmp_path / "raw")
    assert tree(target) == before


def test_importing_again_follows_the_source(folder: Path, tmp_path: Path):
    target = import_delivery(folder, tmp_path / "raw")
    before = tree(target)
    (folder / "one.bvh").write_text("changed")
    (folder / "b/two.BVH").unlink()
    (folder / "b/captions.jsonl").unlink()
    (folder / "b/notes.txt").unlink()
    import_delivery(folder, tmp_path / "raw")
    after = tree(target)
    assert sorted(after) == ["LICENSE", "captions.csv", "one.bvh", "one.txt"]
    assert after["one.bvh"][0] == "changed"
    assert after["one.txt"] == before["one.txt"]
    assert not (target / "b").exists()


def test_an_archive_is_imported_as_it_is(folder: Path, tmp_path: Path):
    archive = pack(folder, tmp_path / "My studio (1).zip")
    target = import_delivery(archive, tmp_path / "raw")
    assert target.name == "My_studio_1_.zip"
    assert target.read_bytes() == archive.read_bytes()


def test_one_file_is_imported_with_its_captions(folder: Path, tmp_path: Path):
    assert sorted(tree(import_delivery(folder / "one.bvh", tmp_path / "raw"))) == ["one.bvh", "one.txt"]


def test_a_link_out_of_the_source_is_not_followed(folder: Path, tmp_path: Path):
    (tmp_path / "secret.bvh").write_text("secret")
    (folder / "link.bvh").symlink_to(tmp_path / "secret.bvh")
    target = import_delivery(folder, tmp_path / "raw")
    assert not (target / "link.bvh").exists()


def test_a_source_without_motion_says_what_is_there_and_what_to_do(tmp_path: Path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.fbx").write_text("x")
    with pytest.raises(ValueError, match=r"Blender"):
        import_delivery(tmp_path / "d", tmp_path / "raw")
    with pytest.raises(ValueError, match="no file or folder"):
        import_delivery(tmp_path / "none", tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_a_source_that_holds_data_raw_is_refused(folder: Path):
    with pytest.raises(ValueError, match="itself"):
        import_delivery(folder, folder / "data" / "raw")


@pytest.fixture
def small_quickstart(monkeypatch: pytest.MonkeyPatch) -> None:
    write = synthetic.write
    monkeypatch.setattr(synthetic, "write", lambda folder: write(folder, 2))


@pytest.mark.usefixtures("small_quickstart")
def test_the_quickstart_set_is_there_until_the_first_delivery(folder: Path, tmp_path: Path):
    raw = tmp_path / "raw"
    assert prepare_raw(raw) == ["quickstart"]
    before = tree(raw)
    assert prepare_raw(raw) == ["quickstart"]
    assert tree(raw) == before
    assert prepare_raw(raw, folder) == ["studio"]
    assert prepare_raw(raw) == ["studio"]
    assert [path.name for path in raw.iterdir()] == ["studio"]


@pytest.mark.usefixtures("small_quickstart")
def test_a_half_written_quickstart_set_is_written_again(tmp_path: Path):
    (tmp_path / "raw" / ".quickstart.part").mkdir(parents=True)
    (tmp_path / "raw" / ".quickstart.part" / "junk.bvh").write_text("x")
    assert prepare_raw(tmp_path / "raw") == ["quickstart"]
    assert "junk.bvh" not in tree(tmp_path / "raw")
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["quickstart"]


def test_a_delivery_that_is_called_quickstart_is_not_taken_for_ours(folder: Path, tmp_path: Path):
    folder = folder.rename(tmp_path / "quickstart")
    assert prepare_raw(tmp_path / "raw", folder) == ["my_quickstart"]


def test_the_command_prints_the_names_and_fails_by_name(folder: Path, tmp_path: Path):
    command = [sys.executable, "-m", "motionlib.ingest.prepare", "--raw", str(tmp_path / "raw")]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, env=environment, check=True)
    assert json.loads(done.stdout) == {"deliveries": ["studio"]}
    failed = subprocess.run([*command, "nowhere"], capture_output=True, text=True, env=environment, check=False)
    assert failed.returncode == 2
    assert failed.stderr == "error: no file or folder nowhere\n"
