"""One training loop for every model."""

from motionlib.training.types import Loss, Trainable

__all__ = ["Loss", "Trainable"]
