"""Convolutions over a skeleton and time: every joint has channels of its own and sees its neighbours and its past.

Source: Hong et al., "SALAD: Skeleton-aware Latent Diffusion for Text-driven Motion Generation and Editing", CVPR 2025,
arXiv:2503.13836, section 3.1 and supplement; sizes and groups of its code. All maps are (B, T, J, C), C channels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.tokenizers.conv import KERNEL, STRIDE
from motionlib.tokenizers.joints import JointTable, body_of, skeletal_columns

# Joints of each of the 12 regions: root, left hip, left leg, right hip, right leg, spine, chest, left shoulder,
# left arm, right shoulder, right arm, head. Regions overlap. By number of joints.
REGIONS = {
    22: ((0, 1, 2, 3), (0, 1, 4), (4, 7, 10), (0, 2, 5), (5, 8, 11), (0, 3, 6, 9), (6, 9, 12, 13, 14), (9, 13, 16),
         (16, 18, 20), (9, 14, 17), (17, 19, 21), (9, 12, 15)),
    21: ((0, 1, 11, 16), (0, 16, 17, 18), (17, 18, 19, 20), (0, 11, 12, 13), (12, 13, 14, 15), (0, 1, 2, 3),
         (2, 3, 4, 5, 8), (3, 8, 9), (8, 9, 10), (3, 5, 6), (5, 6, 7), (3, 4)),
}  # fmt: skip
REGION_PARENTS = (-1, 0, 1, 0, 3, 0, 5, 6, 7, 6, 9, 6)
# Regions of each of the 7 parts: root, left and right lower limb, spine, left and right upper limb, head.
PARTS = ((0, 1, 3, 5), (0, 1, 2), (0, 3, 4), (0, 5, 6), (6, 7, 8), (6, 9, 10), (6, 11))


class Sizes(NamedTuple):
    """What both sides share: C channels of a joint, residual blocks of a stage, dropout at the end of a block."""

    channels: int
    blocks: int
    dropout: float


class SkeletalConv(nn.Module):
    """A joint's own channels, the mean of its neighbours' (and its own), and three steps of time, each by a linear map.

    Args:
        parents: Of the tree whose edges make neighbours.
    """

    near: Tensor

    def __init__(self, parents: Sequence[int], channels: int) -> None:
        super().__init__()
        self.own = nn.Linear(channels, channels)
        self.neighbours = nn.Linear(channels, channels)
        self.time = nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2)
        self.register_buffer("near", neighbourhoods(parents), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, C) -> the same shape."""
        beside: Tensor = self.near @ self.neighbours(x)
        assert self.time.bias is not None
        # a joint's own map is one more weight of the middle step
        weight = self.time.weight + functional.pad(self.own.weight.unsqueeze(-1), (KERNEL // 2, KERNEL // 2))
        return beside + self._in_time(x, weight, self.time.bias + self.own.bias)

    def _in_time(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if not self.training and x.device.type == "cpu":  # as in `conv.Conv`: no new kernel for each length
            steps = functional.pad(x, (0, 0, 0, 0, KERNEL // 2, KERNEL // 2)).unfold(1, KERNEL, 1)
            return functional.linear(steps.flatten(-2), weight.flatten(1), bias)
        kernel = weight.unsqueeze(-1).contiguous(memory_format=torch.channels_last)
        image = functional.conv2d(x.permute(0, 3, 1, 2), kernel, bias, padding=(KERNEL // 2, 0))
        return image.permute(0, 2, 3, 1)


class SkeletalResidual(nn.Module):
    """x + dropout(conv(gelu(conv(gelu(x)))))."""

    def __init__(self, parents: Sequence[int], sizes: Sizes) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GELU(),
            SkeletalConv(parents, sizes.channels),
            nn.GELU(),
            SkeletalConv(parents, sizes.channels),
            nn.Dropout(sizes.dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, J, C) -> the same shape."""
        inner: Tensor = self.layers(x)
        return x + inner


class Pooled(nn.Module):
    """Means over groups of joints and over two steps: (B, T, J, C) -> (B, T / 2, groups, C)."""

    members: Tensor

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        inside = memberships(groups)
        self.register_buffer("members", inside / inside.sum(1, keepdim=True), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """T must be even."""
        pooled: Tensor = self.members @ x.unflatten(1, (-1, STRIDE)).mean(2)
        return pooled


class Unpooled(nn.Module):
    """Joints get the sum of their groups, steps are interpolated: (B, T, groups, C) -> (B, 2 T, J, C)."""

    members: Tensor

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.register_buffer("members", memberships(groups).T.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Any T."""
        before = torch.cat([x[:, :1], x[:, :-1]], dim=1)
        after = torch.cat([x[:, 1:], x[:, -1:]], dim=1)
        between = torch.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], dim=2)
        return self.members @ between.flatten(1, 2)


class JointLinear(nn.Module):
    """A linear map of each joint's own: (B, T, J, at least inputs) -> (B, T, J, most outputs), filled up with 0."""

    def __init__(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        super().__init__()
        self.size = max(outputs)
        self.maps = nn.ModuleList(nn.Linear(a, b) for a, b in zip(inputs, outputs, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Of a joint that takes fewer numbers the first are taken."""
        made = []
        for own, linear in zip(
            x.unbind(-2), self.maps, strict=True
        ):  # unbound: slices each have a gradient of all of x
            assert isinstance(linear, nn.Linear)
            out = linear(own[..., : linear.in_features])
            made.append(functional.pad(out, (0, self.size - linear.out_features)))
        return torch.stack(made, dim=-2)


class SkeletalEncoder(nn.Module):
    """Rows (B, T, D) -> (B, T / 4, 7, C)."""

    def __init__(self, width: int, sizes: Sizes) -> None:
        super().__init__()
        columns, parents = skeletal_columns(width), body_of(width).parents
        self.table = JointTable(columns, width)
        same = [sizes.channels] * len(parents)
        self.joints = nn.Sequential(
            JointLinear([len(each) for each in columns], same), nn.GELU(), JointLinear(same, same)
        )
        self.stages = nn.Sequential(
            *_blocks(parents, sizes), Pooled(REGIONS[len(parents)]), *_blocks(REGION_PARENTS, sizes), Pooled(PARTS)
        )

    def forward(self, rows: Tensor) -> Tensor:
        """T must be a multiple of 4."""
        parts: Tensor = self.stages(self.joints(self.table.split(rows)))
        return parts


class SkeletalDecoder(nn.Module):
    """(B, L, 7, C) -> rows (B, 4 L, D)."""

    def __init__(self, width: int, sizes: Sizes) -> None:
        super().__init__()
        columns, parents = skeletal_columns(width), body_of(width).parents
        self.table = JointTable(columns, width)
        self.stages = nn.Sequential(
            Unpooled(PARTS), *_blocks(REGION_PARENTS, sizes), Unpooled(REGIONS[len(parents)]), *_blocks(parents, sizes)
        )
        same = [sizes.channels] * len(parents)
        self.joints = nn.Sequential(
            JointLinear(same, same), nn.GELU(), JointLinear(same, [len(each) for each in columns])
        )

    def forward(self, parts: Tensor) -> Tensor:
        """Any L."""
        return self.table.join(self.joints(self.stages(parts)))


def neighbourhoods(parents: Sequence[int]) -> Tensor:
    """(J, J) weights of a mean over each joint, its parent and its children."""
    near = torch.eye(len(parents))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            near[joint, parent] = near[parent, joint] = 1.0
    return near / near.sum(1, keepdim=True)


def memberships(groups: Sequence[Sequence[int]]) -> Tensor:
    """(groups, J) ones where a joint is in a group; J is one more than the last joint."""
    inside = torch.zeros(len(groups), 1 + max(max(group) for group in groups))
    for row, group in enumerate(groups):
        inside[row, list(group)] = 1.0
    return inside


def _blocks(parents: Sequence[int], sizes: Sizes) -> list[nn.Module]:
    return [SkeletalResidual(parents, sizes) for _ in range(sizes.blocks)]
