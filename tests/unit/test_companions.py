"""What lies beside a motion file: companions of its reader, and rig files."""

import io
import tarfile
import zipfile
from collections.abc import Collection
from pathlib import Path

import pytest

from motionlib.ingest import companions, deliveries
from motionlib.ingest.companions import Companions
from motionlib.ingest.containers import Folder
from motionlib.ingest.deliveries import Delivery, open_delivery
from motionlib.ingest.source import Format, Source
from motionlib.rig.raw import RawMotion

FILES = {
    "07/07.asf": "the body of 07",
    "07/07_01.amc": "walks",
    "07/07_02.amc": "runs",
    "07/rig.json": "of folder 07",
    "08/deep/08_01.amc": "jumps",
    "08/deep/08_01.rig.json": "of 08_01 alone",
    "rig.json": "of everything",
    "lost.asf": "of nobody",
    "one.bvh": "bvh",
    "captions.csv": "file,fps\none.bvh,60\n",
}


def body_of_the_folder(name: str, names: Collection[str]) -> list[str]:
    """As for ASF/AMC: `<folder>.asf`, whether it is there or not."""
    folder = name.rpartition("/")[0]
    wanted = f"{folder}/{folder}.asf"
    return [wanted, "missing.asf"] if wanted in names else ["missing.asf"]


def no_reader(source: Source) -> RawMotion:
    raise AssertionError(source.name)


@pytest.fixture(autouse=True)
def _asf_amc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format with companions, so that these tests hold whatever readers there are."""
    readers = {".bvh": Format(no_reader), ".amc": Format(no_reader, body_of_the_folder)}
    monkeypatch.setattr(deliveries, "READERS", readers)
    monkeypatch.setattr(deliveries, "CONVERT", {})


@pytest.fixture(params=["folder", "zip", "tar.xz"])
def delivery(request: pytest.FixtureRequest, tmp_path: Path) -> Delivery:
    path = tmp_path / ("cmu" if request.param == "folder" else f"cmu.{request.param}")
    if request.param == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, text in FILES.items():
                packed.writestr(name, text)
    elif request.param == "tar.xz":
        with tarfile.open(path, "w:xz") as archive:
            for name, text in FILES.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
    else:
        write(path)
    return open_delivery(path)


def write(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def sources(delivery: Delivery) -> dict[str, Source]:
    return {source.name: source for _, _, source in delivery.read() if isinstance(source, Source)}


def test_a_file_brings_its_companions_where_they_are_there(delivery: Delivery):
    found = sources(delivery)
    assert found["07/07_01.amc"].beside == found["07/07_02.amc"].beside == {"07/07.asf": b"the body of 07"}
    assert found["08/deep/08_01.amc"].beside == found["one.bvh"].beside == {}


def test_the_nearest_rig_file_speaks(delivery: Delivery):
    assert {name: source.rig for name, source in sources(delivery).items()} == {
        "07/07_01.amc": "of folder 07",
        "07/07_02.amc": "of folder 07",
        "08/deep/08_01.amc": "of 08_01 alone",
        "one.bvh": "of everything",
    }


def test_companions_and_rig_files_are_neither_motions_nor_others(delivery: Delivery):
    assert sorted(member.name for member in delivery.motions) == sorted(sources(delivery))
    assert delivery.others == {".asf": 1}  # the one that serves nobody


def test_a_stated_frame_rate_goes_to_the_reader(delivery: Delivery):
    assert {name: source.fps for name, source in sources(delivery).items() if source.fps} == {"one.bvh": 60.0}


def test_companions_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = Folder(write(tmp_path / "cmu"))
    read: list[str] = []

    def counted(names: Collection[str]):
        read.extend(names)
        return Folder.read(folder, names)

    monkeypatch.setattr(folder, "read", counted)
    found = Companions(folder, ["07/07_01.amc", "07/07_02.amc"], deliveries.READERS)
    assert found.beside("07/07_01.amc") == found.beside("07/07_02.amc") == {"07/07.asf": b"the body of 07"}
    assert read == ["07/07.asf"]


def test_companions_beyond_the_limit_are_not_kept_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write(tmp_path / "cmu")
    (folder / "09").mkdir()
    (folder / "09/09.asf").write_text("the body of 09")
    monkeypatch.setattr(companions, "KEPT_BYTES", 20)
    names = ["07/07_01.amc", "09/09_01.amc"]
    found = Companions(Folder(folder), names, deliveries.READERS)
    assert [list(found.beside(name)) for name in (*names, *names)] == 2 * [["07/07.asf"], ["09/09.asf"]]
    monkeypatch.setattr(companions, "MAX_COMPANION_BYTES", 10)
    assert Companions(Folder(folder), names, deliveries.READERS).beside(names[0]) == {}


def test_a_rig_file_that_is_too_large_or_no_text_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write(tmp_path / "cmu")
    (folder / "rig.json").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(companions, "MAX_RIG_BYTES", 12)
    found = open_delivery(folder)
    assert list(found.problems) == [
        "08/deep/08_01.rig.json: larger than 12 bytes",
        "rig.json: not UTF-8 at byte 0",
    ]
    assert sources(found)["one.bvh"].rig == ""
    assert sources(found)["07/07_01.amc"].rig == "of folder 07"
