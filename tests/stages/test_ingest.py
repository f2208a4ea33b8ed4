"""The `ingest` stage in an empty folder: what comes out, twice the same, and what stops it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from motionlib.artifacts import BadArtifactError, read_clips, read_report
from motionlib.ingest import synthetic
from stages import ingest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with one delivery of three takes, one broken file and one caption of no file."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    delivery = tmp_path / "data" / "raw" / "studio"
    synthetic.write(delivery, 3)
    (delivery / "broken.bvh").write_text("HIERARCHY\nROOT Hips\n{\n  OFFSET 0 0 zero\n")
    with (delivery / "captions.csv").open("a") as table:
        table.write("none.bvh,nobody walks,0,0,,,,,,\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_takes_come_out_with_their_captions_and_the_broken_file_is_named(project: Path):
    ingest.main()

    library = read_clips(project / "data" / "clips")
    assert len(library) == 3
    for clip in library:
        assert clip.info.id.startswith("studio/")
        assert len(clip.info.captions) >= 2
        assert clip.info.licence == "CC0-1.0"
        np.testing.assert_allclose(np.linalg.norm(clip.local_quat, axis=-1), 1.0, atol=1e-6)

    report = read_report(project / "reports" / "ingest")
    assert report["count"] == {"files": 4, "accept": 3, "repair": 0, "quarantine": 1}
    broken = next(line for line in report["files"] if line["path"] == "studio/broken.bvh")
    assert broken["verdict"] == "quarantine"
    assert broken["reasons"][0] == "bad_hierarchy"
    assert "line 4" in broken["messages"][0]
    assert report["deliveries"]["studio"]["first_problems"] == ["captions.csv: no file 'none.bvh' in the delivery"]
    assert report["licences"]["CC0-1.0"]["files"] == 3


def test_running_twice_gives_the_same_bytes(project: Path):
    ingest.main()
    first = contents(project / "data" / "clips") | contents(project / "reports")
    ingest.main()
    assert contents(project / "data" / "clips") | contents(project / "reports") == first


def test_nothing_of_the_machine_is_in_the_report(project: Path):
    ingest.main()
    text = json.dumps(read_report(project / "reports" / "ingest"))
    assert str(project) not in text


def test_no_delivery_says_what_to_do(project: Path):
    shutil.rmtree(project / "data" / "raw")
    with pytest.raises(BadArtifactError, match=r"motionlib\.ingest\.prepare"):
        ingest.main()


def test_a_broken_archive_stands_in_the_report_beside_good_deliveries(project: Path):
    (project / "data" / "raw" / "other.zip").write_bytes(b"junk")
    ingest.main()
    line = read_report(project / "reports" / "ingest")["files"][0]
    assert (line["path"], line["reasons"]) == ("other.zip", ["unreadable"])
    assert len(read_clips(project / "data" / "clips")) == 3
