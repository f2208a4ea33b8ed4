"""Takes of any skeleton -> the 22-joint body -> features; their layout, statistics and captioned spans."""

from motionlib.normalize.humanml263 import extract, recover, recover_from_rotations, recover_root
from motionlib.normalize.layout import (
    CONTACTS,
    FEATURE_GROUPS,
    HUMANML3D,
    RIC,
    ROOT_HEIGHT,
    ROOT_TURN,
    ROOT_VELOCITY,
    ROT6D,
    VELOCITY,
    Layout,
)

positions_of = recover  # (..., T, 263) -> (..., T, 22, 3) metres

__all__ = [
    "CONTACTS",
    "FEATURE_GROUPS",
    "HUMANML3D",
    "RIC",
    "ROOT_HEIGHT",
    "ROOT_TURN",
    "ROOT_VELOCITY",
    "ROT6D",
    "VELOCITY",
    "Layout",
    "extract",
    "positions_of",
    "recover",
    "recover_from_rotations",
    "recover_root",
]
