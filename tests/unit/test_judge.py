"""Verdicts: what is accepted, what is repaired and how, what is set aside and why."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Caption, ClipInfo
from motionlib.body import kinematics
from motionlib.ingest import survey as surveys
from motionlib.ingest import synthetic
from motionlib.ingest.captions import Label
from motionlib.ingest.judge import Judged, judge
from motionlib.ingest.lines import judge_job
from motionlib.ingest.quality import QUARANTINE, REASONS, REMARK, REPAIR, BadMotionError
from motionlib.ingest.source import Format, Source
from motionlib.ingest.survey import DEFAULTS, check_delivery, judge_all, survey
from motionlib.ingest.synthetic_body import Build, skeleton
from motionlib.rig.geometry import find_body, find_unit, find_up

WALK = synthetic.bvh(synthetic.takes()[0])
TALK = Label(captions=(Caption("a person walks"),), licences=("MIT",))


def judged(data: bytes, label: Label = TALK, file: str = "d/walk.bvh") -> Judged:
    return judge(Source(file, data), ClipInfo("d/walk", file, "d"), label, DEFAULTS)


def scaled(factor: float, data: bytes = WALK) -> bytes:
    """The same file in another unit of length."""
    head, _, tail = data.decode().partition("Frame Time:")
    lines = []
    for line in head.splitlines():
        key, *rest = line.split() or [""]
        lines.append(f"OFFSET {' '.join(str(float(v) * factor) for v in rest)}" if key == "OFFSET" else line)
    rows = tail.splitlines()
    for row in rows[1:]:
        values = row.split()
        lines_of_row = [str(float(v) * factor) for v in values[:3]] + values[3:]
        rows[rows.index(row)] = " ".join(lines_of_row)
    return ("\n".join(lines) + "\nFrame Time:" + "\n".join(rows) + "\n").encode()


def z_up(data: bytes = WALK) -> bytes:
    """The same take as a program with z up would write it: the rest pose stands along z, too."""
    head, _, tail = data.decode().partition("Frame Time:")
    lines = []
    for line in head.splitlines():
        key, *rest = line.split() or [""]
        if key == "OFFSET":
            x, y, z = (float(value) for value in rest)
            line = f"OFFSET {x} {-z} {y}"
        lines.append(line.replace("Yrotation", "?").replace("Zrotation", "Yrotation").replace("?", "Zrotation"))
    rows = tail.splitlines()
    for number, row in enumerate(rows[1:], start=1):
        values = [float(value) for value in row.split()]
        x, y, z = values[:3]
        angles = values[3:]  # Z Y X before; now a turn about the old y is one about z, about the old z one about -y
        turned = [-angle if index % 3 == 0 else angle for index, angle in enumerate(angles)]
        rows[number] = " ".join(f"{value:.6f}" for value in (x, -z, y, *turned))
    return ("\n".join(lines) + "\nFrame Time:" + "\n".join(rows) + "\n").encode()


def test_a_good_take_is_accepted_in_metres():
    verdict = judged(WALK)

    assert verdict.verdict == "accept"
    assert verdict.reasons == ()
    assert verdict.facts["unit"] == 0.01
    assert verdict.facts["up"] == "y"
    assert verdict.clip is not None
    assert verdict.clip.root_pos.dtype == verdict.clip.local_quat.dtype == np.float32
    assert verdict.clip.info == ClipInfo("d/walk", "d/walk.bvh", "d", licence="MIT", captions=TALK.captions)
    expected = skeleton(synthetic.person(synthetic.takes()[0].person)).offsets
    np.testing.assert_allclose(verdict.clip.skeleton.offsets, expected, atol=2e-6)


@pytest.mark.parametrize("unit", [1.0, 0.01, 0.0254, 0.0254 / 0.45, 0.001])
def test_the_unit_is_found_from_the_body(unit: float):
    verdict = judged(scaled(0.01 / unit))
    assert verdict.verdict == "accept"
    assert verdict.facts["unit"] == pytest.approx(unit)
    assert verdict.clip is not None
    assert 0.7 < verdict.clip.root_pos[:, 1].mean() < 1.1


@given(size=st.floats(0.72, 1.3), unit=st.sampled_from([1.0, 0.01, 0.0254, 0.0254 / 0.45, 0.001]))
def test_bodies_from_child_to_giant_keep_their_unit(size: float, unit: float):
    from motionlib.ingest import RawMotion

    body = skeleton(Build(size=size))
    quat = np.zeros((2, body.joint_count, 4))
    quat[..., 0] = 1
    in_file = replace(body, offsets=body.offsets / unit)
    motion = RawMotion(in_file, np.zeros((2, 3)), quat, 30.0, np.zeros(body.joint_count))
    assert find_unit(motion) == unit
    nameless = replace(in_file, names=tuple(f"j{i}" for i in range(body.joint_count)))
    if size < 1.25:  # without names the largest distance in the body tells, from head to toes
        assert find_unit(replace(motion, skeleton=nameless)) == unit


def test_a_body_of_no_known_unit_is_set_aside():
    verdict = judged(scaled(1 / 30))
    assert verdict.verdict == "quarantine"
    assert verdict.reasons == ("units_doubtful",)
    assert verdict.clip is None


def test_z_up_data_is_turned_and_said_so():
    upright, turned = judged(WALK), judged(z_up())

    assert turned.verdict == "repair"
    assert turned.reasons == ("axes_turned",)
    assert turned.facts["up"] == "z"
    assert upright.clip is not None
    assert turned.clip is not None
    theirs, ours = (
        kinematics.forward(clip.skeleton, clip.root_pos, clip.local_quat) for clip in (turned.clip, upright.clip)
    )
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_someone_who_lies_down_does_not_turn_the_world():
    from motionlib.body import rotations
    from motionlib.ingest import RawMotion

    body = skeleton(Build())
    quat = np.zeros((5, body.joint_count, 4))
    quat[..., 0] = 1
    quat[:, 0] = rotations.from_euler(np.array([np.pi / 2]), "X")  # head towards +z, on the floor
    motion = RawMotion(body, np.zeros((5, 3)), quat, 30.0, np.zeros(body.joint_count))
    assert find_up(motion) == "y"


def test_heads_and_ankles_are_found_by_name():
    body = skeleton(Build())
    found = find_body(body)
    assert (body.names[found.hips], body.names[found.head]) == ("Hips", "Head")
    assert [body.names[ankle] for ankle in found.ankles] == ["LeftFoot", "RightFoot"]


def test_a_root_on_the_floor_does_not_count_as_a_leg():
    # iClone: a root at the origin carries the hips a metre above it.
    lifted = skeleton(Build())
    names, parents = ("World", *lifted.names), (-1, *(parent + 1 for parent in lifted.parents))
    offsets = np.concatenate([[[0.0, 0, 0], [0, 1.05, 0]], lifted.offsets[1:]])
    found = find_body(replace(lifted, names=names, parents=parents, offsets=offsets))
    assert names[found.hips] == "Hips"


def with_rows(change: object, data: bytes = WALK) -> bytes:
    """The file with its rows of numbers changed by a function."""
    head, _, tail = data.decode().partition("Frame Time:")
    first, *rows = tail.splitlines()
    values = change(np.array([[float(v) for v in row.split()] for row in rows]))  # type: ignore[operator]
    frames = f"Frames: {len(values)}\n"
    start = head[: head.index("Frames:")] + frames + "Frame Time:" + first + "\n"
    return (start + "\n".join(" ".join(f"{v:.4f}" for v in row) for row in values) + "\n").encode()


def jump(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[10:, 0] += 100
    return rows


def jump_early(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[:30, 0] += 100
    return rows


def jump_often(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[:, 0] += 100 * (np.arange(len(rows)) // 20 % 2)
    return rows


def jump_and_return(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[20:100:20, 0] += 100
    return rows


def t_pose_first(rows: np.ndarray) -> np.ndarray:
    added = np.zeros((1, rows.shape[1]))
    added[0, :3] = rows[0, :3]
    return np.concatenate([added, rows])


LEFT_THUMB = re.search(rb"JOINT LThumb.*?End Site\s*{\s*(OFFSET [^\n]*)", WALK, re.DOTALL)[1]  # type: ignore[index]
# What is done to a good file, the verdict, and the reasons.
CHANGED = {
    "no captions": (WALK, Label(licences=("MIT",)), "accept", ("caption_missing",)),
    "no licence": (WALK, replace(TALK, licences=()), "accept", ("licence_missing",)),
    "three frames": (with_rows(lambda rows: rows[:3]), TALK, "quarantine", ("too_short",)),
    "ten minutes per frame": (WALK.replace(b"Frame Time: 0.0", b"Frame Time: 60."), TALK, "quarantine",
                              ("fps_doubtful",)),
    "a thousand frames a second": (WALK.replace(b"Frame Time: 0.0", b"Frame Time: 0.000"), TALK, "quarantine",
                                   ("too_short", "fps_doubtful")),
    "a leap of a metre": (with_rows(jump), TALK, "repair", ("cut_at_jump",)),
    "many leaps of a metre": (with_rows(jump_often), TALK, "quarantine", ("root_jumps",)),
    "frames a metre away": (with_rows(jump_and_return), TALK, "repair", ("spikes_removed",)),
    "an added T-pose": (with_rows(t_pose_first), TALK, "repair", ("calibration_cut",)),
    "cut off": (WALK[: len(WALK) // 2], TALK, "quarantine", ("frame_count_mismatch",)),
    "nothing": (b"", TALK, "quarantine", ("empty_file",)),
    "a thumb of three metres": (WALK.replace(LEFT_THUMB, b"OFFSET 300 0 5"), TALK, "quarantine", ("bone_too_long",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED)
def test_verdicts(case: str):
    data, label, verdict, reasons = CHANGED[case]
    result = judged(data, label)
    assert set(result.reasons) == set(reasons)
    assert result.verdict == verdict
    assert (result.clip is None) == (verdict == "quarantine")


def test_captions_follow_a_take_that_was_cut():
    whole, early, across = Caption("all of it"), Caption("before", 0.0, 0.4), Caption("behind", 1.0, 2.0)
    label = replace(TALK, captions=(whole, early, across))
    clip = judged(with_rows(jump_early), label).clip
    full = judged(WALK).clip
    assert clip is not None
    assert full is not None
    assert clip.frame_count == full.frame_count - 30
    np.testing.assert_array_equal(clip.root_pos, full.root_pos[30:])
    start = round(1.0 - 30 / full.fps, 6)
    assert clip.info.captions == (whole, replace(across, start_s=start, end_s=start + 1.0))


def moving_shoulder(millimetres: float) -> bytes:
    """LeftUpLeg given position channels that repeat its offset, but for one frame."""
    text = WALK.decode()
    offset = text[text.index("JOINT LeftUpLeg") :].split("OFFSET ")[1].split("\n")[0]
    header = text[: text.index("MOTION")]
    place = header.index("JOINT LeftUpLeg")
    header = header[:place] + header[place:].replace("CHANNELS 3", "CHANNELS 6 Xposition Yposition Zposition", 1)
    values = [float(value) for value in offset.split()]

    def add(rows: np.ndarray) -> np.ndarray:
        track = np.tile(values, (len(rows), 1))
        track[5, 1] += millimetres / 10
        return np.concatenate([rows[:, :9], track, rows[:, 9:]], axis=1)

    return header.encode() + with_rows(add)[len(text[: text.index("MOTION")]) :]


@pytest.mark.parametrize(
    ("millimetres", "verdict", "reasons"),
    [
        (0.5, "accept", ()),
        (20, "repair", ("joint_translations_dropped",)),
        (80, "quarantine", ("bones_stretch",)),
    ],
)
def test_bones_that_stretch(millimetres: float, verdict: str, reasons: tuple[str, ...]):
    result = judged(moving_shoulder(millimetres))
    assert result.reasons == reasons
    assert result.verdict == verdict
    if reasons:
        assert result.messages[0].startswith(f"{reasons[0]}: LeftUpLeg by up to ")


def test_few_joints_are_no_body():
    lines = ["HIERARCHY ROOT a", "{ OFFSET 0 0 0 CHANNELS 3 Xrotation Yrotation Zrotation }", "MOTION", "Frames: 2"]
    result = judged("\n".join([*lines, "Frame Time: 1", "0 0 0", "1 1 1"]).encode())
    assert "not_humanoid" in result.reasons
    assert result.verdict == "quarantine"


def test_another_format_is_refused_with_a_way_out():
    result = judged(b"Kaydara", file="d/walk.fbx")
    assert (result.verdict, result.reasons) == ("quarantine", ("unknown_format",))
    assert "Blender" in result.messages[0]


def test_a_failing_reader_is_a_verdict_and_not_the_end(monkeypatch: pytest.MonkeyPatch):
    def broken(data: bytes) -> None:
        raise IndexError("joint 7")

    monkeypatch.setattr("motionlib.ingest.judge.READERS", {".bvh": Format(broken)})
    result = judged(WALK)
    assert result.reasons == ("unreadable",)
    assert "IndexError: joint 7" in result.messages[0]


SHORT = with_rows(lambda rows: rows[:20])


@given(
    position=st.integers(0, len(SHORT) - 1),
    removed=st.integers(0, 60),
    put=st.one_of(
        st.binary(max_size=8), st.sampled_from([b"999999999", b"-1e8", b"0.0", b"ROOT", b"foot", b"Head", b"{"])
    ),
)
def test_mutilated_takes_get_a_verdict_and_what_is_kept_is_finite(position: int, removed: int, put: bytes):
    result = judged(SHORT[:position] + put + SHORT[position + removed :])
    assert set(result.reasons) <= set(REASONS)
    assert (result.clip is None) == (result.verdict == "quarantine")
    if result.clip is not None:
        assert np.isfinite(result.clip.root_pos).all()
        assert np.isfinite(result.clip.local_quat).all()
        assert np.isfinite(result.clip.skeleton.offsets).all()


def test_every_reason_is_explained_once():
    assert len(REASONS) == len(QUARANTINE) + len(REPAIR) + len(REMARK)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


def test_errors_survive_the_way_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(BadMotionError("too_deep", "line 3")))
    assert (error.reason, str(error)) == ("too_deep", "line 3")


# --- whole deliveries --------------------------------------------------------------------------------


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    folder = tmp_path / "studio"
    synthetic.write(folder, 4)
    (folder / "walk" / "broken.bvh").write_bytes(WALK[:2000])
    (folder / "nan.bvh").write_bytes(WALK.replace(b".0000 ", b".nan ", 1).replace(b"0.nan", b"nan", 1))
    return folder


def test_a_broken_file_never_stops_the_others(studio: Path):
    verdicts = {info.file: result.verdict for info, result in judge_all(survey([studio]), DEFAULTS)}
    assert list(verdicts) == sorted(verdicts)
    assert verdicts.pop("studio/walk/broken.bvh") == "quarantine"
    assert verdicts.pop("studio/nan.bvh") == "quarantine"
    assert len(verdicts) == 4
    assert set(verdicts.values()) == {"accept"}


@pytest.mark.slow
def test_many_processes_give_the_same_in_the_same_order(studio: Path, monkeypatch: pytest.MonkeyPatch):
    found = survey([studio])
    alone = [(info.id, result.verdict, result.reasons) for info, result in judge_all(found, DEFAULTS)]
    monkeypatch.setattr(surveys, "PARALLEL_FROM", 0)
    together = [(info.id, result.verdict, result.reasons) for info, result in judge_all(found, DEFAULTS)]
    assert together == alone


def test_a_delivery_is_checked_without_being_changed(studio: Path):
    before = sorted(path.stat().st_mtime_ns for path in studio.rglob("*"))
    report = check_delivery(studio)

    files = {str(line["path"]): line for line in report["files"]}  # type: ignore[attr-defined]
    broken = files[str(studio / "walk" / "broken.bvh")]
    assert broken["verdict"] == "quarantine"
    assert broken["reasons"][0] in REASONS
    assert report["count"] == {"files": 6, "accept": 4, "repair": 0, "quarantine": 2}
    assert report["licences"]["CC0-1.0"]["files"] == 4  # type: ignore[index]
    assert sorted(path.stat().st_mtime_ns for path in studio.rglob("*")) == before


def test_a_single_file_and_a_broken_archive_are_checked_too(studio: Path, tmp_path: Path):
    (line,) = check_delivery(studio / "nan.bvh")["files"]  # type: ignore[attr-defined]
    assert (line["path"], line["verdict"]) == (str(studio / "nan.bvh"), "quarantine")
    (tmp_path / "d.zip").write_bytes(b"junk")
    (line,) = check_delivery(tmp_path / "d.zip")["files"]  # type: ignore[attr-defined]
    assert (line["path"], line["reasons"]) == (str(tmp_path / "d.zip"), ["unreadable"])


def test_nothing_to_check_is_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="no file or folder"):
        check_delivery(tmp_path / "none")
    with pytest.raises(ValueError, match="no motion"):
        check_delivery(tmp_path)


@pytest.mark.slow
def test_real_deliveries_are_accepted(real_mocap: Path, tmp_path: Path):
    subprocess.run([sys.executable, real_mocap / "unpack.py", tmp_path / "m", "cmu"], check=True, capture_output=True)
    files = [path for path in sorted((tmp_path / "m").rglob("*.bvh")) if path.stem in ("01_01", "02_01", "09_10")]
    verdicts = {}
    for path in files:
        (line,) = check_delivery(path)["files"]  # type: ignore[attr-defined]
        verdicts[path.stem] = (line["verdict"], line["unit"], line["up"])
    # The root of 09_10 stands at the origin for four frames and then leaps by 1.9 m: a fault of the recording.
    asf = round(0.0254 / 0.45, 9)
    assert verdicts == {"01_01": ("accept", asf, "y"), "02_01": ("accept", asf, "y"), "09_10": ("repair", asf, "y")}


@pytest.mark.parametrize("frames", [2, 3, 4, 5])
def test_a_take_of_a_few_frames_is_too_short_and_no_failure(frames: int):
    result = judge_job(
        (ClipInfo("d/walk", "d/walk.bvh", "d"), Label(), Source("walk.bvh", few_frames(frames))), DEFAULTS
    )
    assert result[1].verdict == "quarantine"
    assert result[1].reasons[0] == "too_short"


def few_frames(count: int) -> bytes:
    """The first frames of the walk, at 120 Hz: less than one step from a measured frame to the next."""
    head, _, rows = WALK.decode().partition("\nFrames: ")
    _, _, *lines = rows.split("\n")
    return "\n".join([head, f"Frames: {count}", "Frame Time: 0.00833333", *lines[:count], ""]).encode()
