"""One motion file on the disk with what lies beside it, read as it is: whoever asks for one file judges it."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from motionlib.artifacts import Clip
    from motionlib.ingest.source import Source
    from motionlib.rig.geometry import FoundUnit, FoundUp
    from motionlib.rig.raw import RawMotion

MAX_COMPANION_BYTES = 1 << 28  # 256 MiB in one companion
STRETCH_NOTED = 0.005  # m; a joint that moves more than this in its parent is told of, because the clip leaves it out


class ReadFile(NamedTuple):
    """A file as its reader and its rig file tell it; `unit.unit` is None where the unit of length is not known."""

    motion: "RawMotion"
    rig: str
    unit: "FoundUnit"
    up: "FoundUp"


def read_file(path: Path) -> ReadFile:
    """Read a motion file with what lies beside it.

    Raises:
        ValueError: Naming the file and what is wrong with it or its rig file.
    """
    from motionlib.ingest import CONVERT, READERS, BadMotionError
    from motionlib.rig import geometry
    from motionlib.rig.override import Override

    suffix = path.suffix.lower()
    if suffix not in READERS:
        way = CONVERT.get(suffix, f"known: {' '.join(READERS)}")
        raise ValueError(f"{path}: {suffix or 'a file without suffix'} is not read; {way}")
    source = source_of(path)
    try:
        motion = Override.read(source.rig).applied(READERS[suffix].read(source))
    except BadMotionError as error:
        raise ValueError(f"{path}: {error.reason}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return ReadFile(motion, source.rig, geometry.explain_unit(motion), geometry.explain_up(motion))


def clip_of(path: Path, read: ReadFile) -> "Clip":
    """What was read as a clip: metres, y up.

    Raises:
        ValueError: If the unit of length is not known, saying what to write into a rig file.
    """
    import numpy as np

    from motionlib.artifacts import Clip, ClipInfo
    from motionlib.body.skeleton import Skeleton
    from motionlib.rig.geometry import turn_y_up

    motion, unit = read.motion, read.unit.unit
    if unit is None:
        raise ValueError(
            f'{path}: the unit of length is unknown ({read.unit.why}); say it in rig.json: {{"unit": 0.01}}'
        )
    worst = int(motion.stretch.argmax())
    if motion.stretch[worst] * unit > STRETCH_NOTED:
        how_far = f"{motion.skeleton.names[worst]} by up to {motion.stretch[worst] * unit * 1000:.0f} mm"
        click.echo(f"note: {path.name}: joints that move in their parents are held at their mean: {how_far}", err=True)
    root, local = turn_y_up(motion.root_pos, motion.local_quat, read.up.up)
    skeleton = Skeleton(motion.skeleton.names, motion.skeleton.parents, motion.skeleton.offsets * unit)
    info = ClipInfo(id=path.stem, file=path.name, delivery="", rig=read.rig)
    return Clip(info, skeleton, (root * unit).astype(np.float32), local.astype(np.float32), motion.fps)


def source_of(path: Path) -> "Source":
    """A file with its companions (the ASF of an AMC) and its rig file, `<stem>.rig.json` or the folder's `rig.json`.

    Raises:
        ValueError: If the rig file is not UTF-8.
    """
    from motionlib.ingest import READERS
    from motionlib.ingest.companions import MAX_RIG_BYTES
    from motionlib.ingest.source import Source

    folder = path.parent
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    reader = READERS.get(path.suffix.lower())
    wanted = [name for name in reader.companions(path.name, names) if name in names] if reader else []
    beside = {n: (folder / n).read_bytes() for n in wanted if (folder / n).stat().st_size <= MAX_COMPANION_BYTES}
    models = _body_models() if path.suffix.lower() == ".npz" else None
    for rig in (folder / f"{path.stem}.rig.json", folder / "rig.json"):
        if rig.is_file() and rig.stat().st_size <= MAX_RIG_BYTES:
            try:
                return Source(path.name, path.read_bytes(), beside, rig.read_text(encoding="utf-8-sig"), models)
            except UnicodeDecodeError as error:
                raise ValueError(f"{rig}: not UTF-8 at byte {error.start}") from None
    return Source(path.name, path.read_bytes(), beside, body_models=models)


def _body_models() -> Path | None:
    """The user's own SMPL files as params.yaml names them; None outside a project."""
    from motionlib import params

    return params.load().ingest.body_models_folder if Path("params.yaml").is_file() else None
