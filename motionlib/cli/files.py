"""One motion file on the disk with what its reader needs beside it."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motionlib.ingest.source import Source

MAX_COMPANION_BYTES = 1 << 28  # 256 MiB in one companion


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
