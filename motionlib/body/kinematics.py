"""From rotations to positions and, for bones without twist, back."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton

FloatArray = NDArray[np.float64]
# A bone that is shorter than this share of the body's longest one points nowhere.
SHORTEST_BONE = 1e-6
# 1 + cosine between a bone and its canonical direction below which the two count as exactly opposed.
OPPOSED = 1e-12
# Frames whose joints are placed at once: their matrices fit a core's cache.
BLOCK = 1024


def forward(skeleton: Skeleton, root_pos: ArrayLike, local_quat: ArrayLike) -> FloatArray:
    """World positions (T, J, 3) metres of a skeleton's joints.

    Args:
        skeleton: J joints.
        root_pos: (T, 3) metres, position of joint 0; its own offset is not added.
        local_quat: (T, J, 4) unit quaternions, each joint in its parent's frame.

    Raises:
        ValueError: If the shapes do not belong together.
    """
    root, local = np.asarray(root_pos), np.asarray(local_quat)
    frames, joints = len(root), skeleton.joint_count
    if root.shape != (frames, 3) or local.shape != (frames, joints, 4):
        raise ValueError(f"root {root.shape} and rotations {local.shape} do not fit {joints} joints")
    positions: FloatArray = np.empty((frames, joints, 3))
    for start in range(0, frames, BLOCK):
        block = slice(start, start + BLOCK)
        positions[block] = _places(skeleton, root[block], local[block]).transpose(2, 0, 1)
    return positions


def _places(skeleton: Skeleton, root: FloatArray, local: FloatArray) -> FloatArray:
    """(J, 3, T) of (T, 3) and (T, J, 4): frames come last, so that one call turns a joint in all of them."""
    inner = sorted({0, *skeleton.parents[1:]})
    matrices = rotations.matrix_parts(local.transpose(2, 1, 0)[:, inner].astype(np.float64))
    world = dict(zip(inner, matrices.transpose(2, 0, 1, 3), strict=True))
    places = np.empty((skeleton.joint_count, 3, len(root)))
    places[0] = root.T
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        np.einsum("ijt,j->it", world[parent], skeleton.offsets[joint], out=places[joint])
        places[joint] += places[parent]
        if joint in world:
            world[joint] = np.einsum("ijt,jkt->ikt", world[parent], world[joint])
    return places


def bones(joints: ArrayLike, parents: Sequence[int]) -> FloatArray:
    """(..., J, 3) metres from each joint's parent to the joint; zero for the root."""
    positions = np.asarray(joints, dtype=np.float64)
    result = positions - positions[..., np.maximum(parents, 0), :]
    result[..., 0, :] = 0.0
    return result


def check_bones(bone: FloatArray, names: Sequence[str]) -> FloatArray:
    """Lengths (T, J) of bones (T, J, 3) (the root's is 0), after checking that each is one.

    Raises:
        ValueError: Naming joint and frame of the first bone that is not finite, or else without length.
    """
    lengths: FloatArray = np.sqrt((bone * bone).sum(-1))
    _refuse(~np.isfinite(lengths), names, "is not finite")
    _refuse(lengths[:, 1:] <= SHORTEST_BONE * lengths.max(), names[1:], "lies on its parent: a bone without length")
    return lengths


def swing_rotations(directions: FloatArray, canonical: FloatArray, names: Sequence[str]) -> FloatArray:
    """World rotations (T, J, 4) that turn each joint's canonical bone direction into its real one, without twist.

    The rotation is stored at the joint where the bone ends (HumanML3D, `Skeleton.inverse_kinematics_np`).

    Args:
        directions: (T, J, 3) unit vectors of the bones; what stands for the root is not used.
        canonical: (J, 3) unit vectors.
        names: J joint names for messages.

    Raises:
        ValueError: Naming joint and frame where a bone is exactly opposed to its canonical direction.
    """
    cosine = (directions * canonical).sum(-1)
    _refuse(cosine[:, 1:] < OPPOSED - 1.0, names[1:], "points exactly against its canonical direction: no one rotation")
    swing = np.zeros((*directions.shape[:-1], 4))
    swing[:, 0, 0] = 1.0
    swing[:, 1:] = rotations.shortest(canonical[1:], directions[:, 1:])
    return swing


def chain_bases(chains: Sequence[Sequence[int]], joints: int) -> NDArray[np.int64]:
    """(J,) joint in whose frame each joint's rotation is told: the one before it in its chain, 0 for a chain's first.

    Joint 0 stands for the body's heading, also for the arm chains that start at the chest, as published.
    """
    bases = np.zeros(joints, dtype=np.int64)
    for chain in chains:
        for before, joint in pairwise(chain[1:]):
            bases[joint] = before
    return bases


def _refuse(bad: NDArray[np.bool_], names: Sequence[str], what: str) -> None:
    """Raise for the first (frame, joint) of a mask (T, J)."""
    if bad.any():
        frame, joint = np.argwhere(bad)[0]
        raise ValueError(f"frame {frame}: joint {names[joint]!r} {what}")
