"""World positions and rotations of all joints at once, and a clip brought to another frame rate."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton

FloatArray = NDArray[np.float64]

WHOLE_FRAME = 1e-6  # frames; a time this close to a source frame takes it as it is


def world(skeleton: Skeleton, root_pos: ArrayLike, local_quat: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Positions (T, J, 3), in the skeleton's unit, and world rotations (T, J, 4) of every joint.

    Joints of equal depth are turned together, so that the number of steps is the depth of the tree.

    Args:
        skeleton: J joints.
        root_pos: (T, 3) position of joint 0; its own offset is not added.
        local_quat: (T, J, 4) unit quaternions, each joint in its parent's frame.
    """
    root, local = np.asarray(root_pos, dtype=np.float64), np.asarray(local_quat, dtype=np.float64)
    positions = np.empty((len(root), skeleton.joint_count, 3))
    turned = np.empty((len(root), skeleton.joint_count, 4))
    positions[:, 0], turned[:, 0] = root, local[:, 0]
    for joints, parents in _levels(skeleton.parents):
        above = turned[:, parents]
        positions[:, joints] = positions[:, parents] + rotations.rotate(above, skeleton.offsets[joints])
        turned[:, joints] = rotations.multiply(above, local[:, joints])
    return positions, turned


def rest(skeleton: Skeleton) -> FloatArray:
    """Positions (J, 3) while every rotation is the identity and the root is at the origin."""
    positions = np.zeros((skeleton.joint_count, 3))
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        positions[joint] = positions[parent] + skeleton.offsets[joint]
    return positions


def resample(
    root_pos: ArrayLike, local_quat: ArrayLike, source_fps: float, fps: float
) -> tuple[FloatArray, FloatArray]:
    """Root (T', 3) and unit quaternions (T', J, 4) at times 0, 1 / fps, ... up to the last source frame.

    Args:
        root_pos: (T, 3).
        local_quat: (T, J, 4), of any length.
        source_fps: Hz of the T frames.
        fps: Hz wanted.
    """
    root = np.asarray(root_pos, dtype=np.float64)
    step = source_fps / fps
    times = np.arange(frames_at(len(root), source_fps, fps)) * step
    nearest = np.round(times)
    times = np.where(np.abs(times - nearest) < WHOLE_FRAME * (1.0 + nearest), nearest, times)
    before = np.minimum(np.floor(times).astype(np.int64), len(root) - 1)
    share = times - before
    quat = rotations.normalise(np.asarray(local_quat)[before])
    between = np.flatnonzero(share)
    if not len(between):
        return root[before], quat
    after, t = before[between] + 1, share[between]
    root, start = root[before], root
    root[between] = (1.0 - t[:, None]) * root[between] + t[:, None] * start[after]
    quat[between] = rotations.slerp(quat[between], rotations.normalise(np.asarray(local_quat)[after]), t[:, None])
    return root, quat


def frames_at(frames: int, source_fps: float, fps: float) -> int:
    """Frames that `frames` at `source_fps` Hz become at `fps` Hz."""
    return int(np.floor((frames - 1) * fps / source_fps + WHOLE_FRAME)) + 1 if frames else 0


@lru_cache(maxsize=256)
def _levels(parents: tuple[int, ...]) -> tuple[tuple[list[int], list[int]], ...]:
    """Joints of each depth below the root, and their parents."""
    depth = [0]
    for parent in parents[1:]:
        depth.append(depth[parent] + 1)
    levels = []
    for level in range(1, max(depth) + 1):
        joints = [joint for joint, own in enumerate(depth) if own == level]
        levels.append((joints, [parents[joint] for joint in joints]))
    return tuple(levels)
