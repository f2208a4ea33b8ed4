"""Takes on any skeleton -> features in the mode that params.yaml names: the one door of the `normalize` stage."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip
from motionlib.normalize.humanml263 import extract_all
from motionlib.params import Normalize
from motionlib.rig.canonical import canonical_joints, mirrored
from motionlib.rig.mapping import UnmappedSkeletonError

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]


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
        clips: Takes; all of them and their joints are in memory at once.
        config: Of the `normalize` stage.
        mirror: For which takes the mirror image is wanted too.
    """
    bodies = [_joints(clip, config.fps) for clip in clips]
    wanted = [i for i, body in enumerate(bodies) if not body.reason]
    images = [i for i in wanted if mirror[i]]
    joints = {i: body.joints for i, body in enumerate(bodies) if body.joints is not None}
    found = extract_all([joints[i] for i in wanted] + [mirrored(joints[i]) for i in images], config.contact_threshold)
    rows, turned = dict(zip(wanted, found, strict=False)), dict(zip(images, found[len(wanted) :], strict=True))
    return [body if i not in rows else _judged(clips[i], body, rows[i], turned.get(i)) for i, body in enumerate(bodies)]


def _joints(clip: Clip, fps: float) -> Features:
    try:
        return Features(joints=canonical_joints(clip, fps))
    except UnmappedSkeletonError as error:
        return Features(reason="unmapped", message=str(error))


def _judged(clip: Clip, body: Features, rows: Float32 | ValueError, image: Float32 | ValueError | None) -> Features:
    if isinstance(rows, ValueError) or isinstance(image, ValueError):
        wrong = rows if isinstance(rows, ValueError) else image
        return Features(joints=body.joints, reason="degenerate", message=f"clip {clip.info.id}: {wrong}")
    return Features(rows, body.joints, image)
