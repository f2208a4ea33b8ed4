"""Stage `normalize` on a few takes made here: an empty folder in, features and a report out."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from motionlib import params
from motionlib.artifacts import Caption, Clip, ClipInfo, read_clips, read_features, read_report, write_clips
from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.normalize import convert, recover
from motionlib.normalize.humanml263 import aligned, extract
from motionlib.rig.canonical import canonical_joints
from stages import normalize

ROOT = Path(__file__).parents[2]
BODY = [
    ("Hips", "", (0, 0, 0)), ("Chest", "Hips", (0, 0.3, 0)), ("Neck", "Chest", (0, 0.2, 0)),
    ("Head", "Neck", (0, 0.1, 0.02)),
    *(
        (side + name, side + above if limb else above, (sign * x, y, z))
        for side, sign in (("Left", 1), ("Right", -1))
        for name, above, limb, (x, y, z) in (
            ("UpLeg", "Hips", False, (0.1, -0.1, 0)), ("Leg", "UpLeg", True, (0, -0.4, 0)),
            ("Foot", "Leg", True, (0, -0.4, 0)), ("Toe", "Foot", True, (0, -0.05, 0.12)),
            ("Shoulder", "Chest", False, (0.05, 0.15, 0)), ("Arm", "Shoulder", True, (0.14, 0, 0)),
            ("ForeArm", "Arm", True, (0.28, 0, 0)), ("Hand", "ForeArm", True, (0.25, 0, 0)),
        )
    ),
]  # fmt: skip


def body():
    names = tuple(name for name, _, _ in BODY)
    parents = tuple(names.index(above) if above else -1 for _, above, _ in BODY)
    return Skeleton(names, parents, np.array([offset for _, _, offset in BODY], dtype=float))


def take(number, seconds=4.0, fps=60.0, captions=(), skeleton=None):
    skeleton = skeleton or body()
    frames = int(seconds * fps)
    generator = np.random.default_rng(number)
    time = np.arange(frames)[:, None, None] / fps
    angles = 0.4 * np.sin(time * generator.uniform(1, 6, size=(skeleton.joint_count, 3)))
    root = np.array([0.0, 0.95, 0.0]) + time[:, 0] * generator.uniform(-1, 1, size=3) * [1, 0, 1]
    info = ClipInfo(
        f"d{number % 2}/take{number}", f"d{number % 2}/take{number}.bvh", f"d{number % 2}", captions=captions
    )
    quat = rotations.from_euler(angles, "ZXY")
    return Clip(info, skeleton, root.astype(np.float32), quat.astype(np.float32), fps)


def library():
    takes = [take(i, 3.0 + i, captions=(Caption("Walks to the  LEFT"), Caption("Waves", 0.5, 2.5))) for i in range(10)]
    takes[3] = take(3, 4.0, fps=30.0, captions=(Caption("jumps", split="test"),))
    takes[4] = take(4, 4.0)  # without captions
    chair = Skeleton(("Seat",), (-1,), np.zeros((1, 3)))
    return [*takes, take(10, 1.0), replace(take(11), skeleton=chair, local_quat=take(11).local_quat[:, :1])]


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    write_clips(Path("data/clips"), library())
    return tmp_path


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_features_are_those_of_the_takes(stage):
    normalize.main()
    features, config = read_features(Path("data/features")), params.load().normalize
    assert features.mode == "compat"
    assert features.fps == 20.0
    for clip in library()[:10]:
        rows = features.of(features.by_id[clip.info.id])
        joints = canonical_joints(clip, config.fps)
        np.testing.assert_array_equal(rows, extract(joints, config.contact_threshold))
        # Smooth heading changes past half a turn aside, the positions come back.
        assert np.linalg.norm(recover(rows)[0] - aligned(joints)[0], axis=-1).max() < 1e-5


def test_only_training_takes_are_mirrored_and_stay_on_their_side(stage):
    normalize.main()
    features = read_features(Path("data/features"))
    images = [clip for clip in features.clips if clip.mirror]
    assert {clip.id for clip in images} == {f"M:{clip.id}" for clip in features.split("train", mirror=False)}
    assert {clip.split for clip in images} == {"train"}
    assert {clip.split for clip in features.clips} == {"train", "val", "test"}
    assert features.by_id["d1/take3"].split == "test"


def test_takes_that_params_keep_from_training_stand_apart_whatever_their_captions_say(stage):
    settings = yaml.safe_load(Path("params.yaml").read_text())
    settings["normalize"]["unseen"] = ["d1/*"]
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    normalize.main()
    features = read_features(Path("data/features"))
    assert {clip.delivery for clip in features.split("unseen")} == {"d1"}
    assert {clip.delivery for clip in features.split("train", "val", "test")} == {"d0"}
    assert features.by_id["d1/take3"].split == "unseen"
    assert read_report(Path("reports/normalize"))["splits"]["unseen"]["clips"] == len(features.split("unseen"))


def test_statistics_are_those_of_the_training_rows(stage):
    normalize.main()
    features = read_features(Path("data/features"))
    rows = np.concatenate([features.of(clip) for clip in features.split("train")]).astype(np.float64)
    np.testing.assert_allclose(features.mean, rows.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(features.std[4:67], rows.std(axis=0)[4:67].mean(), rtol=1e-5)


def test_items_are_captioned_spans_inside_their_clips(stage):
    normalize.main()
    features = read_features(Path("data/features"))
    captions = features.captions()
    assert set(captions) <= {"walks to the left", "walks to the right", "waves", "jumps"}
    for item in features.items:
        clip = features.by_id[item.clip]
        assert captions[item.caption_id] == item.caption
        assert item.split == clip.split
        assert len(features.of_item(item)) == item.end - item.start
        if item.caption == "waves":
            assert (item.start, item.end) == (10, 50)
        assert ("right" in item.caption) <= clip.mirror
    assert not [item for item in features.items if item.clip.endswith("take4")]
    assert "d0/take4" in features.by_id


def test_the_report_names_what_is_left_out(stage):
    normalize.main()
    numbers = read_report(Path("reports/normalize"))
    assert numbers["clips"]["in"] == 12
    assert numbers["clips"]["out"] == 10
    assert numbers["clips"]["left_out"] == {"short": 1, "unmapped": 1}
    assert {line["id"]: line["reason"] for line in numbers["left_out"]} == {
        "d0/take10": "short",
        "d1/take11": "unmapped",
    }
    assert sum(split["clips"] for split in numbers["splits"].values()) == 10
    rig = next(iter(read_clips(Path("data/clips")))).skeleton.rig_name
    assert {clip.rig for clip in read_features(Path("data/features")).clips} == {rig}
    assert rig.startswith("20 joints, Chest, ")
    assert set(numbers["bone_ratio"]) == {f"d0: {rig}", f"d1: {rig}"}
    assert numbers["bone_ratio"][f"d0: {rig}"]["left_knee"] == pytest.approx(0.4 / 0.3936, abs=1e-3)
    assert Path("reports/normalize/bodies.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_gives_the_same_bytes(stage, monkeypatch):
    normalize.main()
    before = contents(Path("data/features")) | contents(Path("reports/normalize"))
    shutil.rmtree("data/features")
    monkeypatch.setattr(convert, "BATCH", 3)
    normalize.main()
    assert contents(Path("data/features")) | contents(Path("reports/normalize")) == before


@pytest.mark.slow
def test_several_processes_give_the_same_bytes(stage, monkeypatch):
    normalize.main()
    before = contents(Path("data/features"))
    shutil.rmtree("data/features")
    monkeypatch.setattr(convert, "BATCH", 3)
    monkeypatch.setattr(convert, "WORTH_PROCESSES", 1)
    normalize.main()
    assert contents(Path("data/features")) == before


def test_a_library_without_training_takes_says_why(stage):
    write_clips(Path("data/clips"), [take(0, 0.5)])
    with pytest.raises(ValueError, match=r"no training clip .*'short': 1"):
        normalize.main()
    assert not Path("data/features/manifest.json").exists()


def test_a_take_with_a_number_that_is_not_finite_is_left_out_by_name(stage):
    broken = take(20)
    broken.root_pos[6] = np.nan  # 60 Hz: the third frame of 20 Hz
    write_clips(Path("data/clips"), [*library(), broken])
    normalize.main()
    (line,) = [line for line in read_report(Path("reports/normalize"))["left_out"] if line["id"] == "d0/take20"]
    assert line["reason"] == "degenerate"
    assert "d0/take20: frame 2" in line["message"]


def test_the_same_motion_under_two_names_is_on_one_side(stage):
    again = [
        replace(take(i), info=replace(take(i).info, id=f"d0/again{i}", file=f"d0/again{i}.bvh")) for i in range(10)
    ]
    write_clips(Path("data/clips"), [*(take(i) for i in range(10)), *again])
    normalize.main()
    features = read_features(Path("data/features"))
    sides = [(features.by_id[take(i).info.id].split, features.by_id[f"d0/again{i}"].split) for i in range(10)]
    assert {first == second for first, second in sides} == {True}
    assert {first for first, _ in sides} == {"train", "val", "test"}
