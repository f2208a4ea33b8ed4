"""A start from the data: latents that are principal components of four frames, in metres, and their clusters as codes.

A random encoder throws away what matters before it learns what does: after 1,500 steps its codes were still worse than
k-means of the poses themselves (docs/tokenizer-notes.md). So the encoder starts as the linear map to the principal
components (Jolliffe, "Principal Component Analysis", 2002, ch. 2) of weighted features; layers
and sizes stay as they are. Through the one ReLU of the encoder a number x goes as the pair (max(x, 0), max(-x, 0)).
"""

import torch
from torch import Tensor, nn

from motionlib.tokenizers.base import position_slice
from motionlib.tokenizers.conv import STRIDE, Conv, Encoder, Residual

# What an error of one unit in a feature costs, in metres of joint error; judged, not fitted.
TURN_METRES = 10.0  # per radian of a frame's turn: it is carried by all frames after it, at arm's length
TRAVEL_METRES = 4.0  # per metre of a frame's travel, which adds up along the path
ROTATION_METRES = 0.05  # per unit of 6D; the positions say the same
VELOCITY_METRES = 0.5
CONTACT_METRES = 0.02
BLOCK = STRIDE * STRIDE  # frames of a code


def feature_metres(width: int) -> Tensor:
    """(D,) metres of joint error that one raw unit of each feature stands for."""
    positions = position_slice(width)
    joints = (positions.stop - positions.start) // 3 + 1
    rotations_end = positions.stop + 6 * (joints - 1)
    metres = torch.full((width,), CONTACT_METRES)
    metres[0], metres[1:3], metres[3], metres[positions] = TURN_METRES, TRAVEL_METRES, 1.0, 1.0
    metres[positions.stop : rotations_end] = ROTATION_METRES
    metres[rotations_end : rotations_end + 3 * joints] = VELOCITY_METRES
    return metres


@torch.no_grad()
def start_encoder(encoder: Encoder, normal: Tensor, weights: Tensor) -> None:
    """Turn an encoder, in place, into the map to principal components of four frames, of unit variance on average.

    Args:
        encoder: With two halvings and an even width.
        normal: (N, T, D) normalised rows, T a multiple of 4. weights: (D,) metres per normalised unit.

    Raises:
        ValueError: If the encoder's width is odd.
    """
    first, last = encoder.layers[0], encoder.layers[-1]
    halves = [layer for layer in encoder.layers if isinstance(layer, Conv) and layer.stride[0] == STRIDE]
    assert isinstance(first, Conv)
    assert isinstance(last, Conv)
    if first.out_channels % 2:
        raise ValueError(f"a start from the data needs an even width, got {first.out_channels}")
    kept = first.out_channels // 2
    frame = _components((normal * weights).flatten(0, 1), kept) * weights.unsqueeze(1)  # (D, P)
    blocks = (normal @ frame).reshape(-1, BLOCK * frame.shape[1])
    block = _components(blocks, min(last.out_channels, last.in_channels))  # (4 P, C)
    block = block * torch.sqrt(block.shape[1] / (blocks @ block).var(dim=0).sum())
    for module in encoder.modules():
        if isinstance(module, Conv):
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            if module in (first, last, *halves):
                nn.init.zeros_(module.weight)
        if isinstance(module, Residual):
            nn.init.zeros_(module.point.weight)
    _write(first, halves, last, frame, block)


def _components(rows: Tensor, count: int) -> Tensor:
    """(D, count) orthonormal directions of most variance of rows (N, D), each with its largest entry positive.

    Where D < count, the rest is 0.
    """
    exact = (rows - rows.mean(0)).double()
    vectors = torch.linalg.eigh(exact.T @ exact / len(rows)).eigenvectors.flip(1)[:, :count]
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    found = rows.new_zeros(rows.shape[1], count)
    found[:, : vectors.shape[1]] = (vectors * largest.sign()).to(rows.dtype)
    return found


def _write(first: Conv, halves: list[Conv], last: Conv, frame: Tensor, block: Tensor) -> None:
    kept, latent = frame.shape[1], block.shape[1]
    eye = torch.eye(kept, device=frame.device)
    first.weight[:kept, :, first.current] = frame.T
    first.weight[kept:, :, first.current] = -frame.T
    for tap in range(STRIDE):  # frames 2t and 2t + 1 side by side
        rows = slice(tap * kept, (tap + 1) * kept)
        halves[0].weight[rows, :kept, halves[0].current + tap] = eye
        halves[0].weight[rows, kept:, halves[0].current + tap] = -eye
        pair = block[tap * 2 * kept : (tap + 1) * 2 * kept]  # (2 P, C)
        halves[1].weight[:latent, :, halves[1].current + tap] = pair.T
    last.weight[range(latent), range(latent), last.current] = 1.0
