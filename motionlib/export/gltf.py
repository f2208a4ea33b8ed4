"""Write GLB (binary glTF 2.0): an armature with an animation, and a plain body of bones so that viewers show something.

Source: Khronos glTF 2.0 specification, sections 3.6 (binary data), 3.7 (skins), 3.11 (animations), 4 (GLB).
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.export.rig import RigMotion, continuous

FLOAT, UINT16, UINT32 = 5126, 5123, 5125  # glTF component types
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963  # glTF buffer view targets
MAGIC, VERSION, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
# Half width of a drawn bone, as a share of its length, and where along it the bone is widest.
BONE_WIDTH, BONE_WAIST = 0.12, 0.2
# Bones shorter than this, in metres, are not drawn.
SHORTEST_BONE = 1e-4
BODY_COLOUR = (0.45, 0.55, 0.7, 1.0)


class _Binary:
    """The binary chunk while it grows, with the accessors that describe it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, values: NDArray[Any], kind: str, component: int, target: int = 0, bounds: bool = False) -> int:
        """Append an array (N, width); returns the index of its accessor."""
        raw = np.ascontiguousarray(values).tobytes()
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        self.views.append(view | ({"target": target} if target else {}))
        self.data += raw + b"\0" * (-len(raw) % 4)
        accessor = {"bufferView": len(self.views) - 1, "componentType": component, "count": len(values), "type": kind}
        if bounds:
            flat = values.reshape(len(values), -1)
            accessor |= {"min": flat.min(axis=0).tolist(), "max": flat.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def glb(motion: RigMotion, fps: float, name: str = "motion") -> bytes:
    """GLB of a motion: nodes named as the joints, metres, y up, one animation called `name`.

    Raises:
        ValueError: If there is no frame, a value is not finite, or fps is not positive.
    """
    if not len(motion.root_pos) or not fps > 0:
        raise ValueError(f"a motion needs frames and a positive fps, got {len(motion.root_pos)} and {fps}")
    if not (np.isfinite(motion.root_pos).all() and np.isfinite(motion.local_quat).all()):
        raise ValueError("a position or rotation is not finite")
    binary = _Binary()
    joints = motion.skeleton.joint_count
    animation = _animation(binary, motion, fps, name)
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "motionlib"},
        "scene": 0,
        "scenes": [{"nodes": [0, joints]}],
        "nodes": [*_nodes(motion), {"name": "body", "mesh": 0, "skin": 0}],
        "animations": [animation],
        "skins": [
            {"joints": list(range(joints)), "skeleton": 0, "inverseBindMatrices": _bind(binary, motion.skeleton)}
        ],
        "meshes": [{"name": "body", "primitives": [_body(binary, motion.skeleton)]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": BODY_COLOUR, "metallicFactor": 0.0}}],
    }
    document |= {"accessors": binary.accessors, "bufferViews": binary.views}
    document["buffers"] = [{"byteLength": len(binary.data)}]
    return _container(document, bytes(binary.data))


def write(path: Path, motion: RigMotion, fps: float) -> None:
    """Write `glb` to a file."""
    path.write_bytes(glb(motion, fps))


def _nodes(motion: RigMotion) -> list[dict[str, Any]]:
    """One node per joint, in its first frame's pose."""
    skeleton = motion.skeleton
    nodes: list[dict[str, Any]] = []
    for joint, name in enumerate(skeleton.names):
        place = skeleton.offsets[joint] if joint else motion.root_pos[0]
        quat = rotations.normalise(motion.local_quat[0, joint])[[1, 2, 3, 0]]
        node: dict[str, Any] = {"name": name, "translation": place.tolist(), "rotation": quat.tolist()}
        children = [child for child, parent in enumerate(skeleton.parents) if parent == joint]
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def _animation(binary: _Binary, motion: RigMotion, fps: float, name: str) -> dict[str, Any]:
    times = (np.arange(len(motion.root_pos)) / fps).astype("<f4")
    clock = binary.add(times[:, None], "SCALAR", FLOAT, bounds=True)
    outputs = [binary.add(motion.root_pos.astype("<f4"), "VEC3", FLOAT)]
    targets = [{"node": 0, "path": "translation"}]
    quats = continuous(rotations.normalise(motion.local_quat))[..., [1, 2, 3, 0]].astype("<f4")
    for joint in range(motion.skeleton.joint_count):
        outputs.append(binary.add(quats[:, joint], "VEC4", FLOAT))
        targets.append({"node": joint, "path": "rotation"})
    samplers = [{"input": clock, "output": output, "interpolation": "LINEAR"} for output in outputs]
    channels = [{"sampler": index, "target": target} for index, target in enumerate(targets)]
    return {"name": name, "samplers": samplers, "channels": channels}


def _rest_positions(skeleton: Skeleton) -> NDArray[np.float64]:
    """(J, 3) metres of the rest pose, root at the origin."""
    places = np.zeros((skeleton.joint_count, 3))
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        places[joint] = places[parent] + skeleton.offsets[joint]
    return places


def _bind(binary: _Binary, skeleton: Skeleton) -> int:
    matrices = np.tile(np.eye(4), (skeleton.joint_count, 1, 1))
    matrices[:, :3, 3] = -_rest_positions(skeleton)
    columns_first = matrices.transpose(0, 2, 1).reshape(-1, 16)
    return binary.add(columns_first.astype("<f4"), "MAT4", FLOAT)


def _body(binary: _Binary, skeleton: Skeleton) -> dict[str, Any]:
    """A mesh of one double pyramid per bone, each moved by the joint that the bone starts at."""
    places = _rest_positions(skeleton)
    triangles, owners = [], []
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        if np.linalg.norm(skeleton.offsets[joint]) > SHORTEST_BONE:
            triangles.append(_pyramids(places[parent], places[joint]))
            owners.append(parent)
    corners = np.concatenate(triangles).reshape(-1, 3)  # (8 triangles x 3 corners x bones, 3)
    edges = corners.reshape(-1, 3, 3)
    normals = rotations.normalise(np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])).repeat(3, axis=0)
    per_bone = len(corners) // len(owners)
    joints = np.zeros((len(corners), 4), dtype="<u2")
    joints[:, 0] = np.repeat(owners, per_bone)
    weights = np.zeros((len(corners), 4), dtype="<f4")
    weights[:, 0] = 1.0
    attributes = {
        "POSITION": binary.add(corners.astype("<f4"), "VEC3", FLOAT, ARRAY_BUFFER, bounds=True),
        "NORMAL": binary.add(normals.astype("<f4"), "VEC3", FLOAT, ARRAY_BUFFER),
        "JOINTS_0": binary.add(joints, "VEC4", UINT16, ARRAY_BUFFER),
        "WEIGHTS_0": binary.add(weights, "VEC4", FLOAT, ARRAY_BUFFER),
    }
    indices = binary.add(np.arange(len(corners), dtype="<u4")[:, None], "SCALAR", UINT32, ELEMENT_BUFFER)
    return {"attributes": attributes, "indices": indices, "material": 0}


def _pyramids(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """(8, 3, 3) triangles, seen from outside, of a double pyramid between two points."""
    bone = end - start
    side = np.cross(bone, np.eye(3)[np.abs(bone).argmin()])
    side *= BONE_WIDTH * np.linalg.norm(bone) / np.linalg.norm(side)
    other = np.cross(bone, side) / np.linalg.norm(bone)
    waist = start + BONE_WAIST * bone
    ring = [waist + side, waist + other, waist - side, waist - other]
    pairs = [(ring[i], ring[(i + 1) % 4]) for i in range(4)]
    return np.array([[a, b, end] for a, b in pairs] + [[b, a, start] for a, b in pairs])


def _container(document: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(document, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(data), BIN_CHUNK) + data
    return struct.pack("<III", MAGIC, VERSION, 12 + len(chunks)) + chunks
