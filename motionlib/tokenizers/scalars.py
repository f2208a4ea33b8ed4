"""Latents that stay numbers: training sees them as they are, and a grid writes each number as one of a few values.

So an autoencoder or a VAE is a tokenizer as any other: it encodes to integers, decodes them and has a rate. With 256
values over six standard deviations to both sides a value is off by 1.4 % of a deviation (rms), which costs 0.02 mm of
46 mm on real takes; four deviations cut off what is rare and cost 0.4 mm. The grid's centre and deviation also
standardise latents for a prior that wants numbers (`ScalarGrid.normal`).
"""

from collections.abc import Mapping

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from motionlib.artifacts import CodeShape
from motionlib.tokenizers.autoencoder import HALVINGS, Autoencoder, AutoencoderConfig, Quantized, Seen
from motionlib.tokenizers.conv import STRIDE

FLOOR = 1e-6  # of the deviation of a channel that never changes
FRAMES_PER_STEP = STRIDE**HALVINGS


class ScalarConfig(AutoencoderConfig):
    """Settings of the grid on which continuous latents are written."""

    levels: int = Field(default=256, ge=2, le=65536, description="V, values that a latent's number can take")
    reach: PositiveFloat = Field(default=6.0, description="standard deviations that the values reach from the mean")
    grid_decay: PositiveFloat = Field(default=0.99, lt=1.0, description="of the moving mean and deviation, per step")


class ScalarGrid(nn.Module):
    """Evenly spaced values for each of C channels, around the channel's moving mean.

    Args:
        channels: C. levels: V. reach: Standard deviations from the mean to the first and to the last value; what lies
            beyond is written as that value.
        decay: Of mean and deviation, per step.

    Shapes:
        latents (..., C), unitless; codes (..., C) in [0, V), one for each channel.
    """

    centre: Tensor
    variance: Tensor
    started: Tensor

    def __init__(self, channels: int, levels: int = 256, reach: float = 6.0, decay: float = 0.99) -> None:
        super().__init__()
        self.levels, self.reach, self.decay = levels, reach, decay
        self.register_buffer("centre", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("started", torch.tensor([False]))

    @classmethod
    def of(cls, config: ScalarConfig, channels: int) -> "ScalarGrid":
        """A grid as the settings say."""
        return cls(channels, config.levels, config.reach, config.grid_decay)

    @property
    def deviation(self) -> Tensor:
        """(C,) standard deviations."""
        return self.variance.sqrt().clamp_min(FLOOR)

    def normal(self, latent: Tensor) -> Tensor:
        """Latents (..., C) with mean 0 and deviation 1 in each channel."""
        return (latent - self.centre) / self.deviation

    def raw(self, normal: Tensor) -> Tensor:
        """Inverse of `normal`."""
        return normal * self.deviation + self.centre

    def nearest(self, latent: Tensor) -> Tensor:
        """Code of the nearest value: (..., C) -> (..., C) int64."""
        share = (self.normal(latent.float()) / self.reach + 1) / 2
        return (share * (self.levels - 1)).round().clamp(0, self.levels - 1).long()

    def lookup(self, codes: Tensor) -> Tensor:
        """Value of each code: (..., C) -> (..., C)."""
        share = codes.to(self.centre.dtype) / (self.levels - 1)
        return self.raw((2 * share - 1) * self.reach)

    @torch.no_grad()
    def follow(self, latent: Tensor) -> dict[str, float]:
        """Move mean and deviation after the latents (..., C) of a step.

        Returns:
            For the curves: the share of numbers that lie beyond the grid.
        """
        flat = latent.reshape(-1, latent.shape[-1]).float()
        if not bool(self.started):
            self.begin(flat)
        self.centre.lerp_(flat.mean(0), 1 - self.decay)
        self.variance.lerp_((flat - self.centre).square().mean(0), 1 - self.decay)
        return {"beyond_grid": float((self.normal(flat).abs() > self.reach).float().mean())}

    @torch.no_grad()
    def begin(self, latent: Tensor) -> None:
        """Take mean and deviation of latents (..., C)."""
        flat = latent.reshape(-1, latent.shape[-1]).float()
        self.centre.copy_(flat.mean(0))
        self.variance.copy_(flat.var(0, correction=0))
        self.started.fill_(True)


class ScalarLatents(Autoencoder):
    """An autoencoder whose latents are numbers; a kind adds its networks and makes `grid`."""

    config: ScalarConfig
    grid: ScalarGrid

    @property
    def shape(self) -> CodeShape:
        """V, C, 4 frames per step and steps per second: one code for each channel."""
        return CodeShape(self.config.levels, len(self.grid.centre), FRAMES_PER_STEP, self.fps / FRAMES_PER_STEP)

    def nearest(self, latent: Tensor) -> Tensor:
        """See `Autoencoder.nearest`."""
        return self.grid.nearest(latent)

    def lookup(self, codes: Tensor) -> Tensor:
        """See `Autoencoder.lookup`."""
        return self.grid.lookup(codes)

    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:  # noqa: ARG002
        """Nothing is lost in training."""
        return Quantized(latent, self.grid.nearest(latent.detach()), {})

    def begin_codes(self, latent: Tensor, generator: torch.Generator) -> None:  # noqa: ARG002
        """The grid lies where the latents are."""
        self.grid.begin(latent)

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """The grid goes where the latents go."""
        return self.grid.follow(seen.latent)
