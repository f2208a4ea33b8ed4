"""What a file does not say: its unit of length, which way is up, where the body looks. All are found from the body."""

import re
from typing import NamedTuple

import numpy as np

from motionlib.body import kinematics, rotations
from motionlib.body.skeleton import Skeleton
from motionlib.rig import topology
from motionlib.rig.raw import FloatArray, RawMotion
from motionlib.rig.tree import Tree

# Metres per file unit: metre, centimetre, inch, CMU's ASF unit (0.45 units to the inch; CMU `:units length 0.45`), mm.
UNITS = (1.0, 0.01, 0.0254, 0.0254 / 0.45, 0.001)
# Metres of a grown body, root to ankle plus root to head; neighbouring units lie at least 2.2 apart, so one fits.
STATURE = (1.0, 2.1)
LEG = (0.55, 1.2)  # root to ankle, where no head is named
REACH = (1.0, 2.15)  # largest distance between two joints over the take, where nothing is named
SAMPLED_FRAMES = 32
UPRIGHT = 0.7  # cosine of the trunk to the axis that counts as up
NEVER = 0.98  # share of frames
LEVITATION = 0.5  # leg lengths that the hips of someone who lies on the floor do not rise
# Angle in radians and axis of the turn that brings each axis to where y is.
TO_Y_UP = {
    "y": (0.0, "X"),
    "-y": (np.pi, "X"),
    "z": (-np.pi / 2, "X"),
    "-z": (np.pi / 2, "X"),
    "x": (np.pi / 2, "Z"),
    "-x": (-np.pi / 2, "Z"),
}

_ANKLE = re.compile(r"ankle|foot", re.IGNORECASE)
_HEAD = re.compile(r"head", re.IGNORECASE)


class Body(NamedTuple):
    """Joints told by their names; head -1 and ankles () where there is none. The hips are where these chains part."""

    hips: int
    head: int
    ankles: tuple[int, ...]


class FoundUnit(NamedTuple):
    """Metres per file unit, or None, and why."""

    unit: float | None
    why: str


class FoundUp(NamedTuple):
    """The axis that is up, and why."""

    up: str
    why: str


def shaped_body(skeleton: Skeleton) -> Body:
    """`find_body`, or where names do not tell head and ankles what the shape of the tree does."""
    body = find_body(skeleton)
    if body.head > 0 and body.ankles:
        return body
    found = topology.find(Tree(skeleton))
    if found is None:
        return body
    ankles = (found.joints["left_ankle"], found.joints["right_ankle"])
    above = [set(ancestors(skeleton, joint)) for joint in (found.joints["head"], *ankles)]
    return Body(max(set.intersection(*above), default=0), found.joints["head"], ankles)


def find_body(skeleton: Skeleton) -> Body:
    """The first joint named as a head, the first joint of each leg named as an ankle or foot, and their hips."""
    heads = [joint for joint, name in enumerate(skeleton.names) if _HEAD.search(name)]
    named = {joint for joint, name in enumerate(skeleton.names) if _ANKLE.search(name)}
    ankles = tuple(joint for joint in sorted(named) if not named & set(ancestors(skeleton, joint)))
    above = [set(ancestors(skeleton, joint)) for joint in (*heads[:1], *ankles)]
    common = set.intersection(*above) if len(above) > 1 else set()
    return Body(max(common, default=0), heads[0] if heads else -1, ankles)


def ancestors(skeleton: Skeleton, joint: int) -> list[int]:
    """Joints between `joint` and the root, nearest first, the root last."""
    result = []
    while (joint := skeleton.parents[joint]) >= 0:
        result.append(joint)
    return result


def path_length(skeleton: Skeleton, start: int, joint: int) -> float:
    """Length of the bones from `start` down to `joint`, in the skeleton's unit."""
    above = ancestors(skeleton, joint)
    chain = [joint, *above[: above.index(start)]]
    return float(np.linalg.norm(skeleton.offsets[chain], axis=1).sum())


def find_unit(motion: RawMotion) -> float | None:
    """Metres per file unit, as the format fixes it or such that the body is an adult's; None if no known unit does."""
    return explain_unit(motion).unit


def explain_unit(motion: RawMotion) -> FoundUnit:
    """`find_unit` with the reason for it."""
    if motion.unit is not None:
        return FoundUnit(motion.unit, "as the format or the rig file says")
    skeleton, body = motion.skeleton, shaped_body(motion.skeleton)
    legs = [path_length(skeleton, body.hips, ankle) for ankle in body.ankles]
    if legs and body.head > 0:
        size, (low, high) = max(legs) + path_length(skeleton, body.hips, body.head), STATURE
        what = "ankle to head"
    elif legs:
        size, (low, high), what = max(legs), LEG, "hips to ankle"
    else:
        size, (low, high), what = _reach(motion), REACH, "the farthest two joints"
    fitting = [unit for unit in UNITS if low <= size * unit <= high]
    if not fitting:
        return FoundUnit(None, f"{what}: {size:.4g} units, which is no body of {low:g} to {high:g} m in any known unit")
    return FoundUnit(fitting[0], f"{what}: {size:.4g} units are {size * fitting[0]:.2f} m")


def sampled_joints(motion: RawMotion) -> FloatArray:
    """(at most SAMPLED_FRAMES, J, 3) joint positions, file units and axes."""
    frames = np.unique(np.linspace(0, len(motion.root_pos) - 1, SAMPLED_FRAMES).astype(int))
    return kinematics.forward(motion.skeleton, motion.root_pos[frames], motion.local_quat[frames])


def find_up(motion: RawMotion) -> str:
    """`x`, `y`, `z` or with a minus: the axis of the file along which the trunk stands."""
    return explain_up(motion).up


def explain_up(motion: RawMotion) -> FoundUp:
    """`find_up` with the reason for it.

    A body that lies along z in a y-up file looks the same as one that stands in a z-up file, so another axis than y is
    only believed where the rest pose stands along it too, or along no axis while the body never stands along y, or
    where the body moves along y by more than someone who lies on the floor can.
    """
    if motion.up:
        return FoundUp(motion.up, "as the format or the rig file says")
    body = shaped_body(motion.skeleton)
    if body.head <= 0:
        return FoundUp("y", "no head was found; y is usual")
    joints = sampled_joints(motion)
    trunk = rotations.normalise(joints[:, body.head] - joints[:, body.hips])
    middle = np.median(trunk, axis=0)
    main = int(np.abs(middle).argmax()) if np.isfinite(trunk).all() else 1
    if not np.isfinite(trunk).all() or abs(middle[main]) < UPRIGHT:
        return FoundUp("y", "the trunk stands along no axis; y is usual")
    axis = ("-" if middle[main] < 0 else "") + "xyz"[main]
    share = float(np.mean(trunk[:, main] * np.sign(middle[main]) >= UPRIGHT))
    stands = f"stands along {axis} in {share:.0%} of the frames"
    if axis == "y":
        return FoundUp("y", f"the trunk {stands}")
    never_y = main == 1 or float(np.mean(np.abs(trunk[:, 1]) < UPRIGHT)) > NEVER
    rest = _rest_trunk(motion.skeleton, body)
    if rest[main] * np.sign(middle[main]) >= UPRIGHT:
        return FoundUp(axis, f"the trunk {stands} and in the rest pose")
    if abs(rest[1]) >= UPRIGHT and not (main != 1 and never_y and _levitates(motion.skeleton, body, joints)):
        return FoundUp("y", f"the rest pose stands along y; that the trunk {stands} is taken for a pose")
    if not rest.any() or not never_y:
        return FoundUp("y", f"the trunk {stands}, but along y at times, or its rest pose has no length")
    return FoundUp(axis, f"the trunk {stands} and never along y")


def _rest_trunk(skeleton: Skeleton, body: Body) -> FloatArray:
    """Unit vector (3,) from hips to head in the rest pose; zero where they coincide."""
    rest = kinematics.forward(skeleton, np.zeros((1, 3)), _identity(skeleton.joint_count))[0]
    return np.nan_to_num(rotations.normalise(rest[body.head] - rest[body.hips]))


def _levitates(skeleton: Skeleton, body: Body, joints: FloatArray) -> bool:
    """Whether the hips of joints (S, J, 3) move along y by more than those of someone who lies on the floor can."""
    leg = max((path_length(skeleton, body.hips, ankle) for ankle in body.ankles), default=np.inf)
    return bool(np.ptp(joints[:, body.hips, 1]) > LEVITATION * leg)


def find_facing(joints: FloatArray) -> str:
    """Where a body looks at first, in words, from canonical joints (T, 22, 3), y up."""
    across = joints[0, 1] - joints[0, 2] + joints[0, 16] - joints[0, 17]
    forward = np.cross(across, (0.0, 1.0, 0.0))
    if np.linalg.norm(forward) < 1e-6 * np.linalg.norm(across) or not np.any(across):
        return "it faces up or down in the first frame"
    angle = float(np.degrees(np.arctan2(forward[0], forward[2])))
    nearest = {0: "+z", 1: "+x", 2: "-z", -1: "-x", -2: "-z"}[round(angle / 90.0)]
    return f"{nearest} ({angle:.0f} degrees from +z towards +x in the first frame)"


def turn_y_up(root_pos: FloatArray, local_quat: FloatArray, up: str = "z") -> tuple[FloatArray, FloatArray]:
    """Root track and rotations with y up, of data in which `up` is: z-up (x, y, z) becomes (x, z, -y).

    Raises:
        KeyError: If `up` is no axis.
    """
    angle, axis = TO_Y_UP[up]
    if not angle:
        return root_pos, local_quat
    turn = rotations.from_euler(np.array([angle]), axis)
    turned = local_quat.copy()
    turned[:, 0] = rotations.multiply(np.tile(turn, (len(local_quat), 1)), local_quat[:, 0])
    return rotations.rotate(turn, root_pos), turned


def _reach(motion: RawMotion) -> float:
    joints = sampled_joints(motion)[::4]
    return max(float(np.linalg.norm(frame[:, None] - frame[None], axis=-1).max()) for frame in joints)


def _identity(joints: int) -> FloatArray:
    quat = np.zeros((1, joints, 4))
    quat[..., 0] = 1.0
    return quat
