"""A take on any humanoid skeleton -> positions of the canonical 22 joints at one frame rate.

Convention: metres, y up, the subject's left is +x when it faces +z. Place and facing stay those of the take.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.artifacts import Clip
from motionlib.body import rotations
from motionlib.body.kinematics import forward
from motionlib.body.skeleton import CANONICAL_NAMES, Skeleton
from motionlib.rig.mapping import Mapping, UnmappedSkeletonError, map_skeleton

FloatArray = NDArray[np.float64]

WHOLE_FRAME = 1e-6  # frames; a time this close to a source frame takes it as it is
_JOINT = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}


def canonical_joints(clip: Clip, fps: float) -> FloatArray:
    """Positions (T', 22, 3) metres of the canonical joints, at `fps` Hz from the clip's first frame on.

    A rate that divides the clip's takes every k-th frame as it is; any other turns the joints by slerp between the two
    neighbouring frames, so that bones keep their length.

    Raises:
        UnmappedSkeletonError: Naming clip and joints, if the skeleton is not a body, or left and right are swapped.
        ValueError: If the clip has no frame or a frame rate is not positive.
    """
    if not clip.frame_count or not (clip.fps > 0 and fps > 0):
        raise ValueError(f"clip {clip.info.id}: {clip.frame_count} frames at {clip.fps} Hz cannot go to {fps} Hz")
    try:
        mapping = map_skeleton(clip.skeleton)
    except UnmappedSkeletonError as error:
        raise UnmappedSkeletonError(f"clip {clip.info.id}: {error}") from None
    skeleton, keep, mapping = _pruned(clip.skeleton, mapping)
    root, quat = resample(clip.root_pos, clip.local_quat[:, keep], clip.fps, fps)
    positions = forward(skeleton, root, quat)
    share = mapping.share[:, None]
    joints: FloatArray = (1.0 - share) * positions[:, mapping.first] + share * positions[:, mapping.second]
    if toes_ahead(joints) < 0.0:
        raise UnmappedSkeletonError(f"clip {clip.info.id}: the toes lie behind the shins; left and right look swapped")
    return joints


def resample(
    root_pos: ArrayLike, local_quat: ArrayLike, source_fps: float, fps: float
) -> tuple[FloatArray, FloatArray]:
    """Root (T', 3) and unit quaternions (T', J, 4) at times 0, 1 / fps, ... up to the last source frame.

    Args:
        root_pos: (T, 3).
        local_quat: (T, J, 4), of any length.
        source_fps: Hz of the T frames.
        fps: Hz wanted.
    """
    root = np.asarray(root_pos, dtype=np.float64)
    step = source_fps / fps
    times = np.arange(frames_at(len(root), source_fps, fps)) * step
    nearest = np.round(times)
    times = np.where(np.abs(times - nearest) < WHOLE_FRAME * (1.0 + nearest), nearest, times)
    before = np.minimum(np.floor(times).astype(np.int64), len(root) - 1)
    share = times - before
    quat = rotations.normalise(np.asarray(local_quat)[before])
    between = np.flatnonzero(share)
    if not len(between):
        return root[before], quat
    after, t = before[between] + 1, share[between]
    root, start = root[before], root
    root[between] = (1.0 - t[:, None]) * root[between] + t[:, None] * start[after]
    quat[between] = rotations.slerp(quat[between], rotations.normalise(np.asarray(local_quat)[after]), t[:, None])
    return root, quat


def frames_at(frames: int, source_fps: float, fps: float) -> int:
    """Frames that `frames` at `source_fps` Hz become at `fps` Hz."""
    return int(np.floor((frames - 1) * fps / source_fps + WHOLE_FRAME)) + 1 if frames else 0


def mirrored(joints: ArrayLike) -> FloatArray:
    """Positions (..., 22, 3) as in a mirror: x negated, left and right joints exchanged, as HumanML3D does."""
    swapped: FloatArray = np.asarray(joints, dtype=np.float64)[..., OTHER_SIDE, :] * np.array([-1.0, 1.0, 1.0])
    return swapped


def toes_ahead(joints: FloatArray) -> float:
    """Metres by which the toes (of (T, 22, 3)) lie before the shins, the median of both feet in all frames.

    Before is where (right to left hip) x (ankle to knee) points; in a body whose sides are swapped the toes lie behind.
    Measured against the shin because in a run or a somersault toes do point back in space.
    """
    across = joints[:, _JOINT["left_hip"]] - joints[:, _JOINT["right_hip"]]
    before = []
    for side in ("left", "right"):
        knee, ankle, toe = (joints[:, _JOINT[f"{side}_{part}"]] for part in ("knee", "ankle", "foot"))
        ahead = rotations.normalise(np.cross(across, knee - ankle))
        before.append((ahead * (toe - ankle)).sum(-1))
    return float(np.median(before))


def _other_side(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


OTHER_SIDE = [_JOINT[_other_side(name)] for name in CANONICAL_NAMES]


def _pruned(skeleton: Skeleton, mapping: Mapping) -> tuple[Skeleton, list[int], Mapping]:
    """The same without joints that no canonical joint hangs on, such as fingers; `keep` are the old indices."""
    needed = set(mapping.used)
    for joint in range(skeleton.joint_count - 1, 0, -1):
        if joint in needed:
            needed.add(skeleton.parents[joint])
    keep = sorted(needed | {0})
    new = {old: i for i, old in enumerate(keep)}
    names = tuple(skeleton.names[joint] for joint in keep)
    parents = tuple(new.get(skeleton.parents[joint], -1) for joint in keep)
    first, second = (tuple(new[joint] for joint in side) for side in (mapping.first, mapping.second))
    return Skeleton(names, parents, skeleton.offsets[keep]), keep, Mapping(first, second, mapping.share)
