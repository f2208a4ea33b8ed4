"""How the joints of a source skeleton stand to the canonical body: which of them carries each part, and turned how.

The canonical rest pose is that of CANONICAL_DIRECTIONS: upright, facing +z, arms hanging. A canonical joint is carried
by the source joint whose rotation moves the bones that start there; `turn` is the constant rotation between the two.
It follows from the rest pose where that is a pose of a person. Of many rigs it is none (every bone along its own x
axis); there the bones say it, and the twist about them is what it is on average in the take: knees and elbows bend
about one axis, the hips lie across. Such rigs are built along their axes, so the average is snapped to the nearest one,
and the joints of a limb have the same axes when it is stretched out; both make it a property of the rig and not of the
take.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import (
    CANONICAL_DIRECTIONS,
    CANONICAL_JOINTS,
    CANONICAL_NAMES,
    CANONICAL_PARENTS,
    Skeleton,
)
from motionlib.rig import pose
from motionlib.rig.mapping import Mapping
from motionlib.rig.turns import frame, kabsch, mean_rotation, snapped, snapped_rotation, swing, unit

FloatArray = NDArray[np.float64]

CHILDREN = tuple(
    tuple(child for child, parent in enumerate(CANONICAL_PARENTS) if parent == joint)
    for joint in range(CANONICAL_JOINTS)
)
SAMPLED_FRAMES = 64  # of a take, evenly spaced, that vote about twist
DOWN = 0.7  # cosine; the legs of a standing body point this much against the trunk, and its arms not up
AHEAD = 0.3  # share of a foot's length by which its toes lie before the shin
SAME = 0.34  # cosine (70 degrees) up to which what is seen agrees with how rigs are usually built
SAME_TURN = 0.766  # the same for heads, hands and toes: cosine of half the angle (80 degrees)
UNCLEAR = 0.4  # length of the mean of directions below which they speak against nothing
X, Y, Z = np.eye(3)
HEAD_UPRIGHT = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])  # the canonical neck points ahead, the head's axis up

_J = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}
_ENDS = {"head": "spine3", "left_foot": "left_ankle", "right_foot": "right_ankle"}
# The joint before each in a limb.
_BEFORE = {"knee": "hip", "ankle": "knee", "foot": "ankle", "shoulder": "collar", "elbow": "shoulder", "wrist": "elbow"}
_ENDS |= {f"{side}_wrist": f"{side}_elbow" for side in ("left", "right")}


@dataclass(frozen=True, eq=False)
class Alignment:
    """Rotation of canonical joint i in the world = that of source joint `carrier[i]`, times `turn[i]`.

    Attributes:
        carrier: (22) indices into the source skeleton.
        turn: (22, 4) unit quaternions.
        posed: Whether the skeleton's rest pose is a pose of a person; else the take's own frames were asked.
    """

    carrier: tuple[int, ...]
    turn: FloatArray
    posed: bool


def carriers(skeleton: Skeleton, mapping: Mapping) -> tuple[int, ...]:
    """(22) source joints that move the bones which start at each canonical joint; at the ends, the joint itself."""
    paths = [[0]]
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        paths.append([*paths[parent], joint])
    result = []
    for joint, children in enumerate(CHILDREN):
        if not children:
            result.append(mapping.first[joint])
            continue
        above = [paths[max(skeleton.parents[mapping.second[child]], 0)] for child in children]
        shared = [same[0] for same in zip(*above, strict=False) if len(set(same)) == 1]
        result.append(shared[-1])
    return tuple(result)


def places(positions: FloatArray, mapping: Mapping) -> FloatArray:
    """Canonical joints (..., 22, 3) from those (..., J, 3) of a source skeleton."""
    share = mapping.share[:, None]
    first, second = positions[..., list(mapping.first), :], positions[..., list(mapping.second), :]
    canonical: FloatArray = (1.0 - share) * first + share * second
    return canonical


def align(skeleton: Skeleton, mapping: Mapping, root_pos: ArrayLike, local_quat: ArrayLike) -> Alignment:
    """Alignment of a rig; a take on it says what the rest pose does not.

    Args:
        skeleton: J joints. mapping: of it.
        root_pos: (T, 3) of a take. local_quat: (T, J, 4) of it; only some frames are looked at.
    """
    offsets, share = skeleton.offsets.tobytes(), mapping.share.tobytes()
    carrier, rest, turn = _of_rig(skeleton.names, skeleton.parents, offsets, mapping.first, mapping.second, share)
    if turn is not None:
        return Alignment(carrier, turn, posed=True)
    root, local = np.asarray(root_pos), np.asarray(local_quat)
    frames = np.unique(np.linspace(0, len(root) - 1, SAMPLED_FRAMES).astype(int))
    positions, world = pose.world(skeleton, root[frames], rotations.normalise(local[frames]))
    return Alignment(carrier, _from_take(rest, places(positions, mapping), world[:, carrier]), posed=False)


@lru_cache(maxsize=128)
def _of_rig(
    names: tuple[str, ...],
    parents: tuple[int, ...],
    offsets: bytes,
    first: tuple[int, ...],
    second: tuple[int, ...],
    share: bytes,
) -> tuple[tuple[int, ...], FloatArray, FloatArray | None]:
    """What depends on the rig only: carriers, rest positions (22, 3) and, if these are a person's, the turns."""
    skeleton = Skeleton(names, parents, np.frombuffer(offsets).reshape(-1, 3))
    mapping = Mapping(first, second, np.frombuffer(share))
    rest = places(pose.rest(skeleton), mapping)
    return carriers(skeleton, mapping), rest, _from_rest(rest) if is_posed(rest) else None


def is_posed(rest: FloatArray) -> bool:
    """Whether rest positions (22, 3) are a person's: legs below the trunk, toes ahead, arms anywhere but up."""
    trunk = unit(_bone(rest, "pelvis", "neck"))
    across = _across(rest)
    forward = unit(np.cross(across, trunk))
    for side in ("left", "right"):
        leg = unit(_bone(rest, f"{side}_hip", f"{side}_ankle"))
        toes = unit(_bone(rest, f"{side}_ankle", f"{side}_foot"))
        arm = unit(_bone(rest, f"{side}_shoulder", f"{side}_elbow"))
        if not (leg @ trunk < -DOWN and toes @ forward > AHEAD and arm @ trunk < DOWN):
            return False
    hips, shoulders = (unit(_bone(rest, f"right_{part}", f"left_{part}")) for part in ("hip", "shoulder"))
    return bool(hips @ shoulders > DOWN)


def _from_rest(rest: FloatArray) -> FloatArray:
    """Turns (22, 4) of a rig whose rest positions (22, 3) are a pose of a person."""
    heading = frame(_across(rest), X, _bone(rest, "pelvis", "neck"), Y)
    turn = np.empty((CANONICAL_JOINTS, 4))
    for joint, children in enumerate(CHILDREN):
        name = CANONICAL_NAMES[joint]
        in_limb = name.endswith(("knee", "ankle", "elbow"))
        base = turn[CANONICAL_PARENTS[joint]] if in_limb else heading
        if len(children) > 1:
            turn[joint] = kabsch(children, rest[list(children)] - rest[joint])
        elif children:
            sideways = Z if name.endswith(("collar", "shoulder", "elbow")) else X
            turn[joint] = swing(base, CANONICAL_DIRECTIONS[children[0]], rest[children[0]] - rest[joint], sideways)
        else:
            turn[joint] = heading if name == "head" else turn[CANONICAL_PARENTS[joint]]
    return turn


def _from_take(rest: FloatArray, joints: FloatArray, world: FloatArray) -> FloatArray:
    """Turns (22, 4) of a rig whose rest pose is none.

    Args:
        rest: (22, 3) canonical joints in it; bones are rigid, so their directions in their carriers' frames hold.
        joints: (S, 22, 3) in frames of a take. world: (S, 22, 4) rotations of their carriers.
    """
    back = rotations.inverse(world)
    turn = np.empty((CANONICAL_JOINTS, 4))
    for joint in _in_order():
        name, children = CANONICAL_NAMES[joint], CHILDREN[joint]
        chained = _chained(name, rest, turn)
        if not children:
            base = _J[_ENDS[name]]
            seen = mean_rotation(rotations.multiply(back[:, joint], rotations.multiply(world[:, base], turn[base])))
            assert chained is not None
            turn[joint] = chained if abs(seen @ chained) >= SAME_TURN else snapped_rotation(seen)
            continue
        bones = rest[list(children)] - rest[joint]
        if len(children) > 1:
            turn[joint] = kabsch(children, bones)
            continue
        bone, (vote, meaning) = unit(bones[0]), _vote(name, joints, world, turn)
        seen = rotations.rotate(back[:, joint], vote).mean(axis=0)
        seen = seen - (seen @ bone) * bone
        if chained is not None and _agrees(chained, meaning, seen):
            turn[joint] = chained
        else:
            turn[joint] = frame(bone, CANONICAL_DIRECTIONS[children[0]], snapped(seen, bone), meaning)
    return turn


def _in_order() -> list[int]:
    """Canonical joints so that whatever one of them looks at comes before it."""
    return sorted(range(CANONICAL_JOINTS), key=lambda joint: (not CHILDREN[joint], joint))


def _chained(name: str, rest: FloatArray, turn: FloatArray) -> FloatArray | None:
    """Turn (4,) of a joint whose axes are those of the joint before it, stretched out: how rigs are usually built."""
    side, _, part = name.partition("_")
    if name == "head":
        upright: FloatArray = rotations.multiply(turn[_J["neck"]], HEAD_UPRIGHT)
        return upright
    if part not in _BEFORE:
        return None
    joint = _J[name]
    base: FloatArray = turn[_J[f"{side}_{_BEFORE[part]}"]]
    if not CHILDREN[joint]:
        return base
    child = CHILDREN[joint][0]
    return swing(base, CANONICAL_DIRECTIONS[child], rest[child] - rest[joint], X)


def _agrees(turn: FloatArray, meaning: FloatArray, seen: FloatArray) -> bool:
    """Whether a turn lets a direction of the rest pose point where it is seen (3,), as far as that is clear at all."""
    length = float(np.linalg.norm(seen))
    return length < UNCLEAR or float(rotations.rotate(turn, meaning) @ seen) >= SAME * length


def _vote(name: str, joints: FloatArray, world: FloatArray, turn: FloatArray) -> tuple[FloatArray, FloatArray]:
    """World vectors (S, 3) that tell a joint's twist, and which direction (3,) of the canonical rest pose they are.

    Legs and arms tell the axis of their hinge, which stays the same however much they bend; a foot that is stretched
    tells none, so it has the knee's.
    """
    side, _, part = name.partition("_")
    if part in ("hip", "knee"):
        shin, foot = _bone(joints, f"{side}_ankle", f"{side}_knee"), _bone(joints, f"{side}_ankle", f"{side}_foot")
        return np.cross(unit(shin), unit(foot)), X
    if part == "ankle":
        knee = _J[f"{side}_knee"]
        return rotations.rotate(rotations.multiply(world[:, knee], turn[knee]), X), X
    if part == "collar":
        return _bone(joints, "spine3", "neck"), X if side == "left" else -X
    if part in ("shoulder", "elbow"):
        upper, lower = (
            _bone(joints, f"{side}_shoulder", f"{side}_elbow"),
            _bone(joints, f"{side}_elbow", f"{side}_wrist"),
        )
        return np.cross(unit(upper), unit(lower)), -X
    return _across(joints), X


def _across(joints: FloatArray) -> FloatArray:
    """(..., 3) from the right to the left side, of the hips and of the shoulders together."""
    return _bone(joints, "right_hip", "left_hip") + _bone(joints, "right_shoulder", "left_shoulder")


def _bone(joints: FloatArray, start: str, end: str) -> FloatArray:
    bone: FloatArray = joints[..., _J[end], :] - joints[..., _J[start], :]
    return bone
