"""Joint positions and published features as `.npy`: HumanML3D, SMPL, SMPL-H and KIT-ML joints, 263 and 251 features.

Rotations are found from positions (`body.positions`), so they carry no twist of their own; the file's rate is the
published one, 20 Hz for HumanML3D and 12.5 Hz for KIT-ML, unless the captions state another.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionlib.body import positions, ric, smpl
from motionlib.ingest.arrays import MAX_NUMBERS, as_floats, read_array
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source
from motionlib.ingest.upright import up_axis
from motionlib.rig.raw import RawMotion

FloatArray = NDArray[np.float64]

HUMANML3D_FPS = 20.0  # Hz; HumanML3D, README
KIT_FPS = 12.5  # Hz; HumanML3D, README: 100 Hz, every eighth frame
# Metres per unit of KIT-ML joints, whose bodies are scaled to one stature; TEMOS (Petrovich et al. 2022), 0.75 / 480.
KIT_UNIT = 0.75 / 480
KIT_LEG = (300.0, 700.0)  # units, hip to ankle; 449 in the published mean pose. Other sizes are someone else's unit
MAX_VALUE = 1e6  # beyond it no unit of length makes a pose


@dataclass(frozen=True, eq=False)
class _Body:
    """Whose joints an array holds."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: FloatArray
    fps: float
    hips: str
    legs: tuple[str, str, str] = ("left_hip", "left_knee", "left_ankle")


def _smpl(kind: smpl.Kind) -> _Body:
    joints = kind.assumed_joints
    return _Body(kind.joints, kind.parents, joints - joints[np.maximum(kind.parents, 0)], HUMANML3D_FPS, "pelvis")


BODIES = {len(kind.joints): _smpl(kind) for kind in (smpl.BODY, smpl.SMPL, smpl.SMPLH, smpl.SMPLX)}
# The published directions have the right side at +x and the toes at +z, which no body has; the data have it at -x.
KIT = _Body(ric.KIT_NAMES, ric.KIT_PARENTS, ric.KIT_DIRECTIONS * [-1.0, 1.0, 1.0], KIT_FPS, "root")
BODIES[len(KIT.names)] = KIT
FEATURES = {ric.feature_groups(joints)["contacts"].stop: joints for joints in (22, 21)}  # 263 and 251


def read_npy(source: Source) -> RawMotion:
    """Read joints (T, J, 3) of 21, 22, 24, 52 or 55 joints, or features (T, 263) or (T, 251).

    Raises:
        BadMotionError: With the code and the frame and joint, or the shape, that is wrong.
    """
    if not source.data:
        raise BadMotionError("empty_file", f"{source.name}: no bytes")
    array = read_array(source.data, source.name)
    if not (array.ndim == 3 and array.shape[2] == 3 and array.shape[1] in BODIES) and not (
        array.ndim == 2 and array.shape[1] in FEATURES
    ):
        raise BadMotionError("not_motion", f"{source.name}: {array.dtype} {array.shape} is neither joints nor features")
    if not len(array):
        raise BadMotionError("no_frames", f"{source.name}: shape {array.shape}")
    if array.size > MAX_NUMBERS:
        raise BadMotionError("too_large", f"{source.name}: {array.shape}, at most {MAX_NUMBERS} numbers are read")
    values = as_floats(array)
    if array.ndim == 2:
        _check(values, source.name, [f"feature {i}" for i in range(array.shape[1])])
        joints = FEATURES[array.shape[1]]
        return _motion(source, ric.recover(values, ric.feature_groups(joints)), BODIES[joints], "y")
    body = BODIES[array.shape[1]]
    _check(values.reshape(len(values), -1, 3), source.name, body.names)
    return _motion(source, values, body, up_axis(values, body.names.index(body.hips), body.names.index("head")))


def _motion(source: Source, joints: FloatArray, body: _Body, up: str) -> RawMotion:
    _check(joints, source.name, body.names)
    posed = positions.pose(joints, body.names, body.parents, body.rest)
    remarks = ("rotations_from_positions", *(() if source.fps else ("fps_assumed",)))
    return RawMotion(
        skeleton=posed.skeleton,
        root_pos=posed.root_pos,
        local_quat=posed.local_quat,
        fps=source.fps or body.fps,
        stretch=posed.stretch,
        remarks=remarks,
        unit=_unit(posed, body),
        up=up,
    )


def _unit(posed: positions.Posed, body: _Body) -> float | None:
    """KIT-ML's own unit where the legs are of its size; otherwise it is found from the body."""
    if body is not KIT:
        return None
    names = posed.skeleton.names
    leg = sum(float(np.linalg.norm(posed.skeleton.offsets[names.index(name)])) for name in body.legs[1:])
    return KIT_UNIT if KIT_LEG[0] <= leg <= KIT_LEG[1] else None


def _check(values: FloatArray, name: str, what: tuple[str, ...] | list[str]) -> None:
    """Refuse what is not finite or too large, in (T, J, 3) or (T, D)."""
    good = np.abs(values) < MAX_VALUE
    if not good.all():
        frame, place = np.argwhere(~good)[0][:2]
        raise BadMotionError(
            "not_finite", f"{name}, frame {frame}: {what[place]} is not finite or beyond {MAX_VALUE:g}"
        )
