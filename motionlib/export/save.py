"""Write motions of the canonical 22 joints to a file, in the format that its suffix names."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.export import bvh, gltf, player, rig


class Played(NamedTuple):
    """Joints (T, 22, 3) in metres, y up, at `fps` Hz, and what they show."""

    joints: NDArray[np.floating[Any]]
    fps: float
    text: str = ""


def _npy(motion: Played, _unit: bvh.Unit) -> bytes:
    out = BytesIO()
    np.save(out, np.asarray(motion.joints, dtype="<f4"), allow_pickle=False)
    return out.getvalue()


def _bvh(motion: Played, unit: bvh.Unit) -> bytes:
    return bvh.text(rig.fit(motion.joints), motion.fps, unit).encode()


def _glb(motion: Played, _unit: bvh.Unit) -> bytes:
    return gltf.glb(rig.fit(motion.joints), motion.fps, motion.text or "motion")


def _html(motion: Played, _unit: bvh.Unit) -> bytes:
    return player.player_page([player.pack(motion.joints, motion.fps, text=motion.text)], motion.text).encode()


WRITERS: dict[str, Callable[[Played, bvh.Unit], bytes]] = {".npy": _npy, ".bvh": _bvh, ".glb": _glb, ".html": _html}


def check_suffix(path: Path) -> None:
    """Stop early, before any long work, if a file cannot be written.

    Raises:
        ValueError: If no writer knows the suffix, or the folder is not there.
    """
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"{path}: cannot write {path.suffix or 'a file without suffix'}; known: {' '.join(WRITERS)}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{path}: there is no folder {path.parent}")


def save(path: Path, motion: Played, unit: bvh.Unit = "cm") -> Path:
    """Write one motion; `unit` is of lengths in BVH (`.npy` and `.glb` are always metres).

    Raises:
        ValueError: If no writer knows the suffix, or the joints are not finite (T, 22, 3).
    """
    check_suffix(path)
    rig.checked(motion.joints)
    path.write_bytes(WRITERS[path.suffix.lower()](motion, unit))
    return path


def save_all(path: Path, motions: list[Played], unit: bvh.Unit = "cm") -> list[Path]:
    """Write motions: one file named `path`, or `<stem>_1`, `<stem>_2`, ...; one page holds them all side by side."""
    check_suffix(path)
    if len(motions) == 1:
        return [save(path, motions[0], unit)]
    if path.suffix.lower() == ".html":
        packed = [
            player.pack(motion.joints, motion.fps, title=str(number), text=motion.text)
            for number, motion in enumerate(motions, 1)
        ]
        path.write_bytes(player.player_page(packed, motions[0].text).encode())
        return [path]
    names = [path.with_stem(f"{path.stem}_{number}") for number in range(1, len(motions) + 1)]
    return [save(name, motion, unit) for name, motion in zip(names, motions, strict=True)]
