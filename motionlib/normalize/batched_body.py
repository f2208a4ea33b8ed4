"""Packed clips -> the published body: retargeted, on the floor, at the origin, and where it faces.

Clips lie one behind the other, numbers component by component (3, J, N), worked on in blocks that a core's cache holds.
What single precision would spoil stays double: differences of positions, the root's path, the heading.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body import kinematics
from motionlib.normalize import batched_bones as kernel
from motionlib.normalize.batched_bones import Plan, Real

FloatArray = NDArray[np.float64]
Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

HEADING_SIGMA = 20.0  # frames, of the Gaussian over the forward vector
HEADING_RADIUS = 80  # frames on either side that it sees: 4 sigmas, scipy's default that the published code relies on
FLAT = 1e-8  # length below which a forward vector has no direction
BLOCK = 768  # frames of one pass; the best of 128 to 1536 on a core with 1 MiB of L2

_WINDOW = np.exp(-0.5 * (np.arange(-HEADING_RADIUS, HEADING_RADIUS + 1) / HEADING_SIGMA) ** 2)
_WINDOW /= _WINDOW.sum()


class Body(NamedTuple):
    """Packed clips on the target skeleton, on the floor, started at x = z = 0 and facing +z.

    Attributes:
        directions: (3, J - 1, N) unit, by slot. pose: (3, J, N) m from the root. root: (3, N) m, float64.
        forward: (2, N) x and z of unsmoothed forward vectors. first_forward: (2, clips), of the facing of frame 0.
        sound: (clips,) whether every bone is finite and has a length.
    """

    directions: Real
    pose: Real
    root: FloatArray
    forward: FloatArray
    first_forward: FloatArray
    sound: Mask


def packed(clips: Sequence[Real]) -> tuple[FloatArray, Int64]:
    """Clips (T, J, 3) as one (3, J, N) float64, and the (clips + 1,) frames where they begin and end."""
    edges = np.concatenate([[0], np.cumsum([len(clip) for clip in clips])])
    points = np.empty((3, clips[0].shape[1], edges[-1]))
    for clip, start in zip(clips, edges, strict=False):
        points[:, :, start : start + len(clip)] = clip.transpose(2, 1, 0)
    return points, edges


def body(points: FloatArray, edges: Int64, plan: Plan, dtype: type = np.float32) -> Body:
    """Retarget packed positions (3, J, N), put them on the floor and turn every clip to face +z in its first frame.

    Source: `uniform_skeleton` and steps 2 to 4 of `process_file`. The published way by IK and FK keeps every bone's
    direction; so does adding up directions times lengths.
    """
    joints, frames = points.shape[1:]
    scale, first_forward = first_frames(points[:, :, edges[:-1]], plan)
    unit = first_forward / np.sqrt(kernel.sum_of_squares(first_forward))
    sine, cosine = np.repeat(unit, np.diff(edges), axis=1)
    directions: Real = np.empty((3, joints - 1, frames), dtype)
    pose: Real = np.empty((3, joints, frames), dtype)
    extent: Real = np.empty((3, frames), dtype)
    shortest, longest, low = extent
    for a, b in blocks(frames):
        here, squares = kernel.bones(points[:, :, a:b], plan, dtype)
        shortest[a:b], longest[a:b] = squares.min(axis=0), squares.max(axis=0)
        turned, c, s = directions[:, :, a:b], cosine[a:b].astype(dtype), sine[a:b].astype(dtype)
        kernel.turn(here[0], here[2], c, s, turned[0], turned[2])
        turned[1] = here[1]
        kernel.chained(turned, plan, pose[:, :, a:b])
        low[a:b] = pose[1, :, a:b].min(axis=0)
    root = np.empty((3, frames))
    scaled = points[:, 0] * np.repeat(scale, np.diff(edges))
    floor = np.minimum.reduceat(scaled[1] + low, edges[:-1])
    start = np.stack([scaled[0, edges[:-1]], floor, scaled[2, edges[:-1]]])
    scaled -= np.repeat(start, np.diff(edges), axis=1)
    kernel.turn(scaled[0], scaled[2], cosine, sine, root[0], root[2])
    root[1] = scaled[1]
    least, most = np.minimum.reduceat(shortest, edges[:-1]), np.maximum.reduceat(longest, edges[:-1])
    sound = np.isfinite(most) & (least > kinematics.SHORTEST_BONE**2 * most)
    return Body(directions, pose, root, _forward(pose, plan, swapped_hips=True), first_forward, sound)


def first_frames(points: FloatArray, plan: Plan) -> tuple[FloatArray, FloatArray]:
    """Of first frames (3, J, clips): the scale of each clip, and forward vectors (2, clips) of its retargeted body."""
    directions, squares = kernel.bones(points, plan, np.float64)
    legs = [plan.slot[joint] for joint in plan.layout.legs]
    scale = plan.lengths[legs].sum() / np.sqrt(squares[legs]).sum(axis=0)
    pose = np.empty_like(points)
    kernel.chained(directions, plan, pose)
    return scale, _forward(pose, plan, swapped_hips=False)


def smoothed(forward: FloatArray, edges: Int64) -> FloatArray:
    """Forward vectors (2, N) under the published Gaussian over time, clip by clip."""
    result = np.empty_like(forward)
    for a, b in pairwise(edges):
        held = np.pad(forward[:, a:b], ((0, 0), (HEADING_RADIUS, HEADING_RADIUS)), mode="edge")
        for row, line in enumerate(held):
            result[row, a:b] = np.convolve(line, _WINDOW, "valid")
    return result


def angle(forward: FloatArray) -> FloatArray:
    """(N,) radians in (-pi, pi] of forward vectors (2, N): the yaw of +z towards +x."""
    yaw: FloatArray = np.arctan2(forward[0], forward[1])
    return yaw


def is_level(forward: FloatArray) -> Mask:
    """(N,) whether forward vectors (2, N) have a direction."""
    level: Mask = np.abs(forward).max(axis=0) > FLAT
    return level


def blocks(frames: int) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each BLOCK of frames."""
    return ((a, min(a + BLOCK, frames)) for a in range(0, frames, BLOCK))


def _forward(pose: Real, plan: Plan, swapped_hips: bool) -> FloatArray:
    """(2, N) x and z of y axis x unit vector to the right; its length is not 1 where that vector is not level."""
    right_hip, left_hip, right_shoulder, left_shoulder = plan.layout.face
    hips = (left_hip, right_hip) if swapped_hips else (right_hip, left_hip)
    across = (pose[:, hips[0]] - pose[:, hips[1]]).astype(np.float64)
    across += pose[:, right_shoulder] - pose[:, left_shoulder]
    across /= np.sqrt(kernel.sum_of_squares(across))
    return np.stack([across[2], -across[0]])
