"""What a reader gives of a file: motion in the file's own unit of length and with its own axes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import Skeleton

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RawMotion:
    """A take as its file tells it: in the file's unit of length, with the file's axes.

    Attributes:
        skeleton: Offsets in file units. Ends of chains are joints named `<parent>_end`.
        root_pos: (T, 3) file units.
        local_quat: (T, J, 4) unit quaternions (w, x, y, z), joint in its parent's frame.
        fps: Hz.
        stretch: (J,) file units: how far each joint moves in its parent at most, which was left out.
        remarks: Keys of `ingest.quality.REMARK`.
        unit: Metres per file unit where the format fixes it (glTF, AMASS: 1.0), else None: it is found from the body.
        up: `x`, `y`, `z` or with a minus where the format fixes which way is up, else "": found from the body.
        notes: Details of remarks, by remark.
    """

    skeleton: Skeleton
    root_pos: FloatArray
    local_quat: FloatArray
    fps: float
    stretch: FloatArray
    remarks: tuple[str, ...] = field(default=())
    unit: float | None = None
    up: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
