"""What the published scores do not see: sliding feet, trembling, sinking into the floor, bones that change length.

Sources: skating ratio as in GMD and OmniControl (`calculate_skating_ratio`; 5 cm, 0.5 m/s); jitter as in TransPose
(mean jerk); penetration as in PhysDiff (mean depth of the lowest joint below the floor).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS

FloatArray = NDArray[np.floating]
FEET = tuple(CANONICAL_NAMES.index(name) for name in ("left_foot", "right_foot"))
FLOOR_HEIGHT = 0.05  # m; a foot lower than this stands (GMD)
SKATE_SPEED = 0.5  # m/s; a standing foot faster than this skates (GMD)
JERK_FRAMES = 4  # frames in a third difference


class Physics(NamedTuple):
    """Of one motion.

    Attributes:
        skate_ratio: Share of frames in which a standing foot skates.
        jitter: Mean jerk of the joints, m/s^3; 0 for fewer than 4 frames.
        penetration: Mean depth of the lowest joint below y = 0, m.
        bone_drift: Largest relative departure of a bone's length from its median over the motion.
    """

    skate_ratio: float
    jitter: float
    penetration: float
    bone_drift: float


def physics(joints: FloatArray, fps: float) -> Physics:
    """Plausibility of a motion of the canonical body: (T, 22, 3) metres, y up, floor at 0; T >= 2.

    Raises:
        ValueError: If the shape is another.
    """
    if joints.ndim != 3 or joints.shape[1:] != (len(CANONICAL_NAMES), 3) or len(joints) < 2:
        raise ValueError(f"expected (T >= 2, {len(CANONICAL_NAMES)}, 3), got {joints.shape}")
    return Physics(skate_ratio(joints, fps), jitter(joints, fps), penetration(joints), bone_drift(joints))


def skate_ratio(joints: FloatArray, fps: float, feet: Sequence[int] = FEET) -> float:
    """Share of frame pairs in which a foot that stands in both moves faster than 0.5 m/s over the floor."""
    positions = joints[:, list(feet)]
    standing = positions[..., 1] < FLOOR_HEIGHT
    speed = np.linalg.norm(np.diff(positions[..., [0, 2]], axis=0), axis=-1) * fps
    skates = standing[1:] & standing[:-1] & (speed > SKATE_SPEED)
    return float(skates.any(axis=1).mean())


def jitter(joints: FloatArray, fps: float) -> float:
    """Mean size of the third derivative of all joints, m/s^3."""
    if len(joints) < JERK_FRAMES:
        return 0.0
    jerk = np.diff(joints.astype(np.float64), n=3, axis=0) * fps**3
    return float(np.linalg.norm(jerk, axis=-1).mean())


def penetration(joints: FloatArray) -> float:
    """Mean depth of each frame's lowest joint below the floor, metres."""
    return float(np.maximum(-joints[..., 1].min(axis=1), 0.0).mean())


def bone_drift(joints: FloatArray, parents: Sequence[int] = CANONICAL_PARENTS) -> float:
    """Largest |length / median length - 1| over bones and frames."""
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(parents[1:])], axis=-1)
    median = np.median(lengths, axis=0)
    departure = np.abs(lengths / np.where(median > 0, median, 1.0) - 1.0)
    return float(np.where(median > 0, departure, 0.0).max())


def contact_consistency(contacts: FloatArray, feet: FloatArray, threshold: float) -> float:
    """Share of foot contacts that the feet's own movement bears out.

    Args:
        contacts: (T, 4) as the features say, 0 or 1 or between: left ankle, left foot, right ankle, right foot.
        feet: (T, 4, 3) metres, those joints' positions. threshold: m^2 per frame^2 below which a foot stands.

    Returns:
        In 0..1; 1 for a single frame. Low values mean that positions and contacts of one motion contradict each other.
    """
    if len(feet) < 2:
        return 1.0
    stands = (np.diff(feet.astype(np.float64), axis=0) ** 2).sum(axis=-1) < threshold
    return float(((contacts[:-1] > 1 / 2) == stands).mean())


def root_height_range(joints: FloatArray) -> float:
    """Highest minus lowest pelvis height of a motion, metres: large for jumps, small for walks."""
    height = joints[:, 0, 1]
    return float(height.max() - height.min())


def horizontal_speed(joints: FloatArray, fps: float) -> float:
    """Mean speed of the pelvis over the floor, m/s; 0 for a single frame."""
    if len(joints) < 2:
        return 0.0
    steps = np.linalg.norm(np.diff(joints[:, 0, [0, 2]], axis=0), axis=-1)
    return float(steps.mean() * fps)
