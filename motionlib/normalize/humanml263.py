"""Joint positions <-> the published HumanML3D features, quirks included (mode `compat`).

Source: HumanML3D (Guo et al., CVPR 2022), `motion_representation.ipynb` and `common/skeleton.py` at 9176e8f,
checked against golden files that this code made. Its steps: retarget, floor, origin, facing, contacts, heading,
local pose. Kept although they are mistakes there: the swapped hips of the heading, the jump of row 0, the wrong sign
where the heading passes 180 degrees from the start.
Departures, where the original gives NaN or nonsense: a bone without direction is refused by joint and frame; T = 3 is
computed as any other length (there a cross product ran over the time axis); a body that faces exactly -z turns by pi.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from motionlib.body import ric, rotations
from motionlib.body.kinematics import bones, check_bones, swing_rotations
from motionlib.body.ric import Root as Root  # part of this module's door
from motionlib.body.ric import turned as _turn
from motionlib.normalize.layout import HUMANML3D, Layout

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]

HEADING_SIGMA = 20.0  # frames, of the Gaussian over the forward vector
HEADING_TRUNCATE = 4.0  # sigmas; scipy's default, which the published code relies on
FLAT = 1e-8  # length below which a forward vector has no direction


def extract(joints: ArrayLike, contact_threshold: float | None = None, layout: Layout = HUMANML3D) -> Float32:
    """Features (T - 1, D) float32 of joint positions (T, J, 3) in metres, y up, at the layout's frame rate.

    Args:
        joints: T >= 2 frames; any place, facing and body size.
        contact_threshold: m^2 per frame^2 below which a foot stands; None: the layout's (0.002 for HumanML3D).
        layout: 263 features of 22 joints unless told.

    Raises:
        ValueError: If the shape is wrong; or naming joint and frame of a number that is not finite, a bone without
            length, a bone exactly opposed to its canonical direction, or hips and shoulders that show no heading.
    """
    threshold = layout.contact_threshold if contact_threshold is None else contact_threshold
    pose, directions = _align(*_retarget(_checked(joints, layout), layout), layout)
    heading = _smooth_heading(pose, layout)
    step = np.diff(pose, axis=0)
    rows = len(step)
    local = pose.copy()
    local[..., [0, 2]] -= pose[:, :1, [0, 2]]
    feet = (step[:, layout.feet] ** 2).sum(-1) < threshold
    parts = {
        "root_turn": np.arcsin(np.sin((heading[:-1] - heading[1:]) / 2.0))[:, None],
        "root_velocity": _turn(step[:, :1], heading[1:])[:, 0, [0, 2]],
        "root_height": pose[:-1, 0, 1:2],
        "ric": _turn(local, heading)[:-1, 1:].reshape(rows, -1),
        "rot6d": _local_rot6d(directions[:-1], heading[:-1], layout).reshape(rows, -1),
        "velocity": _turn(step, heading[:-1]).reshape(rows, -1),
        "contacts": feet,
    }
    return np.concatenate([parts[name] for name in layout.groups], axis=-1, dtype=np.float32)


def uniform(joints: ArrayLike, layout: Layout = HUMANML3D) -> FloatArray:
    """Positions (T, J, 3) of the target skeleton in the source's bone directions, scaled by the legs.

    Raises:
        ValueError: As `extract`, except for opposed bones and headings.
    """
    return _retarget(_checked(joints, layout), layout)[0]


def aligned(joints: ArrayLike, layout: Layout = HUMANML3D) -> FloatArray:
    """`uniform`, put on the floor, started at x = z = 0 and facing +z in frame 0.

    Raises:
        ValueError: As `extract`, except for opposed bones.
    """
    return _align(*_retarget(_checked(joints, layout), layout), layout)[0]


def recover_root(features: ArrayLike, layout: Layout = HUMANML3D) -> Root:
    """Heading (..., T) and root position (..., T, 3) of features (..., T, D); both start at 0 but for the height."""
    return ric.recover_root(_rows(features, layout), layout.groups)


def recover(features: ArrayLike, layout: Layout = HUMANML3D) -> Float32:
    """Joint positions (..., T, J, 3) metres of features (..., T, D), from the `ric` part (`recover_from_ric`).

    Raises:
        ValueError: If the last axis is not D.
    """
    return ric.recover(_rows(features, layout), layout.groups).astype(np.float32)


def recover_from_rotations(features: ArrayLike, layout: Layout = HUMANML3D) -> Float32:
    """Joint positions (..., T, J, 3) of features (..., T, D), from the rotations and the target bone lengths.

    Raises:
        ValueError: If the last axis is not D.
    """
    rows = _rows(features, layout)
    root = recover_root(rows, layout)
    local = rows[..., layout.groups["rot6d"]].reshape(*rows.shape[:-1], layout.joints - 1, 6)
    turns = rotations.rot6d_to_matrix(local)
    world = np.empty((*rows.shape[:-1], layout.joints, 3, 3))
    world[..., 0, :, :] = rotations.to_matrix(rotations.from_yaw(-root.heading))
    joints = np.empty((*rows.shape[:-1], layout.joints, 3))
    joints[..., 0, :] = root.position
    for chain in layout.chains:
        base = 0  # also of the arm chains, which start at the chest
        for before, joint in pairwise(chain):
            world[..., joint, :, :] = world[..., base, :, :] @ turns[..., joint - 1, :, :]
            offset = layout.directions[joint] * layout.lengths[joint]
            joints[..., joint, :] = joints[..., before, :] + world[..., joint, :, :] @ offset
            base = joint
    return joints.astype(np.float32)


def _checked(joints: ArrayLike, layout: Layout) -> FloatArray:
    positions = np.asarray(joints, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (layout.joints, 3):
        raise ValueError(f"expected joints (T, {layout.joints}, 3), got {positions.shape}")
    if len(positions) < 2:
        raise ValueError(f"{len(positions)} frames; features are differences and need 2 or more")
    bad = ~np.isfinite(positions).all(axis=-1)
    if bad.any():
        frame, joint = np.argwhere(bad)[0]
        raise ValueError(f"frame {frame}: joint {layout.names[joint]!r} is not finite")
    return positions


def _rows(features: ArrayLike, layout: Layout) -> FloatArray:
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim < 2 or rows.shape[-1] != layout.dimensions:
        raise ValueError(f"expected features (..., T, {layout.dimensions}), got {rows.shape}")
    return rows


def _retarget(joints: FloatArray, layout: Layout) -> tuple[FloatArray, FloatArray]:
    """Positions on the target skeleton and unit bone directions, both (T, J, 3).

    The published way round by IK and FK keeps every bone's direction; so does adding up directions times lengths.
    """
    bone = bones(joints, layout.parents)
    lengths = check_bones(bone, layout.names)
    directions = np.zeros_like(bone)
    directions[:, 1:] = bone[:, 1:] / lengths[:, 1:, None]
    legs = list(layout.legs)
    scale = layout.lengths[legs].sum() / lengths[0, legs].sum()
    pose = np.empty_like(joints)
    pose[:, 0] = joints[:, 0] * scale
    for joint, parent in enumerate(layout.parents[1:], start=1):
        pose[:, joint] = pose[:, parent] + layout.lengths[joint] * directions[:, joint]
    return pose, directions


def _align(pose: FloatArray, directions: FloatArray, layout: Layout) -> tuple[FloatArray, FloatArray]:
    right_hip, left_hip, right_shoulder, left_shoulder = layout.face
    first = pose[0]
    across = first[right_hip] - first[left_hip] + first[right_shoulder] - first[left_shoulder]
    forward = _forward(across[None])
    _check_forward(forward, "hips and shoulders")
    origin = first[0] * [1.0, 0.0, 1.0] + [0.0, pose[..., 1].min(), 0.0]
    turn = np.broadcast_to(np.arctan2(forward[:, 0], forward[:, 2]), len(pose))
    return _turn(pose - origin, turn), _turn(directions, turn)


def _smooth_heading(pose: FloatArray, layout: Layout) -> FloatArray:
    """(T,) radians in (-pi, pi]; frame 0 is 0 by force, and the hips are subtracted the wrong way, as published."""
    right_hip, left_hip, right_shoulder, left_shoulder = layout.face
    across = pose[:, left_hip] - pose[:, right_hip] + pose[:, right_shoulder] - pose[:, left_shoulder]
    forward = _forward(across)
    _check_forward(forward, "hips against shoulders")
    smooth = gaussian_filter1d(forward, HEADING_SIGMA, axis=0, mode="nearest", truncate=HEADING_TRUNCATE)
    _check_forward(smooth, "hips against shoulders, smoothed,")
    heading: FloatArray = np.arctan2(smooth[:, 0], smooth[:, 2])
    heading[0] = 0.0
    return heading


def _forward(across: FloatArray) -> FloatArray:
    """y axis x unit vector to the right, (T, 3); its length is not 1 where the vector is not level."""
    x, _, z = rotations.normalise(across).T
    return np.stack([z, np.zeros_like(x), -x], axis=-1)


def _check_forward(forward: FloatArray, what: str) -> None:
    flat = ~(np.abs(forward).max(axis=-1) > FLAT)
    if flat.any():
        raise ValueError(f"frame {np.argmax(flat)}: {what} show no heading")


def _local_rot6d(directions: FloatArray, heading: FloatArray, layout: Layout) -> FloatArray:
    """(T, J - 1, 6): each bone's swing seen from its base in the chain."""
    world = swing_rotations(directions, layout.directions, layout.names)
    world[:, 0] = rotations.from_yaw(-heading)
    base = world[:, layout.bases[1:]]
    return rotations.to_rot6d(rotations.multiply(rotations.inverse(base), world[:, 1:]))
