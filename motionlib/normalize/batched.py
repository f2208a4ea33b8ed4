"""Many clips of joint positions -> the published features (mode `compat`), in one go.

Here and in `batched_body` and `batched_bones` stands how the features that `humanml263` describes are computed. A clip
gives the same bytes alone and among others, and a clip that cannot be one spoils no other.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body import kinematics
from motionlib.normalize import batched_bones as kernel
from motionlib.normalize.batched_body import BLOCK, Body, angle, blocks, body, is_level, packed, smoothed
from motionlib.normalize.batched_bones import Plan, Real
from motionlib.normalize.batched_rows import fill_joints, fill_root
from motionlib.normalize.layout import HUMANML3D, Layout

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

CHUNK = 4 * BLOCK  # frames of whole clips that are worked on together; a longer clip is one chunk


def extract_all(
    clips: Sequence[ArrayLike], contact_threshold: float | None = None, layout: Layout = HUMANML3D
) -> list[Float32 | ValueError]:
    """`humanml263.extract` of many clips (T, J, 3), in their order; for a clip that it refuses, the error in its place.

    Rows of several clips may be views of one array.
    """
    threshold = layout.contact_threshold if contact_threshold is None else contact_threshold
    results: list[Float32 | ValueError] = []
    for chunk in _chunks(clips, layout):
        if isinstance(chunk, ValueError):
            results.append(chunk)
        else:
            results += _extract_chunk(chunk, threshold, kernel.plan(layout))
    return results


def extract_packed(
    joints: ArrayLike, starts: ArrayLike, contact_threshold: float | None = None, layout: Layout = HUMANML3D
) -> Float32:
    """Features (N - clips, D) of packed clips: joints (N, J, 3), clip i beginning at frame starts[i], the first at 0.

    Raises:
        ValueError: If `starts` does not rise from 0 below N, or a clip is refused, naming its number.
    """
    positions = np.asarray(joints)
    edges = [*np.asarray(starts, dtype=np.int64).tolist(), len(positions)]
    if edges[0] != 0 or any(b <= a for a, b in pairwise(edges)):
        raise ValueError(f"starts must rise from 0 and stay below {len(positions)} frames")
    parts = []
    for number, part in enumerate(extract_all([positions[a:b] for a, b in pairwise(edges)], contact_threshold, layout)):
        if isinstance(part, ValueError):
            raise ValueError(f"clip {number}: {part}") from part
        parts.append(part)
    return np.concatenate(parts)


def checked(joints: ArrayLike, layout: Layout) -> FloatArray:
    """`finite` joints, after checking that every bone can be retargeted.

    Raises:
        ValueError: As `finite`; or naming joint and frame of a bone without length.
    """
    positions = finite(joints, layout)
    kinematics.check_bones(kinematics.bones(positions, layout.parents), layout.names)
    return positions


def finite(joints: ArrayLike, layout: Layout) -> FloatArray:
    """Joints (T, J, 3) as float64.

    Raises:
        ValueError: If they are not (T, J, 3) with T >= 2, or naming joint and frame of a number that is not finite.
    """
    positions = _shaped(joints, layout).astype(np.float64)
    bad = ~np.isfinite(positions).all(axis=-1)
    if bad.any():
        frame, joint = np.argwhere(bad)[0]
        raise ValueError(f"frame {frame}: joint {layout.names[joint]!r} is not finite")
    return positions


def refusal(joints: Real, layout: Layout) -> ValueError:
    """Why a clip (T, J, 3) has no features, naming joint and frame."""
    try:
        found = exactly(joints, layout)
        _check_level(found.forward, "hips against shoulders")
        _check_level(smoothed(found.forward, np.array([0, len(joints)])), "hips against shoulders, smoothed,")
        directions = np.zeros((len(joints), layout.joints, 3))
        directions[:, 1:] = found.directions[:, kernel.plan(layout).slot[1:]].transpose(2, 1, 0)
        kinematics.swing_rotations(directions, layout.directions, layout.names)
    except ValueError as error:
        return error.with_traceback(None)  # which would keep the clip's arrays
    return ValueError("positions lie too far apart for single precision")


def exactly(joints: ArrayLike, layout: Layout) -> Body:
    """The published body of one clip (T, J, 3) in double precision.

    Raises:
        ValueError: As `humanml263.extract`, except for opposed bones and the heading after frame 0.
    """
    points, edges = packed([checked(joints, layout)])
    with np.errstate(all="ignore"):
        found = body(points, edges, kernel.plan(layout), np.float64)
    _check_level(found.first_forward, "hips and shoulders")
    return found


def _shaped(joints: ArrayLike, layout: Layout) -> Real:
    positions = np.asarray(joints)
    if positions.ndim != 3 or positions.shape[1:] != (layout.joints, 3):
        raise ValueError(f"expected joints (T, {layout.joints}, 3), got {positions.shape}")
    if len(positions) < 2:
        raise ValueError(f"{len(positions)} frames; features are differences and need 2 or more")
    return positions


def _check_level(forward: FloatArray, what: str) -> None:
    level = is_level(forward)
    if not level.all():
        raise ValueError(f"frame {np.argmin(level)}: {what} show no heading")


def _chunks(clips: Sequence[ArrayLike], layout: Layout) -> Iterator[list[Real] | ValueError]:
    """The clips in their order, a few together, or what is wrong with the shape of one."""
    waiting: list[Real] = []
    frames = 0
    for clip in clips:
        try:
            joints = _shaped(clip, layout)
        except ValueError as error:
            if waiting:
                yield waiting
            yield error
            waiting, frames = [], 0
            continue
        if waiting and frames + len(joints) > CHUNK:
            yield waiting
            waiting, frames = [], 0
        waiting.append(joints)
        frames += len(joints)
    if waiting:
        yield waiting


def _extract_chunk(clips: list[Real], threshold: float, plan: Plan) -> list[Float32 | ValueError]:
    with np.errstate(all="ignore"):
        points, edges = packed(clips)
        found = body(points, edges, plan)
        smooth = smoothed(found.forward, edges)
        heading = angle(smooth)
        heading[edges[:-1]] = 0.0
        rows = np.empty((int(edges[-1]) - len(clips), plan.layout.dimensions), np.float32)
        opening = _fill(rows, found, heading, edges, threshold, plan)
        good = found.sound & is_level(found.first_forward)
        whole = is_level(found.forward) & is_level(smooth) & (opening >= kinematics.OPPOSED)
        good &= np.logical_and.reduceat(whole, edges[:-1])
    parts = np.split(rows, edges[1:-1] - np.arange(1, len(clips)))
    return [part if fine else refusal(clip, plan.layout) for part, fine, clip in zip(parts, good, clips, strict=True)]


def _fill(rows: Float32, found: Body, heading: FloatArray, edges: Int64, threshold: float, plan: Plan) -> Float32:
    """Write the rows of all clips; gives (N,) the smallest 1 + cosine of a bone to its canonical direction."""
    layout, frames = plan.layout, len(heading)
    opening = np.ones(frames, np.float32)
    columns = np.empty((layout.dimensions, BLOCK), np.float32)
    matrices = np.empty((3, 3, layout.joints - 1, BLOCK), np.float32)
    clip = frame = 0
    for a, b in blocks(frames - 1):
        part, turns, seen = columns[:, : b - a], matrices[..., : b - a], slice(a, b + 1)
        opening[a:b] = kernel.swing_matrices(found.directions[:, :, a:b], plan, turns).min(axis=0)
        kernel.local_rot6d(turns, heading[a:b], plan, part[layout.groups["rot6d"]].reshape(-1, 2, 3, b - a))
        fill_root(part, found.root[:, seen], heading[seen], layout)
        moved = fill_joints(part, found.pose[:, :, seen], found.root[:, seen], heading[seen], layout)
        part[layout.groups["contacts"]] = moved < threshold
        while frame < b:  # every clip loses its last frame
            stop = min(int(edges[clip + 1]) - 1, b)
            rows[frame - clip : stop - clip] = part[:, frame - a : stop - a].T
            frame = stop
            if stop == edges[clip + 1] - 1:
                frame, clip = stop + 1, clip + 1
    return opening
