"""How far a reconstructed motion is from the real one, frame by frame, in metres.

Sources: MPJPE as in MoMask's `eval_t2m.py` (pelvis subtracted per frame, heading not aligned, so that accumulated
turning counts); PA-MPJPE and acceleration error as in MotionGPT's `mr.py`. Papers give the values times 1000.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
Float64 = NDArray[np.float64]
SEARCH_BLOCK = 64  # frames compared with all training frames at once; bounds memory


def mpjpe(predicted: FloatArray, real: FloatArray) -> Float64:
    """Mean joint error of each frame after both pelvises are put on each other.

    Args:
        predicted, real: (T, J, 3) metres, joint 0 the pelvis.

    Returns:
        (T,) metres. The published number is the mean over the frames of all clips, not over clips.

    Raises:
        ValueError: If the shapes differ or are not (T, J, 3).
    """
    a, b = _checked(predicted, real)
    return _joint_error(a - a[:, :1], b - b[:, :1])


def mpjpe_unaligned(predicted: FloatArray, real: FloatArray) -> Float64:
    """Mean joint error of each frame in the world, root drift included: (T, J, 3) twice -> (T,) metres.

    Raises:
        ValueError: If the shapes differ or are not (T, J, 3).
    """
    return _joint_error(*_checked(predicted, real))


def pa_mpjpe(predicted: FloatArray, real: FloatArray) -> Float64:
    """Mean joint error of each frame after its best similarity transform (Procrustes with scale).

    Args:
        predicted, real: (T, J, 3) metres.

    Returns:
        (T,) metres; never above the error without alignment, up to rounding of degenerate poses.

    Raises:
        ValueError: If the shapes differ or are not (T, J, 3).
    """
    a, b = _checked(predicted, real)
    a0, b0 = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    u, singular, vt = np.linalg.svd(np.swapaxes(a0, 1, 2) @ b0)  # (T, 3, 3)
    mirrored = np.linalg.det(u) * np.linalg.det(vt) < 0
    signs = np.ones_like(singular)
    signs[mirrored, -1] = -1.0
    rotation = (u * signs[:, None, :]) @ vt  # row vectors: aligned = a0 @ rotation
    spread = (a0**2).sum(axis=(1, 2))
    scale = np.divide((singular * signs).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)
    return _joint_error(scale[:, None, None] * (a0 @ rotation), b0)


def acceleration_error(predicted: FloatArray, real: FloatArray) -> Float64:
    """Mean difference of joint accelerations: (T, J, 3) twice -> (max(T - 2, 0),) metres per frame squared.

    Raises:
        ValueError: If the shapes differ or are not (T, J, 3).
    """
    a, b = _checked(predicted, real)
    return _joint_error(np.diff(a, n=2, axis=0), np.diff(b, n=2, axis=0))


def jerk_error(predicted: FloatArray, real: FloatArray) -> Float64:
    """Mean difference of joint jerks: (T, J, 3) twice -> (max(T - 3, 0),) metres per frame cubed.

    Raises:
        ValueError: If the shapes differ or are not (T, J, 3).
    """
    a, b = _checked(predicted, real)
    return _joint_error(np.diff(a, n=3, axis=0), np.diff(b, n=3, axis=0))


def mean_pose_error(real: FloatArray, mean_pose: FloatArray) -> Float64:
    """What MPJPE is if every frame is answered with one pose: the baseline that knows nothing.

    Args:
        real: (T, J, 3) metres. mean_pose: (J, 3) metres, in the same frame as `real` (same heading convention).

    Returns:
        (T,) metres, pelvis aligned.
    """
    return mpjpe(np.broadcast_to(mean_pose, real.shape), real)


class Nearest(NamedTuple):
    """`error` (T,) metres, pelvis aligned, to the nearest training frame; `frame` (T,) its index."""

    error: Float64
    frame: NDArray[np.int64]


def nearest_frame(real: FloatArray, training: FloatArray) -> Nearest:
    """The training frame with the nearest pose for each real frame: the baseline that only remembers.

    Nearest means least summed squared joint distance. For the strongest baseline give heading-free joints
    (`heading_free`), so that a pose is found whichever way it faces.

    Args:
        real: (T, J, 3) metres. training: (N, J, 3) metres, N >= 1.

    Raises:
        ValueError: If there is no training frame or the joints differ.
    """
    if len(training) == 0 or training.shape[1:] != real.shape[1:]:
        raise ValueError(f"training frames {training.shape} cannot answer real frames {real.shape}")
    real0 = (real - real[:, :1]).astype(np.float64)
    training0 = (training - training[:, :1]).astype(np.float32)
    flat = training0.reshape(len(training0), -1)
    squares = (flat**2).sum(axis=1)
    found = np.zeros(len(real), dtype=np.int64)
    for start in range(0, len(real), SEARCH_BLOCK):
        query = real0[start : start + SEARCH_BLOCK].reshape(-1, flat.shape[1]).astype(np.float32)
        found[start : start + SEARCH_BLOCK] = np.argmin(squares - 2.0 * (query @ flat.T), axis=1)
    return Nearest(_joint_error(training0[found].astype(np.float64), real0), found)


def nearest_frame_error(real: FloatArray, training: FloatArray) -> Float64:
    """Error of `nearest_frame`: (T, J, 3) and (N, J, 3) -> (T,) metres, pelvis aligned.

    Raises:
        ValueError: If there is no training frame or the joints differ.
    """
    return nearest_frame(real, training).error


def heading_free(features: FloatArray, joints: int = 22) -> Float64:
    """Joints as the features hold them, before heading and travel are put back.

    Args:
        features: (T, D) raw features of FEATURES order: root height at 3, then (J - 1) * 3 joint positions.

    Returns:
        (T, J, 3) metres: pelvis at (0, height, 0), facing +z in every frame.
    """
    pose = np.zeros((len(features), joints, 3))
    pose[:, 0, 1] = features[:, 3]
    pose[:, 1:] = features[:, 4 : 4 + 3 * (joints - 1)].reshape(len(features), joints - 1, 3)
    return pose


def _joint_error(a: Float64, b: Float64) -> Float64:
    error: Float64 = np.linalg.norm(a - b, axis=-1).mean(axis=-1)
    return error


def _checked(predicted: FloatArray, real: FloatArray) -> tuple[Float64, Float64]:
    if predicted.shape != real.shape or real.ndim != 3 or real.shape[-1] != 3:
        raise ValueError(f"expected two equal (T, J, 3), got {predicted.shape} and {real.shape}")
    return predicted.astype(np.float64), real.astype(np.float64)
