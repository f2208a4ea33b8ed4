"""Rotations as numpy float64: quaternions (w, x, y, z), matrices, 6D columns and Euler angles in radians.

Every function works on the last axes and leaves the leading ones as they are.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

AXES = {"X": 0, "Y": 1, "Z": 2}
# Below this cosine of the middle Euler angle the two outer axes are taken to be one (gimbal lock).
GIMBAL_COSINE = 1e-7
# Below this sine of the angle between them, two quaternions are interpolated on the chord.
SLERP_SINE = 1e-6


def normalise(vector: ArrayLike) -> FloatArray:
    """Vectors (..., n) scaled to length 1; a zero vector becomes NaN, for the caller to find."""
    array = np.asarray(vector, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: FloatArray = array / np.sqrt(_dot(array, array))[..., None]
    return unit


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """(a * b).sum(-1) to the bit, several times as fast for rows of three or four."""
    total: FloatArray = a[..., 0] * b[..., 0]
    for i in range(1, a.shape[-1]):
        total = total + a[..., i] * b[..., i]
    return total


def multiply(left: ArrayLike, right: ArrayLike) -> FloatArray:
    """Quaternion product (..., 4): first `right`, then `left`."""
    w, x, y, z = np.moveaxis(np.asarray(left, dtype=np.float64), -1, 0)
    a, b, c, d = np.moveaxis(np.asarray(right, dtype=np.float64), -1, 0)
    return np.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        axis=-1,
    )


def inverse(quat: ArrayLike) -> FloatArray:
    """Inverse of unit quaternions (..., 4)."""
    conjugate: FloatArray = np.asarray(quat, dtype=np.float64) * np.array([1.0, -1.0, -1.0, -1.0])
    return conjugate


def rotate(quat: ArrayLike, vector: ArrayLike) -> FloatArray:
    """Vectors (..., 3) turned by unit quaternions (..., 4)."""
    q, v = np.asarray(quat, dtype=np.float64), np.asarray(vector, dtype=np.float64)
    w, xyz = q[..., :1], q[..., 1:]
    twice = 2.0 * _cross(xyz, v)
    return v + w * twice + _cross(xyz, twice)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """np.cross over the last axis, several times as fast."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def shortest(start: ArrayLike, end: ArrayLike) -> FloatArray:
    """Quaternion (..., 4) of the smallest rotation that turns `start` (..., 3) into the direction of `end`.

    NaN where a vector is zero or the two are exactly opposed: there is no one answer, the caller must decide.
    """
    u, v = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    lengths = np.sqrt(_dot(u, u) * _dot(v, v))
    w = lengths + _dot(u, v)
    return normalise(np.concatenate([w[..., None], _cross(*np.broadcast_arrays(u, v))], axis=-1))


def from_yaw(angle: ArrayLike) -> FloatArray:
    """Quaternion (..., 4) of a turn about +y by `angle` (...) radians: +z goes towards +x."""
    half = np.asarray(angle, dtype=np.float64) / 2.0
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, np.sin(half), zero], axis=-1)


def from_euler(angles: ArrayLike, order: str) -> FloatArray:
    """Quaternion (..., 4) of Euler angles (..., n) radians, n axes named in file order.

    `ZYX` means R = Rz Ry Rx, as a BVH file with channels Zrotation Yrotation Xrotation does.

    Raises:
        ValueError: If `order` has another length than the angles or names an unknown axis.
    """
    turns = np.asarray(angles, dtype=np.float64)
    if len(order) != turns.shape[-1] or set(order) - set(AXES):
        raise ValueError(f"order {order!r} does not name the axes X, Y, Z of {turns.shape[-1]} angles")
    quat: FloatArray = np.zeros((*turns.shape[:-1], 4))
    quat[..., 0] = 1.0
    for part, value in enumerate(euler_parts(np.moveaxis(turns, -1, 0), order) if order else ()):
        quat[..., part] = value
    return quat


def euler_parts(turns: Iterable[FloatArray], order: str) -> list[FloatArray]:
    """As `from_euler` with one array (...) for each of at least one axis: w, x, y, z as arrays (...). Quicker.

    Half angles come from one tangent: with t = tan(angle / 4), cos = (1 - t^2) / (1 + t^2) and sin = 2 t / (1 + t^2).
    """
    parts: list[FloatArray | None] = [None] * 4
    for index, (angle, axis) in enumerate(zip(turns, order, strict=True)):
        tangent = np.tan(angle * 0.25)
        square = tangent * tangent
        share = 1.0 / (1.0 + square)
        cosine, sine = (1.0 - square) * share, 2.0 * tangent * share
        along, left, right = (1 + (AXES[axis] + step) % 3 for step in range(3))
        if index == 0:
            parts[0], parts[along] = cosine, sine
            continue
        parts[0], parts[along] = _turned(parts[0], parts[along], cosine, sine)
        parts[right], parts[left] = _turned(parts[right], parts[left], cosine, sine)
    return [np.zeros(np.shape(angle)) if part is None else part for part in parts]


def _turned(
    a: FloatArray | None, b: FloatArray | None, cosine: FloatArray, sine: FloatArray
) -> tuple[FloatArray | None, FloatArray | None]:
    """The plane's points (a, b), turned; None is a zero, which needs no arithmetic."""
    if a is None:
        return (None, None) if b is None else (-b * sine, b * cosine)
    if b is None:
        return a * cosine, a * sine
    return a * cosine - b * sine, b * cosine + a * sine


def to_matrix(quat: ArrayLike) -> FloatArray:
    """Matrices (..., 3, 3) of unit quaternions (..., 4)."""
    parts = matrix_parts(np.moveaxis(np.asarray(quat, dtype=np.float64), -1, 0))
    return np.ascontiguousarray(np.moveaxis(parts, (0, 1), (-2, -1)))


def matrix_parts(parts: ArrayLike) -> FloatArray:
    """As `to_matrix` with w, x, y, z first, (4, ...) -> (3, 3, ...): the quicker layout."""
    w, x, y, z = np.asarray(parts, dtype=np.float64)
    x2, y2, z2 = x + x, y + y, z + z
    xx, yy, zz, xy, xz, yz = x * x2, y * y2, z * z2, x * y2, x * z2, y * z2
    wx, wy, wz = w * x2, w * y2, w * z2
    matrix = np.empty((3, 3, *w.shape))
    matrix[0, 0], matrix[1, 1], matrix[2, 2] = 1 - (yy + zz), 1 - (xx + zz), 1 - (xx + yy)
    for row, column, even, odd in ((1, 0, xy, wz), (0, 2, xz, wy), (2, 1, yz, wx)):
        matrix[row, column], matrix[column, row] = even + odd, even - odd
    return matrix


def from_matrix(matrix: ArrayLike) -> FloatArray:
    """Unit quaternions (..., 4) with w >= 0 of rotation matrices (..., 3, 3).

    The largest of w, x, y, z is computed first, so that no small number is divided by (Shepperd 1978).
    """
    m = np.asarray(matrix, dtype=np.float64)
    diagonal = np.stack([m[..., i, i] for i in range(3)], axis=-1)
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    squares = np.concatenate([trace[..., None], diagonal], axis=-1)
    wx, wy, wz = (m[..., j, i] - m[..., i, j] for i, j in ((1, 2), (2, 0), (0, 1)))
    xy, xz, yz = (m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    xx, yy, zz = (1 + 2 * diagonal[..., i] - trace for i in range(3))
    rows = [[1 + trace, wx, wy, wz], [wx, xx, xy, xz], [wy, xy, yy, yz], [wz, xz, yz, zz]]
    best = squares.argmax(axis=-1)
    quat = normalise(np.stack([np.choose(best, column) for column in zip(*rows, strict=True)], axis=-1))
    return quat * np.where(quat[..., :1] < 0, -1.0, 1.0)


def to_rot6d(quat: ArrayLike) -> FloatArray:
    """6D (..., 6) of unit quaternions (..., 4): first column of the matrix, then the second (Zhou et al. 2019)."""
    w, x, y, z = np.moveaxis(np.asarray(quat, dtype=np.float64), -1, 0)
    first = [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)]
    second = [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)]
    return np.stack(first + second, axis=-1)


def rot6d_to_matrix(rot6d: ArrayLike) -> FloatArray:
    """Matrices (..., 3, 3) of any two independent columns (..., 6): the first is kept, the second made orthogonal."""
    columns = np.asarray(rot6d, dtype=np.float64)
    first = normalise(columns[..., :3])
    third = normalise(_cross(first, columns[..., 3:]))
    return np.stack([first, _cross(third, first), third], axis=-1)


def to_euler(quat: ArrayLike, order: str) -> FloatArray:
    """Euler angles (..., 3) radians of unit quaternions (..., 4), the middle one in [-pi/2, pi/2].

    `order` as in `from_euler`. In gimbal lock the last angle is 0.

    Raises:
        ValueError: If `order` is not a permutation of XYZ.
    """
    if sorted(order) != ["X", "Y", "Z"]:
        raise ValueError(f"order {order!r} is not a permutation of XYZ")
    a, b, c = (AXES[axis] for axis in order)
    sign = 1.0 if (b - a) % 3 == 1 else -1.0
    m = to_matrix(quat)
    cosine = np.hypot(m[..., a, a], m[..., a, b])
    middle = np.arctan2(sign * m[..., a, c], cosine)
    locked = cosine < GIMBAL_COSINE
    outer = np.where(
        locked,
        np.arctan2(sign * m[..., c, b], m[..., b, b]),
        np.arctan2(-sign * m[..., b, c], m[..., c, c]),
    )
    inner = np.where(locked, 0.0, np.arctan2(-sign * m[..., a, b], m[..., a, a]))
    return np.stack([outer, middle, inner], axis=-1)


def unwrap_euler(angles: ArrayLike) -> FloatArray:
    """The same rotations (T, ..., 3) with angles that do not jump: each frame takes the triple nearest to the last.

    Of the two triples that give one rotation, (a, b, c) and (a + pi, pi - b, c + pi), and of their full turns.
    """
    result = np.array(angles, dtype=np.float64)
    full = 2.0 * np.pi
    for frame in range(1, len(result)):
        last, here = result[frame - 1], result[frame]
        other = np.stack([here[..., 0] + np.pi, np.pi - here[..., 1], here[..., 2] + np.pi], axis=-1)
        here, other = (triple - full * np.round((triple - last) / full) for triple in (here, other))
        nearer = np.abs(other - last).sum(-1) < np.abs(here - last).sum(-1) - 1e-9
        result[frame] = np.where(nearer[..., None], other, here)
    return result


def slerp(start: ArrayLike, end: ArrayLike, share: ArrayLike) -> FloatArray:
    """Unit quaternions (..., 4) `share` (...) of the shorter way from `start` to `end`; 0 is `start` exactly."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    t = np.asarray(share, dtype=np.float64)[..., None]
    cosine = _dot(a, b)[..., None]
    side, cosine = np.where(cosine < 0, -1.0, 1.0), np.minimum(np.abs(cosine), 1.0)
    angle = np.arccos(cosine)
    sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
    near = sine < SLERP_SINE
    safe = np.where(near, 1.0, sine)
    first = np.where(near, 1.0 - t, _sine((1.0 - t) * angle) / safe)
    second = np.where(near, t, _sine(t * angle) / safe) * side
    between = normalise(first * a + second * b)
    return np.where(t == 0.0, a, between) if (t == 0.0).any() else between


def _sine(angle: FloatArray) -> FloatArray:
    """Sine by the tangent of the half angle, which NumPy computes several times as fast."""
    tangent = np.tan(0.5 * angle)
    return 2.0 * tangent / (1.0 + tangent * tangent)
