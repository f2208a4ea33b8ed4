"""A take on its own skeleton, with its true joint rotations, to files."""

from io import BytesIO
from pathlib import Path

import numpy as np

from motionlib.artifacts import Clip
from motionlib.body import kinematics, rotations
from motionlib.export import bvh, gltf
from motionlib.export.bvh import END_SUFFIX
from motionlib.export.rig import RigMotion

# A wanted time that is nearer to a frame than this share of a frame is that frame.
ON_FRAME = 1e-6


def own_rig(clip: Clip, fps: float | None = None) -> tuple[RigMotion, float]:
    """A take's own skeleton and rotations, and its Hz; resampled on the shorter arc if another `fps` is asked for."""
    root = clip.root_pos.astype(np.float64)
    quat = rotations.normalise(clip.local_quat.astype(np.float64))
    if fps is None or fps == clip.fps:
        return RigMotion(clip.skeleton, root, quat), clip.fps
    count = int((len(root) - 1) / clip.fps * fps + ON_FRAME) + 1
    at = np.arange(count) * clip.fps / fps
    at = np.where(np.abs(at - np.rint(at)) < ON_FRAME, np.rint(at), at)
    low = np.minimum(at.astype(np.int64), len(root) - 1)
    high, share = np.minimum(low + 1, len(root) - 1), at - low
    between = root[low] * (1 - share[:, None]) + root[high] * share[:, None]
    return RigMotion(clip.skeleton, between, rotations.slerp(quat[low], quat[high], share[:, None])), fps


def save_source(path: Path, motion: RigMotion, fps: float, unit: bvh.Unit = "cm") -> list[str]:
    """Write `.npy` world positions (T, J, 3) in metres, `.bvh` or `.glb`; returns the names of the joints in it.

    The ends of chains, which no rotation moves, are left out of `.npy`.

    Raises:
        ValueError: If no writer knows the suffix.
    """
    names = motion.skeleton.names
    kept = [j for j, name in enumerate(names) if not (name.endswith(END_SUFFIX) and j not in motion.skeleton.parents)]
    suffix = path.suffix.lower()
    if suffix == ".npy":
        positions = kinematics.forward(*motion)[:, kept]
        out = BytesIO()
        np.save(out, positions.astype("<f4"), allow_pickle=False)
        path.write_bytes(out.getvalue())
    elif suffix == ".bvh":
        bvh.write(path, motion, fps, unit)
    elif suffix == ".glb":
        gltf.write(path, motion, fps)
    else:
        raise ValueError(
            f"{path}: cannot write {suffix or 'a file without suffix'} on its own rig; known: .npy .bvh .glb"
        )
    return [names[joint] for joint in kept]
