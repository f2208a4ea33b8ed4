"""Convolutions over the plane of joints and time: T2M-GPT's encoder and decoder with a second axis.

Source: Yuan et al., "MoGenTS: Motion Generation based on Spatial-Temporal Joint Modeling", NeurIPS 2024,
arXiv:2409.17686, section 3.1; `models/vq/encdec.py` at 4128804. Same layers and sizes; where a dilated kernel reaches
over all joints to nothing but zeros, only its middle is computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.tokenizers.conv import KERNEL, STRIDE, Activation

HALVINGS = 2  # of joints and of time


class PlaneSizes(NamedTuple):
    """What both sides share: `width` inside, `latent` C between them, blocks of a stack, their reach, dropout."""

    width: int
    latent: int
    depth: int
    growth: int
    activation: str
    dropout: float


class PlaneConv(nn.Conv2d):
    """A convolution of images (B, C, T, J) in channels-last memory that keeps T and J, or halves them with a stride."""

    def __init__(self, width: int, out: int, kernel: int = KERNEL, stride: int = 1, dilation: int = 1) -> None:
        padding = dilation * ((kernel - 1) // 2)
        super().__init__(width, out, kernel, stride, padding, dilation)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, T, J) -> (B, C', T', J')."""
        dilation, around = self.dilation[0], self.padding[-1]
        if self.kernel_size[1] == KERNEL and dilation >= image.shape[-1]:
            middle = self.weight[..., KERNEL // 2 : KERNEL // 2 + 1].contiguous(memory_format=torch.channels_last)
            return functional.conv2d(image, middle, self.bias, 1, (int(self.padding[0]), 0), (dilation, 1))
        weight = self.weight.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(image, weight, self.bias, self.stride, (int(around), int(around)), self.dilation)


class PlaneResidual(nn.Module):
    """x + dropout(conv1(act(conv3_dilated(act(x)))))."""

    def __init__(self, sizes: PlaneSizes, dilation: int) -> None:
        super().__init__()
        self.wide = PlaneConv(sizes.width, sizes.width, dilation=dilation)
        self.point = PlaneConv(sizes.width, sizes.width, 1)
        self.act = Activation(sizes.activation)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, J) -> the same shape."""
        inner: Tensor = self.dropout(self.point(self.act(self.wide(self.act(x)))))
        return x + inner


class PlaneEncoder(nn.Module):
    """Numbers of joints (B, T, J, K) -> latents (B, T / 4, J / 4, C)."""

    def __init__(self, numbers: int, sizes: PlaneSizes) -> None:
        super().__init__()
        width = sizes.width
        layers: list[nn.Module] = [PlaneConv(numbers, width), Activation(sizes.activation)]
        for _ in range(HALVINGS):
            layers += [PlaneConv(width, width, 2 * STRIDE, STRIDE), _stack(sizes)]
        self.layers = nn.Sequential(*layers, PlaneConv(width, sizes.latent))

    def forward(self, joints: Tensor) -> Tensor:
        """T and J must be multiples of 4."""
        latent: Tensor = self.layers(joints.permute(0, 3, 1, 2))
        return latent.permute(0, 2, 3, 1)


class PlaneDecoder(nn.Module):
    """Latents (B, L, rows, C) -> numbers of joints (B, 4 L, 4 rows, K)."""

    def __init__(self, numbers: int, sizes: PlaneSizes) -> None:
        super().__init__()
        width = sizes.width
        layers: list[nn.Module] = [PlaneConv(sizes.latent, width), Activation(sizes.activation)]
        for _ in range(HALVINGS):
            layers += [_stack(sizes), nn.Upsample(scale_factor=STRIDE), PlaneConv(width, width)]
        self.layers = nn.Sequential(
            *layers, PlaneConv(width, width), Activation(sizes.activation), PlaneConv(width, numbers)
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Any L."""
        joints: Tensor = self.layers(latent.permute(0, 3, 1, 2))
        return joints.permute(0, 2, 3, 1)


def start_planes_calmly(encoder: PlaneEncoder, decoder: PlaneDecoder) -> None:
    """Residual blocks do nothing yet, as those of `conv.start_calmly`."""
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, PlaneResidual):
            nn.init.zeros_(module.point.weight)
            assert module.point.bias is not None
            nn.init.zeros_(module.point.bias)


def _stack(sizes: PlaneSizes) -> nn.Sequential:
    return nn.Sequential(*(PlaneResidual(sizes, sizes.growth**i) for i in reversed(range(sizes.depth))))
