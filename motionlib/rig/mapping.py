"""Which joints of any humanoid skeleton make the canonical 22: by name, by the shape of the tree, or as a person says.

A limb joint is a source joint; a trunk joint may lie between two of them, so that a rig with one spine joint, or with
joints that coincide (CMU's LowerBack and clavicles), still has bones of sound length. Every joint comes with what
speaks for it; where that is too little, the skeleton is refused and the message says what to write into a rig file.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from motionlib.artifacts import Clip
from motionlib.body.skeleton import CANONICAL_LENGTHS, CANONICAL_NAMES, FloatArray, Skeleton
from motionlib.rig import confidence, pose, topology
from motionlib.rig.names import LIMBS, limbs, told, told_all
from motionlib.rig.override import Override
from motionlib.rig.topology import Limbs
from motionlib.rig.tree import COINCIDENT, Tree

__all__ = ["Mapping", "UnmappedSkeletonError", "map_clip", "map_skeleton", "told"]

# Where spine1..3 lie on the way from pelvis to neck, and the neck from chest to head: the canonical body's own lengths.
_TRUNK = np.cumsum(CANONICAL_LENGTHS[[3, 6, 9, 12, 15]])
SPINE_SHARES = tuple(float(share) for share in _TRUNK[:3] / _TRUNK[3])
NECK_SHARE = float(CANONICAL_LENGTHS[12] / (CANONICAL_LENGTHS[12] + CANONICAL_LENGTHS[15]))
COLLAR_SHARE = 0.4  # of the way from breastbone to shoulder; HumanML3D clip 000021, frame 0: 0.39
SURE = 0.5  # confidence below which a joint counts as not found
POSES = 32  # frames of a take that are looked at where the rest pose leaves open which side is left

_OPTIONAL = ("foot", "collar")
NEEDED = (*(f"{side}_{part}" for side in ("left", "right") for part in LIMBS if part not in _OPTIONAL), "head")


class UnmappedSkeletonError(ValueError):
    """A skeleton is not recognised as a body: names the joints that are missing, doubtful or out of place."""


class Mapping(NamedTuple):
    """Canonical joint i lies at (1 - share[i]) * first[i] + share[i] * second[i], indices into a source skeleton.

    Attributes:
        confidence: (22,) in 0..1. evidence: (22) what speaks for each joint, keys of `confidence.WEIGHTS`.
        extra: Names of joints that take no part: fingers, props, twist joints. They are kept with the clip.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    share: FloatArray
    confidence: FloatArray = np.ones(len(CANONICAL_NAMES))
    evidence: tuple[tuple[str, ...], ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def used(self) -> list[int]:
        """Source joints that take part, in order."""
        return sorted({*self.first, *self.second})

    @property
    def overall(self) -> float:
        """Confidence of the least certain joint: one wrong joint spoils a take."""
        return float(self.confidence.min())


Place = tuple[int, int, float]


@dataclass(frozen=True, eq=False)
class _Found:
    """Limb joints and head by canonical name, and who says so."""

    limbs: dict[str, int]
    named: dict[str, int]
    shaped: Limbs | None
    said: dict[str, Place]
    meanings: list[tuple[str, str]]


def map_skeleton(skeleton: Skeleton, override: Override | None = None, poses: FloatArray | None = None) -> Mapping:
    """Find the canonical 22 joints in a skeleton, whatever its unit of length, its axes and the order of its joints.

    Args:
        override: What a person says; it goes before everything that is found.
        poses: (N, J, 3) joint positions of a take on the skeleton, any unit. They tell left from right where neither
            names nor the rest pose do.

    Raises:
        UnmappedSkeletonError: Naming what is missing, doubtful, or does not hang where it should.
    """
    override = override or Override()
    tree = Tree(skeleton)
    found = _find(tree, override, poses)
    missing = [name for name in NEEDED if name not in found.limbs]
    if missing:
        raise _unmapped(skeleton, f"cannot find {', '.join(missing)}", missing)
    places: dict[str, Place] = {name: (found.limbs[name], found.limbs[name], 0.0) for name in NEEDED}
    for side in ("left", "right"):
        _check_limb(tree, found.limbs, side)
        places[f"{side}_foot"] = found.said.get(f"{side}_foot") or _foot(tree, found.limbs, side)
    places |= _trunk(tree, found, found.limbs["head"])
    places |= found.said
    sure, evidence = confidence.weigh(tree, places, found.named, found.shaped, set(found.said))
    doubtful = [name for name in NEEDED if sure[CANONICAL_NAMES.index(name)] < SURE]
    if doubtful:
        told_of = (f"{name} ({skeleton.names[found.limbs[name]]!r})" for name in doubtful)
        raise _unmapped(skeleton, f"not sure enough of {', '.join(told_of)}", doubtful)
    first, second, share = zip(*(places[name] for name in CANONICAL_NAMES), strict=True)
    return Mapping(first, second, np.array(share), sure, evidence, _extra(tree, {*first, *second}))


def map_clip(clip: Clip) -> Mapping:
    """`map_skeleton` of a clip: with what its rig file says, and with its own poses where the rest pose is not enough.

    Raises:
        UnmappedSkeletonError: As `map_skeleton`.
        ValueError: If the clip's rig file is wrong, naming key and value.
    """
    skeleton = clip.skeleton
    key = (skeleton.names, skeleton.parents, skeleton.offsets.tobytes(), clip.info.rig)
    try:
        return _mapped(*key)
    except UnmappedSkeletonError:
        if not clip.frame_count:
            raise
    frames = np.unique(np.linspace(0, clip.frame_count - 1, POSES).astype(int))
    positions, _ = pose.world(skeleton, clip.root_pos[frames], clip.local_quat[frames])
    return map_skeleton(skeleton, Override.read(clip.info.rig), positions)


@lru_cache(maxsize=128)
def _mapped(names: tuple[str, ...], parents: tuple[int, ...], offsets: bytes, rig: str) -> Mapping:
    skeleton = Skeleton(names, parents, np.frombuffer(offsets).reshape(-1, 3))
    return map_skeleton(skeleton, Override.read(rig))


def _find(tree: Tree, override: Override, poses: FloatArray | None) -> _Found:
    """Limbs and head: as said, else by name, else by shape."""
    without = _outside(tree, override)
    said = {name: _place(tree, name, place) for name, place in override.joints.items()}
    meanings = told_all(tree.skeleton.names)
    named = {name: joint for name, joint in limbs(meanings).items() if joint not in without}
    shaped = topology.find(tree, without, poses)
    result = dict(named)
    if shaped is not None:
        known = {**named, **{name: place[0] for name, place in said.items()}}
        shaped = _on_named_sides(shaped, known)
        if shaped.sided:
            result = {**shaped.joints, **named}
    result |= {name: joint for name, (joint, _, share) in said.items() if share == 0.0}
    return _Found(result, named, shaped, said, meanings)


def _on_named_sides(shaped: Limbs, known: dict[str, int]) -> Limbs:
    """The same limbs with left and right as names tell them, where any does."""
    votes = 0
    for name, joint in known.items():
        side, _, part = name.partition("_")
        other = {"left": f"right_{part}", "right": f"left_{part}"}.get(side)
        votes += (shaped.joints.get(name) == joint) - (other is not None and shaped.joints.get(other) == joint)
    if not any(name != "head" for name in known):
        return shaped
    if votes >= 0:
        return Limbs(shaped.joints, sided=True)
    swapped = {"left": "right", "right": "left"}
    sides = {name: name.partition("_") for name in shaped.joints}
    joints = {swapped.get(s, s) + bar + part: shaped.joints[name] for name, (s, bar, part) in sides.items()}
    return Limbs(joints, sided=True)


def _outside(tree: Tree, override: Override) -> frozenset[int]:
    """Joints that are said to be no part of the body, with what hangs below them."""
    roots = {_joint(tree, "extra", name) for name in override.extra}
    return frozenset(joint for joint, path in enumerate(tree.paths) if roots & set(path))


def _place(tree: Tree, name: str, place: str | tuple[str, str, float]) -> Place:
    if isinstance(place, str):
        joint = _joint(tree, f"joints.{name}", place)
        return joint, joint, 0.0
    return _joint(tree, f"joints.{name}", place[0]), _joint(tree, f"joints.{name}", place[1]), place[2]


def _joint(tree: Tree, key: str, name: str) -> int:
    if name not in tree.skeleton.names:
        some = ", ".join(tree.skeleton.names[:8])
        raise UnmappedSkeletonError(f"rig file: {key}: the skeleton has no joint {name!r}; it has {some}, ...")
    return tree.skeleton.names.index(name)


def _extra(tree: Tree, used: set[int]) -> tuple[str, ...]:
    return tuple(
        name
        for joint, name in enumerate(tree.skeleton.names)
        if joint not in used and not (joint in tree.leaves and name.endswith("_end"))
    )


def _check_limb(tree: Tree, found: dict[str, int], side: str) -> None:
    for parts in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        for upper, lower in pairwise(f"{side}_{part}" for part in parts):
            if not tree.above(found[upper], found[lower]):
                names = tree.skeleton.names
                where = f"{lower} ({names[found[lower]]!r}) does not hang below {upper} ({names[found[upper]]!r})"
                raise _unmapped(tree.skeleton, where, [upper, lower])
            if tree.apart(found[upper], found[lower]) < COINCIDENT:
                raise _unmapped(tree.skeleton, f"{lower} lies on {upper}", [upper, lower])


def _foot(tree: Tree, found: dict[str, int], side: str) -> Place:
    """The toes; without any, the first joint or end below the ankle that is not at the ankle itself."""
    ankle, toe = found[f"{side}_ankle"], found.get(f"{side}_foot")
    below = [joint for joint in range(len(tree.paths)) if tree.above(ankle, joint)]
    for joint in below if toe is None else [toe, *below]:
        if tree.above(ankle, joint) and tree.apart(ankle, joint) >= COINCIDENT:
            return joint, joint, 0.0
    raise _unmapped(tree.skeleton, f"cannot find {side}_foot: no toes and no end of the foot", [f"{side}_foot"])


def _trunk(tree: Tree, found: _Found, head: int) -> dict[str, Place]:
    own = found.limbs
    pelvis = tree.common(own["left_hip"], own["right_hip"])
    chest = tree.common(own["left_shoulder"], own["right_shoulder"])
    below = {joint for side in ("left", "right") if (joint := own[f"{side}_hip"]) in tree.paths[chest]}
    if chest not in tree.paths[head] or below:
        raise _unmapped(tree.skeleton, "head and arms do not meet in one chest above the hips", ["head"])
    collars = {side: _collar_joint(tree, own, side, chest) for side in ("left", "right")}
    centred = tree.apart(collars["left"], collars["right"]) < COINCIDENT
    places: dict[str, Place] = {"pelvis": (pelvis, pelvis, 0.0), "head": (head, head, 0.0)}
    for side, joint in collars.items():
        share = COLLAR_SHARE if centred else 0.0
        places[f"{side}_collar"] = (joint, own[f"{side}_shoulder"], share)
    start = tree.common(pelvis, head)
    spine = [joint for joint in tree.paths[head] if tree.above(start, joint) and joint != head]
    middle = set(collars.values()) if centred else set()
    single: list[int] = []
    for joint in spine:
        if all(tree.apart(joint, other) >= COINCIDENT for other in {pelvis, head, *middle, *single}):
            single.append(joint)
    neck = _neck(tree, found.meanings, single, chest)
    places["neck"] = (neck, neck, 0.0) if neck is not None else (chest, head, NECK_SHARE)
    line = [pelvis, *[joint for joint in single if neck is None or tree.above(joint, neck)]]
    if neck is not None and len(line) == 4:
        return places | {f"spine{i}": (line[i], line[i], 0.0) for i in (1, 2, 3)}
    line = [*line, head if neck is None else neck]
    return places | {f"spine{i}": _along(tree, line, share, neck is None) for i, share in enumerate(SPINE_SHARES, 1)}


def _neck(tree: Tree, meanings: list[tuple[str, str]], spine: list[int], chest: int) -> int | None:
    """The neck's joint by name, else the first one between chest and head."""
    named = [joint for joint in spine if meanings[joint][1].startswith(("neck", "lowerneck"))]
    return next(iter([*named, *(joint for joint in spine if tree.above(chest, joint))]), None)


def _collar_joint(tree: Tree, found: dict[str, int], side: str, chest: int) -> int:
    """The collar bone's joint, or the chest where the arm hangs directly on it."""
    shoulder = found[f"{side}_shoulder"]
    between = tree.paths[shoulder][len(tree.paths[chest]) : -1]
    named = found.get(f"{side}_collar")
    if named in between:
        return named
    return between[0] if between else chest


def _along(tree: Tree, line: list[int], share: float, to_head: bool) -> Place:
    """The place at `share` of the way from pelvis to neck along `line`, which ends at the head if there is no neck."""
    lengths = np.array([tree.apart(a, b) for a, b in pairwise(line)])
    ends = np.cumsum(lengths)
    way = share * (_TRUNK[3] / _TRUNK[4] if to_head else 1.0) * ends[-1]
    segment = min(int(np.searchsorted(ends, way)), len(lengths) - 1)
    return line[segment], line[segment + 1], float(1.0 - (ends[segment] - way) / lengths[segment])


def _unmapped(skeleton: Skeleton, what: str, joints: list[str]) -> UnmappedSkeletonError:
    some = ", ".join(skeleton.names[:8])
    example = ", ".join(f'"{name}": "NAME"' for name in joints[:3])
    way_out = f'say where they are in a rig file beside it: {{"joints": {{{example}}}}}'
    return UnmappedSkeletonError(f"skeleton of {skeleton.joint_count} joints ({some}, ...): {what}; {way_out}")
