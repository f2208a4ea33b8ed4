"""SMPL, SMPL-H and SMPL-X motion as `.npz`, as in AMASS (Mahmood et al. 2019): joints only, never a vertex.

A person's joints come from the user's body-model files where there are some, else from the published average body.
AMASS is z up, and of other files the axis along which the body stands is believed.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body import smpl
from motionlib.body.skeleton import Skeleton
from motionlib.ingest.arrays import MAX_NUMBERS, Npz, as_floats, shown
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.smpl_models import find_model
from motionlib.ingest.source import Source
from motionlib.ingest.upright import on_floor_along, up_axis
from motionlib.rig.raw import RawMotion

FloatArray = NDArray[np.float64]

POSES = ("poses", "pose", "fullpose", "full_pose", "smpl_poses")
ROOTS = ("root_orient", "global_orient")
BODIES = ("pose_body", "body_pose")
TRANSLATIONS = ("trans", "transl", "translation", "smpl_trans")
RATES = ("mocap_framerate", "mocap_frame_rate", "framerate", "frame_rate", "fps")
# What only AMASS writes beside the poses: soft tissue, labels and markers.
AMASS = ("dmpls", "mocap_time_length", "surface_model_type", "marker_data", "markers_latent", "markers_obs")
KINDS = {3 * len(kind.joints): kind for kind in (smpl.BODY, smpl.SMPL, smpl.SMPLH, smpl.SMPLX)}  # by columns
VIDEO_FPS = 30.0  # Hz; bodies of 72 columns come from video as a rule
AMASS_FPS = 120.0  # Hz; the commonest rate in AMASS
MAX_ANGLE = 1e3  # rad; beyond it a rotation vector is no pose
MAX_PLACE = 1e5  # m
MAX_BETAS = 400
MAX_BETA = 1e3  # standard deviations; bodies lie within 5
SAMPLED_FRAMES = 32  # in which it is looked which way is up
PELVIS, HEAD = 0, 15


class Take(NamedTuple):
    """What a file says: `poses` (T, J, 3) radians of a `kind`, `trans` (T, 3) metres or None, `betas` (B,)."""

    kind: smpl.Kind
    poses: FloatArray
    trans: FloatArray | None
    fps: float | None
    gender: str
    betas: FloatArray
    is_amass: bool


def read_smpl(source: Source) -> RawMotion:
    """Read the motion of one body.

    Raises:
        BadMotionError: With the code and the key and frame that are wrong.
    """
    take = read_take(source.data, source.name)
    rest, remarks = rest_joints(take, source.body_models)
    rate = take.fps or source.fps  # where both speak, the judge weighs them
    if rate is None:
        rate, remarks = VIDEO_FPS if take.kind is smpl.SMPL else AMASS_FPS, (*remarks, "fps_assumed")
    if take.trans is None:
        remarks = (*remarks, "no_root_translation")
    frames = len(take.poses)
    trans = np.zeros((frames, 3)) if take.trans is None else take.trans
    parents = take.kind.parents
    return RawMotion(
        skeleton=Skeleton(take.kind.joints, parents, rest - rest[np.maximum(parents, 0)]),
        root_pos=trans + rest[0],
        local_quat=smpl.quaternions(take.poses),
        fps=rate,
        stretch=np.zeros(len(parents)),
        remarks=remarks,
        unit=1.0,
        up=_up(take, rest, trans),
    )


def smpl_joints(data: bytes, name: str = "motion.npz", body_models: Path | None = None) -> FloatArray:
    """Joint positions (T, J, 3) metres of an `.npz`, with the file's own axes.

    Raises:
        BadMotionError: As `read_smpl`.
    """
    take = read_take(data, name)
    rest, _ = rest_joints(take, body_models)
    trans = np.zeros((len(take.poses), 3)) if take.trans is None else take.trans
    return smpl.joints(rest, take.kind.parents, take.poses, trans)


def rest_joints(take: Take, body_models: Path | None) -> tuple[FloatArray, tuple[str, ...]]:
    """Rest joints (J, 3) metres of the person, and remarks.

    Raises:
        BadMotionError: bad_body_model, where a body-model file is there but cannot be used.
    """
    found = None if body_models is None else find_model(body_models, take.kind, take.gender or "neutral")
    if found is None:
        return take.kind.assumed_joints, ("body_assumed",)
    model, gender = found
    remarks = () if gender == (take.gender or gender) else ("other_gender",)
    cut = take.betas[model.directions.shape[2] :].any()
    return model.rest(take.betas), (*remarks, "betas_cut") if cut else remarks


def read_take(data: bytes, name: str) -> Take:
    """What the file says, checked but not interpreted.

    Raises:
        BadMotionError: With the code and the key and frame that are wrong.
    """
    if not data:
        raise BadMotionError("empty_file", f"{name}: no bytes")
    archive = Npz(data, name)
    poses = _poses(archive, name)
    frames = len(poses)
    trans = _first(archive, TRANSLATIONS)
    place = _rows(archive, trans, name, MAX_PLACE) if trans else None
    if place is not None and place.shape != (frames, 3):
        raise BadMotionError("frame_count_mismatch", f"{name}: {trans} {place.shape} beside poses of {frames} frames")
    gender = archive.text("gender").strip("b'\" ").lower()
    return Take(
        kind=KINDS[poses.shape[1]],
        poses=poses.reshape(frames, -1, 3),
        trans=place,
        fps=_rate(archive, name),
        gender=gender if gender in ("male", "female", "neutral") else "",
        betas=_betas(archive, name),
        is_amass=any(key in archive.keys for key in AMASS),
    )


def _poses(archive: Npz, name: str) -> FloatArray:
    """(T, columns) of a known kind, whole or put together from its parts."""
    key, root, body = (_first(archive, keys) for keys in (POSES, ROOTS, BODIES))
    if key:
        poses = _rows(archive, key, name, MAX_ANGLE)
    elif root and body:
        poses = _joined(archive, name, root, body)
    else:
        raise BadMotionError("not_motion", f"{name}: no poses among {shown(', '.join(archive.keys)) or 'nothing'}")
    if poses.shape[1] not in KINDS:
        raise BadMotionError("not_motion", f"{name}: poses of {poses.shape[1]} columns, known are {sorted(KINDS)}")
    return poses


def _joined(archive: Npz, name: str, root: str, body: str) -> FloatArray:
    """Root and body, and of face and hands what is there; what is not there rests."""
    parts = [_rows(archive, key, name, MAX_ANGLE) for key in (root, body)]
    frames = len(parts[0])
    face = _parts(archive, name, frames, _JAWS, 3), _parts(archive, name, frames, _EYES, 6)
    hands = _parts(archive, name, frames, _HANDS, 90)
    if parts[1].shape[1] == 63 and any(part is not None for part in face):
        hands = np.zeros((frames, 90)) if hands is None else hands
        parts += [np.zeros((frames, width)) if part is None else part for part, width in zip(face, (3, 6), strict=True)]
    if hands is not None and parts[1].shape[1] == 63:
        parts.append(hands)
    for key, part in zip((root, body), parts, strict=False):
        if len(part) != frames:
            raise BadMotionError("frame_count_mismatch", f"{name}: {key} has {len(part)} frames, {root} {frames}")
    return np.concatenate(parts, axis=1)


_JAWS = (("pose_jaw",), ("jaw_pose",))
_EYES = (("pose_eye",), ("leye_pose", "reye_pose"))
_HANDS = (("pose_hand",), ("left_hand_pose", "right_hand_pose"))


def _parts(archive: Npz, name: str, frames: int, choices: tuple[tuple[str, ...], ...], width: int) -> FloatArray | None:
    """The first choice of keys that are all there and together `width` wide (hands as few numbers need a model)."""
    for keys in choices:
        if all(key in archive.keys for key in keys):
            found = [_rows(archive, key, name, MAX_ANGLE) for key in keys]
            if sum(part.shape[1] for part in found) == width and {len(part) for part in found} == {frames}:
                return np.concatenate(found, axis=1)
    return None


def _rows(archive: Npz, key: str, name: str, largest: float) -> FloatArray:
    """(T, n) numbers of a key with one row per frame; (T, J, 3) is flattened."""
    shape = archive.shape(key)
    if len(shape) == 3 and shape[2] == 3 and 3 * shape[1] in KINDS:
        shape = (shape[0], 3 * shape[1])
    if len(shape) != 2:
        reason = "several_bodies" if len(shape) == 3 else "not_motion"
        raise BadMotionError(reason, f"{name}, {key}: shape {shape}, expected one row per frame")
    if not shape[0]:
        raise BadMotionError("no_frames", f"{name}, {key}: shape {shape}")
    if shape[0] * shape[1] > MAX_NUMBERS:
        raise BadMotionError("too_large", f"{name}, {key}: shape {shape}, at most {MAX_NUMBERS} numbers are read")
    rows = as_floats(archive.array(key).reshape(shape))
    good = np.abs(rows) < largest
    if not good.all():
        frame, column = np.argwhere(~good)[0]
        raise BadMotionError(
            "not_finite", f"{name}, {key}, frame {frame}: column {column} is not finite or beyond {largest:g}"
        )
    return rows


def _betas(archive: Npz, name: str) -> FloatArray:
    """(B,); of one row per frame the mean, because a body keeps its shape."""
    if "betas" not in archive.keys:
        return np.zeros(0)
    betas = as_floats(archive.array("betas"))
    if (betas.ndim and betas.shape[-1] > MAX_BETAS) or not (np.abs(betas) < MAX_BETA).all():
        raise BadMotionError("not_finite", f"{name}, betas: {betas.shape}, too many, not finite or beyond {MAX_BETA:g}")
    return betas.reshape(-1, betas.shape[-1]).mean(axis=0) if betas.ndim and betas.size else np.zeros(0)


def _rate(archive: Npz, name: str) -> float | None:
    key = _first(archive, RATES)
    if not key:
        return None
    value = archive.array(key)
    rate = float(value.reshape(-1)[0]) if value.size == 1 else np.nan
    if not 0 < rate < np.inf:
        raise BadMotionError("bad_number", f"{name}, {key}: {rate} is no frame rate")
    return rate


def _up(take: Take, rest: FloatArray, trans: FloatArray) -> str:
    """AMASS is z up unless a copy of it plainly stands along y; of others the axis along which the body stands."""
    frames = np.unique(np.linspace(0, len(trans) - 1, SAMPLED_FRAMES).astype(int))
    joints = smpl.joints(rest, take.kind.parents, take.poses[frames], trans[frames])
    seen = up_axis(joints, PELVIS, HEAD)
    if take.is_amass and not (seen == "y" and on_floor_along(joints, "y", "z")):
        return "z"
    return seen


def _first(archive: Npz, keys: tuple[str, ...]) -> str:
    return next((key for key in keys if key in archive.keys), "")
