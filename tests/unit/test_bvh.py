"""The BVH reader against odd files found in the wild, two independent references, and mutilated bytes."""

import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from motionlib.body import kinematics
from motionlib.ingest import BadMotionError, RawMotion, read_bvh
from motionlib.ingest.bvh import frame_rate
from motionlib.ingest.bvh_hierarchy import MAX_DEPTH, MAX_JOINTS

HEADER = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT Spine
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Head
    {
      OFFSET 1 5 0
      CHANNELS 3 Xrotation Yrotation Zrotation
      End Site
      {
        OFFSET 0 2 0
      }
    }
  }
}
"""
ROWS = np.array(
    [
        [1, 90, 3, 10, 20, 30, 5, 6, 7, -40, 0, 12],
        [2, 91, 4, 170, -80, 45, 0, 0, 90, 1, 2, 3],
        [3, 92, 5, -179, 12.5, 0, 33, -66, 99, 0, 0, 0],
        [4, 93, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [5, 94, 7, 45, 45, 45, 45, 45, 45, 45, 45, 45],
    ],
    dtype=np.float64,
)


def motion_block(rows: np.ndarray = ROWS, declared: int | None = None, fmt: str = "%.6f") -> str:
    count = len(rows) if declared is None else declared
    lines = [" ".join(fmt % value for value in row) for row in rows]
    return "\n".join(["MOTION", f"Frames: {count}", "Frame Time: 0.0333333", *lines, ""])


PLAIN = HEADER + motion_block()


def joints_of(motion: RawMotion) -> np.ndarray:
    return kinematics.forward(motion.skeleton, motion.root_pos, motion.local_quat)


def reference_joints(rows: np.ndarray = ROWS) -> np.ndarray:
    """Forward kinematics by scipy's matrices, written out joint by joint: Hips, Spine, Head, Head_end."""
    hips = Rotation.from_euler("ZYX", rows[:, 3:6], degrees=True)
    spine = hips * Rotation.from_euler("ZXY", rows[:, 6:9], degrees=True)
    head = spine * Rotation.from_euler("XYZ", rows[:, 9:12], degrees=True)
    first = rows[:, :3]
    second = first + hips.apply([0, 10, 0])
    third = second + spine.apply([1, 5, 0])
    return np.stack([first, second, third, third + head.apply([0, 2, 0])], axis=1)


def wrapped() -> str:
    head, _, tail = PLAIN.partition("Frame Time: 0.0333333\n")
    broken = tail.replace(" ", "\n", 1).replace(" 20.000000", "\n 20.000000")
    return f"{head}Frame Time: 0.0333333\n{broken}"


def evenly_wrapped() -> str:
    head, _, tail = PLAIN.partition("Frame Time: 0.0333333\n")
    lines = [" ".join(line.split()[:6]) + "\n" + " ".join(line.split()[6:]) for line in tail.splitlines()]
    return f"{head}Frame Time: 0.0333333\n" + "\n".join(lines)


# Files that mean the same as PLAIN however oddly they are written (ECOSYSTEM §2 and more).
SAME = {
    "plain": PLAIN,
    "CR LF": PLAIN.replace("\n", "\r\n"),
    "CR alone in the skeleton": HEADER.replace("\n", "\r") + motion_block(),
    "scientific notation": HEADER + motion_block(fmt="%.9e"),
    "tabs and trailing blanks": PLAIN.replace("  ", "\t").replace("\n", " \t\n"),
    "no blank after Frames:": PLAIN.replace("Frames: 5", "Frames:5"),
    "a blank before the colon": PLAIN.replace("Frames: 5", "Frames : 5").replace("Frame Time:", "Frame  Time :"),
    "a tab after the colon": PLAIN.replace("Frames: 5", "Frames:\t5"),
    "frames wrapped over lines": wrapped(),
    "frames wrapped evenly": evenly_wrapped(),
    "all frames on one line": HEADER + motion_block().replace("0.0333333\n", "0.0333333\t").replace("0\n", "0 "),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "brace on the line of the name": PLAIN.replace("\n{", " {").replace("\n  {", "{").replace("\n    {", " {"),
    "byte order mark": "\ufeff" + PLAIN,
    "no newline at the end": PLAIN.rstrip(),
    "lower-case keywords": HEADER.lower().replace("hips", "Hips").replace("spine", "Spine").replace("head", "Head")
    + motion_block().replace("MOTION", "motion").replace("Frame", "frame"),
    "upper-case channels": PLAIN.replace("rotation", "ROTATION").replace("Xposition", "XPOSITION"),
    "several parts on one line": PLAIN.replace("OFFSET 0 10 0\n", "OFFSET 0 10 0"),
    "offsets over several lines": PLAIN.replace("OFFSET 0 10 0", "OFFSET\n0\n10 0"),
    "leading blank lines": "\n\n" + PLAIN,
    "CR alone": PLAIN.replace("\n", "\r"),
    "two blanks between numbers": HEADER + motion_block().replace(" ", "  "),
    "blanks around lines": PLAIN.replace("\n", "  \n "),
    "lines of blanks": PLAIN.replace("\n", "\n  \n"),
    "End site": PLAIN.replace("End Site", "End site"),
    "End alone": PLAIN.replace("End Site", "End"),
    "EndSite": PLAIN.replace("End Site", "EndSite"),
    "End Site with a name": PLAIN.replace("End Site", "End Site Head_Nub"),
    "comment lines": "# made by hand\n" + PLAIN.replace("\n", "\n// a { comment }\n # 1 2 3\n"),
    "comments behind numbers": PLAIN.replace("OFFSET 1 5 0", "OFFSET 1 5 0 # cm").replace("\n1.0", " // 0\n1.0"),
    "plus signs": PLAIN.replace(" 10.000000", " +10.000000").replace("OFFSET 0 10 0", "OFFSET +0 +10 +0"),
    "points without digits": PLAIN.replace(" 90.000000", " 90.").replace(" 0.000000", " .0"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_odd_writing_changes_nothing(case: str):
    motion = read_bvh(SAME[case].encode("utf-8"))

    assert motion.skeleton.names == ("Hips", "Spine", "Head", "Head_end")
    assert motion.skeleton.parents == (-1, 0, 1, 2)
    assert motion.fps == 30.0
    assert not motion.remarks
    np.testing.assert_allclose(joints_of(motion), reference_joints(), atol=2e-5)


# Names are kept as they are written.
NAMES = ("mixamorig:Spine", "Bip01 Spine 1", "Rücken", "背骨", "spine.001", "JOINT", "End")


@pytest.mark.parametrize("name", NAMES)
def test_names_may_hold_almost_anything(name: str):
    motion = read_bvh(PLAIN.replace("JOINT Spine", f"JOINT {name}").encode("utf-8"))
    assert motion.skeleton.names[1] == name
    np.testing.assert_allclose(joints_of(motion), reference_joints(), atol=2e-5)


def test_names_in_latin_1_are_read_too():
    motion = read_bvh(PLAIN.replace("Spine", "Rücken").encode("latin-1"))
    assert motion.skeleton.names[1] == "Rücken"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_read_by_its_byte_order_mark(encoding: str):
    mark = "" if encoding == "utf-16" else "\ufeff"
    motion = read_bvh((mark + PLAIN).encode(encoding))
    np.testing.assert_allclose(joints_of(motion), reference_joints(), atol=2e-5)


def test_broken_utf_16_is_refused():
    with pytest.raises(BadMotionError, match="UTF-16") as error:
        read_bvh(PLAIN.encode("utf-16")[:-1])
    assert error.value.reason == "not_bvh"


def test_twin_names_get_a_number():
    motion = read_bvh(PLAIN.replace("Spine", "Hips").encode())
    assert motion.skeleton.names == ("Hips", "Hips.2", "Head", "Head_end")
    assert motion.remarks == ("names_made_unique",)


def test_rotation_before_position():
    swapped = HEADER.replace(
        "Xposition Yposition Zposition Zrotation Yrotation Xrotation",
        "Zrotation Yrotation Xrotation Zposition Yposition Xposition",
    )
    rows = ROWS[:, [3, 4, 5, 2, 1, 0, *range(6, 12)]]
    motion = read_bvh((swapped + motion_block(rows)).encode())
    np.testing.assert_allclose(joints_of(motion), reference_joints(), atol=2e-5)


def test_a_root_without_position_turns_where_its_offset_is():
    header = HEADER.replace("CHANNELS 6 Xposition Yposition Zposition", "CHANNELS 3").replace(
        "OFFSET 0 0 0", "OFFSET 1 90 3", 1
    )
    motion = read_bvh((header + motion_block(ROWS[:, 3:])).encode())
    assert motion.remarks == ("no_root_translation",)
    np.testing.assert_array_equal(motion.root_pos, np.tile([1, 90, 3], (5, 1)))
    np.testing.assert_allclose(joints_of(motion)[0], reference_joints()[0], atol=2e-5)


def test_joints_of_one_channel_and_of_none():
    header = HEADER.replace("CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 1 Zrotation").replace(
        "CHANNELS 3 Xrotation Yrotation Zrotation", "CHANNELS 0"
    )
    motion = read_bvh((header + motion_block(ROWS[:, :7])).encode())
    rows = ROWS.copy()
    rows[:, 7:] = 0
    np.testing.assert_allclose(joints_of(motion), reference_joints(rows), atol=2e-5)


def test_axes_may_repeat_and_there_may_be_many():
    header = HEADER.replace("CHANNELS 3 Zrotation Xrotation Yrotation",
                            "CHANNELS 5 Zrotation Xrotation Zrotation Yrotation Zrotation")  # fmt: skip
    rows = np.concatenate([ROWS[:, :9], ROWS[:, :2], ROWS[:, 9:]], axis=1)
    motion = read_bvh((header + motion_block(rows)).encode())
    turns = [Rotation.from_euler(axis, rows[:, [6 + i]], degrees=True) for i, axis in enumerate("ZXZYZ")]
    expected = turns[0] * turns[1] * turns[2] * turns[3] * turns[4]
    same = np.abs((motion.local_quat[:, 1] * expected.as_quat()[:, [3, 0, 1, 2]]).sum(-1))
    np.testing.assert_allclose(same, 1.0, atol=1e-9)


def test_a_single_position_channel_replaces_that_part_of_the_offset():
    header = HEADER.replace("OFFSET 0 0 0", "OFFSET 7 8 9", 1)
    header = header.replace("CHANNELS 6 Xposition Yposition Zposition", "CHANNELS 4 Yposition")
    motion = read_bvh((header + motion_block(ROWS[:, [1, *range(3, 12)]])).encode())
    np.testing.assert_array_equal(motion.root_pos[:, [0, 2]], np.tile([7, 9], (5, 1)))
    np.testing.assert_allclose(motion.root_pos[:, 1], [90, 91, 92, 93, 94])


def test_an_end_site_may_lie_on_its_joint():
    motion = read_bvh(PLAIN.replace("OFFSET 0 2 0", "OFFSET 0 0 0").encode())
    places = joints_of(motion)
    np.testing.assert_array_equal(places[:, 3], places[:, 2])


SIX = HEADER.replace("CHANNELS 3 Zrotation", "CHANNELS 6 Xposition Yposition Zposition Zrotation")


def six_channel_rows(x: object, y: object, z: object) -> np.ndarray:
    """ROWS with the Spine's own place in its parent."""
    return np.concatenate([ROWS[:, :6], *np.broadcast_arrays(*(np.full((5, 1), v) for v in (x, y, z))), ROWS[:, 6:]], 1)


def two_children(header: str) -> str:
    """Beside the Spine a second child, so that the root is no mere carrier."""
    tail = "  JOINT Tail\n  {\n    OFFSET 0 -1 0\n    CHANNELS 0\n  }\n}\n"
    return header.removesuffix("}\n") + tail


def test_six_channels_that_repeat_the_offset_change_nothing():
    motion = read_bvh((two_children(SIX) + motion_block(six_channel_rows(0, 10, 0))).encode())
    np.testing.assert_allclose(joints_of(motion)[:, :4], reference_joints(), atol=2e-5)
    assert motion.stretch.max() == 0


def test_six_channels_of_zero_leave_the_offset_alone():
    motion = read_bvh((two_children(SIX) + motion_block(six_channel_rows(0, 0, 0))).encode())
    np.testing.assert_allclose(joints_of(motion)[:, :4], reference_joints(), atol=2e-5)


def test_a_joint_that_moves_in_its_parent_keeps_its_mean_and_says_so():
    rows = six_channel_rows(0, 10, 0)
    rows[:, 7] += [0, 1, 0, -1, 0]
    motion = read_bvh((two_children(SIX) + motion_block(rows)).encode())
    np.testing.assert_allclose(motion.skeleton.offsets[1], [0, 10, 0])
    np.testing.assert_allclose(motion.stretch[1], 1.0)


def test_a_root_that_only_carries_another_is_merged_into_it():
    # Bandai Namco: `joint_Root` stands still at the origin and `Hips` below it moves.
    motion = read_bvh((SIX + motion_block(six_channel_rows(0.0, 10, 0))).encode())
    assert motion.skeleton.names == ("Spine", "Head", "Head_end")
    assert motion.remarks == ("carrier_root_removed",)
    np.testing.assert_allclose(joints_of(motion), reference_joints()[:, 1:], atol=2e-5)


# What is refused, why, and what the message must name.
NO_MOTION_ROWS = np.zeros((0, 12))
REFUSED = {
    "nothing": ("", "empty_file", "empty"),
    "blank": (" \n ", "empty_file", "empty"),
    "another format": ("; Kaydara FBX", "not_bvh", "HIERARCHY"),
    "zero frames": (HEADER + motion_block(NO_MOTION_ROWS), "no_frames", "no frame"),
    "no frames and no line end": (HEADER + "MOTION\nFrames: 0\nFrame Time: 0.1", "no_frames", "no frame"),
    "more frames declared": (HEADER + motion_block(declared=7), "frame_count_mismatch", "7 frames declared, 5 present"),
    "fewer frames declared": (HEADER + motion_block(declared=3), "frame_count_mismatch", "3 frames declared, 5"),
    "last frame torn": (PLAIN.rstrip()[:-20], "frame_count_mismatch", "more"),
    "NaN": (PLAIN.replace("12.500000", "NaN"), "not_finite", "frame 2"),
    "Microsoft's NaN": (PLAIN.replace("12.500000", "-1.#IND"), "not_finite", "frame 2"),
    "infinity": (PLAIN.replace("12.500000", "inf"), "not_finite", "frame 2"),
    "too large to be a pose": (PLAIN.replace("12.500000", "1e300"), "not_finite", "frame 2"),
    "comma as decimal point": (PLAIN.replace("12.500000", "12,500000"), "bad_number", "frame 2"),
    "two points": (PLAIN.replace("12.500000", "12.50.0"), "bad_number", "frame 2"),
    "underscore": (PLAIN.replace("12.500000", "1_2.5"), "bad_number", "frame 2"),
    "a word": (PLAIN.replace("12.500000", "end"), "bad_number", "frame 2, value 4"),
    "two roots": (HEADER + HEADER.replace("HIERARCHY", "").replace("Hips", "Other") + motion_block(),
                  "several_roots", "Other"),
    "no channels at all": ("HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 0 } MOTION Frames: 1 Frame Time: 1", "no_channels",
                           "channel"),
    "unknown channel": (PLAIN.replace("Zrotation Xrotation", "Wrotation Xrotation"), "bad_hierarchy", "wrotation"),
    "seven channels": (PLAIN.replace("CHANNELS 6", "CHANNELS 7"), "bad_hierarchy", "line 6"),
    "fewer channels than said": (PLAIN.replace("CHANNELS 6", "CHANNELS 5"), "bad_hierarchy", "Xrotation"),
    "one position channel twice": (PLAIN.replace("Yposition", "Xposition"), "bad_hierarchy", "Hips"),
    "no offset": (PLAIN.replace("OFFSET 1 5 0", ""), "bad_hierarchy", "Head"),
    "a word in an offset": (PLAIN.replace("OFFSET 1 5 0", "OFFSET 1 five 0"), "bad_hierarchy", "five"),
    "NaN in an offset": (PLAIN.replace("OFFSET 1 5 0", "OFFSET 1 nan 0"), "not_finite", "Head"),
    "missing closing brace": (PLAIN.replace("}\nMOTION", "MOTION"), "bad_hierarchy", "MOTION"),
    "additional closing brace": (PLAIN.replace("MOTION", "}\nMOTION"), "bad_hierarchy", "MOTION"),
    "skeleton only": (HEADER, "no_motion", "end of the file"),
    "cut in the skeleton": (HEADER[:150], "bad_hierarchy", "end of the file"),
    "no Frames line": (PLAIN.replace("Frames: 5\n", ""), "bad_frame_count", "Frames"),
    "negative frames": (PLAIN.replace("Frames: 5", "Frames: -5"), "bad_frame_count", "-5"),
    "no frame time": (PLAIN.replace("Frame Time: 0.0333333", ""), "bad_frame_time", "Frame Time"),
    "frame time zero": (PLAIN.replace("0.0333333", "0"), "bad_frame_time", "'0'"),
    "frame time NaN": (PLAIN.replace("0.0333333", "nan"), "bad_frame_time", "nan"),
    "huge count": (PLAIN.replace("Frames: 5", "Frames: 999999999999"), "frame_count_mismatch", "999999999999"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_by_name(case: str):
    content, reason, named = REFUSED[case]
    with pytest.raises(BadMotionError) as error:
        read_bvh(content.encode("utf-8"))
    assert error.value.reason == reason
    assert named.lower() in str(error.value).lower()


def test_a_reason_that_nobody_explains_cannot_be_given():
    with pytest.raises(KeyError):
        BadMotionError("looks_odd", "?")


def test_too_many_joints_are_refused():
    joints = "\n".join(f"JOINT j{i} {{ OFFSET 0 0 0 CHANNELS 0 }}" for i in range(MAX_JOINTS))
    data = f"HIERARCHY ROOT r\n{{ OFFSET 0 0 0 CHANNELS 0\n{joints} }}"
    with pytest.raises(BadMotionError, match=str(MAX_JOINTS)) as error:
        read_bvh(data.encode())
    assert error.value.reason == "too_many_joints"


def test_a_deep_chain_is_refused_without_recursion():
    data = "HIERARCHY ROOT r\n{" + "OFFSET 0 0 0 JOINT j\n{" * (MAX_DEPTH + 1)
    with pytest.raises(BadMotionError, match=str(MAX_DEPTH)) as error:
        read_bvh(data.encode())
    assert error.value.reason == "too_deep"


MANY, SOME = 30_000_000, 5_000_000  # bytes; the second where each of them must be looked at


def one_channel(frames: object, time: object, values: bytes = b"1\n") -> bytes:
    skeleton = "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xposition }"
    return f"{skeleton} MOTION Frames: {frames} Frame Time: {time}\n".encode() + values


# Small files that claim much, and large ones that hold nothing: each must cost next to nothing.
BOMBS = {
    "braces only": lambda: b"{" * MANY,
    "braces after the magic word": lambda: b"HIERARCHY ROOT r " + b"{" * MANY,
    "a name of megabytes": lambda: b"HIERARCHY ROOT " + b"r" * MANY,
    "a number of megabytes": lambda: b"HIERARCHY ROOT r { OFFSET " + b"1" * MANY,
    "a count of megabytes": lambda: b"HIERARCHY ROOT r { CHANNELS " + b"1" * MANY,
    "a comment of megabytes": lambda: b"HIERARCHY # " + b"r" * MANY,
    "blanks only": lambda: b" " * MANY,
    "blanks in the skeleton": lambda: b"HIERARCHY" + b" " * MANY,
    "joints in each other": lambda: b"HIERARCHY ROOT r\n{ OFFSET 0 0 0 " + b"JOINT j\n{ OFFSET 0 0 0 " * 10**6,
    "joints beside each other": lambda: b"HIERARCHY ROOT r { OFFSET 0 0 0 " + b"JOINT j { OFFSET 0 0 0 } " * 10**6,
    "a million million frames": lambda: one_channel(10**12 - 1, 1),
    "a frame count of megabytes": lambda: one_channel("9" * MANY, 1),
    "a frame time of megabytes": lambda: one_channel(1, "1" * MANY),
    "a word of megabytes": lambda: one_channel(1, 1, b"x" * MANY),
    "a value of megabytes": lambda: one_channel(1, 1, b"1" * SOME),
    "blanks for values": lambda: one_channel(1, 1, b" " * SOME),
    "lines for values": lambda: one_channel(1, 1, b"\n" * SOME),
    "comments for values": lambda: one_channel(1, 1, b"#\n" * (SOME // 2)),
}  # fmt: skip


@pytest.mark.parametrize("case", BOMBS)
def test_what_claims_or_holds_absurdly_much_is_refused_at_once(case: str):
    data = BOMBS[case]()
    start = time.process_time()
    with pytest.raises(BadMotionError) as error:
        read_bvh(data)
    seconds = time.process_time() - start
    assert seconds < 0.1, f"{case}: {seconds:.3f} s"
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("printed", "fps", "rounded"),
    [
        ("0.0333333", 30.0, False),
        ("0.00833333", 120.0, False),
        ("0.008333", 120.0, False),
        ("0.0166667", 60.0, False),
        ("0.01", 100.0, False),
        ("8.3333e-03", 120.0, False),
        ("0.033", 30.0, True),
        ("0.0083", 120.0, True),
        ("0.033367", 1 / 0.033367, False),  # 29.97 Hz is a rate of its own
        (".04", 25.0, False),
    ],
)
def test_frame_times_printed_short_mean_common_rates(printed: str, fps: float, rounded: bool):
    assert frame_rate(printed) == (fps, rounded)


@pytest.mark.parametrize("case", ["plain", "CR LF", "scientific notation", "no newline at the end"])
def test_pybvh_reads_the_same_positions(case: str, tmp_path: Path):
    pybvh = pytest.importorskip("pybvh")
    path = tmp_path / "take.bvh"
    path.write_bytes(SAME[case].encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the oracle guesses which way is up and says so
        theirs = pybvh.read_bvh_file(path).node_positions()
    np.testing.assert_allclose(joints_of(read_bvh(path.read_bytes())), theirs, atol=2e-5)


def test_real_files_agree_with_pybvh(real_mocap: Path, tmp_path: Path):
    pybvh = pytest.importorskip("pybvh")
    import tarfile

    archive = min((real_mocap / "cmu" / "bvh").glob("*.tar.xz"), key=lambda path: path.stat().st_size)
    with tarfile.open(archive) as members:
        member = next(m for m in members if m.name.endswith(".bvh"))
        data = members.extractfile(member).read()  # type: ignore[union-attr]
    (tmp_path / "take.bvh").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pybvh.read_bvh_file(tmp_path / "take.bvh").node_positions()
    np.testing.assert_allclose(joints_of(read_bvh(data)), theirs, atol=1e-4)


@given(
    position=st.integers(0, len(PLAIN) - 1),
    removed=st.integers(0, 40),
    put=st.one_of(
        st.binary(max_size=12), st.sampled_from([b"{", b"}", b"ROOT x", b"MOTION", b"nan", b"1e999", b"9" * 40])
    ),
)
def test_mutilated_bytes_are_read_or_refused_but_never_crash(position: int, removed: int, put: bytes):
    data = PLAIN.encode()
    try:
        motion = read_bvh(data[:position] + put + data[position + removed :])
    except BadMotionError:  # which itself refuses a reason that REASONS does not know
        return
    assert np.isfinite(motion.local_quat).all()
    np.testing.assert_allclose(np.linalg.norm(motion.local_quat, axis=-1), 1.0, atol=1e-9)
    assert motion.local_quat.shape == (len(motion.root_pos), motion.skeleton.joint_count, 4)


@given(data=st.binary(max_size=200))
def test_any_bytes_after_the_magic_word_are_refused_by_name(data: bytes):
    with pytest.raises(BadMotionError):
        read_bvh(b"HIERARCHY " + data)


@given(
    st.lists(st.lists(st.floats(-720, 720), min_size=12, max_size=12), min_size=1, max_size=4),
)
def test_any_angles_give_the_positions_that_scipy_gives(rows: list[list[float]]):
    values = np.array(rows)
    motion = read_bvh((HEADER + motion_block(values, fmt="%.12g")).encode())
    np.testing.assert_allclose(joints_of(motion), reference_joints(values), atol=1e-6)
