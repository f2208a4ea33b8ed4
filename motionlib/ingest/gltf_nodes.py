"""Nodes of a glTF file as a forest, and which part of it is the body that moves.

Source: Khronos glTF 2.0 specification, sections 3.5 (scenes and nodes) and 3.7.3 (skins).
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from motionlib.body import rotations
from motionlib.ingest.gltf_document import Document, Item
from motionlib.ingest.quality import BadMotionError
from motionlib.rig.raw import FloatArray

MAX_NODES = 16_384
MAX_DEPTH = 256
MAX_JOINTS = 1024
MAX_SKIN_JOINTS = 32_768  # in all skins together
MIN_BODY = 10  # joints; a trunk, two arms and two legs of two bones each
CARRIED = 0.4  # of a body's longest chain: a child that hangs further from its parent is a body below a carrier
AT_ONE_PLACE = 1e-3  # of that chain
UNEVEN_SCALE = 1e-3  # relative


@dataclass(frozen=True, eq=False)
class Node:
    """A node at rest.

    Attributes:
        translation: (3,) in its parent.
        rotation: (4,) unit quaternion (w, x, y, z).
        scale: (3,).
        parent: -1 for none.
        skin: -1 for none.
        drawn: Whether it holds a camera, a light or a mesh that a skin moves, hence is no part of a skeleton.
    """

    name: str
    translation: FloatArray
    rotation: FloatArray
    scale: FloatArray
    children: tuple[int, ...]
    parent: int
    skin: int
    drawn: bool


class Forest:
    """All nodes, each with at most one parent and none below itself."""

    def __init__(self, document: Document) -> None:
        items = document.items("nodes")
        if len(items) > MAX_NODES:
            raise BadMotionError("too_many_joints", f"{len(items)} nodes, at most {MAX_NODES} are read")
        children = [item.indices("children", len(items)) for item in items]
        parents = [-1] * len(items)
        for node, below in enumerate(children):
            for child in below:
                if parents[child] >= 0:
                    items[node].fail("children", f"node {child} hangs on node {parents[child]} already")
                parents[child] = node
        skins = len(document.items("skins"))
        self.nodes = [
            _node(item, tuple(children[i]), parents[i], item.index("skin", skins) if "skin" in item else -1)
            for i, item in enumerate(items)
        ]
        self.order, self.depth = self._walk()
        self.size = [1] * len(self.nodes)
        for node in reversed(self.order):
            if self.nodes[node].parent >= 0:
                self.size[self.nodes[node].parent] += self.size[node]

    def above(self, node: int) -> list[int]:
        """The nodes from a tree's top down to `node` itself."""
        path = [node]
        while (parent := self.nodes[path[-1]].parent) >= 0:
            path.append(parent)
        return path[::-1]

    def below(self, node: int) -> list[int]:
        """`node` and all that hangs on it, parents first, children in the order of the file."""
        found, stack = [], [node]
        while stack:
            found.append(stack.pop())
            stack += reversed(self.nodes[found[-1]].children)
        return found

    def common(self, nodes: Collection[int]) -> int:
        """The deepest node above or at all of these; -1 if they are in several trees."""
        deepest, *others = sorted(nodes)
        for node in others:
            while deepest != node and deepest >= 0 and node >= 0:
                if self.depth[node] >= self.depth[deepest]:
                    node = self.nodes[node].parent
                else:
                    deepest = self.nodes[deepest].parent
            if deepest != node:
                return -1
        return deepest

    def _walk(self) -> tuple[list[int], dict[int, int]]:
        """All nodes, parents first, and how deep they lie; a loop or too deep a tree is refused."""
        depth = {node: 1 for node, item in enumerate(self.nodes) if item.parent < 0}
        order = list(depth)
        for node in order:
            for child in self.nodes[node].children:
                depth[child] = depth[node] + 1
                order.append(child)
            if depth[node] > MAX_DEPTH:
                raise BadMotionError(
                    "too_deep", f"node {node} ({self.nodes[node].name!r}) lies below {MAX_DEPTH} others"
                )
        if len(order) < len(self.nodes):
            loop = min(set(range(len(self.nodes))) - set(order))
            raise BadMotionError("bad_hierarchy", f"nodes[{loop}]: hangs on itself in a loop")
        return order, depth


@dataclass(frozen=True, eq=False)
class Body:
    """The nodes of a body, its root first and parents before children, and those that were left out."""

    joints: tuple[int, ...]
    left_out: tuple[int, ...]


def find_body(document: Document, forest: Forest, moved: Collection[int]) -> Body:
    """The one body of a file: the joints of its skins and what hangs on them, or else the tree that moves.

    Args:
        document: The file.
        forest: Its nodes.
        moved: Nodes that the animation moves.

    Raises:
        BadMotionError: If there are several bodies, none, or one of too many joints.
    """
    groups = _skinned(document, forest) or _trees(forest, moved)
    moving = [group for group in groups if group & set(moved)]
    bodies = [group for group in moving if len(group) >= MIN_BODY] or sorted(moving, key=len)[-1:]
    if not bodies:
        raise BadMotionError("not_motion", "the animation moves no joint")
    if len(bodies) > 1:
        raise _several([min(group, key=forest.order.index) for group in bodies], forest)
    root = _without_carriers(forest, forest.common(bodies[0]), bodies[0])
    members = [node for node in forest.below(root) if node == root or not _is_decor(forest, node)]
    if len(members) > MAX_JOINTS:
        raise BadMotionError("too_many_joints", f"{len(members)} joints, at most {MAX_JOINTS} are read")
    crowd = [child for child in forest.nodes[root].children if _holds_head(forest, child)]
    if len(crowd) > 1:
        raise _several(crowd, forest)
    left = set(moved).union(*groups) - set(forest.above(root)) - set(members)
    return Body(tuple(members), tuple(sorted(left)))


def uniform(scale: FloatArray, where: str) -> float:
    """The one number that a scale (..., 3) is throughout.

    Raises:
        BadMotionError: If it is uneven, changes, or is not positive.
    """
    mean = float(scale.mean())
    if not mean > 0 or np.abs(scale - mean).max() > UNEVEN_SCALE * mean:
        low, high = float(scale.min()), float(scale.max())
        raise BadMotionError(
            "scaled_joint", f"{where}: scaled by {low:.4g} to {high:.4g}; only one constant factor is read"
        )
    return mean


def _node(item: Item, children: tuple[int, ...], parent: int, skin: int) -> Node:
    if "matrix" in item:
        translation, rotation, scale = _taken_apart(item)
    else:
        translation = np.array(item.numbers("translation", (0.0, 0.0, 0.0)))
        x, y, z, w = item.numbers("rotation", (0.0, 0.0, 0.0, 1.0))
        scale = np.array(item.numbers("scale", (1.0, 1.0, 1.0)))
        rotation = rotations.normalise([w, x, y, z])
        if not np.isfinite(rotation).all():
            item.fail("rotation", "has no length")
    name = item.text("name").strip() or item.where.replace("nodes[", "node_").rstrip("]")
    drawn = skin >= 0 or "camera" in item or "KHR_lights_punctual" in item.item("extensions")
    return Node(name, translation, rotation, scale, children, parent, skin, drawn)


def _taken_apart(item: Item) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Translation, rotation and scale of a node's matrix, whose columns stand one after the other."""
    identity = tuple(np.eye(4).ravel().tolist())
    matrix = np.array(item.numbers("matrix", identity)).reshape(4, 4).T
    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    if scale.min() < 1e-9:
        item.fail("matrix", "flattens what hangs on it")
    turn = matrix[:3, :3] / scale
    if np.abs(turn.T @ turn - np.eye(3)).max() > UNEVEN_SCALE or np.linalg.det(turn) < 0:
        item.fail("matrix", "shears or mirrors what hangs on it")
    return matrix[:3, 3], rotations.from_matrix(turn), scale


def _skinned(document: Document, forest: Forest) -> list[set[int]]:
    """Joints of the skins, those of one tree of joints together."""
    used = {node.skin for node in forest.nodes if node.skin >= 0}
    skins = [set(skin.indices("joints", len(forest.nodes))) for skin in document.items("skins")]
    if sum(map(len, skins)) > MAX_SKIN_JOINTS:
        raise BadMotionError("too_many_joints", f"more than {MAX_SKIN_JOINTS} joints in the skins")
    joints = set().union(*skins)
    groups: list[set[int]] = []
    for index in sorted(used) or range(len(skins)):
        top = forest.common(skins[index]) if skins[index] else -1
        whole = joints.intersection(forest.below(top)) if top >= 0 else skins[index]
        touching = [group for group in groups if group & whole]
        groups = [group for group in groups if not group & whole] + [whole.union(*touching)]
    return [group for group in groups if group]


def _trees(forest: Forest, moved: Collection[int]) -> list[set[int]]:
    """The trees in which a node is moved: their top and what is moved."""
    trees: dict[int, set[int]] = {}
    for node in sorted(moved):
        top = forest.above(node)[0]
        trees.setdefault(top, {top}).add(node)
    return list(trees.values())


def _without_carriers(forest: Forest, top: int, joints: Collection[int]) -> int:
    """The body's own root: below nodes that only carry it, such as an armature or a root-motion bone at the floor."""
    while True:
        children = [child for child in forest.nodes[top].children if not _is_decor(forest, child)]
        heavy = [child for child in children if forest.size[child] >= MIN_BODY]
        if len(heavy) != 1:
            return top
        away = float(np.linalg.norm(forest.nodes[heavy[0]].translation)) / max(_longest_chain(forest, heavy[0]), 1e-9)
        if len(children) > 1 and away < CARRIED and (top in joints or away > AT_ONE_PLACE):
            return top
        top = heavy[0]


def _longest_chain(forest: Forest, root: int) -> float:
    """Length from a node to its furthest end, in the units of its parent."""
    reach = {root: 0.0}
    scale = {root: float(forest.nodes[root].scale.mean())}
    for node in forest.below(root)[1:]:
        item = forest.nodes[node]
        reach[node] = reach[item.parent] + scale[item.parent] * float(np.linalg.norm(item.translation))
        scale[node] = scale[item.parent] * float(item.scale.mean())
    return max(reach.values())


def _is_decor(forest: Forest, node: int) -> bool:
    return forest.nodes[node].drawn and not forest.nodes[node].children


def _holds_head(forest: Forest, node: int) -> bool:
    return any("head" in forest.nodes[joint].name.lower() for joint in forest.below(node))


def _several(roots: list[int], forest: Forest) -> BadMotionError:
    names = Counter(forest.nodes[root].name for root in roots)
    return BadMotionError("several_bodies", f"{len(roots)} bodies, at {', '.join(sorted(names))[:200]}")
