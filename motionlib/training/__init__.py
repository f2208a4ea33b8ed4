"""One training loop for every model, its checkpoints and its curves."""

from motionlib.training.checkpoint import fingerprint, folder, forget
from motionlib.training.history import History, Point, curves_png
from motionlib.training.loop import deterministic, fit
from motionlib.training.optimiser import total_steps
from motionlib.training.types import Loss, Trainable

__all__ = [
    "History",
    "Loss",
    "Point",
    "Trainable",
    "curves_png",
    "deterministic",
    "fingerprint",
    "fit",
    "folder",
    "forget",
    "total_steps",
]
