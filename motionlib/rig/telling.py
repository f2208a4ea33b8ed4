"""The pose in which a rig is best seen."""

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip
from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.rig import alignment, pose
from motionlib.rig.mapping import Mapping

FloatArray = NDArray[np.float64]
FRAMES = 32  # of a take, from which the most upright one is drawn where the rest pose is no pose
_HEAD = CANONICAL_NAMES.index("head")


def telling_pose(clip: Clip, mapping: Mapping) -> FloatArray:
    """(J, 3) joints in which a rig is best seen: its rest pose if that is a pose, else its most upright frame."""
    rest = pose.rest(clip.skeleton)
    if alignment.is_posed(alignment.places(rest, mapping)) or not clip.frame_count:
        return rest
    frames = np.unique(np.linspace(0, clip.frame_count - 1, FRAMES).astype(int))
    positions, _ = pose.world(clip.skeleton, clip.root_pos[frames], clip.local_quat[frames])
    joints = alignment.places(positions, mapping)
    best: FloatArray = positions[int((joints[:, _HEAD, 1] - joints[:, [7, 8], 1].max(axis=1)).argmax())]
    return best
