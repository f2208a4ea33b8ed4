"""C3D: joint centres become a body, markers do not, gaps are bridged or refused, headers are not believed."""

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body import kinematics
from motionlib.ingest.c3d import BODY, read_c3d
from motionlib.ingest.c3d_file import read_points
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source
from motionlib.rig.raw import RawMotion
from tests.fuzz.c3d_writer import c3d

# A standing body in millimetres, z up, that looks along -y: its left is +x.
PLACES = {
    "pelvis": (0, 0, 950), "left_hip": (90, 0, 900), "left_knee": (90, 0, 500), "left_ankle": (90, 0, 90),
    "left_foot": (90, -150, 30), "right_hip": (-90, 0, 900), "right_knee": (-90, 0, 500), "right_ankle": (-90, 0, 90),
    "right_foot": (-90, -150, 30), "neck": (0, 0, 1450), "head": (0, 0, 1600), "left_shoulder": (180, 0, 1420),
    "left_elbow": (180, 0, 1130), "left_wrist": (180, 0, 880), "right_shoulder": (-180, 0, 1420),
    "right_elbow": (-180, 0, 1130), "right_wrist": (-180, 0, 880),
}  # fmt: skip
SHORT = {"left_hip": "LHJC", "left_knee": "LKJC", "left_ankle": "LAJC", "left_shoulder": "LSJC", "left_elbow": "LEJC"}
SHORT |= {"left_wrist": "LWJC", "left_foot": "LTOE", "neck": "Neck", "head": "Head", "pelvis": "Pelvis"}
SHORT |= {name.replace("left", "right"): "R" + label[1:] for name, label in SHORT.items() if name.startswith("left")}
OPENPOSE = {name: "".join(part.capitalize() for part in name.split("_")) for name in PLACES}
OPENPOSE |= {"pelvis": "MidHip", "left_foot": "LBigToe", "right_foot": "RBigToe", "head": "Nose"}
STYLES = {
    "our names": dict.fromkeys(PLACES, "") | {name: name for name in PLACES},
    "short": SHORT,
    "with subject": {name: f"Actor 1:{label}" for name, label in SHORT.items()},
    "suffix": {name: f"{name}_JC" for name in PLACES},
    "centre": {name: f"{name.title().replace('_', '')}JointCentre" for name in PLACES},
    "openpose": OPENPOSE,
}
FRAMES = 30


def walk(frames: int = FRAMES) -> np.ndarray:
    """(T, 17, 3) mm: the body slides along -y, 10 mm a frame."""
    body = np.array([PLACES[name] for name in BODY], dtype=float)
    return body + np.arange(frames)[:, None, None] * np.array([0, -10.0, 0])


def labels(style: str = "our names") -> list[str]:
    return [STYLES[style][name] for name in BODY]


def read(data: bytes) -> RawMotion:
    return read_c3d(Source("take.c3d", data))


def refused(data: bytes) -> BadMotionError:
    with pytest.raises(BadMotionError) as caught:
        read(data)
    return caught.value


def joints(motion: RawMotion) -> np.ndarray:
    places = kinematics.forward(motion.skeleton, motion.root_pos, motion.local_quat)
    return places[:, [motion.skeleton.names.index(name) for name in BODY]]


@pytest.mark.parametrize("style", sorted(STYLES))
def test_joint_centres_become_a_body_under_many_names(style: str):
    motion = read(c3d(labels(style), walk()))
    np.testing.assert_allclose(joints(motion), walk(), atol=1e-3)
    assert (motion.fps, motion.unit) == (100.0, 0.001)
    assert motion.up == "z"
    assert motion.remarks == ("rotations_from_positions",)


@pytest.mark.parametrize("processor", ["<", ">", "vax"])
@pytest.mark.parametrize("scale", [-1.0, 0.1])
def test_every_processor_and_storage_says_the_same(processor: str, scale: float):
    motion = read(c3d(labels(), walk(), processor=processor, scale=scale, analog=3))
    np.testing.assert_allclose(joints(motion), walk(), atol=1e-3)
    assert motion.fps == 100.0


def test_a_second_opinion_reads_our_file_alike_and_writes_one_that_we_read(tmp_path: Path):
    ezc3d = pytest.importorskip("ezc3d", reason="needs the extra `dev`")
    path = tmp_path / "a.c3d"
    path.write_bytes(c3d(labels(), walk()))
    theirs = ezc3d.c3d(str(path))
    np.testing.assert_allclose(theirs["data"]["points"][:3].transpose(2, 1, 0), walk(), atol=1e-3)
    assert theirs["parameters"]["POINT"]["LABELS"]["value"] == labels()

    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [120.0]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["POINT"]["LABELS"]["value"] = labels()
    points = np.ones((4, len(BODY), FRAMES))
    points[:3] = walk().transpose(2, 1, 0)
    points[3] = 0.0
    points[:3, 3, 10:15] = np.nan
    file["data"]["points"] = points
    file.write(str(path))
    motion = read(path.read_bytes())
    np.testing.assert_allclose(joints(motion), walk(), atol=1e-3)
    assert motion.fps == 120.0
    assert "gaps_filled" in motion.remarks


def test_missing_middle_joints_are_the_means_of_what_is_there():
    names = [name for name in BODY if name not in ("pelvis", "neck", "head")]
    places = walk()[:, [list(BODY).index(name) for name in names]]
    corners = [[50.0, -90, 1650], [-50, -90, 1650], [50, 90, 1650], [-50, 90, 1650]]
    head = np.array(corners) + (walk() - walk()[0])[:, :1]
    motion = read(c3d([*names, "LFHD", "RFHD", "LBHD", "RBHD"], np.concatenate([places, head], axis=1)))
    found = joints(motion)[0]
    np.testing.assert_allclose(found[list(BODY).index("pelvis")], [0, 0, 900], atol=1e-3)
    np.testing.assert_allclose(found[list(BODY).index("neck")], [0, 0, 1420], atol=1e-3)
    np.testing.assert_allclose(found[list(BODY).index("head")], [0, 0, 1650], atol=1e-3)


def test_markers_are_refused_with_a_way_out():
    error = refused(c3d(["LASI", "RASI", "LKNE", "LANK", "C7"], np.ones((4, 5, 3))))
    assert error.reason == "markers_only"
    assert "export BVH or glTF" in str(error)


def test_a_single_missing_joint_is_named():
    names = ["x" if name == "left_knee" else name for name in labels()]
    assert str(refused(c3d(names, walk()))).startswith("no joint centre for left_knee;")


def test_markers_beside_the_joints_are_left_out_and_said_so():
    extra = np.concatenate([walk(), np.zeros((FRAMES, 2, 3))], axis=1)
    motion = read(c3d([*labels(), "LASI", "C7"], extra))
    assert motion.skeleton.joint_count == len(BODY)
    assert motion.notes["parts_left_out"] == "2 points"


@pytest.mark.parametrize("scale", [-1.0, 0.1])
def test_a_short_gap_is_bridged_and_a_long_one_refused_by_joint_and_frame(scale: float):
    seen = np.ones((FRAMES, len(BODY)), dtype=bool)
    seen[5:15, 2] = False  # ten frames at 100 Hz are 0.1 s
    broken = np.where(seen[..., None], walk(), 0.0)
    motion = read(c3d(labels(), broken, seen=seen, scale=scale))
    np.testing.assert_allclose(joints(motion), walk(), atol=1e-3)
    assert motion.notes["gaps_filled"] == "of left_knee"

    seen[15, 2] = False
    error = refused(c3d(labels(), broken, seen=seen, scale=scale))
    assert error.reason == "points_missing"
    assert str(error).startswith("'left_knee' is unseen for 0.11 s from frame 5")


def test_a_joint_that_is_never_seen_is_refused():
    seen = np.ones((FRAMES, len(BODY)), dtype=bool)
    seen[:, 4] = False
    assert refused(c3d(labels(), walk(), seen=seen)).reason == "points_missing"


@pytest.mark.parametrize(("units", "unit"), [("mm", 0.001), ("m", None), ("", None), ("cubits", None)])
def test_the_unit_is_believed_where_it_makes_a_body(units: str, unit: float | None):
    assert read(c3d(labels(), walk(), units=units)).unit == unit


@pytest.mark.parametrize(
    ("screen", "up"), [(("+X", "+Z"), "z"), (("+X", "+Y"), "y"), (("+Y", "-X"), "-x"), (("", ""), "z")]
)
def test_the_screen_says_which_way_is_up_or_else_the_body(screen: tuple[str, str], up: str):
    assert read(c3d(labels(), walk(), screen=screen)).up == up


def test_more_labels_than_one_list_holds():
    names = [f"M{i}" for i in range(260)] + labels()
    places = np.concatenate([np.ones((4, 260, 3)), walk(4)], axis=1)
    np.testing.assert_allclose(joints(read(c3d(names, places))), walk(4), atol=1e-3)


HEADER_LIES = {
    "points": (2, b"\xff\xff", "bad_header"),
    "analog": (4, b"\xff\xff", "bad_header"),
    "last frame": (8, b"\xfe\xff", "bad_header"),
    "frames backwards": (6, b"\xff\x7f", "no_frames"),
    "scale zero": (12, b"\0\0\0\0", "bad_header"),
    "scale nan": (12, b"\0\0\xc0\x7f", "bad_header"),
    "data block": (16, b"\xff\xff", "bad_header"),
    "data in the header": (16, b"\0\0", "bad_header"),
    "parameter block": (0, b"\xff", "bad_header"),
    "no key": (1, b"\0", "bad_header"),
    "processor": (512 + 3, b"\x07", "bad_header"),
}


@pytest.mark.parametrize("lie", sorted(HEADER_LIES))
def test_lying_headers_are_refused_at_once(lie: str):
    at, value, reason = HEADER_LIES[lie]
    data = bytearray(c3d(labels(), walk()))
    data[at : at + len(value)] = value
    before = time.process_time()
    error = refused(bytes(data))
    assert time.process_time() - before < 0.1
    assert error.reason == reason, str(error)


def test_long_takes_count_their_frames_in_the_trial_group():
    data = bytearray(c3d(labels(), walk(), trial=True))
    struct.pack_into("<H", data, 8, 65535)  # the header's 16 bits are full
    assert len(read(bytes(data)).root_pos) == FRAMES

    data = bytearray(c3d(labels(), walk()))
    struct.pack_into("<H", data, 8, 65535)
    assert str(refused(bytes(data))) == "65535 frames of 17 points declared, 30 present"


def test_a_rate_of_zero_and_a_number_out_of_bounds_are_refused():
    assert refused(c3d(labels(), walk(), fps=0.0)).reason == "bad_header"
    far = walk()
    far[7, 3] = 3e38
    error = refused(c3d(labels(), far))
    assert error.reason == "not_finite"
    assert str(error).startswith("frame 7: 'left_ankle'")


def test_no_bytes_and_half_a_file_are_refused():
    assert refused(b"").reason == "empty_file"
    assert refused(c3d(labels(), walk())[:700]).reason == "bad_header"


def test_only_the_points_asked_for_are_read():
    places = np.zeros((2, 3, 3))
    places[:, 1] = [[1, 2, 3], [4, 5, 6]]
    points = read_points(c3d(["a", "b", "c"], places))
    track, seen = points.track(1)
    assert points.labels == ("a", "b", "c")
    np.testing.assert_array_equal(track, [[1, 2, 3], [4, 5, 6]])
    assert seen.all()
    assert not points.track(0)[1].any()  # exactly at the origin: not seen


@given(data=st.data())
def test_no_broken_file_raises_anything_else(data: st.DataObject):
    broken = bytearray(c3d(labels(), walk(3)))
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, 1200))] = data.draw(st.integers(0, 255))
    try:
        motion = read(bytes(broken))
    except BadMotionError:
        return
    assert np.isfinite(motion.local_quat).all()
