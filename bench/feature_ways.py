"""Two other ways to the published features, to measure beside: the published code's, and a careful one per clip.

`published` follows HumanML3D's `motion_representation.ipynb`, `common/skeleton.py` and `quaternion.py` at 9176e8f
operation by operation: torch products of quaternions one bone after the other, inverse kinematics three times over.
`straight` is what one writes who reads the definition: float64 numpy over all joints of one clip.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from motionlib.body import rotations
from motionlib.body.kinematics import bones, check_bones, swing_rotations
from motionlib.body.ric import turned
from motionlib.body.skeleton import CANONICAL_CHAINS, CANONICAL_DIRECTIONS, CANONICAL_LENGTHS
from motionlib.normalize.layout import HUMANML3D

Array = NDArray[Any]

FEET = ([7, 10], [8, 11])
LEGS = (5, 8)
FACE = (2, 1, 17, 16)


def published(positions: Array, threshold: float = 0.002) -> Array:
    """Features (T - 1, 263) of one clip (T, 22, 3), step by step as `process_file` takes them."""
    positions = _uniform_skeleton(positions)
    positions[:, :, 1] -= positions.min(axis=0).min(axis=0)[1]
    positions = positions - positions[0][0] * np.array([1, 0, 1])
    across = positions[0][2] - positions[0][1] + positions[0][17] - positions[0][16]
    forward = np.cross(np.array([[0, 1, 0]]), across / np.sqrt((across**2).sum()), axis=-1)
    turn = _between(forward / np.sqrt((forward**2).sum(axis=-1))[..., None], np.array([[0, 0, 1]]))
    positions = _rotate(np.ones((*positions.shape[:-1], 4)) * turn, positions)
    everywhere = positions.copy()
    feet = [
        (((positions[1:, foot] - positions[:-1, foot]) ** 2).sum(-1) < threshold).astype(np.float64) for foot in FEET
    ]
    params = _inverse_kinematics(positions, smooth=True)  # for the rotations
    heading = params[:, 0].copy()
    velocity = _rotate(heading[1:], (positions[1:, 0] - positions[:-1, 0]).copy())
    turns = _multiply(heading[1:], _inverse(heading[:-1]))
    sixes = _sixes(params)
    _inverse_kinematics(positions, smooth=True)  # once more for the positions, as there
    positions[..., 0] -= positions[:, 0:1, 0]
    positions[..., 2] -= positions[:, 0:1, 2]
    positions = _rotate(np.repeat(heading[:, None], positions.shape[1], axis=1), positions)
    moved = _rotate(np.repeat(heading[:-1, None], everywhere.shape[1], axis=1), everywhere[1:] - everywhere[:-1])
    root = [np.arcsin(turns[:, 2:3]), velocity[:, [0, 2]], positions[:-1, 0, 1:2]]
    rows = len(moved)
    parts = [*root, positions[:-1, 1:].reshape(rows, -1), sixes[:-1, 1:].reshape(rows, -1), moved.reshape(rows, -1)]
    return np.concatenate([*parts, *feet], axis=-1)


def straight(joints: Array, threshold: float = 0.002) -> Array:
    """Features (T - 1, 263) of one clip (T, 22, 3): all joints at once in float64."""
    layout = HUMANML3D
    bone = bones(joints, layout.parents)
    lengths = check_bones(bone, layout.names)
    directions = np.zeros_like(bone)
    directions[:, 1:] = bone[:, 1:] / lengths[:, 1:, None]
    pose = np.empty_like(bone)
    pose[:, 0] = joints[:, 0] * (layout.lengths[list(LEGS)].sum() / lengths[0, list(LEGS)].sum())
    for joint, parent in enumerate(layout.parents[1:], start=1):
        pose[:, joint] = pose[:, parent] + layout.lengths[joint] * directions[:, joint]
    first = _forward(pose[:1], 1.0)
    turn = np.broadcast_to(np.arctan2(first[:, 0], first[:, 2]), len(pose))
    pose = turned(pose - pose[0, 0] * [1.0, 0.0, 1.0] - [0.0, pose[..., 1].min(), 0.0], turn)
    directions = turned(directions, turn)
    smooth = gaussian_filter1d(_forward(pose, -1.0), 20.0, axis=0, mode="nearest")
    heading = np.arctan2(smooth[:, 0], smooth[:, 2])
    heading[0] = 0.0
    step, local = np.diff(pose, axis=0), pose.copy()
    local[..., [0, 2]] -= pose[:, :1, [0, 2]]
    world = swing_rotations(directions, layout.directions, layout.names)
    world[:, 0] = rotations.from_yaw(-heading)
    sixes = rotations.to_rot6d(rotations.multiply(rotations.inverse(world[:, layout.bases[1:]]), world[:, 1:]))
    rows = len(step)
    parts = [
        np.arcsin(np.sin((heading[:-1] - heading[1:]) / 2.0))[:, None],
        turned(step[:, :1], heading[1:])[:, 0, [0, 2]],
        pose[:-1, 0, 1:2],
        turned(local, heading)[:-1, 1:].reshape(rows, -1),
        sixes[:-1].reshape(rows, -1),
        turned(step, heading[:-1]).reshape(rows, -1),
        (step[:, layout.feet] ** 2).sum(-1) < threshold,
    ]
    return np.concatenate(parts, axis=-1, dtype=np.float32)


def _forward(pose: Array, hips: float) -> Array:
    across = hips * (pose[:, 2] - pose[:, 1]) + pose[:, 17] - pose[:, 16]
    x, _, z = rotations.normalise(across).T
    return np.stack([z, np.zeros_like(x), -x], axis=-1)


def _uniform_skeleton(positions: Array) -> Array:
    source = np.zeros((22, 3))
    for chain in CANONICAL_CHAINS:
        for before, joint in pairwise(chain):
            length = np.linalg.norm(positions[0, joint] - positions[0, before])
            source[joint] = length * CANONICAL_DIRECTIONS[joint]
    target = CANONICAL_DIRECTIONS * CANONICAL_LENGTHS[:, None]
    scale = np.abs(target[list(LEGS)]).max(axis=-1).sum() / np.abs(source[list(LEGS)]).max(axis=-1).sum()
    return _forward_kinematics(_inverse_kinematics(positions, smooth=False), positions[:, 0] * scale, target)


def _inverse_kinematics(joints: Array, smooth: bool) -> Array:
    l_hip, r_hip, sdr_r, sdr_l = FACE  # the names of the original, which swaps the hips
    across = joints[:, r_hip] - joints[:, l_hip] + joints[:, sdr_r] - joints[:, sdr_l]
    across = across / np.sqrt((across**2).sum(axis=-1))[:, None]
    forward = np.cross(np.array([[0, 1, 0]]), across, axis=-1)
    if smooth:
        forward = gaussian_filter1d(forward, 20, axis=0, mode="nearest")
    forward = forward / np.sqrt((forward**2).sum(axis=-1))[..., None]
    root = _between(forward, np.array([[0, 0, 1]]).repeat(len(forward), axis=0))
    params = np.zeros((*joints.shape[:-1], 4))
    root[0] = np.array([[1.0, 0.0, 0.0, 0.0]])
    params[:, 0] = root
    for chain in CANONICAL_CHAINS:
        turn = root
        for before, joint in pairwise(chain):
            rest = CANONICAL_DIRECTIONS[joint][None].repeat(len(joints), axis=0)
            bone = joints[:, joint] - joints[:, before]
            bone = bone / np.sqrt((bone**2).sum(axis=-1))[:, None]
            local = _multiply(_inverse(turn), _between(rest, bone))
            params[:, joint] = local
            turn = _multiply(turn, local)
    return params


def _forward_kinematics(params: Array, root: Array, offsets: Array) -> Array:
    joints = np.zeros((*params.shape[:-1], 3))
    joints[:, 0] = root
    for chain in CANONICAL_CHAINS:
        turn = params[:, 0]
        for before, joint in pairwise(chain):
            turn = _multiply(turn, params[:, joint])
            joints[:, joint] = _rotate(turn, offsets[joint][None].repeat(len(params), axis=0)) + joints[:, before]
    return joints


def _between(start: Array, end: Array) -> Array:
    v0, v1 = torch.from_numpy(start).float(), torch.from_numpy(end).float()
    cross = torch.cross(v0, v1, dim=-1)
    w = torch.sqrt((v0**2).sum(-1, keepdim=True) * (v1**2).sum(-1, keepdim=True)) + (v0 * v1).sum(-1, keepdim=True)
    quat = torch.cat([w, cross], dim=-1)
    return (quat / torch.norm(quat, dim=-1, keepdim=True)).numpy()


def _multiply(left: Array, right: Array) -> Array:
    q, r = (torch.from_numpy(np.ascontiguousarray(one)).contiguous().float() for one in (left, right))
    terms = torch.bmm(r.view(-1, 4, 1), q.view(-1, 1, 4))
    w = terms[:, 0, 0] - terms[:, 1, 1] - terms[:, 2, 2] - terms[:, 3, 3]
    x = terms[:, 0, 1] + terms[:, 1, 0] - terms[:, 2, 3] + terms[:, 3, 2]
    y = terms[:, 0, 2] + terms[:, 1, 3] + terms[:, 2, 0] - terms[:, 3, 1]
    z = terms[:, 0, 3] - terms[:, 1, 2] + terms[:, 2, 1] + terms[:, 3, 0]
    return torch.stack((w, x, y, z), dim=1).view(q.shape).numpy()


def _inverse(quat: Array) -> Array:
    q = torch.from_numpy(np.ascontiguousarray(quat)).float()
    mask = torch.ones_like(q)
    mask[..., 1:] = -mask[..., 1:]
    return (q * mask).numpy()


def _rotate(quat: Array, vector: Array) -> Array:
    q, v = (torch.from_numpy(np.ascontiguousarray(one)).contiguous().float() for one in (quat, vector))
    shape = list(v.shape)
    q, v = q.view(-1, 4), v.view(-1, 3)
    uv = torch.cross(q[:, 1:], v, dim=1)
    return (v + 2 * (q[:, :1] * uv + torch.cross(q[:, 1:], uv, dim=1))).view(shape).numpy()


def _sixes(quat: Array) -> Array:
    r, i, j, k = torch.unbind(torch.from_numpy(quat).float(), -1)
    twice = 2.0 / (torch.from_numpy(quat).float() ** 2).sum(-1)
    rows: Sequence[torch.Tensor] = (
        1 - twice * (j * j + k * k), twice * (i * j - k * r), twice * (i * k + j * r),
        twice * (i * j + k * r), 1 - twice * (i * i + k * k), twice * (j * k - i * r),
        twice * (i * k - j * r), twice * (j * k + i * r), 1 - twice * (i * i + j * j),
    )  # fmt: skip
    matrix = torch.stack(list(rows), -1).reshape((*quat.shape[:-1], 3, 3))
    return torch.cat([matrix[..., 0], matrix[..., 1]], dim=-1).numpy()
