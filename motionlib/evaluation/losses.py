"""What pulls matching text and motion together and pushes the others apart.

Sources: Hadsell et al., "Dimensionality Reduction by Learning an Invariant Mapping" (2006), as in the text-to-motion
code (ContrastiveLoss); Radford et al., "Learning Transferable Visual Models", arXiv:2103.00020, figure 3.
"""

import torch
from torch import Tensor, nn

PAIRWISE_EPSILON = 1e-6  # of the published F.pairwise_distance


def margin_positive(text: Tensor, motion: Tensor) -> Tensor:
    """Mean squared distance of matching rows, (B, E) both."""
    return nn.functional.pairwise_distance(text, motion, eps=PAIRWISE_EPSILON).square().mean()


def margin_negative(text: Tensor, motion: Tensor, margin: float) -> Tensor:
    """Mean of max(0, margin - distance)^2 of rows that do not match, (B, E) both."""
    distance = nn.functional.pairwise_distance(text, motion, eps=PAIRWISE_EPSILON)
    return (margin - distance).clamp(min=0).square().mean()


def contrastive(text: Tensor, motion: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Symmetric cross-entropy of finding one's own among all others; other true matches are left out.

    Args:
        text, motion: (B, E) of length 1. same: (B, B) bool, whether caption i describes motion j.
    """
    own = torch.eye(len(text), dtype=torch.bool, device=text.device)
    logits = (text @ motion.T / temperature).masked_fill(same & ~own, float("-inf"))
    target = torch.arange(len(text), device=text.device)
    across, back = nn.functional.cross_entropy(logits, target), nn.functional.cross_entropy(logits.T, target)
    return (across + back) / 2
