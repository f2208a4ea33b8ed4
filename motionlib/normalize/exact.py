"""Joint positions and rotations <-> features of mode `exact`: the published layout and way back, without its faults.

The 263 numbers lie where HumanML3D's lie and `recover` is the same formula, so that models and viewers work alike; what
is in them differs, each difference for a fault of the published ones (docs/features.md):

- heading: the yaw of hips plus shoulders, both from right to left (published: the hips the other way), of every frame
  as it is. No filter over 161 frames, so rows do not depend on what comes seconds later, nor on where a take is cut.
  Made continuous, so half a turn flips no sign; where the body lies on its side and shows none, bridged.
- row 0 is a velocity like any other.
- size: the legs' mean length over the take and both sides (published: the right leg in frame 0). Bone directions are
  kept and lengths are the canonical ones, as published.
- floor: the lowest joint of all but the lowest hundredth of the frames (published: of all frames, so that one bad frame
  lifts the take).
- rotations: true ones with twist, in their parent's frame (published: swings, with collars told against the root).
- contacts: a foot is slow (m/s) and low (published: it moves less than 4.5 cm per frame at any height).
- a bone without length, or opposed to its canonical direction, is no reason to refuse a take.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_JOINTS, CANONICAL_LENGTHS, CANONICAL_PARENTS
from motionlib.normalize import batched_bones as kernel
from motionlib.normalize import exact_rotations as turns
from motionlib.normalize.batched import finite
from motionlib.normalize.batched_rows import fill_joints, fill_root
from motionlib.normalize.humanml263 import recover
from motionlib.normalize.layout import FEATURE_GROUPS, HUMANML3D, ROT6D

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]

FPS = 20.0  # Hz of the features
CONTACT_SPEED = 0.3  # m/s below which a foot may stand; three quarters of the frames of mixed real takes
CONTACT_HEIGHT = 0.1  # m above the floor below which a toe joint may stand; standing ones lie at 0.02
ANKLE_ABOVE = 0.05  # m by which a standing ankle may lie higher than a toe joint
LEVEL = 0.1  # share of the across vector that is level, below which it shows no heading (6 degrees from upright)
LOWEST = 0.01  # share of the frames that may lie below the floor

_LEGS = [4, 5, 7, 8]  # thighs and shins
_ANKLES = np.array([True, False, True, False])  # of HUMANML3D.feet

recover_joints = recover  # (..., T, 263) -> (..., T, 22, 3) m: one formula for both modes


class Body(NamedTuple):
    """A take as the features tell it: on the canonical bones, on the floor, started at x = z = 0 and facing +z.

    Attributes:
        pose: (3, 22, T) m from the root. root: (3, T) m. heading: (T,) radians, continuous, 0 in frame 0.
        local: (T, 21, 4) rotations of joints 1..21 in their parents' frames.
    """

    pose: FloatArray
    root: FloatArray
    heading: FloatArray
    local: FloatArray

    @property
    def joints(self) -> FloatArray:
        """(T, 22, 3) m."""
        return (self.pose + self.root[:, None]).transpose(2, 1, 0)


def extract(
    joints: ArrayLike,
    world_quat: ArrayLike | None = None,
    fps: float = FPS,
    contact_speed: float = CONTACT_SPEED,
    contact_height: float = CONTACT_HEIGHT,
) -> Float32:
    """Features (T - 1, 263) float32 of a take at `fps` Hz; turns and velocities are per frame of that rate.

    Args:
        joints: (T, 22, 3) m, T >= 2; any place, facing and body size.
        world_quat: (T, 22, 4) unit quaternions of the joints against the canonical rest pose, as
            `rig.canonical.canonical_motion` gives them; None: from the positions, with the least twist.
        fps: Hz; a source of another rate is resampled by time first.
        contact_speed: m/s below which a foot may stand.
        contact_height: m above the floor below which a toe joint may stand.

    Raises:
        ValueError: If a shape is wrong, a number is not finite (naming joint and frame), or a body has no legs.
    """
    body = posed(joints, world_quat)
    columns = np.empty((HUMANML3D.dimensions, len(body.heading) - 1), np.float32)
    fill_root(columns, body.root, body.heading, HUMANML3D)
    moved = fill_joints(columns, body.pose, body.root, body.heading, HUMANML3D)
    slow = moved < (contact_speed / fps) ** 2
    height = body.pose[1, HUMANML3D.feet, :-1] + body.root[1, :-1]
    low = height < contact_height + ANKLE_ABOVE * _ANKLES[:, None]
    columns[FEATURE_GROUPS["contacts"]] = slow & low
    columns[ROT6D] = rotations.to_rot6d(body.local[:-1]).reshape(len(body.local) - 1, -1).T
    return np.ascontiguousarray(columns.T)


def posed(joints: ArrayLike, world_quat: ArrayLike | None = None) -> Body:
    """The take that the features tell; arguments and errors as `extract`."""
    positions = finite(joints, HUMANML3D)
    world = turns.least_twist(positions) if world_quat is None else _checked(world_quat, len(positions))
    directions = turns.carried(turns.directions(positions), world)
    pose = np.zeros_like(positions)
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        pose[:, joint] = pose[:, parent] + CANONICAL_LENGTHS[joint] * directions[:, joint]
    yaw = heading(positions)
    local = turns.local_rotations(world, _pelvis(pose, world))
    return Body(*_placed(pose, positions[:, 0] * _scale(positions), yaw[0]), yaw - yaw[0], local)


def heading(joints: ArrayLike) -> FloatArray:
    """(T,) radians, the yaw of +z towards +x that hips and shoulders of (T, 22, 3) face, without jumps.

    Frames in which the body shows no heading lie between those that do; a take that never does has 0.
    """
    positions = np.asarray(joints, dtype=np.float64)
    right_hip, left_hip, right_shoulder, left_shoulder = HUMANML3D.face
    across = (
        positions[:, right_hip] - positions[:, left_hip] + positions[:, right_shoulder] - positions[:, left_shoulder]
    )
    level = np.hypot(across[:, 0], across[:, 2])
    shown = np.flatnonzero(level > LEVEL * np.sqrt((across * across).sum(-1)))
    if not len(shown):
        return np.zeros(len(positions))
    yaw = np.unwrap(np.arctan2(across[shown, 2], -across[shown, 0]))
    bridged: FloatArray = np.interp(np.arange(len(positions)), shown, yaw)
    return bridged


def recover_rotations(features: ArrayLike) -> FloatArray:
    """World rotations (..., T, 22, 4) of features (..., T, 263); the take faces +z in its first frame.

    Joint 0 is the pelvis' frame as hips and spine show it, which differs from the source's by a constant of its rig.

    Raises:
        ValueError: If the last axis is not 263.
    """
    rows = np.asarray(features, dtype=np.float64)
    joints = recover(rows)
    local = rotations.from_matrix(rotations.rot6d_to_matrix(rows[..., ROT6D].reshape(*rows.shape[:-1], -1, 6)))
    return turns.world_rotations(local, turns.pelvis_frame(joints))


def _placed(pose: FloatArray, root: FloatArray, yaw: float) -> tuple[FloatArray, FloatArray]:
    """Pose (3, 22, T) and root (3, T) on the floor, from the origin, turned back by `yaw`."""
    lowest = np.sort((pose[..., 1] + root[:, 1:2]).min(axis=1))
    origin = np.array([root[0, 0], lowest[int(LOWEST * (len(lowest) - 1))], root[0, 2]])
    points = kernel.by_component(np.concatenate([pose, (root - origin)[:, None]], axis=1))
    placed = points.copy()
    kernel.turn(points[0], points[2], np.cos(yaw), np.sin(yaw), placed[0], placed[2])
    return placed[:, :-1], placed[:, -1]


def _scale(joints: FloatArray) -> float:
    """Canonical leg length over this body's, both legs, mean over the take."""
    bones = joints[:, _LEGS] - joints[:, [CANONICAL_PARENTS[joint] for joint in _LEGS]]
    length = np.sqrt((bones * bones).sum(-1)).sum(axis=1).mean()
    if not length > 0:
        raise ValueError("the legs have no length")
    return float(CANONICAL_LENGTHS[_LEGS].sum() / length)


def _pelvis(pose: FloatArray, world: FloatArray) -> FloatArray:
    """The pelvis' frame (T, 4) from the positions that the features hold; where they show none, as `world` says."""
    frame = turns.pelvis_frame(pose)
    return np.where(np.isnan(frame), world[:, 0], frame)


def _checked(world_quat: ArrayLike, frames: int) -> FloatArray:
    world = np.asarray(world_quat, dtype=np.float64)
    if world.shape != (frames, CANONICAL_JOINTS, 4):
        raise ValueError(f"expected rotations ({frames}, {CANONICAL_JOINTS}, 4), got {world.shape}")
    bad = ~(np.abs((world * world).sum(-1) - 1.0) < 1e-6)
    if bad.any():
        frame, joint = np.argwhere(bad)[0]
        raise ValueError(f"frame {frame}: rotation of joint {HUMANML3D.names[joint]!r} is no unit quaternion")
    return world
