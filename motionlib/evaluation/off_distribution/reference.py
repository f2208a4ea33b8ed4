"""models/references/<tokenizer>: what a delivery is held against, so that judging one needs no training data."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from motionlib.artifacts import BadArtifactError, read_model, write_model
from motionlib.evaluation.off_distribution import bands
from motionlib.evaluation.off_distribution.bands import Calibration
from motionlib.evaluation.off_distribution.codes import Memory
from motionlib.evaluation.off_distribution.measures import Known
from motionlib.evaluation.off_distribution.windows import Neighbourhood

NUMBERS = ("spacing", "error")  # of each window, in the order of `Neighbourhood`
FAMILY = "off_distribution_reference"


class Reference(NamedTuple):
    """Training windows and codes, and the bands; `calibration` None where too few clips are held out."""

    known: Known
    calibration: Calibration | None


def write(folder: Path, reference: Reference, mode: str) -> None:
    """Write a reference; windows are kept as half floats, a millimetre at arm's length.

    Args:
        mode: Of the features.
    """
    known, memory = reference.known, reference.known.memory
    near = known.windows
    arrays: dict[str, Any] = {
        "windows": near.windows.astype(np.float16),
        **{name: getattr(near, name).astype(np.float32) for name in NUMBERS},
    }
    if memory is not None:
        arrays |= {name: np.asarray(values) for name, values in memory._asdict().items() if name != "triples"}
    calibration = reference.calibration.numbers() if reference.calibration else None
    write_model(folder, arrays, {"family": FAMILY, "mode": mode, "calibration": calibration})


def read(folder: Path) -> Reference:
    """Read what `write` wrote.

    Raises:
        BadArtifactError: If the folder is no finished reference.
    """
    arrays, card = read_model(folder)
    if card.get("family") != FAMILY:
        raise BadArtifactError(f"{folder} holds no reference of motion, but {card.get('family')!r}")
    memory = None
    if "counts" in arrays:
        memory = Memory(arrays["counts"], arrays["pairs"], arrays["times"], np.zeros(0, dtype=np.int64))
    near = Neighbourhood(arrays["windows"].astype(np.float32), *(arrays[n].astype(np.float64) for n in NUMBERS))
    known = Known(near, memory)
    return Reference(known, bands.read(card["calibration"]) if card["calibration"] else None)
