"""A body told by its shape alone: two pairs of like limbs on one trunk, and a head.

Names are not looked at. Limbs are the two longest pairs of branches that match bone by bone; those on whose side the
head is are the arms. Hip, knee and ankle are the joints of a leg that split it as legs are split, likewise for the
arms. Left is where (up) x (where the toes point) says, in the frames of a take if there are any, else in the rest pose.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from motionlib.body import rotations
from motionlib.body.skeleton import FloatArray
from motionlib.rig.tree import COINCIDENT, Tree

ALIKE = 0.65  # ratio of two bones' lengths from which they can be a pair
TINY = 0.02  # of the body; shorter bones match whatever their ratio
SHORTEST_LIMB = 0.15  # of the body, finger tip to toe; an arm is about 0.3, a leg 0.4
CLEAR = 0.25  # share of the foot by which the toes must lie before the shin, in the median, to tell the sides
STRAIGHT = 0.996  # cosine (5 degrees) between two bones that are one long bone cut in two
JOG, CUT = 3.0, 0.3  # cost of a joint inside a long bone that bends, and of one that does not
# No body has more; they bound the work on a hostile tree: joints one below the other, branches of one joint that are as
# long as limbs, joints of one limb, pairs of limbs and pairs of joints that are looked at.
DEEPEST, MOST_BRANCHES, LONGEST_CHAIN, MOST_PAIRS, MOST_MATCHES = 80, 24, 40, 24, 5_000


@dataclass(frozen=True)
class Shape:
    """Proportions of a limb of two long bones (medians of CMU, LAFAN1, Bandai Namco, Daz, iClone and SMPL).

    Attributes:
        parts: Canonical names of its start, middle and end.
        ratio: Upper to lower long bone. before: way from the trunk's joint to the start, after: from the end to the
            tip, as shares of both long bones. Each with the spread of its logarithm.
    """

    parts: tuple[str, str, str]
    ratio: tuple[float, float]
    before: tuple[float, float]
    after: tuple[float, float]


LEG = Shape(("hip", "knee", "ankle"), (1.0, 0.15), (0.15, 0.8), (0.22, 0.7))
ARM = Shape(("shoulder", "elbow", "wrist"), (1.1, 0.2), (0.4, 0.6), (0.3, 0.8))


@dataclass(frozen=True)
class Limbs:
    """What was found.

    Attributes:
        joints: By canonical name, of the limbs (toes too) and the head.
        sided: Whether left and right were told apart, else they are as they came.
    """

    joints: dict[str, int]
    sided: bool


Pair = tuple[float, int, list[tuple[int, int]]]  # length, where the branches part, joints of the two branches


def find(tree: Tree, without: frozenset[int] = frozenset(), poses: FloatArray | None = None) -> Limbs | None:
    """The limbs and the head, or None where the tree is not that of a body.

    Args:
        tree: Of the skeleton.
        without: Joints that are no part of the body.
        poses: (N, J, 3) joint positions of a take on it, any unit.
    """
    if max(len(path) for path in tree.paths) > DEEPEST:
        return None
    best = _two_pairs(tree, _pairs(tree, without)[:MOST_PAIRS], without)
    if best is None:
        return None
    legs, arms, head = best
    first = _limb(tree, legs, LEG)
    second = _limb(tree, arms, ARM)
    if first is None or second is None:
        return None
    where = tree.rest[None] if poses is None else poses
    matched = _same_side(where, first, second)
    if not matched:
        second = [(b, a) for a, b in second]
    ahead = _toes_ahead(where, first)
    if ahead < 0.0:
        first, second = [(b, a) for a, b in first], [(b, a) for a, b in second]
    joints = {"head": head}
    for shape, pairs in ((LEG, first), (ARM, second)):
        for part, (left, right) in zip((*shape.parts, *(("foot",) if shape is LEG else ())), pairs, strict=False):
            joints[f"left_{part}"], joints[f"right_{part}"] = left, right
    return Limbs(joints, abs(ahead) >= CLEAR)


def _pairs(tree: Tree, without: frozenset[int]) -> list[Pair]:
    """Pairs of branches that match bone by bone, the longest first."""

    @cache
    def match(a: int, b: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        longer, shorter = max(tree.lengths[a], tree.lengths[b]), min(tree.lengths[a], tree.lengths[b])
        unlike = longer > TINY and shorter < ALIKE * longer
        if unlike or a in without or b in without:
            return 0.0, ()
        many = match.cache_info().currsize + len(tree.children[a]) * len(tree.children[b]) > MOST_MATCHES
        below = [] if many else [match(c, d) for c in tree.children[a] for d in tree.children[b]]
        length, chain = max(below, key=lambda found: found[0], default=(0.0, ()))
        return float(shorter) + length, ((a, b), *chain)

    found = []
    for joint, children in enumerate(tree.children):
        long = [child for child in children if tree.reach[child] >= SHORTEST_LIMB]
        for a, b in combinations(long if len(long) <= MOST_BRANCHES else (), 2):
            length, chain = match(a, b)
            if length >= SHORTEST_LIMB:
                found.append((length, joint, list(chain)))
    return sorted(found, key=lambda pair: -pair[0])


def _two_pairs(tree: Tree, pairs: list[Pair], without: frozenset[int]) -> tuple[Pair, Pair, int] | None:
    """Legs, arms and head: the two longest pairs outside each other of which one has a head."""
    for one, two in sorted(combinations(pairs, 2), key=lambda both: -(both[0][0] + both[1][0])):
        if _inside(tree, one, two) or _inside(tree, two, one):
            continue
        heads = [_head(tree, arms, legs, without) for legs, arms in ((one, two), (two, one))]
        if heads[0] is None and heads[1] is None:
            continue
        up_first = heads[0] is not None and (heads[1] is None or tree.above(one[1], two[1]))
        legs, arms, head = (one, two, heads[0]) if up_first else (two, one, heads[1])
        assert head is not None
        return legs, arms, head
    return None


def _inside(tree: Tree, outer: Pair, inner: Pair) -> bool:
    """Whether the branches of `inner` start within those of `outer`, or are the same."""
    starts = set(outer[2][0])
    return bool(starts & set(tree.paths[inner[1]])) or bool(starts & set(inner[2][0]))


def _head(tree: Tree, arms: Pair, legs: Pair, without: frozenset[int]) -> int | None:
    """The head: what else hangs where the arms part, followed until it branches or ends."""
    _, chest, limbs = arms
    to_legs = set(tree.paths[legs[1]]) | set(legs[2][0])
    branches = [c for c in tree.children[chest] if c not in limbs[0] and c not in to_legs and c not in without]
    branches = [branch for branch in branches if tree.reach[branch] > 2 * COINCIDENT]
    if not branches:
        return None
    chain = [max(branches, key=lambda branch: tree.reach[branch])]
    while True:
        below = [child for child in tree.children[chain[-1]] if child not in without]
        if len(below) != 1 or (below[0] in tree.leaves and tree.skeleton.names[below[0]].endswith("_end")):
            break
        chain.append(below[0])
    while len(chain) > 1 and tree.lengths[chain[-1]] < COINCIDENT:
        chain.pop()
    return chain[-1]


def _limb(tree: Tree, pair: Pair, shape: Shape) -> list[tuple[int, int]] | None:
    """Start, middle, end and what follows the end, as pairs of joints."""
    _, trunk, chain = pair
    if len(chain) > LONGEST_CHAIN:
        return None
    ways = np.array([(tree.way(trunk, a) + tree.way(trunk, b)) / 2 for a, b in chain])
    best, chosen = np.inf, None
    for start, middle, end in combinations(range(len(chain)), 3):
        upper, lower = ways[middle] - ways[start], ways[end] - ways[middle]
        if min(upper, lower) < 2 * TINY or ways[start] < COINCIDENT:
            continue
        cost = _off(upper / lower, shape.ratio) + _off(ways[start] / (upper + lower), shape.before)
        cost += _off(max(ways[-1] - ways[end], COINCIDENT) / (upper + lower), shape.after)
        cost += sum(_joint_cost(tree, chain, inner) for inner in range(start + 1, end) if inner != middle)
        if cost < best:
            best, chosen = cost, (start, middle, end)
    if chosen is None:
        return None
    after = next((i for i in range(chosen[2] + 1, len(chain)) if ways[i] - ways[chosen[2]] >= COINCIDENT), None)
    return [chain[i] for i in (*chosen, *(() if after is None else (after,)))]


def _off(value: float, expected: tuple[float, float]) -> float:
    return float(np.log(value / expected[0]) / expected[1]) ** 2


def _joint_cost(tree: Tree, chain: list[tuple[int, int]], inner: int) -> float:
    """Cost of taking a joint for a mere cut of a long bone."""
    joint, below = chain[inner][0], chain[inner + 1][0]
    if min(tree.lengths[joint], tree.lengths[below]) < COINCIDENT:
        return CUT
    bones = rotations.normalise(tree.skeleton.offsets[[joint, below]])
    return CUT if float(bones[0] @ bones[1]) > STRAIGHT else JOG


def _same_side(where: FloatArray, legs: list[tuple[int, int]], arms: list[tuple[int, int]]) -> bool:
    """Whether the first joints of the pairs of legs and arms are on one side."""
    hips, shoulders = (where[:, pairs[0][0]] - where[:, pairs[0][1]] for pairs in (legs, arms))
    return float((hips * shoulders).sum(-1).mean()) >= 0.0


def _toes_ahead(where: FloatArray, legs: list[tuple[int, int]]) -> float:
    """Share of the foot by which the toes lie before the shins if the first of each pair is left; 0 without toes."""
    if len(legs) < 4:
        return 0.0
    across = where[:, legs[0][0]] - where[:, legs[0][1]]
    shares = []
    for side in (0, 1):
        knee, ankle, toe = (where[:, pair[side]] for pair in legs[1:4])
        ahead = np.nan_to_num(rotations.normalise(np.cross(across, knee - ankle)))
        shares.append((ahead * np.nan_to_num(rotations.normalise(toe - ankle))).sum(-1))
    return float(np.median(shares))
