"""The temporal convolution encoder and decoder of T2M-GPT.

Source: Zhang et al., "T2M-GPT", CVPR 2023, arXiv:2301.06052; `models/encdec.py` and `models/resnet.py` at b1446f1.
Same layers, sizes and initialisation; the layout differs: rows (B, T, C) are what a channels-last image (B, C, 1, T)
is in memory, and oneDNN convolves that almost twice as fast as (B, C, T); wide layers take even fewer matrix products
on a CPU (`products`). bench/bench_tokenizer.py and bench/bench_step.py compare them.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.tokenizers import products

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}
KERNEL = 3
LAST_LAYER = 0.1  # factor on the decoder's last weights in a calm start
STRIDE = 2  # of each halving; its kernel is twice as long
WIDE = 256 * 256  # channels in times channels out from which matrix products beat oneDNN's convolutions (bench_step)


class Sizes(NamedTuple):
    """What encoder and decoder share: `width` C' inside, `latent` C between them, blocks per stack and their reach.

    `causal`: no step sees a later one, so that codes and motion can be had while the motion is still going on.
    """

    width: int
    latent: int
    halvings: int
    depth: int
    growth: int
    activation: str
    causal: bool = False


class Conv(nn.Conv1d):
    """A 1-D convolution of an image (B, C, 1, T) of height 1; weights as those of `nn.Conv1d`.

    On a CPU a wide layer trains by the matrix products of `products`, in time-major memory, which stays from layer to
    layer. In eval mode it is one product, as whole clips have a hundred different lengths, and oneDNN would prepare a
    new kernel for each, which takes ten times as long as using it.

    Args:
        padding: Steps of zeros on both sides. causal: All of them before the first step instead, so that a step sees
            itself (with a stride: the steps that it stands for) and what came before.
    """

    def __init__(
        self,
        width: int,
        out: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        causal: bool = False,
    ) -> None:
        super().__init__(width, out, kernel, stride, padding, dilation)
        self.before, self.after = (2 * padding, 0) if causal else (padding, padding)
        self.edges: nn.Module = nn.ConstantPad2d((0, 0, self.before, self.after), 0.0)  # a stream puts its past here

    @property
    def current(self) -> int:
        """The first tap that sees the step itself (with a stride: the first step that it stands for)."""
        return self.before // self.dilation[0]

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, 1, T) -> (B, C', 1, T')."""
        if self.by_products(image):
            return self._in_time(image)
        return self._product(image) if image.device.type == "cpu" and not self.training else self._image(image)

    def by_products(self, image: Tensor) -> bool:
        """Whether it trains on a CPU, is wide enough to gain by it, and is one that `products` has a way for."""
        wide = self.in_channels * self.out_channels >= WIDE
        return self.training and image.device.type == "cpu" and wide and self.keeps_time

    @property
    def keeps_time(self) -> bool:
        """Whether T' is T / stride, with a stride of 1 or a halving's."""
        kernel, stride, dilation = self.kernel_size[0], self.stride[0], self.dilation[0]
        halving = (kernel, stride, dilation) == (2 * STRIDE, STRIDE, 1)
        return self.before + self.after == dilation * (kernel - 1) - (stride - 1) and (stride == 1 or halving)

    def _in_time(self, image: Tensor) -> Tensor:
        assert self.bias is not None
        steps, kernel, dilation = in_time(image), self.kernel_size[0], self.dilation[0]
        if self.stride[0] == STRIDE:
            return from_time(products.tiled(steps, self.weight, self.bias, products.halving(self.before)))
        if (kernel, dilation) == (KERNEL, 1):
            return from_time(products.tiled(steps, self.weight, self.bias, products.three_taps(self.before)))
        offsets = tuple(tap * dilation - self.before for tap in range(kernel))
        return from_time(products.tapped(steps, self.weight, self.bias, offsets))

    def _image(self, image: Tensor) -> Tensor:
        weight = self.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        stride, dilation, around = self.stride[0], self.dilation[0], self.after
        if self.before != self.after:
            image, around = to_image(self.edges(to_rows(image))), 0
        return functional.conv2d(image, weight, self.bias, (1, stride), (0, around), (1, dilation))

    def _product(self, image: Tensor) -> Tensor:
        stride, dilation = self.stride[0], self.dilation[0]
        rows = self.edges(to_rows(image))
        batch, steps, width = rows.shape
        out = (steps - dilation * (self.kernel_size[0] - 1) - 1) // stride + 1
        strides = (rows.stride(0), stride * rows.stride(1), dilation * rows.stride(1), rows.stride(2))
        seen = rows.as_strided((batch, out, self.kernel_size[0], width), strides)  # each step with its neighbours
        weight = self.weight.permute(0, 2, 1).reshape(self.out_channels, -1)
        return to_image(functional.linear(seen.reshape(batch, out, -1), weight, self.bias))


class DoublingConv(Conv):
    """A convolution over three steps of an image in which every step comes twice: (B, C, 1, T) -> (B, C', 1, 2 T)."""

    def __init__(self, width: int, out: int, causal: bool = False) -> None:
        super().__init__(width, out, KERNEL, padding=1, causal=causal)
        self.doubled = Doubled()

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, 1, T) -> (B, C', 1, 2 T)."""
        if not self.by_products(image):
            return super().forward(self.doubled(image))
        assert self.bias is not None
        return from_time(products.tiled(in_time(image), self.weight, self.bias, products.doubling(self.before)))


def same(width: int, out: int, causal: bool = False) -> Conv:
    """A convolution over three steps that keeps the length."""
    return Conv(width, out, KERNEL, padding=1, causal=causal)


class Activation(nn.Module):
    """One of ACTIVATIONS as a layer."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = ACTIVATIONS[name]

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return self.function(x)


class Residual(nn.Module):
    """x + conv1(act(conv3_dilated(act(x))))."""

    def __init__(self, width: int, dilation: int, activation: str, causal: bool = False) -> None:
        super().__init__()
        self.wide = Conv(width, width, KERNEL, padding=dilation, dilation=dilation, causal=causal)
        self.point = Conv(width, width, 1)
        self.act = Activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 1, T) -> the same shape."""
        inner: Tensor = self.point(self.act(self.wide(self.act(x))))
        return x + inner


def stack(sizes: Sizes) -> nn.Sequential:
    """Residual blocks, the widest reach first: dilations growth^(depth-1), ..., growth, 1."""
    width, growth, activation, causal = sizes.width, sizes.growth, sizes.activation, sizes.causal
    return nn.Sequential(*(Residual(width, growth**i, activation, causal) for i in reversed(range(sizes.depth))))


class Doubled(nn.Module):
    """Every step twice (nearest upsampling), without leaving the memory layout."""

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, 1, T) -> (B, C, 1, 2 T)."""
        rows = image.permute(0, 2, 3, 1)  # (B, 1, T, C), contiguous
        batch, height, steps, width = rows.shape
        twice = rows.unsqueeze(3).expand(batch, height, steps, STRIDE, width)
        return twice.reshape(batch, height, STRIDE * steps, width).permute(0, 3, 1, 2)


class Encoder(nn.Module):
    """Rows (B, T, D) -> latents (B, T / 2^halvings, C)."""

    def __init__(self, rows: int, sizes: Sizes) -> None:
        super().__init__()
        width, causal = sizes.width, sizes.causal
        layers: list[nn.Module] = [same(rows, width, causal), Activation(sizes.activation)]
        for _ in range(sizes.halvings):
            layers.append(Conv(width, width, 2 * STRIDE, stride=STRIDE, padding=1, causal=causal))
            layers.append(stack(sizes))
        self.layers = nn.Sequential(*layers, same(width, sizes.latent, causal))

    def forward(self, rows: Tensor) -> Tensor:
        """T must be a multiple of 2^halvings."""
        return to_rows(self.layers(to_image(rows)))


class Decoder(nn.Module):
    """Latents (B, L, C) -> rows (B, L 2^halvings, D)."""

    def __init__(self, rows: int, sizes: Sizes) -> None:
        super().__init__()
        width, causal, act = sizes.width, sizes.causal, sizes.activation
        layers: list[nn.Module] = [same(sizes.latent, width, causal), Activation(act)]
        for _ in range(sizes.halvings):
            # The identity stands where published code has its upsampling, so that weights keep their numbers.
            layers += [stack(sizes), nn.Identity(), DoublingConv(width, width, causal)]
        self.layers = nn.Sequential(*layers, same(width, width, causal), Activation(act), same(width, rows, causal))

    def forward(self, latent: Tensor) -> Tensor:
        """Any L."""
        return to_rows(self.layers(to_image(latent)))


def start_calmly(encoder: Encoder, decoder: Decoder) -> None:
    """Other random weights for the start: every convolution keeps the variance (He et al., arXiv:1502.01852), every
    residual block is the identity and the decoder gives almost the mean (Zhang et al., "Fixup", arXiv:1901.09321).
    """
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, Conv) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        for module in (*encoder.modules(), *decoder.modules()):
            if isinstance(module, Residual):
                module.point.weight.zero_()
        for layer in (encoder.layers[-1], decoder.layers[0]):  # no ReLU before them, so half the variance is right
            layer.weight.div_(math.sqrt(2))  # type: ignore[operator]
        decoder.layers[-1].weight.mul_(LAST_LAYER)  # type: ignore[operator]


def in_time(image: Tensor) -> Tensor:
    """(B, C, 1, T) -> (T, B, C), contiguous and as exact as layers compute; a view of what `from_time` gave."""
    device = image.device.type
    exact = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else image.dtype
    return image.squeeze(2).permute(2, 0, 1).to(exact, memory_format=torch.contiguous_format)


def from_time(steps: Tensor) -> Tensor:
    """(T, B, C) -> the view (B, C, 1, T)."""
    return steps.permute(1, 2, 0).unsqueeze(2)


def to_image(rows: Tensor) -> Tensor:
    """(B, T, C) -> the view (B, C, 1, T), which is channels-last in memory."""
    return rows.unsqueeze(1).permute(0, 3, 1, 2)


def to_rows(image: Tensor) -> Tensor:
    """(B, C, 1, T) -> (B, T, C)."""
    return image.permute(0, 2, 3, 1).squeeze(1)
