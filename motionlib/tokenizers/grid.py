"""Codes without a learned codebook: a latent becomes a few channels, and each channel snaps to a fixed grid.

A code is the product of its channels' digits, read as a number of mixed radix, least significant first: one softmax
over prod(levels) codes. Predicting the digits in parallel serves priors badly. A kind says what the grid is.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from motionlib.artifacts import CodeShape
from motionlib.tokenizers.autoencoder import ConvAutoencoder, ConvConfig, Quantized, Term
from motionlib.tokenizers.base import Settings

MOST_CODES = 65536  # V; more would be no vocabulary for a prior
RIDGE = 1e-6  # of the mean square, so that a channel without variance does no harm


class GridConfig(ConvConfig):
    """Settings of codes on a fixed grid."""

    groups: int = Field(default=1, ge=1, le=64, description="codes side by side, each with channels of its own")


class GridAutoencoder(ConvAutoencoder):
    """Convolutions, channels on a fixed grid, convolutions. Projections to and from the channels are in fp32.

    Args:
        levels: Grid values of each channel of one code.

    Shapes:
        channels (..., G d) with d = len(levels), unitless; digits (..., Q, d), each in [0, level).
    """

    config: GridConfig
    levels: Tensor
    radix: Tensor

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float, levels: tuple[int, ...]) -> None:
        super().__init__(config, mean, std, fps)
        channels = self.config.groups * len(levels)
        self.project_in = nn.Linear(self.config.code_width, channels)
        self.project_out = nn.Linear(channels, self.config.code_width)
        self.codes = math.prod(levels)
        radix = [math.prod(levels[:digit]) for digit in range(len(levels))]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("radix", torch.tensor(radix), persistent=False)

    @abstractmethod
    def bounded(self, channels: Tensor) -> Tensor:
        """Channels (..., G d) of any size brought to where the grid is."""

    @abstractmethod
    def digits(self, bounded: Tensor) -> Tensor:
        """Nearest grid values: (..., G d) -> (..., Q, d) int64."""

    @abstractmethod
    def grid(self, digits: Tensor) -> Tensor:
        """Grid values of digits: (..., Q, d) -> (..., G d)."""

    def channel_terms(self, bounded: Tensor, snapped: Tensor) -> Mapping[str, Term]:  # noqa: ARG002
        """What a kind adds to the loss of channels before and after they snapped, both (B, L, G d)."""
        return {}

    @property
    def shape(self) -> CodeShape:
        """V, Q, 4 frames per step and steps per second."""
        return self.code_shape(self.codes, self.config.groups)

    def nearest(self, latent: Tensor) -> Tensor:
        """See `Autoencoder.nearest`."""
        return self._codes(self.digits(self.bounded(self._in(latent))))

    def lookup(self, codes: Tensor) -> Tensor:
        """See `Autoencoder.lookup`."""
        return self._out(self.grid(codes.unsqueeze(-1) // self.radix % self.levels))

    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:  # noqa: ARG002
        """See `Autoencoder.quantize`: straight through the snapping."""
        bounded = self.bounded(self._in(latent))
        digits = self.digits(bounded.detach())
        snapped = self.grid(digits)
        through = bounded + (snapped - bounded).detach()
        return Quantized(self._out(through), self._codes(digits), self.channel_terms(bounded, snapped))

    def begin_codes(self, latent: Tensor, generator: torch.Generator) -> None:  # noqa: ARG002
        """Channels are the latents' numbers of most variance, of the grid's size; the way back is their regression.

        Raises:
            ValueError: If there are more channels than numbers in a latent.
        """
        channels, width = self.project_in.weight.shape
        if channels > width:
            raise ValueError(f"a start from the data has at most code_width = {width} channels, got {channels}")
        flat = latent.reshape(-1, width)
        chosen = flat.var(0).argsort(descending=True, stable=True)[:channels]
        places = self._places(channels)
        spread = self.spread / flat.std(0)[chosen].clamp_min(RIDGE)
        nn.init.zeros_(self.project_in.weight)
        self.project_in.weight[places, chosen] = spread
        self.project_in.bias.copy_(-(self.project_in.weight @ flat.mean(0)))
        snapped = self.grid(self.digits(self.bounded(self._in(flat))))
        weight, bias = _regression(snapped, flat)
        self.project_out.weight.copy_(weight)
        self.project_out.bias.copy_(bias)

    @property
    def spread(self) -> float:
        """Standard deviation of a channel with which a normal one uses the grid evenly."""
        return 1.0

    def _places(self, channels: int) -> Tensor:
        """(G d,) channels from the finest grid to the coarsest, the groups in turn."""
        group, digit = torch.arange(channels) // len(self.levels), torch.arange(channels) % len(self.levels)
        rank = self.levels.argsort(descending=True, stable=True).argsort().cpu()
        return (rank[digit] * self.config.groups + group).argsort()

    def _codes(self, digits: Tensor) -> Tensor:
        return (digits * self.radix).sum(-1)

    def _in(self, latent: Tensor) -> Tensor:
        with torch.autocast(latent.device.type, enabled=False):  # in half precision other digits would come out
            channels: Tensor = self.project_in(latent.float())
        return channels

    def _out(self, channels: Tensor) -> Tensor:
        with torch.autocast(channels.device.type, enabled=False):
            latent: Tensor = self.project_out(channels.float())
        return latent


def _regression(seen: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (C, K) and bias (C,) that best give `wanted` (N, C) from `seen` (N, K), by least squares."""
    mean, target = seen.double().mean(0), wanted.double().mean(0)
    x, y = seen.double() - mean, wanted.double() - target
    square = x.T @ x
    square.diagonal().add_(RIDGE * square.diagonal().mean() + torch.finfo(torch.float64).tiny)
    weight = torch.linalg.solve(square, x.T @ y).T
    return weight.float(), (target - weight @ mean).float()
