"""What a model gives the training loop."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor


class Loss(NamedTuple):
    """`total` () to minimise; `parts` by name for the curves; `seen`: what `follow` needs of this batch, or None."""

    total: Tensor
    parts: Mapping[str, Tensor]
    seen: Any = None


class Trainable(Protocol):
    """A module that the loop can train: `loss` changes no state, `follow` does (EMA codebooks, resets)."""

    def loss(self, batch: Any, generator: torch.Generator) -> Loss:
        """Loss of one batch; all randomness (dropout apart) comes from `generator`."""

    def follow(self, seen: Any, generator: torch.Generator) -> Mapping[str, float]:
        """After an optimiser step: update what is not learned by gradient; returns values for the curves."""
