"""Write BVH: a skeleton with parent-relative rotations, as animation tools read it.

Angles in degrees, unwrapped so that no channel jumps by a full turn. Lengths in centimetres unless metres are asked
for: importers of game engines and Blender (with scale 0.01) take BVH as centimetres.
"""

from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.export.rig import RigMotion

Unit = Literal["cm", "m"]
UNITS_PER_METRE: dict[Unit, float] = {"cm": 100.0, "m": 1.0}
# Order of the rotation channels: its middle axis is the sideways one, so turning about y never locks.
ORDER = "ZXY"
DECIMALS = 6
# Name of a leaf that stands for an `End Site`, as `ingest.bvh` reads it.
END_SUFFIX = "_end"
# A leaf without an end site gets one this far on, as a share of its own bone, so that tools can draw it.
TIP_SHARE = 0.5


def text(motion: RigMotion, fps: float, unit: Unit = "cm", order: str = ORDER) -> str:
    """BVH of a motion on any skeleton.

    Args:
        motion: Skeleton of J joints, `root_pos` (T, 3) metres, `local_quat` (T, J, 4).
        fps: Hz. unit: of lengths in the file. order: of the rotation channels, a permutation of XYZ.

    Raises:
        ValueError: If there is no frame, a value is not finite, fps is not positive, or the unit is unknown.
    """
    if unit not in UNITS_PER_METRE:
        raise ValueError(f"unknown unit {unit!r}; known: {sorted(UNITS_PER_METRE)}")
    if not fps > 0:
        raise ValueError(f"fps must be positive, got {fps}")
    if not len(motion.root_pos):
        raise ValueError("a motion needs at least one frame")
    for name, values in (("root_pos", motion.root_pos), ("local_quat", motion.local_quat)):
        if not np.isfinite(values).all():
            raise ValueError(f"frame {np.argwhere(~np.isfinite(values))[0][0]}: {name} is not finite")
    scale = UNITS_PER_METRE[unit]
    lines = ["HIERARCHY"]
    written = _joint(motion.skeleton, 0, 0, scale, order, lines)
    head = f"MOTION\nFrames: {len(motion.root_pos)}\nFrame Time: {1.0 / fps:.10f}\n"
    return "\n".join(lines) + "\n" + head + _frames(motion, written, scale, order)


def write(path: Path, motion: RigMotion, fps: float, unit: Unit = "cm") -> None:
    """Write `text` to a file with Unix line ends."""
    path.write_bytes(text(motion, fps, unit).encode("utf-8"))


def _joint(skeleton: Skeleton, joint: int, depth: int, scale: float, order: str, lines: list[str]) -> list[int]:
    """Write one joint and all below it; returns the joints that have channels, in the order of the file."""
    pad = "  " * depth
    children = [child for child, parent in enumerate(skeleton.parents) if parent == joint]
    spins = " ".join(f"{axis}rotation" for axis in order)
    lines += [f"{pad}{'JOINT' if depth else 'ROOT'} {skeleton.names[joint]}", f"{pad}{{"]
    lines.append(f"{pad}  OFFSET {_numbers(skeleton.offsets[joint] * scale if depth else np.zeros(3))}")
    lines.append(f"{pad}  CHANNELS {f'3 {spins}' if depth else f'6 Xposition Yposition Zposition {spins}'}")
    written = [joint]
    if not children:
        _end_site(skeleton.offsets[joint] * scale * TIP_SHARE, pad, lines)
    elif len(children) == 1 and _is_tip(skeleton, children[0]):
        _end_site(skeleton.offsets[children[0]] * scale, pad, lines)
    else:
        for child in children:
            written += _joint(skeleton, child, depth + 1, scale, order, lines)
    lines.append(f"{pad}}}")
    return written


def _is_tip(skeleton: Skeleton, joint: int) -> bool:
    return skeleton.names[joint].endswith(END_SUFFIX) and joint not in skeleton.parents


def _end_site(offset: NDArray[np.float64], pad: str, lines: list[str]) -> None:
    lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET {_numbers(offset)}", f"{pad}  }}"]


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.{DECIMALS}f}" for value in _plain(values))


def _plain(values: NDArray[Any]) -> NDArray[np.float64]:
    """Rounded, and without negative zeros."""
    rounded: NDArray[np.float64] = np.round(values, DECIMALS) + 0.0
    return rounded


def _frames(motion: RigMotion, written: list[int], scale: float, order: str) -> str:
    quat = rotations.normalise(motion.local_quat[:, written])
    angles = np.degrees(rotations.unwrap_euler(rotations.to_euler(quat, order)))
    values = np.concatenate([motion.root_pos * scale, angles.reshape(len(angles), -1)], axis=1)
    out = StringIO()
    np.savetxt(out, _plain(values), fmt=f"%.{DECIMALS}f")
    return out.getvalue()
