"""Which joints of any humanoid skeleton make the canonical 22: by name for the limbs, by the tree for the trunk.

Known by name: CMU, LAFAN1, Mixamo, SMPL, Bandai Namco, SNU, Daz, iClone and what common tools export. A limb joint is
a source joint; a trunk joint may lie between two of them, so that a rig with one spine joint, or with joints that
coincide (CMU's LowerBack and clavicles), still has bones of sound length.
"""

import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from motionlib.body.skeleton import CANONICAL_LENGTHS, CANONICAL_NAMES, FloatArray, Skeleton

COINCIDENT = 0.01  # m; joints closer than this in the rest pose are one place
# Where spine1..3 lie on the way from pelvis to neck, and the neck from chest to head: the canonical body's own lengths.
_TRUNK = np.cumsum(CANONICAL_LENGTHS[[3, 6, 9, 12, 15]])
SPINE_SHARES = tuple(float(share) for share in _TRUNK[:3] / _TRUNK[3])
NECK_SHARE = float(CANONICAL_LENGTHS[12] / (CANONICAL_LENGTHS[12] + CANONICAL_LENGTHS[15]))
COLLAR_SHARE = 0.4  # of the way from breastbone to shoulder; HumanML3D clip 000021, frame 0: 0.39

SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_NOT_TOLD = {"cc", "base", "bip", "mixamorig", "def"}  # prefixes of whole rigs; `base` also of the toes
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LIMBS = {
    "hip": ("upleg", "upperleg", "thigh", "femur", "hip"),
    "knee": ("leg", "lowerleg", "lowleg", "calf", "shin", "tibia", "knee"),
    "ankle": ("ankle", "foot"),
    "foot": ("toe", "toes", "ball", "foot"),
    "shoulder": ("arm", "upperarm", "uparm", "shldr", "humerus", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow", "radius"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "shoulder"),
}
_PARTS = {part for parts in _LIMBS.values() for part in parts}
_OPTIONAL = ("foot", "collar")


class UnmappedSkeletonError(ValueError):
    """A skeleton is not recognised as a body: names the canonical joints that are missing or out of place."""


class Mapping(NamedTuple):
    """Canonical joint i lies at (1 - share[i]) * first[i] + share[i] * second[i], indices into a source skeleton."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    share: FloatArray

    @property
    def used(self) -> list[int]:
        """Source joints that take part, in order."""
        return sorted({*self.first, *self.second})


Place = tuple[int, int, float]


def map_skeleton(skeleton: Skeleton) -> Mapping:
    """Find the canonical 22 joints in a skeleton whose offsets are in metres.

    Raises:
        UnmappedSkeletonError: Naming what is missing, or what does not hang where it should.
    """
    limbs = _limbs(skeleton.names)
    needed = [f"{side}_{part}" for side in ("left", "right") for part in _LIMBS if part not in _OPTIONAL]
    missing = [name for name in needed if name not in limbs]
    head = next((i for i, name in enumerate(skeleton.names) if told(name) == ("", "head")), None)
    if missing or head is None:
        raise _unmapped(skeleton, f"cannot find {', '.join(missing + ['head'] * (head is None))}")
    tree = _Tree(skeleton)
    places: dict[str, Place] = {name: (joint, joint, 0.0) for name, joint in limbs.items() if name in needed}
    for side in ("left", "right"):
        places[f"{side}_foot"] = _foot(tree, limbs, side)
        _check_limb(tree, limbs, side)
    places |= _trunk(tree, limbs, head)
    first, second, share = zip(*(places[name] for name in CANONICAL_NAMES), strict=True)
    return Mapping(first, second, np.array(share))


def told(name: str) -> tuple[str, str]:
    """Side ("left", "right" or "") and part of the body that a joint's name tells, as in ("left", "upleg")."""
    words = [word.lower() for word in _WORD.findall(name.rpartition(":")[2])]
    side = next((SIDES[word] for word in words if word in SIDES), "")
    rest = [word for word in words if word not in SIDES]
    part = "".join(word for word in rest if word not in _NOT_TOLD) or "".join(rest)
    if not side:  # leftupleg, lhand
        for prefix in ("left", "right", "l", "r"):
            if part.startswith(prefix) and part.removeprefix(prefix).removesuffix("base") in _PARTS:
                return SIDES[prefix], part.removeprefix(prefix).removesuffix("base")
    return side, part


def _limbs(names: tuple[str, ...]) -> dict[str, int]:
    """Joint by canonical name. A word that could be two joints (shoulder, foot) is the one that has no other word."""
    parts: dict[tuple[str, str], int] = {}
    for joint, name in enumerate(names):
        parts.setdefault(told(name), joint)
    limbs: dict[str, int] = {}
    for side in ("left", "right"):
        taken: set[int] = set()
        for canonical, words in _LIMBS.items():
            found = [parts[side, word] for word in words if (side, word) in parts]
            free = [joint for joint in found if joint not in taken]
            if free:
                limbs[f"{side}_{canonical}"] = free[0]
                taken.add(free[0])
    return limbs


class _Tree:
    """Ancestors and rest distances of a skeleton."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.rest = np.zeros((skeleton.joint_count, 3))
        self.paths: list[list[int]] = [[0]]
        for joint, parent in enumerate(skeleton.parents[1:], start=1):
            self.rest[joint] = self.rest[parent] + skeleton.offsets[joint]
            self.paths.append([*self.paths[parent], joint])

    def common(self, a: int, b: int) -> int:
        """Deepest joint above or at both."""
        return [i for i, j in zip(self.paths[a], self.paths[b], strict=False) if i == j][-1]

    def apart(self, a: int, b: int) -> float:
        """Distance in the rest pose, m."""
        return float(np.linalg.norm(self.rest[a] - self.rest[b]))


def _check_limb(tree: _Tree, limbs: dict[str, int], side: str) -> None:
    for parts in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        for upper, lower in pairwise(f"{side}_{part}" for part in parts):
            if limbs[upper] not in tree.paths[limbs[lower]][:-1]:
                names = tree.skeleton.names
                where = f"{lower} ({names[limbs[lower]]!r}) does not hang below {upper} ({names[limbs[upper]]!r})"
                raise _unmapped(tree.skeleton, where)
            if tree.apart(limbs[upper], limbs[lower]) < COINCIDENT:
                raise _unmapped(tree.skeleton, f"{lower} lies on {upper}")


def _foot(tree: _Tree, limbs: dict[str, int], side: str) -> Place:
    """The toes; without any, the first joint or end below the ankle that is not at the ankle itself."""
    ankle, toe = limbs[f"{side}_ankle"], limbs.get(f"{side}_foot")
    below = [joint for joint, path in enumerate(tree.paths) if ankle in path[:-1]]
    candidates = below if toe is None else [toe, *below]
    for joint in candidates:
        if ankle in tree.paths[joint] and tree.apart(ankle, joint) >= COINCIDENT:
            return joint, joint, 0.0
    raise _unmapped(tree.skeleton, f"cannot find {side}_foot: no toes and no end of the foot")


def _trunk(tree: _Tree, limbs: dict[str, int], head: int) -> dict[str, Place]:
    pelvis = tree.common(limbs["left_hip"], limbs["right_hip"])
    chest = tree.common(limbs["left_shoulder"], limbs["right_shoulder"])
    if (
        chest not in tree.paths[head]
        or limbs["left_hip"] in tree.paths[chest]
        or limbs["right_hip"] in tree.paths[chest]
    ):
        raise _unmapped(tree.skeleton, "head and arms do not meet in one chest above the hips")
    collars = {side: _collar_joint(tree, limbs, side, chest) for side in ("left", "right")}
    centred = tree.apart(collars["left"], collars["right"]) < COINCIDENT
    places: dict[str, Place] = {"pelvis": (pelvis, pelvis, 0.0), "head": (head, head, 0.0)}
    for side, joint in collars.items():
        share = COLLAR_SHARE if centred else 0.0
        places[f"{side}_collar"] = (joint, limbs[f"{side}_shoulder"], share)
    start = tree.common(pelvis, head)
    spine = [joint for joint in tree.paths[head] if start in tree.paths[joint][:-1] and joint != head]
    middle = set(collars.values()) if centred else set()
    single: list[int] = []
    for joint in spine:
        if all(tree.apart(joint, other) >= COINCIDENT for other in {pelvis, head, *middle, *single}):
            single.append(joint)
    necks = [joint for joint in single if told(tree.skeleton.names[joint])[1].startswith(("neck", "lowerneck"))]
    neck = necks[0] if necks else None
    places["neck"] = (neck, neck, 0.0) if neck is not None else (chest, head, NECK_SHARE)
    line = [pelvis, *[joint for joint in single if neck is None or joint in tree.paths[neck][:-1]]]
    if neck is not None and len(line) == 4:
        return places | {f"spine{i}": (line[i], line[i], 0.0) for i in (1, 2, 3)}
    line = [*line, head if neck is None else neck]
    return places | {f"spine{i}": _along(tree, line, share, neck is None) for i, share in enumerate(SPINE_SHARES, 1)}


def _collar_joint(tree: _Tree, limbs: dict[str, int], side: str, chest: int) -> int:
    """The collar bone's joint, or the chest where the arm hangs directly on it."""
    shoulder = limbs[f"{side}_shoulder"]
    between = tree.paths[shoulder][len(tree.paths[chest]) : -1]
    named = limbs.get(f"{side}_collar")
    if named in between:
        return named
    return between[0] if between else chest


def _along(tree: _Tree, line: list[int], share: float, to_head: bool) -> Place:
    """The place at `share` of the way from pelvis to neck along `line`, which ends at the head if there is no neck."""
    lengths = np.array([tree.apart(a, b) for a, b in pairwise(line)])
    ends = np.cumsum(lengths)
    way = share * (_TRUNK[3] / _TRUNK[4] if to_head else 1.0) * ends[-1]
    segment = min(int(np.searchsorted(ends, way)), len(lengths) - 1)
    return line[segment], line[segment + 1], float(1.0 - (ends[segment] - way) / lengths[segment])


def _unmapped(skeleton: Skeleton, what: str) -> UnmappedSkeletonError:
    some = ", ".join(skeleton.names[:8])
    return UnmappedSkeletonError(f"skeleton of {skeleton.joint_count} joints ({some}, ...): {what}")
