"""A discriminator beside an autoencoder: it learns to tell made motion from real in the same backward pass.

Sources: Esser et al., "Taming Transformers" (VQGAN), CVPR 2021, arXiv:2012.09841, section 3.1 (hinge loss in its code,
`taming/modules/losses/vqperceptual.py`); Guo et al., "TM2T", ECCV 2022, arXiv:2207.01696, whose code
(trainer V3) trains its tokenizer against the `patch` discriminator; Miyato et al., "Spectral Normalization", ICLR 2018,
arXiv:1802.05957. Departures: one optimiser with one learning rate trains both sides, and their gradients are kept apart
by detached tensors; hence also one clipping norm. Batch normalisation keeps no running statistics, as only training
asks a discriminator; the power iteration moves in `follow`, as a forward pass changes no state.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from motionlib.tokenizers.autoencoder import AutoencoderConfig
from motionlib.tokenizers.base import position_slice
from motionlib.tokenizers.conv import KERNEL, STRIDE, Conv, to_image, to_rows

SLOPE = 0.2  # of every LeakyReLU (TM2T)
DILATIONS = (1, 2, 4)  # of form `dilated`
FIRST_ITERATIONS = 15  # of the power iteration at the start (as torch's own spectral_norm)
TINY = 1e-12  # beside norms of vectors

Norm = Literal["spectral", "batch", "none"]


class AdversaryConfig(AutoencoderConfig):
    """Settings of the discriminator; TM2T's is `patch`, `batch`, `all`."""

    adversary: Literal["patch", "dilated"] = Field(
        default="dilated", description="TM2T's strided layers, or layers of growing reach that judge every frame"
    )
    adversary_width: PositiveInt = Field(default=512, ge=2, le=4096, description="channels of its first layer")
    adversary_norm: Norm = Field(default="spectral", description="of its inner layers")
    adversary_sees: Literal["all", "motion"] = Field(
        default="motion", description="motion: root velocities left out, joints' positions and velocities and contacts"
    )
    adversary_weight: NonNegativeFloat = Field(default=0.1, description="weight of deceiving it; VQGAN: 0.8, TM2T: 0.5")


class _Layer(nn.Module):
    """A convolution whose output is normalised, on images (B, C, 1, T)."""

    direction: Tensor

    def __init__(self, conv: Conv, norm: Norm) -> None:
        super().__init__()
        self.conv = conv
        self.batch = nn.BatchNorm2d(conv.out_channels, track_running_stats=False) if norm == "batch" else nn.Identity()
        self.spectral = norm == "spectral"
        if self.spectral:
            self.register_buffer("direction", functional.normalize(torch.randn(conv.out_channels), dim=0))
            for _ in range(FIRST_ITERATIONS):
                self.follow()

    @property
    def matrix(self) -> Tensor:
        """The weights as (outputs, inputs)."""
        return self.conv.weight.flatten(1)

    def _right(self) -> Tensor:
        return functional.normalize(self.matrix.detach().T @ self.direction, dim=0, eps=TINY)

    @torch.no_grad()
    def follow(self) -> None:
        """One power iteration towards the largest singular value."""
        if self.spectral:
            self.direction.copy_(functional.normalize(self.matrix @ self._right(), dim=0, eps=TINY))

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, 1, T) -> (B, C', 1, T')."""
        found: Tensor = self.conv(image)
        if self.spectral:
            assert self.conv.bias is not None
            bias = self.conv.bias[:, None, None]
            norm = self.direction @ (self.matrix @ self._right())
            found = (found - bias) / norm.clamp_min(TINY) + bias  # as if the weights were divided by it
        return functional.leaky_relu(self.batch(found), SLOPE)


class Adversary(nn.Module):
    """Scores of normalised rows, high for what looks real.

    Args:
        config: Its settings.
        width: D of feature rows. columns: How many of them, the first ones, the networks make.

    Shapes:
        rows (B, T, columns) -> scores (B, T', 1); T' is T, or about a quarter of it in form `patch`.
    """

    def __init__(self, config: AdversaryConfig, width: int, columns: int) -> None:
        super().__init__()
        self.slices = [slice(0, columns)] if config.adversary_sees == "all" else _motion(width, columns)
        seen, inner, norm = sum(at.stop - at.start for at in self.slices), config.adversary_width, config.adversary_norm
        if config.adversary == "patch":
            last = max(inner // 2, 1)
            convs = [Conv(a, b, 2 * STRIDE, stride=STRIDE, padding=1) for a, b in ((seen, inner), (inner, last))]
        else:
            last = inner
            convs = [
                Conv(inner if i else seen, inner, KERNEL, padding=reach, dilation=reach)
                for i, reach in enumerate(DILATIONS)
            ]
        self.inner = nn.ModuleList(_Layer(conv, norm) for conv in convs)
        self.out = Conv(last, 1, KERNEL, padding=1)

    def forward(self, rows: Tensor) -> Tensor:
        """T must be a multiple of 4."""
        image = to_image(torch.cat([rows[..., at] for at in self.slices], dim=-1))
        for layer in self.inner:
            image = layer(image)
        return to_rows(self.out(image)).float()

    def follow(self) -> None:
        """What is not learned by gradient moves by a step."""
        for layer in self.inner:
            assert isinstance(layer, _Layer)
            layer.follow()

    def discernment(self, made: Tensor, real: Tensor) -> Tensor:
        """Hinge loss () of telling rows apart; no gradient reaches what made them."""
        low = functional.relu(1.0 + self(made.detach())).mean()
        return 0.5 * (low + functional.relu(1.0 - self(real)).mean())

    def disbelief(self, made: Tensor) -> Tensor:
        """How false rows look (), to be made small by what made them; no gradient reaches this discriminator."""
        at_rest = {name: parameter.detach() for name, parameter in self.named_parameters()}
        scores: Tensor = functional_call(self, at_rest, (made,))
        return -scores.mean()

    def steepness(self, real: Tensor) -> Tensor:
        """Mean squared gradient () of a clip's score at real rows, R1.

        Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018, arXiv:1801.04406,
        section 4.1.
        """
        at = real.detach().requires_grad_()
        with torch.autocast(at.device.type, enabled=False):
            (slope,) = torch.autograd.grad(self(at).mean(dim=(1, 2)).sum(), at, create_graph=True)
        return slope.square().sum(dim=(1, 2)).mean()


def _motion(width: int, columns: int) -> list[slice]:
    """Where positions, velocities and contacts lie among the first `columns` numbers of a row."""
    positions = position_slice(width)
    joints = (width + 1) // 12
    later = slice(width - 4 - 3 * joints, width)  # velocities of all joints, then four contacts
    found: Sequence[slice] = (positions, later)
    return [at for at in found if at.stop <= columns]
