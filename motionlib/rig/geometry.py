"""What a file does not say: its unit of length and which way is up, found from the body itself."""

import re
from typing import NamedTuple

import numpy as np

from motionlib.body import kinematics, rotations
from motionlib.body.skeleton import Skeleton
from motionlib.rig.raw import FloatArray, RawMotion

# Metres per file unit: metre, centimetre, inch, CMU's ASF unit (0.45 units to the inch; CMU `:units length 0.45`), mm.
UNITS = (1.0, 0.01, 0.0254, 0.0254 / 0.45, 0.001)
# Metres of a grown body, root to ankle plus root to head; neighbouring units lie at least 2.2 apart, so one fits.
STATURE = (1.0, 2.1)
LEG = (0.55, 1.2)  # root to ankle, where no head is named
REACH = (1.0, 2.15)  # largest distance between two joints over the take, where nothing is named
SAMPLED_FRAMES = 32
UPRIGHT = 0.7  # cosine of the trunk to the axis that counts as up

_ANKLE = re.compile(r"ankle|foot", re.IGNORECASE)
_HEAD = re.compile(r"head", re.IGNORECASE)


class Body(NamedTuple):
    """Joints told by their names; head -1 and ankles () where there is none. The hips are where these chains part."""

    hips: int
    head: int
    ankles: tuple[int, ...]


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
    """Metres per file unit that make this body an adult's, or None if no known unit does."""
    skeleton, body = motion.skeleton, find_body(motion.skeleton)
    legs = [path_length(skeleton, body.hips, ankle) for ankle in body.ankles]
    if legs and body.head > 0:
        size, (low, high) = max(legs) + path_length(skeleton, body.hips, body.head), STATURE
    elif legs:
        size, (low, high) = max(legs), LEG
    else:
        size, (low, high) = _reach(motion), REACH
    fitting = [unit for unit in UNITS if low <= size * unit <= high]
    return fitting[0] if fitting else None


def sampled_joints(motion: RawMotion) -> FloatArray:
    """(at most SAMPLED_FRAMES, J, 3) joint positions, file units and axes."""
    frames = np.unique(np.linspace(0, len(motion.root_pos) - 1, SAMPLED_FRAMES).astype(int))
    return kinematics.forward(motion.skeleton, motion.root_pos[frames], motion.local_quat[frames])


def find_up(motion: RawMotion) -> str:
    """`y` or `z`: the axis along which the trunk stands.

    A body that lies along z in a y-up file looks the same as one that stands in a z-up file, so z is only believed
    where the rest pose stands along z too, or along no axis while the body never stands along y.
    """
    body = find_body(motion.skeleton)
    if body.head <= 0:
        return "y"
    joints = sampled_joints(motion)
    trunk = rotations.normalise(joints[:, body.head] - joints[:, body.hips])
    if not np.isfinite(trunk).all() or np.median(np.abs(trunk[:, 2])) < UPRIGHT:
        return "y"
    rest = kinematics.forward(motion.skeleton, np.zeros((1, 3)), _identity(motion.skeleton.joint_count))[0]
    rest_trunk = rotations.normalise(rest[body.head] - rest[body.hips])
    if not np.isfinite(rest_trunk).all() or abs(rest_trunk[1]) >= UPRIGHT:
        return "y"
    never_y = np.mean(np.abs(trunk[:, 1]) < UPRIGHT) > 0.98
    return "z" if abs(rest_trunk[2]) >= UPRIGHT or never_y else "y"


def turn_y_up(root_pos: FloatArray, local_quat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Root track and rotations of z-up data with y up: (x, y, z) becomes (x, z, -y)."""
    turn = rotations.from_euler(np.array([-np.pi / 2]), "X")
    turned = local_quat.copy()
    turned[:, 0] = rotations.multiply(np.tile(turn, (len(local_quat), 1)), local_quat[:, 0])
    return np.stack([root_pos[:, 0], root_pos[:, 2], -root_pos[:, 1]], axis=1), turned


def _reach(motion: RawMotion) -> float:
    joints = sampled_joints(motion)[::4]
    return max(float(np.linalg.norm(frame[:, None] - frame[None], axis=-1).max()) for frame in joints)


def _identity(joints: int) -> FloatArray:
    quat = np.zeros((1, joints, 4))
    quat[..., 0] = 1.0
    return quat
