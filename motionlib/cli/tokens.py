"""Commands that ask a tokenizer: codes of a motion, motion of codes, and both."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from motionlib.cli.common import (
    answer,
    existing,
    json_option,
    load_array,
    load_model,
    model_option,
    output,
    read_clip,
    read_features,
    unit_option,
)

if TYPE_CHECKING:
    from motionlib.promotion.model import MotionModel


@click.command(epilog="Example: motionlib encode take.bvh codes.npy")
@click.argument("source", type=existing())
@click.argument("target", type=output())
@model_option
@json_option
def encode(source: Path, target: Path, name: str, as_json: bool) -> None:
    """Turn a motion into codes (L, Q) int64.

    SOURCE is any readable mocap, or .npy joints (T, 22, 3) or features (T, 263) at 20 Hz.
    """
    import numpy as np

    if target.suffix.lower() != ".npy":
        raise ValueError(f"{target}: codes are written as .npy")
    model = load_model(name)
    rows = read_features(source, model.mode)
    codes = model.encode(rows)
    np.save(target, codes.astype("<i8"), allow_pickle=False)
    facts = {"path": str(target), "steps": codes.shape[0], "codes_per_step": codes.shape[1], "frames": len(rows)}
    answer(facts, as_json, f"{target}: {codes.shape[0]} steps of {codes.shape[1]} codes for {len(rows)} frames")


@click.command(epilog="Example: motionlib decode codes.npy take.bvh")
@click.argument("source", type=existing())
@click.argument("target", type=output())
@model_option
@unit_option
@json_option
def decode(source: Path, target: Path, name: str, unit: str, as_json: bool) -> None:
    """Turn codes (L, Q) back into motion: .npy joints, .bvh, .glb or .html."""
    from motionlib.export.save import check_suffix

    check_suffix(target)
    codes = load_array(source)
    if codes.dtype.kind not in "iu":
        raise ValueError(f"{source}: expected integer codes (L, Q), got {codes.dtype} {codes.shape}")
    model = load_model(name)
    try:
        rows = model.decode(codes)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    _write(target, rows, model.fps, source.stem, unit, as_json)


@click.command(epilog="Example: motionlib reconstruct take.bvh again.bvh")
@click.argument("source", type=existing())
@click.argument("target", type=output())
@click.option(
    "--rig",
    type=click.Choice(["canonical", "source"]),
    default="canonical",
    show_default=True,
    help="Skeleton of the result: the 22 joints, or the file's own with its fingers and twist.",
)
@model_option
@unit_option
@json_option
def reconstruct(source: Path, target: Path, rig: str, name: str, unit: str, as_json: bool) -> None:
    """Encode a motion and decode it again: what the tokenizer keeps of it."""
    from motionlib.export.save import check_suffix

    check_suffix(target)
    model = load_model(name)
    rows = read_features(source, model.mode)
    again = model.reconstruct(rows)
    if rig == "source":
        _write_on_source(source, target, again, model, unit, as_json)
    else:
        _write(target, again, model.fps, source.stem, unit, as_json)


def _write(target: Path, rows: object, fps: float, text: str, unit: str, as_json: bool) -> None:
    """Save raw features (T, 263) as motion and say so."""
    import numpy as np

    from motionlib.export.save import Played, save
    from motionlib.normalize import recover

    joints = recover(np.asarray(rows))
    save(target, Played(joints, fps, text), "m" if unit == "m" else "cm")
    facts = {"path": str(target), "frames": len(joints), "fps": fps}
    answer(facts, as_json, f"{target}: {len(joints)} frames at {fps:g} Hz")


def _write_on_source(source: Path, target: Path, rows: object, model: "MotionModel", unit: str, as_json: bool) -> None:
    """Save raw features (T, 263) of a file as motion of that file's own skeleton and say so."""
    import numpy as np

    from motionlib.export.reconstructed import onto_source
    from motionlib.export.source import save_source
    from motionlib.normalize import recover
    from motionlib.normalize.exact import recover_rotations

    if source.suffix.lower() == ".npy":
        raise ValueError(f"{source}: joint positions have no skeleton of their own; leave --rig away")
    features = np.asarray(rows)
    world_quat = recover_rotations(features) if model.mode == "exact" else None
    motion = onto_source(recover(features), read_clip(source), model.fps, world_quat)
    names = save_source(target, motion, model.fps, "m" if unit == "m" else "cm")
    facts = {"path": str(target), "frames": len(motion.root_pos), "fps": model.fps, "names": names}
    answer(facts, as_json, f"{target}: {len(motion.root_pos)} frames at {model.fps:g} Hz")
