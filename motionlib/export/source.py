"""A take on its own skeleton, with its true joint rotations, to files."""

from io import BytesIO
from pathlib import Path

import numpy as np

from motionlib.artifacts import Clip
from motionlib.body import kinematics
from motionlib.export import bvh, gltf
from motionlib.export.bvh import END_SUFFIX
from motionlib.export.rig import RigMotion
from motionlib.rig.pose import resample


def own_rig(clip: Clip, fps: float | None = None) -> tuple[RigMotion, float]:
    """A take's own skeleton and rotations, and its Hz; resampled on the shorter arc if another `fps` is asked for."""
    rate = clip.fps if fps is None else fps
    return RigMotion(clip.skeleton, *resample(clip.root_pos, clip.local_quat, clip.fps, rate)), rate


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
