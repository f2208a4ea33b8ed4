"""`ingest` and `normalize` over a library that changes: the same bytes as from nothing, and only the new is done."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from motionlib.artifacts import read_clips, read_features, read_report
from motionlib.artifacts.shards import borders
from motionlib.ingest import entries, judge, library, lines, synthetic
from motionlib.ingest.survey import check_delivery
from motionlib.normalize import convert
from stages import ingest, normalize

ROOT = Path(__file__).parents[2]
RAW = Path("data/raw")
OUT = (Path("data/clips"), Path("data/features"), Path("reports/ingest"), Path("reports/normalize"))


@pytest.fixture(scope="session")
def bvh_files() -> dict[str, bytes]:
    """A few short takes by name."""
    takes = sorted(synthetic.takes(), key=lambda take: take.seconds)[:70:5]
    return {f"{number:02}.bvh": synthetic.bvh(take) for number, take in enumerate(takes)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bvh_files: dict[str, bytes]) -> Path:
    """A project whose shards hold about three files, with two deliveries of five takes and captions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("motionlib.artifacts.shards.BORDER_EVERY", 3)
    monkeypatch.setattr("motionlib.sources.fingerprint", lambda *_: "this code")  # edited files do not disturb
    for picture in ("ingest.pictures.lengths", "ingest.pictures.reasons", "normalize.survey.bodies"):
        monkeypatch.setattr(f"motionlib.{picture}", lambda *_: b"drawn from numbers that are compared")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for number, name in enumerate(sorted(bvh_files)[:10]):
        put(RAW / "one" / name if number < 5 else RAW / "two" / name, bvh_files[name])
    put(RAW / "two" / "broken.bvh", b"HIERARCHY\nROOT\n")
    captions(RAW / "one", [f"{number:02}.bvh" for number in range(5)])
    return tmp_path


def put(path: Path, data: bytes) -> None:
    """Write a file that was last changed long ago, as one that has been copied in is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1.7e9 + len(data), 1.7e9 + len(data)))


def captions(folder: Path, names: list[str], verb: str = "waves") -> None:
    rows = [f"{name},someone {verb} to the left,CC0-1.0" for name in names]
    put(folder / "captions.csv", "\n".join(["file,text,licence", *rows, ""]).encode())


def run() -> None:
    ingest.main()
    normalize.main()


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for folder in OUT for path in folder.rglob("*") if path.is_file()}


def from_nothing() -> dict[str, bytes]:
    """What the same library gives in a project that never saw another one."""
    for folder in (*OUT, Path(".motionlib")):
        shutil.rmtree(folder, ignore_errors=True)
    run()
    return contents()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Ids of the takes that are judged and converted, as they come."""
    seen: dict[str, list[str]] = {"judged": [], "converted": []}
    convert_before, judge_before = convert._convert_batch, judge.judge

    def converting(takes, config):
        seen["converted"] += [clip.info.id for clip, _ in takes]
        return convert_before(takes, config)

    def judging(source, info, label, settings):
        seen["judged"].append(info.id)
        return judge_before(source, info, label, settings)

    monkeypatch.setattr(convert, "_convert_batch", converting)
    monkeypatch.setattr(lines, "judge", judging)
    return seen


def add(files: dict[str, bytes]) -> None:
    put(RAW / "one" / "12.bvh", files["12.bvh"])


def change(files: dict[str, bytes]) -> None:
    put(RAW / "two" / "07.bvh", files["13.bvh"])


def remove(files: dict[str, bytes]) -> None:
    (RAW / "one" / "02.bvh").unlink()


def rename(files: dict[str, bytes]) -> None:
    (RAW / "two" / "08.bvh").rename(RAW / "two" / "80.bvh")


def deliver(files: dict[str, bytes]) -> None:
    put(RAW / "between" / "10.bvh", files["10.bvh"])
    put(RAW / "between" / "11.bvh", files["11.bvh"])


def withdraw(files: dict[str, bytes]) -> None:
    shutil.rmtree(RAW / "two")


def caption(files: dict[str, bytes]) -> None:
    captions(RAW / "one", [f"{number:02}.bvh" for number in range(5)], "jumps")


def copy(files: dict[str, bytes]) -> None:
    put(RAW / "copies" / "same.bvh", files["00.bvh"])


def pack(files: dict[str, bytes]) -> None:
    with tarfile.open(RAW / "packed.tar.gz", "w:gz") as archive:
        for name in ("10.bvh", "13.bvh"):
            put(Path(name), files[name])
            archive.add(name)


def settle_apart(files: dict[str, bytes]) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("split_seed: 1", "split_seed: 2"))


def judge_apart(files: dict[str, bytes]) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("min_seconds: 0.5", "min_seconds: 3.3"))


QUICK = (rename, pack, caption)
CHANGES = (add, change, remove, deliver, withdraw, copy, settle_apart, judge_apart)


@pytest.mark.parametrize("what", [*QUICK, *(pytest.param(what, marks=pytest.mark.slow) for what in CHANGES)])
def test_a_changed_library_gives_the_same_bytes_as_from_nothing(project, bvh_files, what):
    run()
    before = contents()
    what(bvh_files)
    run()
    after = contents()
    assert after != before
    assert after == from_nothing()


@pytest.mark.slow
def test_change_upon_change_gives_the_same_bytes_as_from_nothing(project, bvh_files):
    run()
    for what in (add, copy, rename, remove, change, deliver):
        what(bvh_files)
        run()
    after = contents()
    assert after == from_nothing()


def test_only_new_takes_are_judged_and_converted(project, bvh_files, counted):
    run()
    assert len(counted["judged"]) == 11
    for seen in counted.values():
        seen.clear()
    add(bvh_files)
    run()
    assert counted == {"judged": ["one/12"], "converted": ["one/12"]}


def test_nothing_new_is_nothing_done(project, counted):
    run()
    before = {path: path.stat().st_mtime_ns for path in Path("data").rglob("shards/*/*")}
    for seen in counted.values():
        seen.clear()
    run()
    assert counted == {"judged": [], "converted": []}
    assert {path: path.stat().st_mtime_ns for path in Path("data").rglob("shards/*/*")} == before


def test_files_that_did_not_change_are_not_even_read(project, bvh_files, monkeypatch):
    run()
    add(bvh_files)
    read: list[str] = []
    before = entries.hashlib.sha256
    monkeypatch.setattr(entries.hashlib, "sha256", lambda data=b"": read.append(len(data)) or before(data))
    library.plan(ingest.survey(ingest.find_deliveries(RAW)), ingest.params.load().ingest)
    assert len(bvh_files["12.bvh"]) in read
    assert len(bvh_files["00.bvh"]) not in read


def test_a_killed_run_leaves_its_finished_shards(project, counted, monkeypatch):
    finished = library.ClipShardWriter.__exit__
    count = iter(range(100))

    def dying(self, kind, error, at):
        finished(self, kind, error, at)
        if next(count) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(library.ClipShardWriter, "__exit__", dying)
        with pytest.raises(KeyboardInterrupt):
            ingest.main()
    done = len(counted["judged"])
    assert not Path("data/clips/manifest.json").exists()
    run()
    assert len(counted["judged"]) < 2 * done + (11 - done)
    after = contents()
    assert after == from_nothing()


def test_other_code_makes_everything_again(project, counted, monkeypatch):
    run()
    for seen in counted.values():
        seen.clear()
    monkeypatch.setattr("motionlib.sources.fingerprint", lambda *_: "other code")
    before = contents()
    run()
    assert len(counted["judged"]) == 11
    assert len(counted["converted"]) == len(read_clips(Path("data/clips")))
    assert contents() == before  # whose results are the same, so that nothing after it is stale


def test_a_shard_that_was_damaged_is_made_again(project, counted):
    run()
    before = contents()
    shard = next(iter(Path("data/clips/shards").iterdir()))
    (shard / "root_pos.npy").unlink()
    for seen in counted.values():
        seen.clear()
    ingest.main()
    assert 0 < len(counted["judged"]) < 11
    assert contents() == before


def test_a_copy_is_left_out_by_name_and_a_broken_file_keeps_its_line(project, bvh_files):
    run()
    copy(bvh_files)
    run()
    numbers = read_report(Path("reports/ingest"))
    found = {line["path"]: line for line in numbers["files"]}
    copies = [found["copies/same.bvh"], found["one/00.bvh"]]
    assert [line["verdict"] for line in copies].count("quarantine") == 1
    left = next(line for line in copies if line["verdict"] == "quarantine")
    assert "duplicate" in left["reasons"]
    ids = {clip.info.id for clip in read_clips(Path("data/clips"))}
    assert left["id"] not in ids
    assert len(ids & {line["id"] for line in copies}) == 1
    assert found["two/broken.bvh"]["verdict"] == "quarantine"
    features = read_features(Path("data/features"))
    assert {clip.id for clip in features.clips if not clip.mirror} <= ids


def test_a_delivery_is_held_against_the_library(project, bvh_files):
    ingest.main()
    put(Path("monday") / "again.bvh", bvh_files["00.bvh"])
    put(Path("monday") / "fresh.bvh", bvh_files["13.bvh"])
    found = {Path(line["path"]).name: line for line in check_delivery(Path("monday"))["files"]}
    assert "duplicate" in found["again.bvh"]["reasons"]
    assert any("one/0" in message or "two/0" in message for message in found["again.bvh"]["messages"])
    assert "duplicate" not in found["fresh.bvh"]["reasons"]
    same = check_delivery(RAW / "one")["files"]  # a delivery that is in the library is no copy of itself
    alone = check_delivery(RAW / "one", library=None)["files"]
    assert [line["verdict"] for line in same] == [line["verdict"] for line in alone]


def test_one_name_more_moves_few_borders():
    names = [(f"take{number:04}.bvh", 1000) for number in range(3000)]
    grown = sorted([*names, ("take1500b.bvh", 1000)])
    ends, moved = ({files[end - 1] for end in borders(files)} for files in (names, grown))
    assert len(ends) > 20
    assert len(ends ^ moved) <= 2


def test_shards_hold_few_files_and_few_bytes():
    assert borders([]) == []
    assert borders([("a", 1 << 30)]) == [1]
    ends = borders([(str(number), 1 << 20) for number in range(1000)])
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert max(sizes) <= 64
    assert sum(sizes) == 1000
    small = borders([(str(number), 1) for number in range(100_000)])
    assert max(end - start for start, end in zip([0, *small], small, strict=False)) <= 512
    assert 400 < len(small) < 1000
