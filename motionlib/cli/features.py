"""Commands between motion and features, in both modes; none of them needs a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motionlib.cli.common import (
    PUBLISHED_FPS,
    answer,
    existing,
    json_option,
    load_array,
    output,
    read_clip,
    read_features,
    unit_option,
)

if TYPE_CHECKING:
    from motionlib.normalize.difference import Difference

MODES = ("compat", "exact")


@click.command(epilog="Example: motionlib features take.bvh features.npy --mode exact")
@click.argument("source", type=existing())
@click.argument("target", type=output(), required=False)
@click.option(
    "--mode", type=click.Choice(MODES), default="compat", show_default=True, help="As published, or without its faults."
)
@click.option("--compare", is_flag=True, help="Tell what the modes differ by; TARGET is then a .png, or left away.")
@json_option
def features(source: Path, target: Path | None, mode: str, compare: bool, as_json: bool) -> None:
    """Compute the 263 features of a motion: (T-1, 263) float32.

    SOURCE is a .npy of joints (T, 22, 3) at 20 Hz in metres, y up, or any readable mocap file; with --compare also a
    folder of them. Joints alone tell no twist: mode exact then takes the least.
    """
    if compare:
        _compare(source, target, as_json)
        return
    import numpy as np

    if target is None:
        raise ValueError(f"{source}: name the .npy file to write, or ask to --compare")
    _want(target, ".npy")
    rows = read_features(source, mode)
    np.save(target, rows.astype("<f4"), allow_pickle=False)
    facts = {"path": str(target), "frames": len(rows), "dimensions": rows.shape[1], "mode": mode}
    answer(facts, as_json, f"{target}: {rows.shape[0]} x {rows.shape[1]} features at {PUBLISHED_FPS:g} Hz, {mode}")


@click.command(epilog="Example: motionlib recover features.npy take.bvh")
@click.argument("source", type=existing())
@click.argument("target", type=output())
@unit_option
@json_option
def recover(source: Path, target: Path, unit: str, as_json: bool) -> None:
    """Turn features (T, 263) of either mode back into joints (T, 22, 3): .npy, .bvh, .glb or .html."""
    from motionlib.export.save import Played, check_suffix, save
    from motionlib.normalize import recover as back

    check_suffix(target)
    rows = load_array(source)
    if rows.ndim != 2 or rows.shape[1] != 263 or not len(rows):
        raise ValueError(f"{source}: expected features (T, 263), got {rows.shape}")
    joints = back(rows)
    save(target, Played(joints, PUBLISHED_FPS, source.stem), "m" if unit == "m" else "cm")
    facts = {"path": str(target), "frames": len(joints), "fps": PUBLISHED_FPS}
    answer(facts, as_json, f"{target}: {len(joints)} frames at {PUBLISHED_FPS:g} Hz")


def _compare(source: Path, target: Path | None, as_json: bool) -> None:
    """What the modes differ by on one file, or over a folder."""
    from motionlib.normalize.difference import picture, summary

    if target is not None:
        _want(target, ".png")
    paths = _readable(source) if source.is_dir() else [source]
    found: dict[str, Difference] = {}
    unread: dict[str, str] = {}
    for path in paths:
        try:
            found[str(path)] = _difference(path)
        except ValueError as error:
            if not source.is_dir():
                raise
            unread[str(path)] = str(error)
    if target is not None:
        target.write_bytes(picture(list(found.values())))
    facts: dict[str, Any] = {"files": {path: one.report() for path, one in found.items()}, "unread": unread}
    facts["summary"] = summary(list(found.values()))
    answer(facts, as_json, _told(facts["summary"], len(unread)) if source.is_dir() else _told_one(found[str(source)]))


def _difference(path: Path) -> "Difference":
    from motionlib.normalize.difference import difference
    from motionlib.rig.canonical import canonical_motion

    if path.suffix.lower() == ".npy":
        return difference(load_array(path))
    clip = read_clip(path)
    motion = canonical_motion(clip, PUBLISHED_FPS)
    return difference(motion.joints, motion.world_quat, clip.fps)


def _readable(folder: Path) -> list[Path]:
    from motionlib.ingest import READERS

    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in READERS and path.is_file()]
    if not paths:
        raise ValueError(f"{folder}: no motion below it; known: {' '.join(sorted(READERS))}")
    return paths


def _told_one(one: "Difference") -> str:
    from motionlib.normalize.difference import HITS, MEANING, PUBLISHED_STD

    if one.refused:
        return f"compat refuses this take, exact does not: {one.refused}"
    lines = ["exact minus compat, root mean square (in published standard deviations)"]
    lines += [f"  {group:14} {value:9.5f}  ({value / PUBLISHED_STD[group]:.2f})" for group, value in one.rms.items()]
    lines.append("known faults of compat on this take")
    for fault, value in one.faults.items():
        mark = "*" if fault in one.hit() else " "
        lines.append(f"{mark} {MEANING[fault]:48} {value:8.2f} {HITS[fault][1]}")
    return "\n".join(lines)


def _told(numbers: dict[str, Any], unread: int) -> str:
    from motionlib.normalize.difference import HITS, MEANING

    lines = [f"{numbers['takes']} takes, {numbers['refused']} refused by compat, {unread} unread"]
    lines.append("exact minus compat in published standard deviations: median, 95 %, largest")
    for group, spread in numbers["rms_over_published_std"].items():
        lines.append(f"  {group:14} {spread['median']:8.2f} {spread['most_95']:8.2f} {spread['largest']:8.2f}")
    lines.append("known faults of compat: takes hit; median, 95 %, largest")
    for fault, spread in numbers["faults"].items():
        sizes = f"{spread['median']:8.2f} {spread['most_95']:8.2f} {spread['largest']:8.2f} {HITS[fault][1]}"
        lines.append(f"  {MEANING[fault]:48} {spread['takes']:5} {sizes}")
    return "\n".join(lines)


def _want(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path}: this is written as {suffix}")
