"""A body to animate: CMU's 31 joints in any build, and poses told by what an animator would say.

Rest pose: arms stretched out, legs straight down, facing +z, left at +x, y up. Angles are radians, lengths metres.
"""

from dataclasses import dataclass, field

import numpy as np

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.rig.raw import FloatArray

LEFT, RIGHT = 1, -1
SIDES = (LEFT, RIGHT)
THIGH, SHIN = 0.41, 0.41  # m, 0.245 and 0.246 of 1.70 m; Winter, "Biomechanics" (2009), figure 4.1
ANKLE_HEIGHT, BALL_HEIGHT, FOOT_LENGTH = 0.08, 0.02, 0.14  # m; the ball is where the toes begin
HIP_DROP, HIP_WIDTH = 0.07, 0.09  # m, of the thigh's upper end below and beside the pelvis
LONGEST_LEG = 0.998  # share of the full length; a straighter knee would snap

_ARM = ("Shoulder", "Arm", "ForeArm", "Hand", "FingerBase", "HandIndex1")


@dataclass(frozen=True)
class Build:
    """Proportions of one person, 1 being average."""

    size: float = 1.0
    leg: float = 1.0
    arm: float = 1.0
    width: float = 1.0

    @property
    def leg_length(self) -> float:
        """Hip to ankle, metres."""
        return (THIGH + SHIN) * self.leg * self.size

    @property
    def hip_height(self) -> float:
        """Height of the pelvis while standing straight, metres."""
        return self.leg_length + (HIP_DROP + ANKLE_HEIGHT) * self.size


@dataclass
class Arm:
    """One arm over time, radians, each (T,) or a number.

    Attributes:
        lower: From stretched out sideways down to the side (pi / 2); negative raises it.
        across: Horizontally from the side to the front.
        swing: Lowered arm to the front.
        twist: About the upper arm; -pi / 2 lets the forearm of a stretched-out arm point up.
        bend: Of the elbow.
    """

    lower: FloatArray | float = 1.35
    across: FloatArray | float = 0.0
    swing: FloatArray | float = 0.0
    twist: FloatArray | float = 0.0
    bend: FloatArray | float = 0.2


@dataclass
class Foot:
    """One foot over time.

    Attributes:
        ball: (T, 3) metres, where the toes begin.
        yaw: (T,) heading. pitch: (T,) positive lifts the heel, negative the toes.
    """

    ball: FloatArray
    yaw: FloatArray
    pitch: FloatArray


@dataclass
class Pose:
    """A motion of T frames before it is turned into rotations.

    Attributes:
        pelvis: (T, 3) metres.
        yaw: (T,) heading of the body; hips: (T, 3) pitch, yaw, roll of the pelvis besides it.
        spine, head: (T, 3) pitch (forward), yaw (to the left), roll (to the right side up).
    """

    pelvis: FloatArray
    yaw: FloatArray
    feet: dict[int, Foot]
    hips: FloatArray
    spine: FloatArray
    head: FloatArray
    arms: dict[int, Arm] = field(default_factory=lambda: {LEFT: Arm(), RIGHT: Arm()})


def skeleton(build: Build) -> Skeleton:
    """CMU's 31 joints in this build, with ends of chains as joints named `<parent>_end`; metres."""
    rows: list[tuple[str, str, tuple[float, float, float]]] = [("Hips", "", (0, 0, 0))]
    for side, prefix in ((LEFT, "Left"), (RIGHT, "Right")):
        rows += _leg(prefix, side, build)
    trunk = (("LowerBack", 0.0), ("Spine", 0.115), ("Spine1", 0.115), ("Neck", 0.11), ("Neck1", 0.09), ("Head", 0.09))
    for (name, length), (parent, _) in zip(trunk, (("Hips", 0.0), *trunk[:-1]), strict=True):
        rows.append((name, parent, (0, length, 0)))
    rows.append(("Head_end", "Head", (0, 0.1, 0)))
    for side, prefix in ((LEFT, "Left"), (RIGHT, "Right")):
        rows += _arm(prefix, side, build)
    names = [name for name, _, _ in rows]
    parents = tuple(names.index(parent) if parent else -1 for _, parent, _ in rows)
    offsets = np.array([offset for _, _, offset in rows], dtype=np.float64) * build.size
    return Skeleton(tuple(names), parents, np.round(offsets, 6))


def solve(build: Build, pose: Pose) -> tuple[FloatArray, FloatArray]:
    """Root track (T, 3) and local rotations (T, J, 4): planted feet by inverse kinematics, the rest by its angles."""
    body = skeleton(build)
    frames = len(pose.pelvis)
    local = np.zeros((frames, body.joint_count, 4))
    local[..., 0] = 1.0
    turns = np.stack([pose.yaw + pose.hips[:, 1], pose.hips[:, 0], pose.hips[:, 2]], axis=1)
    local[:, 0] = rotations.from_euler(turns, "YXZ")
    for names, angles in ((("LowerBack", "Spine", "Spine1"), pose.spine), (("Neck", "Neck1", "Head"), pose.head)):
        third = rotations.from_euler(angles[:, [1, 0, 2]] / len(names), "YXZ")
        for name in names:
            local[:, body.names.index(name)] = third
    for side in SIDES:
        _solve_arm(body, pose.arms[side], side, local)
        _solve_leg(body, pose, side, local)
    return pose.pelvis, local


def ankle(build: Build, foot: Foot) -> FloatArray:
    """(T, 3) metres: where a foot's ankle is."""
    offset = np.array([0.0, BALL_HEIGHT - ANKLE_HEIGHT, FOOT_LENGTH]) * build.size
    return foot.ball - rotations.rotate(_foot_rotation(foot), offset)


def hip(build: Build, pose: Pose, side: int) -> FloatArray:
    """(T, 3) metres: where a thigh begins."""
    turns = np.stack([pose.yaw + pose.hips[:, 1], pose.hips[:, 0], pose.hips[:, 2]], axis=1)
    offset = np.array([side * HIP_WIDTH * build.width, -HIP_DROP, 0.0]) * build.size
    return pose.pelvis + rotations.rotate(rotations.from_euler(turns, "YXZ"), offset)


def _foot_rotation(foot: Foot) -> FloatArray:
    return rotations.from_euler(np.stack([foot.yaw, foot.pitch], axis=1), "YX")


def _solve_leg(body: Skeleton, pose: Pose, side: int, local: FloatArray) -> None:
    """Fill thigh, knee, ankle and toes of one leg."""
    prefix = "Left" if side == LEFT else "Right"
    thigh, knee, heel, toe = (body.names.index(prefix + part) for part in ("UpLeg", "Leg", "Foot", "ToeBase"))
    foot, foot_turn = pose.feet[side], _foot_rotation(pose.feet[side])
    pelvis_turn = local[:, 0]
    start = pose.pelvis + rotations.rotate(pelvis_turn, body.offsets[thigh])
    reach = foot.ball - rotations.rotate(foot_turn, body.offsets[toe]) - start
    upper, lower = -body.offsets[knee][1], -body.offsets[heel][1]
    distance = np.linalg.norm(reach, axis=1).clip(abs(upper - lower) + 0.05, LONGEST_LEG * (upper + lower))
    cosine = (upper**2 + lower**2 - distance**2) / (2 * upper * lower)
    bend = np.pi - np.arccos(cosine.clip(-1, 1))
    zero = np.zeros_like(bend)
    along = rotations.normalise(np.stack([zero, -upper - lower * np.cos(bend), -lower * np.sin(bend)], axis=1))
    leftwards = rotations.rotate(pelvis_turn, np.array([1.0, 0, 0])) + rotations.rotate(
        foot_turn, np.array([1.0, 0, 0])
    )
    target = rotations.normalise(reach)
    hinge = rotations.normalise(leftwards - (leftwards * target).sum(axis=1, keepdims=True) * target)
    rest = _frame(along, np.tile([1.0, 0, 0], (len(along), 1)))
    thigh_turn = rotations.from_matrix(_frame(target, hinge) @ np.swapaxes(rest, 1, 2))
    knee_turn = rotations.from_euler(bend[:, None], "X")
    local[:, thigh] = rotations.multiply(rotations.inverse(pelvis_turn), thigh_turn)
    local[:, knee] = knee_turn
    local[:, heel] = rotations.multiply(rotations.inverse(rotations.multiply(thigh_turn, knee_turn)), foot_turn)
    local[:, toe] = rotations.from_euler(-foot.pitch.clip(min=0.0)[:, None] * 0.9, "X")


def _frame(first: FloatArray, second: FloatArray) -> FloatArray:
    """(T, 3, 3) matrices whose columns are `first`, `second` and what stands on both."""
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _solve_arm(body: Skeleton, arm: Arm, side: int, local: FloatArray) -> None:
    """Fill shoulder and elbow of one arm."""
    prefix = "Left" if side == LEFT else "Right"
    frames = len(local)
    across, swing, lower, twist, bend = (
        np.broadcast_to(np.asarray(value, dtype=np.float64), (frames,))
        for value in (arm.across, arm.swing, arm.lower, arm.twist, arm.bend)
    )
    turns = np.stack([-side * across, -swing, -side * lower, twist], axis=1)
    local[:, body.names.index(prefix + "Arm")] = rotations.from_euler(turns, "YXZX")
    local[:, body.names.index(prefix + "ForeArm")] = rotations.from_euler(-side * bend[:, None], "Y")


def _leg(prefix: str, side: int, build: Build) -> list[tuple[str, str, tuple[float, float, float]]]:
    return [
        (f"{prefix[0]}HipJoint", "Hips", (0, 0, 0)),
        (f"{prefix}UpLeg", f"{prefix[0]}HipJoint", (side * HIP_WIDTH * build.width, -HIP_DROP, 0)),
        (f"{prefix}Leg", f"{prefix}UpLeg", (0, -THIGH * build.leg, 0)),
        (f"{prefix}Foot", f"{prefix}Leg", (0, -SHIN * build.leg, 0)),
        (f"{prefix}ToeBase", f"{prefix}Foot", (0, BALL_HEIGHT - ANKLE_HEIGHT, FOOT_LENGTH)),
        (f"{prefix}ToeBase_end", f"{prefix}ToeBase", (0, 0, 0.06)),
    ]


def _arm(prefix: str, side: int, build: Build) -> list[tuple[str, str, tuple[float, float, float]]]:
    lengths = ((0.03, 0.09), (0.14 * build.width, 0.03), (0.28 * build.arm, 0.0), (0.25 * build.arm, 0.0), (0.0, 0.0))
    names = [prefix + part for part in _ARM]
    rows: list[tuple[str, str, tuple[float, float, float]]] = []
    for name, parent, (out, up) in zip(names, ("Spine1", *names), (*lengths, (0.08, 0.0)), strict=False):
        rows.append((name, parent, (side * out, up, 0)))
    rows.append((f"{names[-1]}_end", names[-1], (side * 0.06, 0, 0)))
    thumb = f"{prefix[0]}Thumb"
    return [*rows, (thumb, names[3], (0, 0, 0)), (f"{thumb}_end", thumb, (side * 0.04, 0, 0.05))]
