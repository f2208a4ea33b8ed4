"""Finite scalar quantization: each channel is rounded to one of a few levels.

Source: Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", arXiv:2309.15505, section 3 and appendix A;
for motion: Lu et al., "ScaMo", arXiv:2412.14559. No codebook, no commitment, nothing to revive. Departure: with
`layers` the rounding error is divided into the same levels once more, which is FSQ of level^layers levels said in
several codes. (Residual FSQ elsewhere scales the error by level - 1, so that part of the grid is never used.)
"""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from motionlib.artifacts import CodeShape
from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.grid import MOST_CODES, GridAutoencoder, GridConfig

MARGIN = 1e-3  # epsilon of the source: the outermost levels are reached before tanh is flat
EVEN_SPREAD = 0.85  # tanh of a normal number of this deviation is almost uniform: 2 / 1.702 of the logistic's rule

Level = Annotated[int, Field(ge=3, le=256)]


class FsqConfig(GridConfig):
    """Settings of `fsq`; V is the product of the levels. Channels of two levels are what `lfq` has."""

    levels: tuple[Level, ...] = Field(
        default=(8, 5, 5, 5), min_length=1, description="levels of each channel of a code"
    )
    layers: int = Field(
        default=1, ge=1, le=16, description="codes of each group: every one divides the last one's error"
    )

    @field_validator("levels")
    @classmethod
    def _not_too_many(cls, levels: Sequence[int]) -> Sequence[int]:
        if math.prod(levels) > MOST_CODES:
            raise ValueError(f"their product {math.prod(levels)} is more than {MOST_CODES} codes")
        return levels


class Fsq(GridAutoencoder):
    """Convolutions, channels rounded to levels, convolutions. Codes of a step: layer by layer, in each its groups."""

    Config: ClassVar[type[Settings]] = FsqConfig
    config: FsqConfig

    def __init__(self, config: FsqConfig, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps, config.levels)

    @property
    def shape(self) -> CodeShape:
        """V, Q = groups times layers, 4 frames per step and steps per second."""
        return self.code_shape(self.codes, self.config.groups * self.config.layers)

    @property
    def spread(self) -> float:
        """See `GridAutoencoder.spread`."""
        return EVEN_SPREAD

    def bounded(self, channels: Tensor) -> Tensor:
        """Between the outermost levels; 0 stays 0, also where there are as many levels on either side."""
        half = (self._levels - 1) * (1 + MARGIN) / 2
        offset = (self._levels % 2 == 0) * 0.5
        return (torch.tanh(channels + torch.atanh(offset / half)) * half - offset) / self._half

    def digits(self, bounded: Tensor) -> Tensor:
        """See `GridAutoencoder.digits`."""
        grid = bounded * self._half
        nearest = grid.round()
        found, error = [nearest + self._half], grid - nearest  # the error in [-0.5, 0.5]
        for _ in range(1, self.config.layers):
            place = (error + 0.5) * self._levels
            cell = torch.minimum(place.floor(), self._levels - 1)
            found, error = [*found, cell], place - cell - 0.5
        layers = torch.stack(found, -2).long()  # (..., layers, G d)
        return layers.reshape(*bounded.shape[:-1], -1, len(self.levels))

    def grid(self, digits: Tensor) -> Tensor:
        """See `GridAutoencoder.grid`."""
        layers = digits.reshape(*digits.shape[:-2], self.config.layers, -1).to(torch.float32)
        error: Tensor = torch.zeros_like(layers[..., 0, :])
        for layer in reversed(range(1, self.config.layers)):
            error = (layers[..., layer, :] + 0.5 + error) / self._levels - 0.5
        return (layers[..., 0, :] - self._half + error) / self._half

    @property
    def _levels(self) -> Tensor:
        """(G d,) levels of all channels."""
        return self.levels.repeat(self.config.groups)

    @property
    def _half(self) -> Tensor:
        return self._levels // 2
