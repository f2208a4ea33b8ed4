"""What a model gives the training loop."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn


class Loss(NamedTuple):
    """`total` () to minimise; `parts` by name for the curves; `seen`: what `follow` needs of this batch, or None."""

    total: Tensor
    parts: Mapping[str, Tensor]
    seen: Any = None


class Trainable(Protocol):
    """A torch module that the loop can train: `loss` changes no state, `follow` does (EMA codebooks, resets)."""

    def loss(self, batch: Any, generator: torch.Generator) -> Loss:
        """Loss of one batch; all randomness (dropout apart) comes from `generator`."""

    def follow(self, seen: Any, generator: torch.Generator) -> Mapping[str, float]:
        """After an optimiser step: update what is not learned by gradient; returns values for the curves."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """As every nn.Module."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """As every nn.Module."""

    def state_dict(self) -> dict[str, Any]:
        """As every nn.Module; all that decides what the model computes and learns must be in it."""

    def train(self, mode: bool = True) -> Any:
        """As every nn.Module."""
