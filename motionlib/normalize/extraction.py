"""Takes on any skeleton -> features in the mode that params.yaml names: the one door of the `normalize` stage."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip
from motionlib.normalize import exact
from motionlib.normalize.exact_rotations import mirrored_rotations
from motionlib.normalize.humanml263 import extract_all
from motionlib.params import Normalize
from motionlib.rig.canonical import CanonicalMotion, canonical_joints, canonical_motion, mirrored
from motionlib.rig.mapping import UnmappedSkeletonError

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]

_NONE: FloatArray = np.zeros((0, 22, 4))  # rotations that nobody asks for


class Features(NamedTuple):
    """What becomes of one take, or the `reason` (a word) and `message` why nothing does.

    Attributes:
        rows: (T - 1, 263); None if there is a reason. mirror: the same of the mirrored take, if asked for.
        joints: (T, 22, 3) m at the rate of the features, as the take has them; None if it is no body.
    """

    rows: Float32 | None = None
    joints: FloatArray | None = None
    mirror: Float32 | None = None
    reason: str = ""
    message: str = ""


def features_of(clip: Clip, config: Normalize, mirror: bool = False) -> Features:
    """Features of one take in `config.mode`; a take that cannot be one is told by reason, not raised."""
    (one,) = features_of_all([clip], config, [mirror])
    return one


def features_of_all(clips: Sequence[Clip], config: Normalize, mirror: Sequence[bool]) -> list[Features]:
    """`features_of` many takes, in their order and several times as fast; a take that is refused spoils no other.

    Args:
        clips: Takes; the joints of all of them are in memory at once.
        config: Of the `normalize` stage.
        mirror: For which takes the mirror image is wanted too.
    """
    bodies = [_body(clip, config) for clip in clips]
    sound = [(i, body) for i, body in enumerate(bodies) if isinstance(body, CanonicalMotion)]
    images = [(i, mirrored_motion(body)) for i, body in sound if mirror[i]]
    found = _rows([body for _, body in sound + images], config)
    rows = dict(zip([i for i, _ in sound], found, strict=False))
    turned = dict(zip([i for i, _ in images], found[len(sound) :], strict=True))
    return [
        _judged(clips[i], body.joints, rows[i], turned.get(i)) if isinstance(body, CanonicalMotion) else body
        for i, body in enumerate(bodies)
    ]


def mirrored_motion(motion: CanonicalMotion) -> CanonicalMotion:
    """The motion in a mirror: x negated, left and right exchanged."""
    return CanonicalMotion(mirrored(motion.joints), mirrored_rotations(motion.world_quat))


def _body(clip: Clip, config: Normalize) -> CanonicalMotion | Features:
    """Joints, and for `exact` rotations, or why the clip has none."""
    try:
        if config.mode == "exact":
            return canonical_motion(clip, config.fps)
        return CanonicalMotion(canonical_joints(clip, config.fps), _NONE)
    except UnmappedSkeletonError as error:
        return Features(reason="unmapped", message=str(error))


def _rows(motions: Sequence[CanonicalMotion], config: Normalize) -> list[Float32 | ValueError]:
    if config.mode == "compat":
        return extract_all([motion.joints for motion in motions], config.contact_threshold)
    results: list[Float32 | ValueError] = []
    for joints, world in motions:
        try:
            results.append(exact.extract(joints, world, config.fps, config.contact_speed, config.contact_height))
        except ValueError as error:
            results.append(error.with_traceback(None))
    return results


def _judged(clip: Clip, joints: FloatArray, rows: Float32 | ValueError, image: Float32 | ValueError | None) -> Features:
    if isinstance(rows, ValueError):
        return Features(joints=joints, reason="degenerate", message=f"clip {clip.info.id}: {rows}")
    if isinstance(image, ValueError):
        return Features(joints=joints, reason="degenerate", message=f"clip {clip.info.id}, mirrored: {image}")
    return Features(rows, joints, image)
