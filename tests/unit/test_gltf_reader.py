"""glTF: hand-made files whose poses can be checked in the head, the round trip with our writer, and lies."""

import base64
import json
import math
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body import kinematics, rotations
from motionlib.export import gltf as writer
from motionlib.export.rig import RigMotion
from motionlib.ingest import READERS, synthetic
from motionlib.ingest.bvh import read_bvh
from motionlib.ingest.containers import open_container
from motionlib.ingest.deliveries import open_delivery
from motionlib.ingest.gltf import read_gltf
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source
from motionlib.rig.raw import RawMotion

COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
KINDS = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
QUARTER = [0.0, math.sqrt(0.5), 0.0, math.sqrt(0.5)]  # x, y, z, w: 90 degrees about y
IDENTITY = [0.0, 0.0, 0.0, 1.0]


class File:
    """A glTF file in the making."""

    def __init__(self, *nodes: dict[str, Any]) -> None:
        self.data = b""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "nodes": list(nodes),
            "bufferViews": [],
            "accessors": [],
            "animations": [{"name": "take", "samplers": [], "channels": []}],
        }

    def accessor(self, values: Any, dtype: str = "f4", **extra: Any) -> int:
        array = np.asarray(values, dtype=f"<{dtype}")
        array = array.reshape(len(array), -1)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes}
        self.document["bufferViews"].append(view)
        self.data += array.tobytes() + b"\0" * (-array.nbytes % 4)
        item = {"bufferView": len(self.document["bufferViews"]) - 1, "componentType": COMPONENTS[dtype]}
        item |= {"count": len(array), "type": KINDS[array.shape[1]]} | extra
        self.document["accessors"].append(item)
        return len(self.document["accessors"]) - 1

    def track(self, node: int, path: str, times: Any, values: Any, kind: str = "LINEAR", animation: int = 0) -> "File":
        values = values if isinstance(values, int) else self.accessor(values)
        times = times if isinstance(times, int) else self.accessor(times)
        take = self.document["animations"][animation]
        take["samplers"].append({"input": times, "output": values, "interpolation": kind})
        take["channels"].append({"sampler": len(take["samplers"]) - 1, "target": {"node": node, "path": path}})
        return self

    def text(self, uri: str | None = None) -> bytes:
        uri = uri or "data:application/octet-stream;base64," + base64.b64encode(self.data).decode()
        return json.dumps(self.document | {"buffers": [{"uri": uri, "byteLength": len(self.data)}]}).encode()

    def glb(self) -> bytes:
        document = self.document | {"buffers": [{"byteLength": len(self.data)}]}
        return writer._container(document, self.data + b"\0" * (-len(self.data) % 4))

    def read(self) -> RawMotion:
        return read_gltf(Source("take.gltf", self.text()))


def leg(**hips: Any) -> File:
    """Hips one metre up, a knee half a metre below."""
    return File(
        {"name": "hips", "children": [1], "translation": [0, 1, 0]} | hips,
        {"name": "knee", "translation": [0, -0.5, 0]},
    )


def with_ribs(*nodes: dict[str, Any]) -> File:
    """The same nodes with ten more on the second one, so that it counts as a body."""
    ribs = list(range(len(nodes), len(nodes) + 10))
    hips = nodes[1] | {"children": [*nodes[1]["children"], *ribs]}
    return File(nodes[0], hips, *nodes[2:], *({"name": f"rib{i}"} for i in ribs))


def refused(data: bytes, name: str = "take.gltf", **beside: bytes) -> BadMotionError:
    with pytest.raises(BadMotionError) as caught:
        read_gltf(Source(name, data, beside))
    return caught.value


def frames(count: int, fps: float = 30.0) -> np.ndarray:
    return np.arange(count) / fps


# -- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [20.0, 29.97, 30.0, 60.0, 62.5, 120.0, 250.0])
def test_what_our_writer_wrote_comes_back(fps: float):
    raw = read_bvh(synthetic.bvh(synthetic.takes()[0]))
    metres = type(raw.skeleton)(raw.skeleton.names, raw.skeleton.parents, raw.skeleton.offsets * 0.01)
    motion = RigMotion(metres, raw.root_pos * 0.01, raw.local_quat)
    back = read_gltf(Source("take.glb", writer.glb(motion, fps)))

    assert back.skeleton.names == motion.skeleton.names
    assert back.skeleton.parents == motion.skeleton.parents
    np.testing.assert_allclose(back.skeleton.offsets, motion.skeleton.offsets, atol=1e-6)
    np.testing.assert_allclose(back.root_pos, motion.root_pos, atol=1e-6)
    np.testing.assert_allclose(np.abs((back.local_quat * motion.local_quat).sum(-1)), 1.0, atol=1e-6)
    assert back.fps == pytest.approx(fps, rel=1e-5)
    assert (back.unit, back.up, back.remarks) == (1.0, "y", ())


def test_text_binary_and_a_buffer_beside_say_the_same():
    file = leg().track(1, "rotation", frames(2), [IDENTITY, QUARTER])
    inside = file.read()
    binary = read_gltf(Source("take.glb", file.glb()))
    beside = read_gltf(Source("a/take.gltf", file.text("my%20take.bin"), {"a/my take.bin": file.data}))
    for other in (binary, beside):
        np.testing.assert_array_equal(other.local_quat, inside.local_quat)


def test_a_quaternion_is_turned_from_xyzw_to_wxyz():
    motion = leg().track(1, "rotation", frames(2), [IDENTITY, QUARTER]).read()
    np.testing.assert_allclose(motion.local_quat[1, 1], [math.sqrt(0.5), 0, math.sqrt(0.5), 0], atol=1e-7)


def test_linear_keys_turn_evenly_and_steps_hold():
    halfway = (
        leg().track(1, "rotation", [0.0, 2 / 30], [IDENTITY, QUARTER]).track(0, "scale", frames(3), np.ones((3, 3)))
    )
    held = (
        leg()
        .track(1, "rotation", [0.0, 2 / 30], [IDENTITY, QUARTER], "STEP")
        .track(0, "scale", frames(3), np.ones((3, 3)))
    )
    angles = 2 * np.arccos(halfway.read().local_quat[:, 1, 0])
    np.testing.assert_allclose(np.rad2deg(angles), [0, 45, 90], atol=1e-4)
    np.testing.assert_allclose(held.read().local_quat[:, 1, 0], [1, 1, math.sqrt(0.5)], atol=1e-7)


def test_a_cubic_spline_with_level_tangents_is_smoothstep():
    values = [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]]  # in, value, out of two keys
    motion = leg().track(0, "translation", [0.0, 1.0], values, "CUBICSPLINE").read()
    assert motion.fps == 30
    np.testing.assert_allclose(motion.root_pos[[0, 15, 30], 2], [0, 0.5, 1], atol=1e-7)
    assert motion.root_pos[3, 2] == pytest.approx(3 * 0.1**2 - 2 * 0.1**3)
    assert motion.remarks == ("keys_resampled",)


def test_a_cubic_spline_uses_tangents_per_second():
    values = [[0, 0, 0], [0, 0, 0], [0, 0, 3], [0, 0, 3], [0, 0, 6], [0, 0, 0]]  # 3 m/s over two seconds: a line
    motion = leg().track(0, "translation", [0.0, 2.0], values, "CUBICSPLINE").read()
    np.testing.assert_allclose(motion.root_pos[:, 2], 3 * np.arange(61) / 30, atol=1e-6)


def test_normalised_integers_are_fractions():
    turn = [[0, 0, 0, 32767], [0, 23170, 0, 23170]]
    file = leg()
    motion = file.track(1, "rotation", frames(2), file.accessor(turn, "i2", normalized=True)).read()
    np.testing.assert_allclose(motion.local_quat[1, 1], [math.sqrt(0.5), 0, math.sqrt(0.5), 0], atol=1e-6)


def test_sparse_values_replace_those_below():
    file = leg()
    place, value = file.accessor([1], "u2"), file.accessor([[0, 2, 0]])
    sparse = {
        "count": 1,
        "indices": {"bufferView": place, "componentType": COMPONENTS["u2"]},
        "values": {"bufferView": value},
    }
    file.document["accessors"].append({"componentType": 5126, "count": 3, "type": "VEC3", "sparse": sparse})
    motion = file.track(0, "translation", frames(3), len(file.document["accessors"]) - 1).read()
    np.testing.assert_array_equal(motion.root_pos, [[0, 0, 0], [0, 2, 0], [0, 0, 0]])


def test_interleaved_values_are_taken_by_their_stride():
    file = leg()
    first = file.accessor(np.arange(24).reshape(6, 4).repeat(1, 0))
    file.document["bufferViews"][-1]["byteStride"] = 32
    file.document["accessors"][first] |= {"count": 3, "type": "VEC3", "byteOffset": 16}
    motion = file.track(0, "translation", frames(3), first).read()
    np.testing.assert_array_equal(motion.root_pos, [[4, 5, 6], [12, 13, 14], [20, 21, 22]])


def test_a_matrix_is_taken_apart():
    turn = [0, 0, -2, 0, 0, 2, 0, 0, 2, 0, 0, 0, 7, 0, 0, 1]  # twice as large, 90 degrees about y, at x = 7
    file = with_ribs(
        {"name": "holder", "matrix": turn, "children": [1]},
        {"name": "hips", "children": [2]},
        {"name": "knee", "translation": [0, 0, 1]},
    )
    motion = file.track(1, "translation", frames(2), [[0, 0, 0], [0, 0, 1]]).track(
        2, "rotation", frames(2), [IDENTITY] * 2
    )
    joints = kinematics.forward(*_body(motion.read()))
    np.testing.assert_allclose(joints[:, 0], [[7, 0, 0], [9, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(joints[:, 1], [[9, 0, 0], [11, 0, 0]], atol=1e-6)


def _body(motion: RawMotion) -> tuple[Any, Any, Any]:
    return motion.skeleton, motion.root_pos, motion.local_quat


def test_an_armature_in_centimetres_that_lies_on_its_back_is_applied():
    nodes = [{"name": "Armature", "children": [1], "rotation": [math.sqrt(0.5), 0, 0, -math.sqrt(0.5)]}]
    nodes[0] |= {"scale": [0.01, 0.01, 0.01]}
    nodes += [
        {"name": "Hips", "children": [2], "translation": [0, 0, 100]},
        {"name": "Spine", "translation": [0, 0, 20]},
    ]
    file = with_ribs(*nodes).track(1, "translation", frames(2), [[0, 0, 100], [0, 0, 90]])
    file.track(2, "rotation", frames(2), [IDENTITY] * 2)
    joints = kinematics.forward(*_body(file.read()))[:, :2]
    np.testing.assert_allclose(joints[0], [[0, 1, 0], [0, 1.2, 0]], atol=1e-6)
    np.testing.assert_allclose(joints[1], [[0, 0.9, 0], [0, 1.1, 0]], atol=1e-6)


def person(prefix: str = "", first: int = 0) -> list[dict[str, Any]]:
    """A body of eleven joints whose hips are the first node."""
    parts = ["Hips", "Spine", "Head", "LeftArm", "LeftHand", "RightArm", "RightHand", "LeftLeg", "LeftFoot", "RightLeg"]
    below = {0: [1, 7, 9], 1: [2, 3, 5], 3: [4], 5: [6], 7: [8], 9: [10]}
    nodes = []
    for index, part in enumerate([*parts, "RightFoot"]):
        node: dict[str, Any] = {"name": prefix + part, "translation": [0.0, 0.1 * (index % 3 - 1), 0.05 * index]}
        children = [first + child for child in below.get(index, [])]
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def people(*groups: list[dict[str, Any]]) -> File:
    file = File(*(node for group in groups for node in group))
    clock = file.accessor(frames(2))
    still = file.accessor([IDENTITY, IDENTITY])
    for node, item in enumerate(file.document["nodes"]):
        if item.get("name", "Armature") != "Armature":
            file.track(node, "rotation", clock, still)
    return file


def test_a_body_hangs_below_its_armature_and_controls_beside_it_are_left_out():
    armature = {"name": "Armature", "children": [0, 12], "translation": [0, 0, 3]}
    body = person()
    body[0]["translation"] = [0, 1.0, 0]
    motion = people(body, [armature], [{"name": "ik_foot"}]).read()
    assert motion.skeleton.names[0] == "Hips"
    assert motion.skeleton.joint_count == 11
    np.testing.assert_allclose(motion.root_pos[0], [0, 1, 3], atol=1e-7)
    assert motion.notes == {"parts_left_out": "'ik_foot'"}


def test_a_root_bone_that_moves_at_the_floor_carries_the_body():
    root = {"name": "root", "children": [0, 12]}
    body = person()
    body[0]["translation"] = [0, 1.0, 0]
    file = people(body, [root], [{"name": "ik_foot_root"}])
    tracks = file.document["animations"][0]
    tracks["channels"] = [item for item in tracks["channels"] if item["target"]["node"] != 11]
    file.track(11, "translation", frames(2), [[0, 0, 0], [0, 0, 2]]).track(
        11, "rotation", frames(2), [IDENTITY, QUARTER]
    )
    motion = file.read()
    assert motion.skeleton.names[0] == "Hips"
    np.testing.assert_allclose(motion.root_pos, [[0, 1, 0], [0, 1, 2]], atol=1e-6)
    np.testing.assert_allclose(motion.local_quat[1, 0], [math.sqrt(0.5), 0, math.sqrt(0.5), 0], atol=1e-6)


def test_two_bodies_are_refused_by_name():
    error = refused(people(person("A_"), person("B_", 11)).text())
    assert error.reason == "several_bodies"
    assert str(error) == "2 bodies, at A_Hips, B_Hips"


def test_two_bodies_below_one_node_are_refused_by_name():
    file = people(person("A_", 1), person("B_", 12))
    everything = {"name": "RootNode", "children": [1, 12]}
    file = people([everything], person("A_", 1), person("B_", 12))
    assert refused(file.text()).reason == "several_bodies"


def test_skins_of_two_bodies_are_refused_and_skins_of_one_are_one():
    two = people(person("A_"), person("B_", 11), [{"mesh": 0, "skin": 0}, {"mesh": 1, "skin": 1}])
    two.document["skins"] = [{"joints": list(range(11))}, {"joints": list(range(11, 22))}]
    assert refused(two.text()).reason == "several_bodies"

    dressed = people(person(), [{"mesh": 0, "skin": 0}, {"mesh": 1, "skin": 1}])
    dressed.document["skins"] = [{"joints": list(range(11))}, {"joints": [1, 3, 4, 5, 6]}]
    motion = dressed.read()
    assert motion.skeleton.joint_count == 11
    assert motion.skeleton.names[0] == "Hips"


def test_joints_without_weights_are_joints_too():
    """Some exporters list only the joints that move a mesh: the hips may be missing."""
    file = people(person(), [{"mesh": 0, "skin": 0}])
    file.document["skins"] = [{"joints": [1, 2, 3, 4, 5, 6, 7, 8, 9]}]
    motion = file.read()
    assert motion.skeleton.names[0] == "Hips"
    assert motion.skeleton.joint_count == 11


def test_a_prop_with_a_skin_of_its_own_is_left_out_and_named():
    sword = [{"name": "sword", "children": [12]}, {"name": "tip", "translation": [0, 1, 0]}]
    file = people(person(), sword, [{"mesh": 0, "skin": 0}, {"mesh": 1, "skin": 1}])
    file.document["skins"] = [{"joints": list(range(11))}, {"joints": [11, 12]}]
    motion = file.read()
    assert motion.skeleton.joint_count == 11
    assert motion.notes == {"parts_left_out": "'sword', 'tip'"} | motion.notes


def test_a_skin_says_which_nodes_are_joints_and_where_they_are_at_rest():
    turned = [0, 0, -1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]  # a joint whose own x points along -z
    file = File(
        {"name": "hips", "children": [1]}, {"name": "knee", "translation": [0, -0.5, 0]}, {"mesh": 0, "skin": 0}
    )
    inverse = np.linalg.inv(np.array(turned, dtype=float).reshape(4, 4).T).T.ravel()
    file.document["skins"] = [{"joints": [0, 1], "inverseBindMatrices": file.accessor([inverse, inverse])}]
    motion = (
        file.track(0, "rotation", frames(2), [QUARTER, QUARTER]).track(1, "rotation", frames(2), [IDENTITY] * 2).read()
    )
    np.testing.assert_allclose(np.abs(motion.local_quat[..., 0]), 1.0, atol=1e-6)  # as bound: nothing is turned
    assert motion.skeleton.names == ("hips", "knee")


def as_blender_exports(motion: RigMotion, seed: int) -> File:
    """The motion below an armature in centimetres that is z up, each joint's frame turned at random, with a skin."""
    draw, joints = np.random.default_rng(seed), motion.skeleton.joint_count
    frames_of = rotations.normalise(draw.normal(size=(joints, 4)))
    above = [frames_of[parent] if parent >= 0 else np.array([1.0, 0, 0, 0]) for parent in motion.skeleton.parents]
    upright = rotations.from_euler(np.array([-np.pi / 2]), "X")  # what the armature does to z-up data
    lying = rotations.inverse(upright)
    nodes, rest = [], np.zeros((joints, 3))
    for joint, parent in enumerate(motion.skeleton.parents):
        rest[joint] = motion.skeleton.offsets[joint] + (rest[parent] if parent >= 0 else 0)
        place = rotations.rotate(rotations.inverse(above[joint]), 100 * motion.skeleton.offsets[joint])
        children = [child for child, up in enumerate(motion.skeleton.parents) if up == joint]
        nodes.append(
            {"name": motion.skeleton.names[joint], "translation": place.tolist()}
            | ({"children": children} if children else {})
        )
    nodes.append(
        {
            "name": "Armature",
            "children": [0, joints + 1],
            "scale": [0.01] * 3,
            "rotation": upright[[1, 2, 3, 0]].tolist(),
        }
    )
    file = File(*nodes, {"name": "Body", "mesh": 0, "skin": 0})
    bind = np.tile(np.eye(4), (joints, 1, 1))
    bind[:, :3, :3] = rotations.to_matrix(rotations.multiply(np.tile(lying, (joints, 1)), frames_of))
    bind[:, :3, 3] = rotations.rotate(lying, 100 * rest)
    inverse = np.linalg.inv(bind).transpose(0, 2, 1).reshape(-1, 16)
    file.document["skins"] = [{"joints": list(range(joints)), "inverseBindMatrices": file.accessor(inverse)}]
    clock = file.accessor(frames(len(motion.root_pos)))
    for joint in range(joints):
        local = rotations.multiply(
            rotations.multiply(rotations.inverse(above[joint]), motion.local_quat[:, joint]), frames_of[joint]
        )
        if not joint:
            local = rotations.multiply(lying, local)
        file.track(joint, "rotation", clock, local[:, [1, 2, 3, 0]])
    return file.track(0, "translation", clock, rotations.rotate(lying, 100 * motion.root_pos))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rig_as_blender_exports_it_gives_the_motion_that_was_exported(seed: int):
    raw = read_bvh(synthetic.bvh(synthetic.takes()[seed]))
    metres = type(raw.skeleton)(raw.skeleton.names, raw.skeleton.parents, raw.skeleton.offsets * 0.01)
    motion = RigMotion(metres, raw.root_pos * 0.01, raw.local_quat)
    back = read_gltf(Source("take.glb", as_blender_exports(motion, seed).glb()))

    assert sorted(back.skeleton.names) == sorted(metres.names)
    order = [back.skeleton.names.index(name) for name in metres.names]
    np.testing.assert_allclose(back.skeleton.offsets[order], metres.offsets, atol=1e-5)
    np.testing.assert_allclose(back.root_pos, motion.root_pos, atol=1e-5)
    np.testing.assert_allclose(np.abs((back.local_quat[:, order] * motion.local_quat).sum(-1)), 1.0, atol=1e-5)
    assert back.remarks == ()


@given(seed=st.integers(0, 2**16))
def test_the_rest_pose_changes_no_position(seed: int):
    draw = np.random.default_rng(seed)
    quats = rotations.normalise(draw.normal(size=(3, 4)))
    nodes = [
        {"name": f"j{i}", "rotation": quats[i].tolist(), "translation": draw.normal(size=3).tolist()} for i in range(3)
    ]
    nodes[0]["children"], nodes[1]["children"] = [1], [2]
    turns = rotations.normalise(draw.normal(size=(2, 3, 4)))
    file = File(*nodes)
    for joint in range(3):
        file.track(joint, "rotation", frames(2), turns[:, joint])
    motion = file.read()
    place, world = np.array(nodes[0]["translation"]), turns[:, 0][:, [3, 0, 1, 2]]
    expected = [np.tile(place, (2, 1))]
    for joint in (1, 2):
        expected.append(expected[-1] + rotations.rotate(world, np.array(nodes[joint]["translation"])))
        world = rotations.multiply(world, turns[:, joint][:, [3, 0, 1, 2]])
    np.testing.assert_allclose(kinematics.forward(*_body(motion)), np.stack(expected, 1), atol=1e-5)


def test_the_longest_of_several_animations_is_taken():
    file = leg().track(0, "translation", frames(2), [[0, 1, 0]] * 2)
    file.document["animations"].append({"name": "long", "samplers": [], "channels": []})
    file.track(0, "translation", frames(5), [[0, 2, 0]] * 5, animation=1)
    motion = file.read()
    assert len(motion.root_pos) == 5
    assert motion.notes == {"several_animations": "'long' was taken; left are 'take'"}


def test_keys_on_some_frames_only_keep_their_rate():
    motion = leg().track(0, "translation", [0.0, 1 / 30, 4 / 30], [[0, 0, 0], [0, 0, 1], [0, 0, 4]]).read()
    assert motion.fps == 30
    np.testing.assert_allclose(motion.root_pos[:, 2], [0, 1, 2, 3, 4], atol=1e-6)


def test_a_long_take_keeps_its_rate_though_its_times_are_rounded_to_float32():
    times = 2000 + np.arange(4001) / 240
    motion = leg().track(0, "translation", times, np.zeros((4001, 3))).read()
    assert (motion.fps, len(motion.root_pos), motion.remarks) == (240, 4001, ())


def test_uneven_keys_are_read_at_a_common_rate_and_said_so():
    times = np.array([0.0, 0.013, 0.021, 0.05, 0.0617, 0.1])
    motion = leg().track(0, "translation", times, np.outer(times, [0, 0, 1])).read()
    assert motion.fps == 120
    np.testing.assert_allclose(motion.root_pos[:, 2], np.arange(13) / 120, atol=1e-6)
    assert motion.remarks == ("keys_resampled",)


def test_a_joint_that_moves_in_its_parent_keeps_its_mean_and_says_how_far_it_strays():
    motion = (
        leg()
        .track(1, "translation", frames(2), [[0, -0.5, 0], [0, -0.7, 0]])
        .track(0, "rotation", frames(2), [IDENTITY] * 2)
    )
    motion = motion.read()
    np.testing.assert_allclose(motion.skeleton.offsets[1], [0, -0.6, 0], atol=1e-7)
    assert motion.stretch[1] == pytest.approx(0.1, abs=1e-6)


def test_twins_and_nameless_nodes_get_names():
    file = File({"name": "a", "children": [1]}, {"name": "a", "children": [2]}, {}).track(
        2, "rotation", frames(2), [IDENTITY] * 2
    )
    motion = file.track(0, "rotation", frames(2), [IDENTITY] * 2).read()
    assert motion.skeleton.names == ("a", "a.2", "node_2")
    assert motion.remarks == ("names_made_unique",)


@pytest.mark.slow
def test_real_takes_come_back_from_our_own_glb(real_mocap: Path):
    """One take of each packed CMU subject: through the archive, the BVH reader, our writer and back, within 0.01 mm."""
    for path in sorted((real_mocap / "cmu" / "bvh").glob("*.tar.xz")):
        archive = open_container(path)
        name = min(member.name for member in archive.members() if member.name.endswith(".bvh"))
        ((_, data),) = archive.read({name})
        assert isinstance(data, bytes)
        raw = read_bvh(data)
        metres = 0.0254 / 0.45  # CMU's unit
        skeleton = type(raw.skeleton)(raw.skeleton.names, raw.skeleton.parents, raw.skeleton.offsets * metres)
        motion = RigMotion(skeleton, raw.root_pos * metres, raw.local_quat)
        back = read_gltf(Source("take.glb", writer.glb(motion, raw.fps)))
        expected = kinematics.forward(motion.skeleton, motion.root_pos, motion.local_quat)
        assert back.fps == raw.fps
        np.testing.assert_allclose(kinematics.forward(*_body(back)), expected, atol=1e-5, err_msg=name)


# -- what is refused --------------------------------------------------------------------------------------------------


def test_uneven_or_changing_scale_is_refused_by_node():
    still = [[0, 0, 0], [0, 0, 1]]
    uneven = refused(leg(scale=[1, 2, 1]).track(0, "translation", frames(2), still).text())
    growing = leg().track(0, "translation", frames(2), still).track(0, "scale", frames(2), [[1, 1, 1], [2, 2, 2]])
    assert uneven.reason == refused(growing.text()).reason == "scaled_joint"
    assert "'hips'" in str(uneven)


def test_a_scale_that_reaches_no_joint_does_not_matter():
    file = leg().track(0, "translation", frames(2), [[0, 0, 0], [0, 0, 1]])
    file.track(1, "scale", frames(2), [[1, 1, 1], [0, 3, 1]])
    assert file.read().skeleton.joint_count == 2


@pytest.mark.parametrize(
    "uri",
    ["../take.bin", "/etc/passwd", "file:///etc/passwd", "http://x/y.bin", "a\\b.bin", "%2e%2e/take.bin", "a//b", ""],
)
def test_a_buffer_elsewhere_is_refused(uri: str):
    file = leg().track(0, "translation", frames(2), [[0, 0, 0], [0, 0, 1]])
    document = json.loads(file.text()) | {"buffers": [{"uri": uri, "byteLength": len(file.data)}]}
    error = refused(json.dumps(document).encode(), **{"take.bin": file.data})
    assert error.reason == "bad_header"
    assert "buffers[0].uri" in str(error)


def test_a_missing_buffer_is_named():
    file = leg().track(0, "translation", frames(2), [[0, 0, 0], [0, 0, 1]])
    error = refused(file.text("other.bin"))
    assert error.reason == "companion_missing"
    assert "'other.bin'" in str(error)


def test_the_buffers_of_a_file_are_those_that_begin_like_it_or_else_all_of_its_folder():
    names = ["a/walk.gltf", "a/walk.bin", "a/run.bin", "b/x.bin", "a/odd.gltf"]
    companions = READERS[".gltf"].companions
    assert companions("a/walk.gltf", names) == ["a/walk.bin"]
    assert companions("a/odd.gltf", names) == ["a/run.bin", "a/walk.bin"]


def test_a_delivery_hands_the_buffer_over(tmp_path: Path):
    file = leg().track(0, "translation", frames(2), [[0, 0, 0], [0, 0, 1]])
    with zipfile.ZipFile(tmp_path / "studio.zip", "w") as archive:
        archive.writestr("a/take.gltf", file.text("take.bin"))
        archive.writestr("a/take.bin", file.data)
    ((_, _, source),) = open_delivery(tmp_path / "studio.zip").read()
    assert len(read_gltf(source).root_pos) == 2


def _with(change: dict[str, Any]) -> bytes:
    """A good file with one value replaced, named by its path."""
    document = json.loads(leg().track(0, "translation", frames(2), [[0, 0, 0], [0, 0, 1]]).text())
    for path, value in change.items():
        *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
        spot = document
        for part in way:
            spot = spot[part]
        spot[last] = value
    return json.dumps(document).encode()


LIES = {
    "accessors.0.count": (10**12, "bad_header"),
    "accessors.0.componentType": (5130, "bad_header"),
    "accessors.0.type": ("MAT4", "bad_header"),
    "accessors.0.bufferView": (7, "bad_header"),
    "accessors.0.byteOffset": (-4, "bad_header"),
    "bufferViews.0.byteLength": (10**12, "bad_header"),
    "bufferViews.0.byteOffset": (10**9, "bad_header"),
    "bufferViews.0.byteStride": (1, "bad_header"),
    "bufferViews.0.extensions": ({"EXT_meshopt_compression": {}}, "bad_header"),
    "buffers.0.byteLength": (10**12, "bad_header"),
    "buffers.0.uri": ("data:application/octet-stream;base64,????", "bad_header"),
    "nodes.1.children": ([0], "bad_hierarchy"),
    "nodes.0.children": ([1, 1], "bad_header"),
    "nodes.0.rotation": ([0, 0, 0, 0], "bad_header"),
    "nodes.0.translation": ([0, 1e300, 0], "bad_header"),
    "animations.0.channels.0.target.node": (99, "bad_header"),
    "animations.0.samplers.0.input": (True, "bad_header"),
    "animations.0.samplers.0.interpolation": ("MAGIC", "bad_header"),
    "animations": ([], "not_motion"),
    "asset.version": ("1.0", "bad_header"),
}


@pytest.mark.parametrize(("path", "value", "reason"), [(path, *lie) for path, lie in LIES.items()])
def test_lies_are_refused_at_their_place_and_at_once(path: str, value: Any, reason: str):
    data, before = _with({path: value}), time.process_time()
    error = refused(data)
    assert time.process_time() - before < 0.1
    assert error.reason == reason, str(error)


def test_broken_containers_are_refused():
    good = leg().track(0, "translation", frames(2), [[0, 0, 0], [0, 0, 1]]).glb()
    assert refused(b"").reason == "empty_file"
    assert refused(b"solid teapot").reason == "bad_header"
    assert refused(good[:30]).reason == "bad_header"
    assert refused(good[:8] + struct.pack("<I", 2**32 - 1) + good[12:]).reason == "bad_header"
    assert refused(good[:12] + struct.pack("<I", 2**32 - 1) + good[16:]).reason == "bad_header"
    assert refused(b'{"asset": {"version": "2.0"}, "x": NaN}').reason == "bad_header"


def test_bombs_are_refused_at_once():
    nested = b'{"asset":' + b"[" * 5_000_000
    deep = json.dumps({"asset": {"version": "2.0"}}).encode()[:-1] + b',"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    far = leg().track(0, "translation", [0.0, 1e8], [[0, 0, 0], [0, 0, 1]]).text()
    for data, reason in ((nested, "too_large"), (deep, "too_deep"), (far, "too_large")):
        before = time.process_time()
        assert refused(data).reason == reason
        assert time.process_time() - before < 0.1


def test_a_small_file_whose_accessors_overlap_a_thousand_times_is_refused():
    file = File(*({"name": f"n{i}", "children": [i + 1]} for i in range(99)), {"name": "n99"})
    values = file.accessor(np.zeros((100_000, 4)))
    clock = file.accessor(np.arange(100_000) / 1000)
    for node in range(100):
        file.document["accessors"].append(dict(file.document["accessors"][values]))
        file.track(node, "rotation", clock, len(file.document["accessors"]) - 1)
    assert refused(file.glb(), "take.glb").reason == "bad_header"


def test_a_chain_of_nodes_deeper_than_any_rig_is_refused():
    file = File(*({"children": [i + 1]} for i in range(5000)), {})
    assert refused(file.track(0, "translation", frames(2), [[0, 0, 0], [0, 0, 1]]).text()).reason == "too_deep"


@given(data=st.data())
def test_no_broken_file_raises_anything_else(data: st.DataObject):
    good = bytearray(leg().track(1, "rotation", frames(3), [IDENTITY, QUARTER, IDENTITY]).glb())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at] = data.draw(st.integers(0, 255))
    try:
        motion = read_gltf(Source("take.glb", bytes(good)))
    except BadMotionError:
        return
    assert np.isfinite(motion.local_quat).all()
    assert np.isfinite(motion.root_pos).all()
