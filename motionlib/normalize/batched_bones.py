"""Bones of many frames at once, component by component: their directions, the body they chain to, their rotations.

Arrays are (3, J, n), so that one numpy operation runs over all joints of all frames; `Plan` says where each bone lies.
A bone's rotation is a matrix without square roots, because every canonical direction is an axis (Rodrigues' formula).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.normalize.layout import Layout

Real = NDArray[Any]  # float32 or float64

NEARLY_OPPOSED = 0.01  # 1 + cosine below which it is computed without cancellation


@dataclass(frozen=True, eq=False)
class Plan:
    """What of a layout the loops need. Bones lie in slots, sorted by the axis of their canonical direction.

    Attributes:
        slot: Slot of the bone that ends at each joint; the root's is not used.
        axes: (axis, slots of it, (slots, 1) sign of each canonical direction).
        lengths: (J - 1, 1) target lengths by slot.
        from_root: Joints whose rotation is told in the root's frame. chained: (joint, its base) of all others.
    """

    layout: Layout
    slot: tuple[int, ...]
    axes: tuple[tuple[int, slice, Real], ...]
    lengths: Real
    from_root: tuple[int, ...]
    chained: tuple[tuple[int, int], ...]


@lru_cache(maxsize=8)
def plan(layout: Layout) -> Plan:
    """The plan of a layout, made once.

    Raises:
        ValueError: If a canonical direction does not lie along an axis.
    """
    directions = layout.directions[1:]
    if (directions != 0).sum(axis=-1).max() != 1:
        raise ValueError("canonical directions must lie along the axes")
    axis = np.abs(directions).argmax(axis=-1)
    order = np.argsort(axis, kind="stable")
    slot = np.full(layout.joints, -1)
    slot[1 + order] = np.arange(len(order))
    signs = directions[order].sum(axis=-1)[:, None]
    edges = np.searchsorted(axis[order], range(4)).tolist()
    parts = [slice(edges[i], edges[i + 1]) for i in range(3)]
    bases = layout.bases.tolist()
    return Plan(
        layout,
        tuple(slot.tolist()),
        tuple((i, part, signs[part].astype(np.float32)) for i, part in enumerate(parts) if part.stop > part.start),
        layout.lengths[1:][order, None],
        tuple(joint for joint in range(1, layout.joints) if bases[joint] == 0),
        tuple((joint, bases[joint]) for joint in range(1, layout.joints) if bases[joint]),
    )


class Bones(NamedTuple):
    """Unit `directions` (3, J - 1, n) by slot; `squares` (J - 1, n) of the bones' lengths."""

    directions: Real
    squares: Real


def by_component(joints: Real) -> Real:
    """(n, J, 3) as (3, J, n)."""
    return np.ascontiguousarray(joints.transpose(2, 1, 0))


def bones(points: Real, plan: Plan, dtype: Any) -> Bones:
    """Bones between positions (3, J, n), told in `dtype`; NaN or inf where one has no length or is not finite."""
    directions: Real = np.empty((3, points.shape[1] - 1, points.shape[2]), dtype)
    for joint, parent in enumerate(plan.layout.parents[1:], start=1):
        np.subtract(points[:, joint], points[:, parent], out=directions[:, plan.slot[joint]], casting="same_kind")
    squares = sum_of_squares(directions)
    lengths = np.sqrt(squares)
    directions /= lengths
    return Bones(directions, squares)


def chained(directions: Real, plan: Plan, out: Real) -> None:
    """Fill `out` (3, J, n) with positions from the root: the target's lengths in these directions (3, J - 1, n)."""
    steps = directions * plan.lengths.astype(directions.dtype)
    out[:, 0] = 0.0
    for joint, parent in enumerate(plan.layout.parents[1:], start=1):
        np.add(out[:, parent], steps[:, plan.slot[joint]], out=out[:, joint])


def turn(x: Real, z: Real, cosine: Real, sine: Real, out_x: Real, out_z: Real) -> None:
    """Vectors seen from a body that faces the angle of `cosine` and `sine`: a turn about y by minus that."""
    np.multiply(x, cosine, out=out_x)
    out_x -= z * sine
    np.multiply(z, cosine, out=out_z)
    out_z += x * sine


def swing_matrices(directions: Real, plan: Plan, out: Real) -> Real:
    """Fill `out` (3, 3, J - 1, n), column first, with the smallest rotations from canonical to these directions.

    Returns:
        (J - 1, n), 1 + cosine of the angle of each; 0 where a bone is opposed to its canonical direction, whose matrix
        is then not finite.
    """
    opening = np.empty(directions.shape[1:], directions.dtype)
    for a, part, sign in plan.axes:
        b, c = (a + 1) % 3, (a + 2) % 3
        axis, side, up = (directions[i, part] for i in (a, b, c))
        columns, signs = out[:, :, part], sign.astype(directions.dtype)
        np.multiply(axis, signs, out=columns[a, a])
        _one_plus(columns[a, a], side, up, opening[part])
        np.multiply(side, signs, out=columns[a, b])
        np.multiply(up, signs, out=columns[a, c])
        np.negative(columns[a, b], out=columns[b, a])
        np.negative(columns[a, c], out=columns[c, a])
        share = side / opening[part]
        np.multiply(share, side, out=columns[b, b])
        np.subtract(1.0, columns[b, b], out=columns[b, b])
        np.multiply(share, up, out=columns[b, c])
        np.negative(columns[b, c], out=columns[b, c])
        columns[c, b] = columns[b, c]
        np.divide(up, opening[part], out=share)
        np.multiply(share, up, out=columns[c, c])
        np.subtract(1.0, columns[c, c], out=columns[c, c])
    return opening


def local_rot6d(matrices: Real, heading: Real, plan: Plan, out: Real) -> None:
    """Fill `out` (J - 1, 2, 3, n), joint by joint, with two columns of each swing seen from its base in the chain.

    `heading` (n,) radians is the root's; `matrices` are those of `swing_matrices`.
    """
    cosine, sine = np.cos(heading).astype(out.dtype), np.sin(heading).astype(out.dtype)
    for joint in plan.from_root:
        columns, here = matrices[:2, :, plan.slot[joint]], out[joint - 1]
        turn(columns[:, 2], columns[:, 0], cosine, sine, here[:, 2], here[:, 0])
        here[:, 1] = columns[:, 1]
    product = np.empty(out.shape[1:], out.dtype)
    for joint, base in plan.chained:
        columns, frame, here = matrices[:2, :, plan.slot[joint]], matrices[:, :, plan.slot[base]], out[joint - 1]
        np.multiply(columns[:, 0, None], frame[:, 0], out=here)
        for i in (1, 2):
            np.multiply(columns[:, i, None], frame[:, i], out=product)
            here += product


def sum_of_squares(vectors: Real) -> Real:
    """(...) of vectors (3, ...)."""
    total: Real = vectors[0] * vectors[0]
    for component in vectors[1:]:
        total += component * component
    return total


def _one_plus(cosine: Real, side: Real, up: Real, out: Real) -> None:
    """1 + cosine; near -1 as sine squared by 1 - cosine, which loses no digits."""
    np.add(cosine, 1.0, out=out)
    near = out < NEARLY_OPPOSED
    if near.any():
        out[near] = (side[near] ** 2 + up[near] ** 2) / (1.0 - cosine[near])
