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

from motionlib.body import ric, rotations
from motionlib.body.ric import Root
from motionlib.normalize.batched import checked, exactly, extract_all, extract_packed
from motionlib.normalize.batched_body import first_frames, packed
from motionlib.normalize.batched_bones import bones, chained, plan
from motionlib.normalize.layout import HUMANML3D, Layout

__all__ = [
    "Root",
    "aligned",
    "extract",
    "extract_all",
    "extract_packed",
    "recover",
    "recover_from_rotations",
    "recover_root",
    "uniform",
]

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]


def extract(joints: ArrayLike, contact_threshold: float | None = None, layout: Layout = HUMANML3D) -> Float32:
    """Features (T - 1, D) float32 of joint positions (T, J, 3) in metres, y up, at the layout's frame rate.

    Many clips go several times as fast through `extract_all`, which gives the same bytes.

    Args:
        joints: T >= 2 frames; any place, facing and body size.
        contact_threshold: m^2 per frame^2 below which a foot stands; None: the layout's (0.002 for HumanML3D).
        layout: 263 features of 22 joints unless told.

    Raises:
        ValueError: If the shape is wrong; or naming joint and frame of a number that is not finite, a bone without
            length, a bone exactly opposed to its canonical direction, or hips and shoulders that show no heading.
    """
    (rows,) = extract_all([joints], contact_threshold, layout)
    if isinstance(rows, ValueError):
        raise rows
    return rows


def uniform(joints: ArrayLike, layout: Layout = HUMANML3D) -> FloatArray:
    """Positions (T, J, 3) of the target skeleton in the source's bone directions, scaled by the legs.

    Raises:
        ValueError: As `extract`, except for opposed bones and headings.
    """
    points, _ = packed([checked(joints, layout)])
    body_plan = plan(layout)
    pose = np.empty_like(points)
    chained(bones(points, body_plan, np.float64).directions, body_plan, pose)
    pose += points[:, :1] * first_frames(points[:, :, :1], body_plan)[0]
    return pose.transpose(2, 1, 0)


def aligned(joints: ArrayLike, layout: Layout = HUMANML3D) -> FloatArray:
    """`uniform`, put on the floor, started at x = z = 0 and facing +z in frame 0.

    Raises:
        ValueError: As `extract`, except for opposed bones and headings after frame 0.
    """
    body = exactly(joints, layout)
    return (body.pose + body.root[:, None]).transpose(2, 1, 0)


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


def _rows(features: ArrayLike, layout: Layout) -> FloatArray:
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim < 2 or rows.shape[-1] != layout.dimensions:
        raise ValueError(f"expected features (..., T, {layout.dimensions}), got {rows.shape}")
    return rows
