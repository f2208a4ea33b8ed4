"""Commands that turn one kind of motion file into another; none of them needs a model."""

from pathlib import Path
from typing import Any

import click

from motionlib.cli.common import (
    answer,
    existing,
    json_option,
    output,
    read_clip,
    read_joints,
    unit_option,
)


@click.command(epilog="Example: motionlib convert take.bvh take.glb --fps 30")
@click.argument("source", type=existing())
@click.argument("target", type=output())
@click.option(
    "--rig", default="canonical", show_default=True, help="canonical (22 joints), source (the file's own) or FILE.bvh."
)
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Hz of the result; the source's by default.")
@unit_option
@json_option
def convert(source: Path, target: Path, rig: str, fps: float | None, unit: str, as_json: bool) -> None:
    """Convert mocap to .npy, .bvh, .glb or .html.

    .npy holds world joint positions (T, J, 3) in metres, y up. `--rig source` keeps the file's own skeleton and its
    true joint rotations; `--rig FILE.bvh` moves the skeleton of that file, with its own bone lengths and, where the
    source has joint rotations, with their twist. What stands in a rig file beside SOURCE goes before what is found.
    """
    if rig == "canonical":
        facts = _convert(source, target, fps, unit)
    elif rig == "source":
        facts = _convert_source(source, target, fps, unit)
    else:
        facts = _convert_to(source, target, Path(rig), fps, unit)
    answer(facts, as_json, f"{target}: {facts['frames']} frames of {facts['joints']} joints at {facts['fps']:g} Hz")


def _convert(source: Path, target: Path, fps: float | None, unit: str) -> dict[str, object]:
    from motionlib.body.skeleton import CANONICAL_NAMES
    from motionlib.export.save import Played, check_suffix, save

    check_suffix(target)
    taken = read_joints(source, fps)
    save(target, Played(taken.joints, taken.fps, source.stem), "m" if unit == "m" else "cm")
    return _facts(target, len(taken.joints), taken.fps, list(CANONICAL_NAMES))


def _convert_source(source: Path, target: Path, fps: float | None, unit: str) -> dict[str, object]:
    from motionlib.export.source import own_rig, save_source

    motion, rate = own_rig(read_clip(source), fps)
    names = save_source(target, motion, rate, "m" if unit == "m" else "cm")
    return _facts(target, len(motion.root_pos), rate, names)


def _convert_to(source: Path, target: Path, rig: Path, fps: float | None, unit: str) -> dict[str, object]:
    from motionlib.export.retarget import retarget
    from motionlib.export.source import save_source

    if not rig.is_file():
        raise ValueError(f"--rig: {rig} is no file; known: canonical, source, or a BVH file with the skeleton")
    joints, world_quat, rate = _read_motion(source, fps)
    take = read_clip(rig)
    try:
        motion = retarget(joints, take, world_quat)
    except ValueError as error:
        raise ValueError(f"{rig}: {error}") from error
    names = save_source(target, motion, rate, "m" if unit == "m" else "cm")
    return _facts(target, len(motion.root_pos), rate, names)


def _read_motion(source: Path, fps: float | None) -> tuple[Any, Any, float]:
    """Joints, their world rotations (None where a file holds positions only) and Hz."""
    from motionlib.rig.canonical import canonical_motion

    if source.suffix.lower() == ".npy":
        taken = read_joints(source, fps)
        return taken.joints, None, taken.fps
    clip = read_clip(source)
    rate = clip.fps if fps is None else fps
    try:
        return *canonical_motion(clip, rate), rate
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _facts(target: Path, frames: int, fps: float, names: list[str]) -> dict[str, object]:
    return {"path": str(target), "frames": frames, "fps": fps, "joints": len(names), "names": names}
