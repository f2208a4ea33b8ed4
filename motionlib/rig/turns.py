"""Rotations told by directions: fitted to several, swung onto one, framed by two, snapped to axes."""

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_DIRECTIONS

FloatArray = NDArray[np.float64]

ALONG_AXIS = 0.985  # cosine (10 degrees) from which a bone counts as lying along an axis of its joint
SNAP = 0.75  # cosine (41 degrees) from which an average counts as the axis it is nearest to
OPPOSED = 1e-6  # 1 + cosine below which two directions have no one shortest rotation


def unit(vectors: FloatArray) -> FloatArray:
    """Vectors (..., 3) scaled to length 1; zero stays zero."""
    lengths = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    scaled: FloatArray = vectors / np.where(lengths > 0.0, lengths, 1.0)
    return scaled


def kabsch(children: Sequence[int], bones: FloatArray) -> FloatArray:
    """Quaternion (4,) that brings the canonical directions of children nearest to bones (N, 3) (Kabsch 1976)."""
    left, _, right = np.linalg.svd(unit(bones).T @ CANONICAL_DIRECTIONS[list(children)])
    left[:, 2] *= np.linalg.det(left @ right)
    return rotations.from_matrix(left @ right)


def swing(base: FloatArray, direction: FloatArray, bone: FloatArray, sideways: FloatArray) -> FloatArray:
    """`base` (4,) turned the least so that `direction` (3,) points along `bone`; half a turn goes about `sideways`."""
    start = rotations.rotate(base, direction)
    if start @ unit(bone) < OPPOSED - 1.0:
        return rotations.multiply(np.array([0.0, *rotations.rotate(base, sideways)]), base)
    if not np.any(bone):
        return base
    return rotations.multiply(rotations.shortest(start, bone), base)


def frame(main: FloatArray, main_meaning: FloatArray, second: FloatArray, second_meaning: FloatArray) -> FloatArray:
    """Quaternion (4,) that brings `main_meaning` onto `main`, and `second_meaning` as near to `second` as can be."""
    return rotations.from_matrix(_basis(main, second) @ _basis(main_meaning, second_meaning).T)


def _basis(main: FloatArray, second: FloatArray) -> FloatArray:
    first = unit(main)
    across = second - (second @ first) * first
    if np.linalg.norm(across) < OPPOSED:
        across = np.eye(3)[np.abs(first).argmin()]
        across = across - (across @ first) * first
    across = unit(across)
    return np.stack([first, across, np.cross(first, across)], axis=1)


def snapped(vector: FloatArray, bone: FloatArray) -> FloatArray:
    """The part of a vector (3,) across a bone, snapped to an axis where the bone lies along one and it is near."""
    across = unit(vector - (vector @ bone) * bone)
    nearest = np.abs(across).argmax()
    if np.abs(bone).max() < ALONG_AXIS or np.abs(across[nearest]) < SNAP:
        return across
    axis: FloatArray = np.sign(across[nearest]) * np.eye(3)[nearest]
    return axis


def mean_rotation(quats: FloatArray) -> FloatArray:
    """The quaternion (4,) nearest to (S, 4) in the mean (Markley et al. 2007): the largest eigenvector."""
    mean: FloatArray = np.linalg.eigh(quats.T @ quats)[1][:, -1]
    return mean


def snapped_rotation(quat: FloatArray) -> FloatArray:
    """The nearest of the 24 rotations that carry axes onto axes if it is near, else the rotation itself."""
    nearness = np.abs(AXIS_TURNS @ quat)
    best: FloatArray = AXIS_TURNS[nearness.argmax()]
    return best if 2.0 * nearness.max() ** 2 - 1.0 >= SNAP else quat


def _axis_turns() -> FloatArray:
    turns = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
        if np.linalg.det(matrix) > 0:
            turns.append(rotations.from_matrix(matrix))
    return np.array(turns)


AXIS_TURNS: FloatArray = _axis_turns()
