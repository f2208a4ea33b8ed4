"""Joints as MPJPE sees them (pelvis at the origin, heading integrated) and the pelvis's way, both differentiable.

Source: `recover_from_ric` of HumanML3D (`motion_process.py`), its two halves apart, as MPJPE subtracts the way.
"""

import torch
from torch import Tensor

from motionlib.tokenizers.base import position_slice

HEIGHT = 3  # feature with the pelvis's height, metres
SAFE = 1e-12  # m^2 added under roots, so that the gradient of a distance of 0 is 0


def facing_joints(features: Tensor) -> Tensor:
    """Joints relative to the pelvis, turned by the accumulated heading: raw (B, T, D) -> (B, T, J - 1, 3) metres.

    The heading of row 0 is 0; that of row t is -2 times the sum of the root turns (feature 0, half angles in
    radians) of the rows before.
    """
    rows = features.float()
    flat = rows[..., position_slice(rows.shape[-1])]
    local = flat.reshape(*flat.shape[:-1], -1, 3)
    turn = rows[..., 0]
    heading = -2 * (turn.cumsum(-1) - turn)  # (B, T)
    sine, cosine = heading.sin().unsqueeze(-1), heading.cos().unsqueeze(-1)
    x, y, z = local.unbind(-1)  # (B, T, J - 1)
    height = rows[..., HEIGHT].unsqueeze(-1)
    return torch.stack([cosine * x + sine * z, y - height, cosine * z - sine * x], dim=-1)


def floor_way(features: Tensor) -> Tensor:
    """Where the pelvis goes on the floor: raw (B, T, D) -> x and z after each row, (B, T, 2) metres from the start."""
    rows = features.float()
    heading = -2 * rows[..., 0].cumsum(-1)  # (B, T), of the row after
    sine, cosine = heading.sin(), heading.cos()
    x, z = rows[..., 1], rows[..., 2]
    return torch.stack([cosine * x + sine * z, cosine * z - sine * x], dim=-1).cumsum(-2)


def joint_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean distance of two sets of points (..., 2 or 3): a scalar in metres with a gradient everywhere."""
    return ((a - b).square().sum(-1) + SAFE).sqrt().mean()
