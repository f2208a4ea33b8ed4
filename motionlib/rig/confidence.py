"""How sure a mapping is: what speaks for each canonical joint, and what against it.

Each kind of evidence that holds takes away its share of the doubt: confidence = 1 - product(1 - weight). Against a
joint speak another joint of the tree's shape in its place, sides that differ, and proportions that no body has.
The weights are set so that a name alone or a shape alone, without anything against it, is enough (0.75 and 0.70), and a
shape alone with the proportions of no body is not.
"""

from collections.abc import Mapping as Map

import numpy as np

from motionlib.body.skeleton import CANONICAL_LENGTHS, CANONICAL_NAMES, CANONICAL_PARENTS, FloatArray
from motionlib.rig.names import TRUNK, told
from motionlib.rig.topology import Limbs
from motionlib.rig.tree import Tree

WEIGHTS = {"override": 1.0, "name": 0.75, "topology": 0.6, "symmetry": 0.25, "proportion": 0.35}
NEAR = 0.3  # weight of `topology` where the shape tells a neighbour of the joint in its limb
NEIGHBOURS = 2  # joints further up or down; wrists and hands of many rigs are doubled
AGAINST = 0.6  # of the confidence is left where the shape tells another joint
# Thighs, shins and arms within the first ratio of the canonical body's are a body's, beyond the second they are none's;
# for the other bones, which rigs draw as they like, the next two.
LIKE, UNLIKE = np.log(1.35), np.log(3.0)
LIKE_LOOSE, UNLIKE_LOOSE = np.log(2.0), np.log(10.0)
EVEN, UNEVEN = np.log(1.12), np.log(1.7)  # the same for the left bone to the right
LEAST_NAMED, LEAST = 0.75, 0.3  # left of the confidence where proportions are none's, with a name and without

Place = tuple[int, int, float]


def weigh(
    tree: Tree, places: Map[str, Place], named: Map[str, int], shaped: Limbs | None, said: set[str]
) -> tuple[FloatArray, tuple[tuple[str, ...], ...]]:
    """Confidence (22,) and the kinds of evidence of each joint, keys of WEIGHTS.

    Args:
        places: Of all 22 joints. named: joints that names tell. shaped: what the tree's shape tells.
        said: Canonical joints that a person placed.
    """
    lengths = _lengths(tree, places)
    even = _likeness(np.abs(np.log(lengths / lengths[OTHER_SIDE])), EVEN, UNEVEN)
    fits = _proportions(lengths)
    sure, kinds = np.ones(len(CANONICAL_NAMES)), []
    for joint, name in enumerate(CANONICAL_NAMES):
        by_name = 1.0 if _is_named(tree, name, places[name], named) else 0.0
        by_shape = _by_shape(tree, name, places[name], shaped)
        parts = {"name": by_name, "topology": max(by_shape, 0.0), "symmetry": even[joint], "proportion": fits[joint]}
        doubt = float(np.prod([1.0 - WEIGHTS[kind] * strength for kind, strength in parts.items()]))
        least = LEAST_NAMED if by_name else LEAST
        against = (AGAINST if by_shape < 0.0 else 1.0) * (least + (1.0 - least) * fits[joint])
        sure[joint] = 1.0 if name in said else (1.0 - doubt) * against
        told_by = tuple(kind for kind, strength in parts.items() if strength >= 0.5)
        kinds.append(("override",) if name in said else told_by)
    return np.round(sure, 3), tuple(kinds)


def _is_named(tree: Tree, name: str, place: Place, named: Map[str, int]) -> bool:
    if name in named:
        return named[name] == place[0]
    parts = [told(tree.skeleton.names[joint])[1] for joint in place[:2]]
    return "_" not in name and any(part.startswith(TRUNK) or part.endswith(TRUNK) for part in parts)


def _by_shape(tree: Tree, name: str, place: Place, shaped: Limbs | None) -> float:
    """1 where the tree's shape tells the same joint, less where it tells its neighbour, -1 where it tells another."""
    if shaped is None or not shaped.sided:
        return 0.0
    told_by = shaped.joints.get(name)
    if told_by is None:  # the trunk hangs between limbs; it is right where they are
        ends = [shaped.joints.get(limb) for limb in ("left_hip", "left_shoulder", "head")]
        return 1.0 if all(end is not None for end in ends) else 0.0
    if told_by == place[0]:
        return 1.0
    steps = len(tree.paths[told_by]) - len(tree.paths[place[0]])
    in_line = tree.above(told_by, place[0]) or tree.above(place[0], told_by)
    return NEAR / WEIGHTS["topology"] if in_line and abs(steps) <= NEIGHBOURS else -1.0


def _lengths(tree: Tree, places: Map[str, Place]) -> FloatArray:
    """(22,) rest lengths of the canonical bones, by the way along the source's bones; 1 for the root."""
    lengths = np.ones(len(CANONICAL_NAMES))
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        start, end = places[CANONICAL_NAMES[parent]], places[CANONICAL_NAMES[joint]]
        here, there = (tree.rest[a] + share * (tree.rest[b] - tree.rest[a]) for a, b, share in (start, end))
        lengths[joint] = max(float(np.linalg.norm(there - here)), 1e-6)
    return lengths


def _proportions(lengths: FloatArray) -> FloatArray:
    """How well each bone (22,) fits the canonical body, 0..1, size aside."""
    ratio = np.log(lengths[1:] / CANONICAL_LENGTHS[1:])
    long = np.array([name.endswith(("knee", "ankle", "elbow", "wrist")) for name in CANONICAL_NAMES[1:]])
    off = np.abs(ratio - np.median(ratio[long]))
    fits = np.where(long, _likeness(off, LIKE, UNLIKE), _likeness(off, LIKE_LOOSE, UNLIKE_LOOSE))
    return np.concatenate([[1.0], fits])


def _likeness(deviation: FloatArray, like: float, unlike: float) -> FloatArray:
    """1 up to `like`, 0 from `unlike` on, straight between."""
    fit: FloatArray = np.clip((unlike - deviation) / (unlike - like), 0.0, 1.0)
    return fit


def _other_side(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


OTHER_SIDE = [CANONICAL_NAMES.index(_other_side(name)) for name in CANONICAL_NAMES]
