"""BVH, GLB and the rig they are written on: what comes back is what was written."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import kinematics, rotations
from motionlib.body.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, Skeleton
from motionlib.export import bvh, gltf, rig
from motionlib.export.retarget import retarget
from motionlib.export.rig import RigMotion
from motionlib.export.save import Played, save, save_all
from motionlib.ingest.bvh import read_bvh
from motionlib.rig.canonical import canonical_joints


@pytest.fixture(scope="module")
def walk(golden):
    """(T, 22, 3) metres of a real walk, bone lengths exact."""
    with np.load(golden / "t2m_cmu_002_01.npz") as clip:
        return clip["uniform"].astype(np.float64)


def _random_motion(seed, frames=7):
    """A random tree that moves smoothly, so that unwrapping has something to follow."""
    numbers = np.random.default_rng(seed)
    joints = int(numbers.integers(1, 9))
    parents = (-1, *(int(numbers.integers(0, joint)) for joint in range(1, joints)))
    offsets = numbers.normal(size=(joints, 3))
    offsets[0] = 0
    start, turn = numbers.normal(size=(2, joints, 4))
    quat = rotations.normalise(start + 0.2 * np.arange(frames)[:, None, None] * turn)
    root = numbers.normal(size=(frames, 3)).cumsum(axis=0)
    return RigMotion(Skeleton(tuple(f"joint{j}" for j in range(joints)), parents, offsets), root, quat)


def _angle(a, b):
    """Radians between unit quaternions; accurate for small angles."""
    distance = np.minimum(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    return 4 * np.arcsin(np.minimum(distance / 2, 1))


def test_a_fitted_rig_follows_a_real_walk_within_a_tenth_of_a_millimetre(walk):
    motion = rig.fit(walk)
    again = kinematics.forward(*motion)
    assert np.linalg.norm(again - walk, axis=-1).max() < 1e-4


def test_bone_lengths_do_not_change_though_the_joints_breathe(walk):
    breathing = walk * (1 + 0.05 * np.sin(np.arange(len(walk)))[:, None, None])
    again = kinematics.forward(*rig.fit(breathing))
    lengths = np.linalg.norm(kinematics.bones(again, CANONICAL_PARENTS), axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-12)


def test_turning_the_whole_body_turns_only_the_pelvis(walk):
    turn = rotations.from_yaw(1.0)
    first, second = rig.fit(walk), rig.fit(rotations.rotate(turn, walk))
    assert _angle(first.local_quat[:, 1:], second.local_quat[:, 1:]).max() < 1e-6
    assert _angle(rotations.multiply(turn, first.local_quat[:, 0]), second.local_quat[:, 0]).max() < 1e-6


def test_rotations_do_not_jump_while_a_person_walks(walk):
    quat = rig.fit(walk).local_quat
    assert np.degrees(_angle(quat[1:], quat[:-1]).max()) < 30  # 600 degrees a second, in a 20 Hz swing of the shin


def test_the_shin_of_a_bent_knee_faces_where_the_foot_points(walk):
    motion = rig.fit(walk)
    knee = rotations.to_euler(motion.local_quat[:, 4], "XYZ")
    assert np.degrees(knee[:, 0]).min() > -5  # a knee bends one way: +x turns the shin (0, -1, 0) backwards
    assert np.degrees(np.abs(knee[:, 1:])).max() < 25


def test_a_bone_that_points_against_the_rest_pose_still_has_a_rotation(walk):
    arms = walk.copy()
    collar_to_shoulder = arms[:, 16] - arms[:, 13]
    arms[:, 18] = arms[:, 16] - collar_to_shoulder
    arms[:, 20] = arms[:, 18] - collar_to_shoulder
    again = kinematics.forward(*rig.fit(arms))
    assert np.linalg.norm(again[:, 18] - arms[:, 18], axis=-1).max() < 0.01


def test_a_joint_on_its_parent_is_no_reason_to_fail(walk):
    folded = walk.copy()
    folded[:, 11] = folded[:, 8]
    assert np.isfinite(rig.fit(folded).local_quat).all()


def test_a_value_that_is_not_finite_is_named_by_frame_and_joint(walk):
    broken = walk.copy()
    broken[3, 15, 1] = np.nan
    with pytest.raises(ValueError, match="frame 3: joint 'head' is not finite"):
        rig.fit(broken)


def test_one_frame_is_a_motion(walk):
    motion = read_bvh(bvh.text(rig.fit(walk[:1]), 20).encode())
    assert motion.root_pos.shape == (1, 3)


@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.sampled_from(["ZXY", "ZYX", "XYZ", "YXZ"]),
    unit=st.sampled_from(["m", "cm"]),
)
def test_rotations_survive_the_file_within_a_ten_thousandth_of_a_radian(seed, order, unit):
    motion = _random_motion(seed)
    read = read_bvh(bvh.text(motion, 30, unit, order).encode())
    metres = 1 / bvh.UNITS_PER_METRE[unit]
    where = [read.skeleton.names.index(name) for name in motion.skeleton.names]

    assert _angle(read.local_quat[:, where], motion.local_quat).max() < 1e-4
    np.testing.assert_allclose(read.root_pos * metres, motion.root_pos, atol=1e-6)
    np.testing.assert_allclose(read.skeleton.offsets[where] * metres, motion.skeleton.offsets, atol=1e-6)
    assert read.fps == 30


def test_what_is_read_stands_where_the_joints_stood(walk):
    read = read_bvh(bvh.text(rig.fit(walk), 20).encode())
    joints = kinematics.forward(read.skeleton, read.root_pos, read.local_quat) / 100
    where = [read.skeleton.names.index(name) for name in CANONICAL_NAMES]
    assert np.linalg.norm(joints[:, where] - walk, axis=-1).max() < 2e-4
    assert read.fps == 20


def test_every_leaf_has_an_end_site_so_that_tools_can_draw_it(walk):
    read = read_bvh(bvh.text(rig.fit(walk), 20).encode())
    ends = {name for name in read.skeleton.names if name.endswith("_end")}
    assert ends == {f"{name}_end" for name in ("left_foot", "right_foot", "head", "left_wrist", "right_wrist")}


def test_end_sites_that_were_read_are_written_as_end_sites(walk):
    first = read_bvh(bvh.text(rig.fit(walk), 20, "m").encode())
    text = bvh.text(RigMotion(first.skeleton, first.root_pos, first.local_quat), 20, "m")
    second = read_bvh(text.encode())
    assert second.skeleton.names == first.skeleton.names
    assert text.count("End Site") == 5


def test_angles_do_not_jump_when_a_body_turns_round_and_round():
    turns = rotations.from_yaw(np.linspace(0, 6 * np.pi, 200))[:, None]
    motion = RigMotion(Skeleton(("hips",), (-1,), np.zeros((1, 3))), np.zeros((200, 3)), turns)
    lines = bvh.text(motion, 30).splitlines()[-200:]
    values = np.array([line.split() for line in lines], dtype=float)
    assert np.abs(np.diff(values, axis=0)).max() < 6  # 1080 degrees in 199 steps
    np.testing.assert_allclose(np.abs(values[-1, 3:]).max(), 1080, atol=1e-3)


def test_the_same_motion_gives_the_same_bytes(walk, tmp_path):
    for name in ("a", "b"):
        for suffix in ("bvh", "glb", "html", "npy"):
            save(tmp_path / f"{name}.{suffix}", Played(walk, 20.0, "a person walks"))
    for suffix in ("bvh", "glb", "html", "npy"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize(("fps", "unit", "words"), [(0, "cm", "fps must be positive"), (20, "ft", "unknown unit 'ft'")])
def test_impossible_settings_are_refused_by_name(walk, fps, unit, words):
    with pytest.raises(ValueError, match=words):
        bvh.text(rig.fit(walk), fps, unit)


def test_pybvh_reads_the_same_joints(walk, tmp_path):
    pybvh = pytest.importorskip("pybvh", reason="pybvh is a second opinion, not a dependency")
    bvh.write(tmp_path / "walk.bvh", rig.fit(walk), 20)
    other = pybvh.read_bvh_file(str(tmp_path / "walk.bvh"))
    assert other.frame_count == len(walk)
    assert other.frame_time == pytest.approx(0.05)


# --- GLB -----------------------------------------------------------------------------------------------


def _read_glb(data):
    magic, version, length, json_length, json_kind = struct.unpack_from("<IIIII", data)
    assert (magic, version, length, json_kind) == (0x46546C67, 2, len(data), 0x4E4F534A)
    document = json.loads(data[20 : 20 + json_length])
    binary_length, binary_kind = struct.unpack_from("<II", data, 20 + json_length)
    assert binary_kind == 0x004E4942
    assert 28 + json_length + binary_length == length
    return document, data[28 + json_length :]


def _array(document, binary, index):
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
    kind = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
    values = np.frombuffer(binary, kind, accessor["count"] * width, view["byteOffset"])
    assert values.nbytes == view["byteLength"]
    assert view["byteOffset"] % 4 == 0
    return values.reshape(accessor["count"], width)


def test_a_glb_moves_its_nodes_as_the_rig_moves(walk):
    motion = rig.fit(walk)
    document, binary = _read_glb(gltf.glb(motion, 20))
    (animation,) = document["animations"]
    assert [document["nodes"][j]["name"] for j in range(22)] == list(CANONICAL_NAMES)

    outputs = {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        times = _array(document, binary, sampler["input"])
        np.testing.assert_allclose(times[:, 0], np.arange(len(walk)) / 20, atol=1e-6)
        outputs[channel["target"]["node"], channel["target"]["path"]] = _array(document, binary, sampler["output"])
    quat = np.stack([outputs[joint, "rotation"] for joint in range(22)], axis=1)[..., [3, 0, 1, 2]]
    offsets = np.array([document["nodes"][joint]["translation"] for joint in range(22)])
    again = kinematics.forward(
        Skeleton(CANONICAL_NAMES, CANONICAL_PARENTS, np.where(np.arange(22)[:, None] > 0, offsets, 0)),
        outputs[0, "translation"],
        quat,
    )
    assert np.linalg.norm(again - walk, axis=-1).max() < 2e-4


def test_the_children_of_a_glb_are_those_of_the_skeleton(walk):
    document, _ = _read_glb(gltf.glb(rig.fit(walk), 20))
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        assert joint in document["nodes"][parent]["children"]
    assert sorted(document["scenes"][0]["nodes"]) == [0, 22]


def test_bind_matrices_take_each_joint_of_the_rest_pose_to_the_origin(walk):
    motion = rig.fit(walk)
    document, binary = _read_glb(gltf.glb(motion, 20))
    matrices = (
        _array(document, binary, document["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    )
    rest = kinematics.forward(motion.skeleton, np.zeros((1, 3)), np.tile([1.0, 0, 0, 0], (1, 22, 1)))[0]
    there = np.einsum("jab,jb->ja", matrices, np.concatenate([rest, np.ones((22, 1))], axis=1))
    np.testing.assert_allclose(there, np.tile([0, 0, 0, 1], (22, 1)), atol=1e-6)


def test_the_drawn_bones_look_outwards_and_belong_to_one_joint_each(walk):
    document, binary = _read_glb(gltf.glb(rig.fit(walk), 20))
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    corners, normals = (_array(document, binary, attributes[name]) for name in ("POSITION", "NORMAL"))
    bones = corners.reshape(-1, 24, 3)
    outwards = ((corners.reshape(-1, 24, 3) - bones.mean(axis=1, keepdims=True)) * normals.reshape(-1, 24, 3)).sum(-1)
    assert (outwards > 0).all()
    np.testing.assert_array_equal(_array(document, binary, attributes["WEIGHTS_0"]).sum(axis=1), 1)
    assert document["accessors"][attributes["POSITION"]]["min"] == corners.min(axis=0).tolist()


# --- choosing a format -------------------------------------------------------------------------------------


def test_an_unknown_suffix_is_refused_before_any_work(walk, tmp_path):
    with pytest.raises(ValueError, match=r"cannot write \.fbx; known: \.npy \.bvh \.glb \.html"):
        save(tmp_path / "walk.fbx", Played(walk, 20.0))


def test_several_motions_become_numbered_files_or_one_page(walk, tmp_path):
    motions = [Played(walk, 20.0, "walk")] * 2
    assert [path.name for path in save_all(tmp_path / "a.npy", motions)] == ["a_1.npy", "a_2.npy"]
    assert [path.name for path in save_all(tmp_path / "a.html", motions)] == ["a.html"]


# --- another skeleton ---------------------------------------------------------------------------------------


def _take(bvh_text, fps=20.0):
    """A clip in metres of BVH text in metres."""
    read = read_bvh(bvh_text.encode())
    root, quat = read.root_pos.astype(np.float32), read.local_quat.astype(np.float32)
    return Clip(ClipInfo("take", "take.bvh", "d"), read.skeleton, root, quat, fps)


def _giant(walk):
    """Someone half as tall again, who stands still, facing the other way."""
    return rotations.rotate(rotations.from_yaw(2.0), 1.5 * walk[:2])


def test_a_motion_on_its_own_skeleton_stays_what_it_is(walk):
    moved = retarget(walk, _take(bvh.text(rig.fit(walk), 20, "m")))
    again = canonical_joints(Clip(ClipInfo("a", "a", "a"), *_float32(moved), 20.0), 20.0)
    assert np.linalg.norm(again - walk, axis=-1).mean() < 0.02


def test_a_taller_body_walks_alike_with_its_own_bones_and_longer_steps(walk):
    take = _take(bvh.text(rig.fit(_giant(walk)), 20, "m"))
    moved = retarget(walk, take)
    again = canonical_joints(Clip(ClipInfo("a", "a", "a"), *_float32(moved), 20.0), 20.0)

    np.testing.assert_array_equal(moved.skeleton.offsets, take.skeleton.offsets)
    shins, others = again[:, 7] - again[:, 4], walk[:, 7] - walk[:, 4]
    cosine = (rotations.normalise(shins) * rotations.normalise(others)).sum(-1)
    assert np.degrees(np.arccos(cosine.min())) < 1
    way, other = (np.linalg.norm(joints[-1, 0, [0, 2]] - joints[0, 0, [0, 2]]) for joints in (again, walk))
    np.testing.assert_allclose(way / other, 1.5, atol=0.01)
    np.testing.assert_allclose(again[..., 1].min(), walk[..., 1].min(), atol=1e-3)


def test_a_skeleton_that_is_no_body_is_refused_by_what_is_missing(walk):
    motion = RigMotion(Skeleton(("hips", "chain"), (-1, 0), np.eye(3)[:2]), np.zeros((1, 3)), np.eye(4)[[[0, 0]]])
    with pytest.raises(ValueError, match="cannot find left_hip"):
        retarget(walk, Clip(ClipInfo("a", "a", "a"), *_float32(motion), 20.0))


def _float32(motion):
    return motion.skeleton, motion.root_pos.astype(np.float32), motion.local_quat.astype(np.float32)
