"""ASF/AMC: a leg and an arm whose joints can be checked in the head, CMU's own files, and mutilated bytes."""

import posixpath
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body import kinematics
from motionlib.ingest import READERS, BadMotionError, RawMotion, Source, read_bvh
from motionlib.ingest.amc import ASSUMED_FPS, read_amc, skeletons_beside

ASF = """# a leg and an arm
:version 1.10
:name tiny
:units
  mass 1.0
  length 1.0
  angle deg
:documentation
   thigh and shin hang down, the arm stands up
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 2
     axis 0 0 0  XYZ
     dof rx
     limits (-90.0 90.0)
  end
  begin
     id 2
     name shin
     direction 0 -1 0
     length 3
     axis 0 0 90  XYZ
     dof ry
     limits (-90.0 90.0)
  end
  begin
     id 3
     name arm
     direction 0 1 0
     length 1
     axis 0 0 0  XYZ
     dof rx ry rz
     limits (-90.0 90.0)
            (-90.0 90.0)
            (-inf inf)
  end
:hierarchy
  begin
    root thigh arm
    thigh shin
  end
"""
# Frames: at rest; the thigh forward; the shin about its own y, which its axis lays along -x; all of it about z.
FRAMES = [
    ("1 2 3 0 0 0", "0", "0", "0 0 0"),
    ("1 2 3 0 0 0", "90", "0", "90 90 0"),
    ("1 2 3 0 0 0", "0", "90", "0 0 90"),
    ("1 2 3 0 0 90", "0", "0", "0 0 0"),
]
PLACES = {
    "root": [[1, 2, 3]] * 4,
    "thigh": [[1, 2, 3]] * 4,
    "shin": [[1, 0, 3], [1, 2, 1], [1, 0, 3], [3, 2, 3]],
    "shin_end": [[1, -3, 3], [1, 2, -2], [1, 0, 6], [6, 2, 3]],
    "arm": [[1, 2, 3]] * 4,
    "arm_end": [[1, 3, 3], [2, 2, 3], [0, 2, 3], [0, 2, 3]],
}


def amc(frames: list[tuple[str, ...]] = FRAMES, bones: tuple[str, ...] = ("root", "thigh", "shin", "arm")) -> str:
    lines = ["#!OML:ASF C:\\tiny.ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, values in enumerate(frames, start=1):
        lines += [str(number), *(f"{bone} {value}" for bone, value in zip(bones, values, strict=True))]
    return "\n".join([*lines, ""])


AMC = amc()


def read(motion: str | bytes = AMC, skeleton: str | bytes = ASF, fps: float | None = None) -> RawMotion:
    data, rest = (text.encode() if isinstance(text, str) else text for text in (motion, skeleton))
    return read_amc(Source("a/tiny_01.amc", data, {"a/tiny.asf": rest}, fps=fps))


def places(motion: RawMotion) -> dict[str, np.ndarray]:
    joints = kinematics.forward(motion.skeleton, motion.root_pos, motion.local_quat)
    return dict(zip(motion.skeleton.names, joints.transpose(1, 0, 2), strict=True))


def assert_as_expected(motion: RawMotion) -> None:
    found = places(motion)
    assert set(found) == set(PLACES)
    for name, expected in PLACES.items():
        np.testing.assert_allclose(found[name], expected, atol=1e-12, err_msg=name)


def test_every_joint_is_where_a_person_works_it_out_to_be():
    motion = read()
    assert_as_expected(motion)
    assert motion.fps == ASSUMED_FPS
    assert motion.remarks == ("fps_assumed",)
    assert motion.unit is None
    assert not motion.stretch.any()


RADIANS = [tuple(" ".join(str(np.deg2rad(float(v))) for v in value.split()) for value in row) for row in FRAMES]
RADIANS = [(row[0], *turned[1:]) for row, turned in zip(FRAMES, RADIANS, strict=True)]
RADIANS[3] = (f"1 2 3 0 0 {np.pi / 2}", *RADIANS[3][1:])
# What means the same however it is written: (AMC, ASF).
SAME = {
    "CR LF": (AMC.replace("\n", "\r\n"), ASF.replace("\n", "\r\n")),
    "CR alone": (AMC.replace("\n", "\r"), ASF.replace("\n", "\r")),
    "byte order mark": ("\ufeff" + AMC, "\ufeff" + ASF),
    "no newline at the end": (AMC.rstrip(), ASF.rstrip()),
    "tabs and blank lines": (AMC.replace(" ", "\t").replace("\n", " \n\n"), ASF.replace("  ", "\t")),
    "exponents": (AMC.replace(" 90", " 9.0e+001").replace(" 0 0 0\n", " 0 1e-014 -0.0\n"), ASF),
    "comments": (AMC.replace("\n2\n", "\n# half a second\n2\n"), ASF.replace("length 2", "length 2 # inches")),
    "lower-case head": (AMC.replace("FULLY-SPECIFIED", "fully-specified").replace("DEGREES", "degrees"), ASF),
    "upper-case keywords": (AMC, ASF.replace("dof rx", "DOF RX").replace("direction", "Direction")),
    "frames from 0": (AMC.replace("\n1\n", "\n0\n").replace("\n2\n", "\n1\n").replace("\n3\n", "\n2\n")
                      .replace("\n4\n", "\n3\n"), ASF),
    "radians": (amc(RADIANS).replace("DEGREES", "RADIANS"), ASF),
    "radians by the skeleton": (amc(RADIANS).replace(":DEGREES\n", ""), ASF.replace("angle deg", "angle rad")
                                .replace("0 0 90  XYZ", f"0 0 {np.pi / 2}  XYZ")),
    "another order of the root": (amc([(" ".join(np.roll(row[0].split(), 3)), *row[1:]) for row in FRAMES]),
                                  ASF.replace("TX TY TZ RX RY RZ", "RX RY RZ TX TY TZ")),
    "another order of bones": (amc([(row[3], *row[:3]) for row in FRAMES], ("arm", "root", "thigh", "shin")), ASF),
    "a root that stands elsewhere": (AMC.replace("root 1 2 3", "root 0 0 0"),
                                     ASF.replace("position 0 0 0", "position 1 2 3")),
    "without limits": (AMC, "\n".join(line for line in ASF.split("\n") if "limits" not in line and "(" not in line)),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_odd_writing_changes_nothing(case: str):
    assert_as_expected(read(*SAME[case]))


def test_the_axis_of_a_bone_turns_about_the_first_named_first():
    # About x: z stays on the plane of y and z; about z: x goes to y. The bone's own x is then the world's y.
    turned = ASF.replace("axis 0 0 90  XYZ", "axis 90 0 90 XYZ").replace("dof ry", "dof rx")
    np.testing.assert_allclose(places(read(skeleton=turned))["shin_end"][2], [1, -3, 3], atol=1e-12)
    turned = ASF.replace("axis 0 0 90  XYZ", "axis 90 0 90 ZYX").replace("dof ry", "dof ry")
    # By ZYX the same numbers mean: 90 about z, then 90 about x: the bone's own y, once along -x, stays there.
    np.testing.assert_allclose(places(read(skeleton=turned))["shin_end"][2], [1, 0, 6], atol=1e-12)


def test_a_bone_without_dof_keeps_its_rest():
    motion = read(amc([row[:3] for row in FRAMES], ("root", "thigh", "shin")), ASF.replace("     dof rx ry rz\n", ""))
    np.testing.assert_allclose(places(motion)["arm_end"], [[1, 3, 3]] * 3 + [[0, 2, 3]], atol=1e-12)
    assert motion.remarks == ("fps_assumed",)


def test_a_bone_that_the_motion_leaves_out_is_said():
    motion = read(amc([row[:3] for row in FRAMES], ("root", "thigh", "shin")))
    assert motion.remarks == ("fps_assumed", "bones_without_values")


def test_bones_that_shift_or_stretch_say_by_how_much():
    moving = ASF.replace("dof ry", "dof ry tx l")
    rows = [(*row[:2], f"{row[2]} {shift} {longer}", row[3])
            for row, shift, longer in zip(FRAMES, (0, 2, -3, 0), (0, 0, 0.5, 0), strict=True)]  # fmt: skip
    motion = read(amc(rows), moving)
    assert_as_expected(motion)
    assert dict(zip(motion.skeleton.names, motion.stretch, strict=True)) == {
        "root": 0, "thigh": 0, "shin": 3, "arm": 0, "shin_end": 0.5, "arm_end": 0
    }  # fmt: skip


def test_a_root_without_translation_turns_on_the_spot():
    motion = read(AMC.replace("root 1 2 3 ", "root "), ASF.replace("TX TY TZ ", ""))
    assert motion.remarks == ("fps_assumed", "no_root_translation")
    assert not motion.root_pos.any()


def test_the_frame_rate_is_the_captions_or_the_files_or_assumed():
    written = AMC.replace(":DEGREES\n", ":DEGREES\n:SAMPLES-PER-SECOND 60\n")
    assert (read(written).fps, read(written).remarks) == (60.0, ())
    assert (read(written, fps=30.0).fps, read(fps=30.0).remarks) == (30.0, ())


def test_a_long_take_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch):
    whole = read(amc(FRAMES * 50))
    monkeypatch.setattr("motionlib.ingest.amc.CHUNK", 200)
    pieces = read(amc(FRAMES * 50))
    np.testing.assert_array_equal(pieces.local_quat, whole.local_quat)
    np.testing.assert_array_equal(pieces.root_pos, whole.root_pos)
    with pytest.raises(BadMotionError, match="frame 150, value 2"):
        read(amc(FRAMES * 37 + [*FRAMES[:2], ("1 2 x3 0 0 0", *FRAMES[0][1:]), *FRAMES]))


@pytest.mark.parametrize(
    ("name", "there", "chosen"),
    [
        ("a/02_01.amc", ["a/02.asf", "a/03.asf"], ["a/02.asf"]),
        ("a/02_01.amc", ["a/02_01.asf", "a/02.asf"], ["a/02_01.asf"]),
        ("a/HDM_bd_01-01_01_120.AMC", ["a/HDM_bd.ASF", "a/HDM_bk.asf"], ["a/HDM_bd.ASF"]),
        ("a/walk.amc", ["a/actor.asf", "b/walk.asf"], ["a/actor.asf"]),
        ("a/walk.amc", ["a/one.asf", "a/two.asf"], ["a/one.asf", "a/two.asf"]),
        ("walk.amc", ["walk.bvh", "walk.asf"], ["walk.asf"]),
        ("a/walk.amc", ["b/walk.asf"], []),
    ],
)
def test_the_skeleton_of_a_motion_is_found_by_its_name(name: str, there: list[str], chosen: list[str]):
    assert skeletons_beside(name, there) == chosen


def test_a_motion_without_its_skeleton_is_refused_naming_the_candidates():
    data = AMC.encode()
    with pytest.raises(BadMotionError, match=r"after a/x\.amc; it could be a/1\.asf, a/2\.asf") as error:
        read_amc(Source("a/x.amc", data, {"a/1.asf": b"", "a/2.asf": b""}))
    assert error.value.reason == "companion_missing"
    with pytest.raises(BadMotionError, match=r"no \.asf") as error:
        read_amc(Source("a/x.amc", data))
    assert error.value.reason == "companion_missing"


def test_a_skeleton_that_is_only_there_is_taken_and_said():
    motion = read_amc(Source("a/walk.amc", AMC.encode(), {"a/actor.asf": ASF.encode()}))
    assert motion.remarks == ("fps_assumed", "skeleton_assumed")


def test_a_skeleton_alone_is_no_motion():
    assert ".amc" in READERS
    assert ".asf" not in READERS


REFUSED_MOTION = {
    "nothing": ("", "empty_file", "empty"),
    "no frame": (AMC[: AMC.index("\n1\n") + 1], "no_frames", "no frame"),
    "something else": ("HIERARCHY\nROOT", "bad_frame", "'HIERARCHY'"),
    "an unknown mode": (AMC.replace(":DEGREES", ":DELTAS"), "bad_header", "deltas"),
    "a frame rate of zero": (AMC.replace(":DEGREES", ":SAMPLES-PER-SECOND 0"), "bad_frame_time", "second 0"),
    "a bone of another body": (AMC.replace("shin", "tail"), "bad_frame", "'tail' is there but not in the skeleton"),
    "a bone twice": (AMC.replace("shin", "thigh"), "bad_frame", "'thigh' is there twice"),
    "values for another number of dof": (AMC.replace("shin 0", "shin 0 0"), "bad_frame", "has 2 values, 1 are due: ry"),
    "a value too many later": (
        AMC.replace("shin 90", "shin 90 1"),
        "bad_frame",
        "frame 2: expected bone 'arm', found '1'",
    ),
    "a value too few later": (
        AMC.replace("arm 90 90 0", "arm 90 90"),
        "bad_frame",
        "frame 2: expected its number 3, found 'root'",
    ),
    "bones in another order later": (AMC.replace("thigh 90\nshin 0", "shin 0\nthigh 90"), "bad_frame", "frame 1"),
    "a frame left out": (AMC.replace("\n3\n", "\n7\n"), "bad_frame", "frame 2: expected its number 3, found '7'"),
    "the end torn off": (AMC.rstrip()[:-3], "bad_frame", "frame 3 is cut short"),
    "a word for a value": (AMC.replace("arm 90", "arm x90"), "bad_number", "frame 1, value 8: 'x90'"),
    "NaN": (AMC.replace("arm 90", "arm NaN"), "not_finite", "frame 1, value 8"),
    "too large to be a pose": (AMC.replace("arm 90", "arm 1e300"), "not_finite", "frame 1"),
}


@pytest.mark.parametrize("case", REFUSED_MOTION)
def test_a_motion_that_is_wrong_is_refused_by_name(case: str):
    content, reason, named = REFUSED_MOTION[case]
    with pytest.raises(BadMotionError) as error:
        read(content)
    assert error.value.reason == reason
    assert named.lower() in str(error.value).lower()


REFUSED_SKELETON = {
    "nothing": ("", "bad_hierarchy", "no ASF skeleton"),
    "something else": (AMC, "bad_hierarchy", "no ASF skeleton"),
    "no root": (ASF.replace(":root", ":other"), "bad_hierarchy", ":root"),
    "grades": (ASF.replace("angle deg", "angle grad"), "bad_hierarchy", "line 7"),
    "a bone without a name": (ASF.replace("     name shin\n", ""), "bad_hierarchy", "line 32"),
    "two bones of one name": (ASF.replace("name shin", "name thigh"), "bad_hierarchy", "'thigh'"),
    "a bone without direction": (ASF.replace("direction 0 1 0", "id 3"), "bad_hierarchy", "`direction` of bone 'arm'"),
    "a word for a length": (ASF.replace("length 3", "length long"), "bad_hierarchy", "`length` of bone 'shin'"),
    "NaN for a length": (ASF.replace("length 3", "length nan"), "not_finite", "`length` of bone 'shin'"),
    "an axis without order": (ASF.replace("0 0 90  XYZ", "0 0 90"), "bad_hierarchy", "order such as XYZ"),
    "an axis of two": (ASF.replace("0 0 90  XYZ", "0 0 90 XYX"), "bad_hierarchy", "'XYX'"),
    "an unknown freedom": (ASF.replace("dof ry", "dof rw"), "bad_hierarchy", "'rw'"),
    "a freedom twice": (ASF.replace("dof rx ry rz", "dof rx ry rx"), "bad_hierarchy", "repeated"),
    "an unknown part of a bone": (ASF.replace("id 2", "colour 2"), "bad_hierarchy", "'colour'"),
    "a bone that hangs on nothing": (ASF.replace("    thigh shin\n", ""), "bad_hierarchy", "'shin' hangs on no other"),
    "a bone that hangs on two": (ASF.replace("root thigh arm", "root thigh arm shin"), "bad_hierarchy", "two others"),
    "a ring of bones": (ASF.replace("thigh shin", "shin thigh\n thigh shin"), "bad_hierarchy", "'thigh' hangs on two"),
    "a joint of no bone": (ASF.replace("thigh shin", "thigh tail"), "bad_hierarchy", "'tail' is no bone"),
    "a bone named like an end": (ASF.replace("name arm", "name shin_end").replace("thigh arm", "thigh shin_end"),
                                 "bad_frame", "'arm'"),
    "cut in a bone": (ASF[:600], "bad_hierarchy", "without end"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_SKELETON)
def test_a_skeleton_that_is_wrong_is_refused_by_name(case: str):
    content, reason, named = REFUSED_SKELETON[case]
    with pytest.raises(BadMotionError) as error:
        read(skeleton=content)
    assert error.value.reason == reason
    assert named.lower() in str(error.value).lower()


MANY = 30_000_000  # bytes
BONE = "begin\nname b{0}\ndirection 0 1 0\nlength 1\naxis 0 0 0 XYZ\nend\n"
CHAIN = ":root\norder TX\n:bonedata\n" + "".join(BONE.format(i) for i in range(300)) + ":hierarchy\nroot b0\n"
CHAIN += "".join(f"b{i} b{i + 1}\n" for i in range(299))
MANY_BONES = ASF.replace(":hierarchy", "".join(BONE.format(i) for i in range(2000)))
BOMBS = {
    "a skeleton of megabytes": (AMC.encode(), b"{" * MANY, "too_large"),
    "a word of megabytes": (AMC.encode(), ASF.encode() + b"x" * 4_000_000, "bad_hierarchy"),
    "more bones than a body has": (AMC.encode(), MANY_BONES.encode(), "too_many_joints"),
    "a chain of bones": (AMC.encode(), CHAIN.encode(), "too_deep"),
    "a motion of one letter": (b"x" * MANY, ASF.encode(), "bad_frame"),
    "a motion of one digit": (b"1" * MANY, ASF.encode(), "bad_frame"),
    "a motion of blanks": (b" " * MANY, ASF.encode(), "empty_file"),
    "a head of megabytes": (b":degrees" * (MANY // 8), ASF.encode(), "bad_header"),
    "a value of megabytes": (AMC.encode() + b"5\nroot " + b"1" * MANY, ASF.encode(), "bad_frame"),
}  # fmt: skip


@pytest.mark.parametrize("case", BOMBS)
def test_what_claims_or_holds_absurdly_much_is_refused_at_once(case: str):
    motion, skeleton, reason = BOMBS[case]
    start = time.process_time()
    with pytest.raises(BadMotionError) as error:
        read(motion, skeleton)
    seconds = time.process_time() - start
    assert error.value.reason == reason
    assert seconds < 0.1, f"{case}: {seconds:.3f} s"
    assert len(str(error.value)) < 300


put = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"root", b"shin 1", b":root", b"begin", b"end", b"\n7\n", b"nan", b"1e999", b"-", b"9" * 40]),
)


@given(position=st.integers(0, len(AMC) - 1), removed=st.integers(0, 40), put=put)
def test_mutilated_motions_are_read_or_refused_but_never_crash(position: int, removed: int, put: bytes):
    data = AMC.encode()
    check_or_refuse(data[:position] + put + data[position + removed :], ASF.encode())


@given(position=st.integers(0, len(ASF) - 1), removed=st.integers(0, 40), put=put)
def test_mutilated_skeletons_are_read_or_refused_but_never_crash(position: int, removed: int, put: bytes):
    data = ASF.encode()
    check_or_refuse(AMC.encode(), data[:position] + put + data[position + removed :])


@given(motion=st.binary(max_size=200), skeleton=st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(motion: bytes, skeleton: bytes):
    with pytest.raises(BadMotionError):
        read(b":degrees\n1\n" + motion, b":root\n" + skeleton)


def check_or_refuse(motion: bytes, skeleton: bytes) -> None:
    try:
        found = read(motion, skeleton)
    except BadMotionError:  # which itself refuses a reason that REASONS does not know
        return
    assert found.local_quat.shape == (len(found.root_pos), found.skeleton.joint_count, 4)
    np.testing.assert_allclose(np.linalg.norm(found.local_quat, axis=-1), 1.0, atol=1e-9)
    assert np.isfinite(found.root_pos).all()


def members(archive: Path, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        wanted = [member for member in opened.getmembers() if member.name.endswith(suffixes)]
        return {m.name: opened.extractfile(m).read() for m in wanted}  # type: ignore[union-attr]


def test_real_files_have_their_joints_where_their_bvh_has_them(real_mocap: Path):
    # The BVH of the set were turned from these AMC by other code, to 0.03 mm.
    folder = real_mocap / "cmu"
    archive = min((folder / "asfamc").glob("*.tar.xz"), key=lambda path: path.stat().st_size)
    theirs = members(folder / "bvh" / archive.name, (".bvh",))
    theirs = {posixpath.basename(name): data for name, data in theirs.items()}
    files = members(archive, (".amc", ".asf"))
    skeletons = {name: data for name, data in files.items() if name.endswith(".asf")}
    trials = [name for name in files if posixpath.basename(name).replace(".amc", ".bvh") in theirs]
    for name in sorted(trials, key=lambda name: len(files[name]))[:2]:
        motion = read_amc(Source(name, files[name], skeletons))
        other = read_bvh(theirs[posixpath.basename(name).replace(".amc", ".bvh")])
        ours, expected = (
            kinematics.forward(m.skeleton, m.root_pos, m.local_quat)[
                :, [i for i, joint in enumerate(m.skeleton.names) if not joint.endswith("_end")]
            ]
            for m in (motion, other)
        )
        inches = 1 / 0.45
        np.testing.assert_allclose(ours * inches * 25.4, expected * inches * 25.4, atol=0.05)  # mm
