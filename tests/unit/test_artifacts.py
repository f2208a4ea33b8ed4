"""Artifacts: what is written reads back, and nothing half-written or foreign is read."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib import artifacts
from motionlib.artifacts import (
    BadArtifactError,
    Caption,
    Clip,
    ClipInfo,
    CodeSet,
    CodeShape,
    FeatureClip,
    Item,
    Report,
    TextTable,
)
from motionlib.body.skeleton import Skeleton

CHAIN = Skeleton(("hips", "spine"), (-1, 0), np.array([[0.0, 0, 0], [0, 0.5, 0]]))
LONGER = Skeleton(("hips", "spine", "head"), (-1, 0, 1), np.array([[0.0, 0, 0], [0, 0.5, 0], [0, 0.2, 0]]))


def clip(name: str, frames: int, skeleton: Skeleton = CHAIN) -> Clip:
    draw = np.random.default_rng(frames)
    return Clip(
        info=ClipInfo(f"d/{name}", f"d/{name}.bvh", "d", captions=(Caption("walks", 0.5, 1.5, "lab", "train"),)),
        skeleton=skeleton,
        root_pos=draw.normal(size=(frames, 3)).astype(np.float32),
        local_quat=draw.normal(size=(frames, skeleton.joint_count, 4)).astype(np.float32),
        fps=30.0,
    )


def write_some_features(folder: Path) -> None:
    clips = [
        (FeatureClip("a", 0, 2, "train", False, "d", "s", "walk", "", "MIT"), np.full((2, 3), 1, np.float32)),
        (FeatureClip("M:a", 2, 3, "train", True, "d", "s", "walk", "", "MIT"), np.full((3, 3), 2, np.float32)),
        (FeatureClip("b", 5, 1, "test", False, "d", "s", "run", "", "MIT"), np.full((1, 3), 3, np.float32)),
    ]
    items = [
        Item("b", 0, 1, "runs", 0, "test", "lab"),
        Item("a", 1, 2, "walks", 1, "train", "lab"),
        Item("M:a", 0, 3, "walks", 1, "train", "lab"),
    ]
    mean, std = np.zeros(3, np.float32), np.ones(3, np.float32)
    artifacts.write_features(folder, clips, items, mean=mean, std=std, fps=20.0, mode="compat")


CODES = CodeSet(np.array([[1], [2], [3]]), np.array([0, 2, 3]), ["a", "b"], CodeShape(8, 1, 4, 5.0))
TEXT = TextTable(
    captions=["walks", "läuft"],
    sentence=np.eye(2, 4, dtype=np.float32),
    words=np.arange(12, dtype=np.float32).reshape(3, 4),
    offsets=np.array([0, 1, 3]),
    spans=np.array([[0, 5], [0, 3], [3, 5]]),
    encoder={"spec": "hash:4", "digest": "0", "dim": 4},
)

WRITERS = {
    "clips": lambda folder: artifacts.write_clips(folder, [clip("a", 3), clip("b", 2, LONGER)]),
    "features": write_some_features,
    "text": lambda folder: artifacts.write_text(folder, TEXT),
    "codes": lambda folder: artifacts.write_codes(folder, CODES),
    "model": lambda folder: artifacts.write_model(folder, {"w": np.ones((2, 2), np.float32)}, {"kind": "vqvae"}),
    "report": lambda folder: artifacts.write_report(folder, Report({"n": 1}, {"p.png": b"png"})),
}
READERS = {
    "clips": artifacts.read_clips,
    "features": artifacts.read_features,
    "text": artifacts.read_text,
    "codes": artifacts.read_codes,
    "model": artifacts.read_model,
    "report": artifacts.read_report,
}


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", WRITERS)
def test_writing_twice_gives_the_same_bytes(kind: str, tmp_path: Path):
    for name in ("one", "two"):
        WRITERS[kind](tmp_path / name)
    files = contents(tmp_path / "one")
    assert files == contents(tmp_path / "two")
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@pytest.mark.parametrize("kind", WRITERS)
def test_a_missing_folder_is_refused_with_a_hint(kind: str, tmp_path: Path):
    with pytest.raises(BadArtifactError, match="has the stage that makes it run"):
        READERS[kind](tmp_path / "none")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_folder_without_manifest_is_half_written(kind: str, tmp_path: Path):
    WRITERS[kind](tmp_path)
    (tmp_path / artifacts.MANIFEST).unlink()
    with pytest.raises(BadArtifactError, match=r"manifest\.json"):
        READERS[kind](tmp_path)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_truncated_or_missing_file_is_named(kind: str, tmp_path: Path):
    WRITERS[kind](tmp_path)
    for victim in [tmp_path / name for name in contents(tmp_path) if name != artifacts.MANIFEST]:
        content = victim.read_bytes()
        victim.write_bytes(content[:-1])
        with pytest.raises(BadArtifactError, match=victim.name):
            READERS[kind](tmp_path)
        victim.unlink()
        with pytest.raises(BadArtifactError, match=victim.name):
            READERS[kind](tmp_path)
        victim.write_bytes(content)
    READERS[kind](tmp_path)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_folder_of_another_kind_is_refused(kind: str, tmp_path: Path):
    WRITERS[kind](tmp_path)
    other = "report" if kind != "report" else "model"
    with pytest.raises(BadArtifactError, match=f"holds '{kind}', expected '{other}'"):
        READERS[other](tmp_path)


def test_clips_come_back_as_they_were_written(tmp_path: Path):
    written = [clip("a", 3), clip("b", 2, LONGER), clip("c", 4)]
    artifacts.write_clips(tmp_path, iter(written))
    library = artifacts.read_clips(tmp_path)

    assert len(library) == 3
    for one, other in zip(library, written, strict=True):
        assert (one.info, one.fps, one.frame_count) == (other.info, other.fps, other.frame_count)
        assert one.skeleton.names == other.skeleton.names
        np.testing.assert_array_equal(one.skeleton.offsets, other.skeleton.offsets)
        np.testing.assert_array_equal(one.root_pos, other.root_pos)
        np.testing.assert_array_equal(one.local_quat, other.local_quat)


@given(frames=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_any_lengths_lie_one_behind_the_other(frames: list[int], tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("clips")
    artifacts.write_clips(folder, (clip(str(i), count) for i, count in enumerate(frames)))
    assert [clip.frame_count for clip in artifacts.read_clips(folder)] == frames


def test_a_clip_is_a_copy_that_outlives_the_file(tmp_path: Path):
    artifacts.write_clips(tmp_path, [clip("a", 3)])
    (read,) = artifacts.read_clips(tmp_path)
    read.root_pos[:] = 0  # writable, and not the file's
    np.testing.assert_array_equal(next(iter(artifacts.read_clips(tmp_path))).root_pos, clip("a", 3).root_pos)


def test_an_empty_library_says_where_to_look(tmp_path: Path):
    artifacts.write_clips(tmp_path, [])
    with pytest.raises(BadArtifactError, match="reports/ingest"):
        artifacts.read_clips(tmp_path)


def test_features_are_found_by_clip_item_and_split(tmp_path: Path):
    write_some_features(tmp_path)
    features = artifacts.read_features(tmp_path)

    assert (features.fps, features.mode, features.rows.shape) == (20.0, "compat", (6, 3))
    np.testing.assert_array_equal(features.of(features.by_id["M:a"]), np.full((3, 3), 2))
    np.testing.assert_array_equal(features.of_item(features.items[1]), np.full((1, 3), 1))
    assert [clip.id for clip in features.split("train")] == ["a", "M:a"]
    assert [clip.id for clip in features.split("train", "test", mirror=False)] == ["a", "b"]
    assert features.captions() == artifacts.read_captions(tmp_path) == ["runs", "walks"]


def test_of_many_shards_few_files_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_some_features(tmp_path)
    mapped = artifacts.read_features(tmp_path)
    monkeypatch.setattr("motionlib.artifacts.features.MAPPED", 0)
    read = artifacts.read_features(tmp_path)
    for clip in read.clips:
        assert not isinstance(read.of(clip), np.memmap)
        np.testing.assert_array_equal(read.of(clip), mapped.of(clip))


def test_rows_that_do_not_lie_where_their_table_says_are_refused(tmp_path: Path):
    shifted = FeatureClip("a", 1, 2, "train", False, "d", "", "", "", "")
    for wrong in (shifted, replace(shifted, start=0, frames=3)):
        with pytest.raises(BadArtifactError, match="clip a"):
            artifacts.write_features(
                tmp_path,
                [(wrong, np.zeros((2, 3), np.float32))],
                [],
                mean=np.zeros(3, np.float32),
                std=np.ones(3, np.float32),
                fps=20.0,
                mode="compat",
            )


def test_rows_of_another_width_are_refused(tmp_path: Path):
    write_some_features(tmp_path)
    (rows,) = tmp_path.glob("shards/*/features.npy")
    np.save(rows, np.zeros((6, 4), np.float32))
    artifacts.seal(tmp_path, "features", fps=20.0, mode="compat", dimensions=3, shards=[rows.parent.name])
    features = artifacts.read_features(tmp_path)
    with pytest.raises(BadArtifactError, match=r"\(6, 4\)"):
        features.of(features.clips[0])


def test_text_comes_back_with_the_words_of_each_caption(tmp_path: Path):
    artifacts.write_text(tmp_path, TEXT)
    read = artifacts.read_text(tmp_path)
    assert read.captions == TEXT.captions
    assert read.encoder == TEXT.encoder
    np.testing.assert_array_equal(read.sentence, TEXT.sentence)
    np.testing.assert_array_equal(read.words_of(1), TEXT.words[1:3])


def test_codes_come_back_by_clip_and_by_whole_steps_of_an_item(tmp_path: Path):
    artifacts.write_codes(tmp_path, CODES)
    read = artifacts.read_codes(tmp_path)
    assert read.shape == CODES.shape
    np.testing.assert_array_equal(read.of("a"), [[1], [2]])
    np.testing.assert_array_equal(read.of("b"), [[3]])
    # Frames 1 to 7 of 4 per step hold no whole step but the second half of nothing: steps 1 to 1.
    assert len(read.of_item(Item("a", 1, 7, "x", 0, "train", ""))) == 0
    np.testing.assert_array_equal(read.of_item(Item("a", 1, 8, "x", 0, "train", "")), [[2]])


def test_models_come_back_with_their_card(tmp_path: Path):
    artifacts.write_model(tmp_path, {"b": np.arange(3), "a": np.ones((2, 2), np.float32).T}, {"kind": "gpt"})
    weights, card = artifacts.read_model(tmp_path)
    assert card == {"kind": "gpt"}
    np.testing.assert_array_equal(weights["b"], [0, 1, 2])
    assert weights["a"].dtype == np.float32


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=json_values)
def test_json_is_indented_as_ever_and_long_lists_hold_an_item_a_line(value, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("json") / "x.json"
    artifacts.write_json(path, value)
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    artifacts.write_json(path, {"files": [value] * 100})
    assert artifacts.read_json(path) == {"files": [value] * 100}
    assert len(path.read_text(encoding="utf-8").split("\n")) == 105


def test_json_has_no_nan_and_no_order_of_its_own(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        artifacts.write_json(tmp_path / "x.json", {"loss": float("nan")})
    artifacts.write_json(tmp_path / "a.json", {"b": 1, "a": "ü"})
    artifacts.write_json(tmp_path / "b.json", {"a": "ü", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(BadArtifactError, match=r"c\.json is not JSON"):
        artifacts.read_json(tmp_path / "c.json")
