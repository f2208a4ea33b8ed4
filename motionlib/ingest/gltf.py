"""glTF 2.0 and GLB: the animation of a body's nodes. Metres, y up, as the format fixes.

Source: Khronos glTF 2.0 specification, sections 3.5 (nodes), 3.7.3 (skins), 3.11 (animations). The zero pose of the
skeleton is the bind pose of the skin (without a skin: the nodes at rest), as in a BVH file that the same tools export.
"""

from typing import NamedTuple

import numpy as np

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.ingest.gltf_accessors import Accessors
from motionlib.ingest.gltf_animation import Animation, Grid, find_grid, read_animation, sample, was_resampled
from motionlib.ingest.gltf_document import Document, open_document
from motionlib.ingest.gltf_nodes import Body, Forest, find_body, uniform
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source
from motionlib.rig.raw import FloatArray, RawMotion

# Frames times joints that key frames may stand for: a small multiple of the keys there are, or a quarter of an hour of
# 31 joints at 30 Hz.
MAX_EXPANSION, SMALL_MOTION = 4, 1_000_000
_IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])
LISTED = 5  # names in a remark
SAME_TURN = 1e-6  # rad; bind poses that are turned by less are not turned
SQUARE = 1e-2  # how far the axes of a bind matrix may be from unit length and right angles, after scale


class _Pose(NamedTuple):
    """Of one node over the frames: (T, 3) or (3,) in its parent, (T, 4) or (4,) in its parent, and its own scale."""

    place: FloatArray
    turn: FloatArray
    scale: float


def read_gltf(source: Source) -> RawMotion:
    """Read the longest animation of a glTF file.

    Joints that move in their parent keep their mean offset; `stretch` says how far they strayed from it. Buffers in
    files of their own are taken from `source.beside`.

    Raises:
        BadMotionError: With a reason code, and the place in the JSON.
    """
    document = open_document(source)
    accessors = Accessors(document)
    forest = Forest(document)
    animations = [read_animation(document, accessors, item) for item in document.items("animations")]
    animation = max(animations, key=lambda one: one.seconds, default=None)
    if animation is None or not animation.tracks:
        raise BadMotionError("not_motion", "the file holds no animation of nodes")
    moved = {node for node, path in animation.tracks if path != "scale"}
    body = find_body(document, forest, moved)
    grid = find_grid(animation)
    _check_size(animation, grid, body)
    others = [one.name for one in animations if one.tracks and one is not animation]
    notes = {
        "several_animations": f"{animation.name!r} was taken; left are {_listed(others)}" if others else "",
        "keys_resampled": f"read at {grid.fps:g} Hz" if was_resampled(animation, grid) else "",
        "parts_left_out": _listed([forest.nodes[node].name for node in body.left_out]),
    }
    motion = _Builder(document, accessors, forest, animation, grid, body)
    return motion.build({remark: note for remark, note in notes.items() if note})


def _listed(names: list[str]) -> str:
    """The first few names."""
    return ", ".join(repr(name[:60]) for name in names[:LISTED]) + (" ..." if len(names) > LISTED else "")


def _check_size(animation: Animation, grid: Grid, body: Body) -> None:
    """Refuse a motion far larger than its key frames."""
    stored = sum(
        len(track.values) for track in {id(track.values): track for track in animation.tracks.values()}.values()
    )
    wanted = grid.frames * len(body.joints)
    if wanted > max(MAX_EXPANSION * stored, SMALL_MOTION):
        message = f"{grid.frames} frames of {len(body.joints)} joints at {grid.fps:g} Hz from {stored} keys"
        raise BadMotionError("too_large", f"animation {animation.name!r}: {message}")


class _Builder:
    """Puts a motion together from the parts of a file."""

    def __init__(
        self, document: Document, accessors: Accessors, forest: Forest, animation: Animation, grid: Grid, body: Body
    ) -> None:
        self._document, self._accessors, self._forest = document, accessors, forest
        self._animation, self._grid, self._body = animation, grid, body
        self._poses: dict[int, _Pose] = {}

    def build(self, notes: dict[str, str]) -> RawMotion:
        """The whole motion, with remarks and their details."""
        joints, nodes = self._body.joints, self._forest.nodes
        number = {node: joint for joint, node in enumerate(joints)}
        parents = (-1, *(number[nodes[node].parent] for node in joints[1:]))
        root_pos, root_quat, scale = self._carried(joints[0])
        frames = self._grid.frames
        local = np.empty((frames, len(joints), 4))
        offsets, stretch = np.zeros((len(joints), 3)), np.zeros(len(joints))
        scales = np.full(len(joints), scale)
        local[:, 0] = root_quat
        for joint, node in enumerate(joints[1:], start=1):
            pose = self._pose(node, needs_scale=bool(nodes[node].children))
            above = scales[parents[joint]]
            scales[joint] = above * pose.scale
            places = np.atleast_2d(pose.place) * above
            offsets[joint] = places.mean(axis=0) if len(places) > 1 else places[0]
            stretch[joint] = np.linalg.norm(places - offsets[joint], axis=1).max()
            local[:, joint] = pose.turn
        offsets, local = _from_rest(self._rest_turns(parents), parents, offsets, local)
        names = _unique([nodes[node].name for node in joints])
        if names != tuple(nodes[node].name for node in joints):
            notes = notes | {"names_made_unique": ""}
        skeleton = Skeleton(names, parents, offsets)
        return RawMotion(skeleton, root_pos, local, self._grid.fps, stretch, tuple(notes), 1.0, "y", notes)

    def _pose(self, node: int, needs_scale: bool) -> _Pose:
        """A node over the frames; a scale that reaches no other node may be anything."""
        item, tracks = self._forest.nodes[node], self._animation.tracks
        place, turn, scale = item.translation, item.rotation, item.scale
        if (node, "translation") in tracks:
            place = sample(tracks[node, "translation"], self._grid)
        if (node, "rotation") in tracks:
            turn = sample(tracks[node, "rotation"], self._grid)[:, [3, 0, 1, 2]]
        if (node, "scale") in tracks:
            scale = sample(tracks[node, "scale"], self._grid)
        return _Pose(place, turn, uniform(scale, f"node {node} ({item.name!r})") if needs_scale else 1.0)

    def _carried(self, root: int) -> tuple[FloatArray, FloatArray, float]:
        """World place (T, 3) and rotation (T, 4) of the body's root, and the scale that its children inherit."""
        place, turn, scale = np.zeros((self._grid.frames, 3)), np.tile(_IDENTITY, (self._grid.frames, 1)), 1.0
        for node in self._forest.above(root):
            pose = self._pose(node, needs_scale=True)
            place = place + rotations.rotate(turn, scale * pose.place)
            turn = rotations.multiply(turn, np.broadcast_to(pose.turn, turn.shape))
            scale *= pose.scale
        return place, rotations.normalise(turn), scale

    def _rest_turns(self, parents: tuple[int, ...]) -> FloatArray:
        """(J, 4) world rotations of the joints in the bind pose."""
        bound = self._bound_turns()
        turns = np.empty((len(parents), 4))
        for joint, node in enumerate(self._body.joints):
            if node in bound:
                turns[joint] = bound[node]
            elif joint:
                turns[joint] = rotations.multiply(turns[parents[joint]], self._forest.nodes[node].rotation)
            else:
                turns[joint] = self._turn_at_rest(node)
        return turns

    def _turn_at_rest(self, node: int) -> FloatArray:
        turn = _IDENTITY
        for above in self._forest.above(node):
            turn = rotations.multiply(turn, self._forest.nodes[above].rotation)
        return turn

    def _bound_turns(self) -> dict[int, FloatArray]:
        """World rotation (4,) in the bind pose by node: of the mesh, then the inverse of the inverse bind matrix."""
        meshes: dict[int, int] = {}
        for index, node in enumerate(self._forest.nodes):
            if node.skin >= 0:
                meshes.setdefault(node.skin, index)
        found: dict[int, FloatArray] = {}
        for index, skin in enumerate(self._document.items("skins")):
            joints = skin.indices("joints", len(self._forest.nodes))
            if "inverseBindMatrices" not in skin or not set(joints) & set(self._body.joints):
                continue
            stored = self._accessors.read(skin.index("inverseBindMatrices", self._accessors.count), "MAT4")
            if len(stored) < len(joints):
                skin.fail("inverseBindMatrices", f"{len(stored)} matrices for {len(joints)} joints")
            mesh = self._turn_at_rest(meshes[index]) if index in meshes else _IDENTITY
            for joint, matrix in zip(joints, stored, strict=False):
                turn = _turn_of(matrix.reshape(4, 4).T[:3, :3])
                if turn is not None:
                    found.setdefault(joint, rotations.multiply(mesh, rotations.inverse(turn)))
        return found


def _turn_of(matrix: FloatArray) -> FloatArray | None:
    """Rotation (4,) of a (3, 3) matrix that turns and scales evenly; None if it does anything else."""
    scale = float(np.cbrt(abs(np.linalg.det(matrix))))
    if not scale > 0:
        return None
    turn = matrix / scale
    if np.linalg.det(turn) < 0 or np.abs(turn.T @ turn - np.eye(3)).max() > SQUARE:
        return None
    return rotations.from_matrix(turn)


def _from_rest(
    rest: FloatArray, parents: tuple[int, ...], offsets: FloatArray, local: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The same motion told from the rest pose (J, 4): there every rotation is the identity."""
    if (np.abs(rest[:, 1:]) <= SAME_TURN / 2).all():
        return offsets, rotations.normalise(local)
    above = np.concatenate([[_IDENTITY], rest[list(parents[1:])]])
    told = rotations.multiply(rotations.multiply(above, local), rotations.inverse(rest))
    return rotations.rotate(above, offsets), rotations.normalise(told)


def _unique(names: list[str]) -> tuple[str, ...]:
    """The same names, later twins with a number."""
    seen: dict[str, int] = {}
    result: list[str] = []
    taken = set(names)
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        candidate = name
        while seen[name] > 1 and (candidate := f"{name}.{seen[name]}") in taken:
            seen[name] += 1
        taken.add(candidate)
        result.append(candidate)
    return tuple(result)
