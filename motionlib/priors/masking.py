"""Which codes are hidden: how many, which ones in training, which ones stay hidden while a motion is written.

Sources: MaskGIT (Chang et al., arXiv:2202.04200), sections 3.1 and 3.2: the cosine schedule, and keeping what is most
certain; MoMask (Guo et al., arXiv:2312.00063), section 3.2: part of what must be guessed is shown, true or false, as in
BERT; Hoogeboom et al., "Autoregressive Diffusion Models", arXiv:2110.02037, equation 3: the bound over all orders.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from motionlib.priors.base import row_generator

SMALLEST = 1e-20  # below a uniform number, so that its logarithm is finite


class Corruption(NamedTuple):
    """`codes` (B, L) int64 as the model sees them, `hidden` (B, L) bool what it must say."""

    codes: Tensor
    hidden: Tensor


def cosine(moments: Tensor) -> Tensor:
    """Share that is hidden at moments 0..1: from all to nothing."""
    return torch.cos(moments * (math.pi / 2))


def hidden_counts(steps: Tensor, iterations: int, moment: int) -> Tensor:
    """Codes (B,) that are hidden before iteration `moment` of `iterations` (or after the last), of `steps` (B,).

    At least one before every iteration, where there is any; none after the last.
    """
    if moment >= iterations:
        return torch.zeros_like(steps)
    share = cosine(torch.tensor(moment / max(1, iterations - 1), dtype=torch.float64))
    return torch.minimum(steps, (share.to(steps.device) * steps).round().long().clamp_min(1))


def least_certain(hidden: Tensor, certainty: Tensor, counts: Tensor) -> Tensor:
    """The `counts` (B,) least certain of what is hidden (B, L), by `certainty` (B, L), which stay hidden."""
    order = certainty.masked_fill(~hidden, torch.inf).argsort(dim=1, stable=True)
    rank = order.argsort(dim=1, stable=True)
    return hidden & (rank < counts[:, None])


def random_hidden(inside: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
    """`counts` (B,) of the places that are inside (B, L), each set as likely as any other."""
    noise = torch.rand(inside.shape, generator=generator, device=inside.device, dtype=torch.float64)
    return least_certain(inside, noise, counts)


def corrupted(
    codes: Tensor, inside: Tensor, size: int, shares: tuple[float, float], generator: torch.Generator
) -> Corruption:
    """Hide a cosine share of each sequence, and show part of what is hidden.

    Departure from MoMask: the share is of a sequence's own length, so that a short one is never without a target.

    Args:
        codes: (B, L) int64. inside: (B, L) bool.
        size: V; the mask's id.
        shares: Of what is hidden, the share that is shown as any code; of the rest, the share shown as the mask.
    """
    moments = torch.rand(len(codes), generator=generator, device=codes.device, dtype=torch.float64)
    counts = (cosine(moments) * inside.sum(dim=1)).round().long().clamp_min(1)
    hidden = random_hidden(inside, counts, generator)
    which = torch.rand(2, *codes.shape, generator=generator, device=codes.device)
    anything = torch.randint(size, codes.shape, generator=generator, device=codes.device)
    false, masked = hidden & (which[0] < shares[0]), hidden & (which[1] < shares[1])
    return Corruption(torch.where(false, anything, codes.masked_fill(masked, size)), hidden)


def bound_masks(codes: Tensor, lengths: Tensor, draws: int) -> tuple[Tensor, Tensor]:
    """What to hide for an estimate of the bound: hidden (draws, B, L) bool, and the weight (draws, B) of each.

    The bound is L times the mean over k = 1..L of the mean loss of k hidden codes; k is drawn in strata. What is drawn
    depends on the sequence (L, Q) of `codes` (B, L, Q) alone.
    """
    hidden = torch.zeros(draws, *codes.shape[:2], dtype=torch.bool, device=codes.device)
    weights = torch.zeros(draws, len(codes), dtype=torch.float64, device=codes.device)
    strata = torch.arange(draws, device=codes.device, dtype=torch.float64)
    for i, length in enumerate(lengths.tolist()):
        generator = row_generator(codes[i, :length])
        offset = torch.rand(draws, generator=generator, device=codes.device, dtype=torch.float64)
        counts = ((strata + offset) / draws * length).long().clamp(max=length - 1) + 1
        hidden[:, i, :length] = random_hidden(hidden.new_ones(draws, length), counts, generator)
        weights[:, i] = length / draws / counts
    return hidden, weights


def gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise of the shape of `like`, float64: float32 would cut its tail."""
    uniform = torch.rand(like.shape, generator=generator, device=like.device, dtype=torch.float64)
    return -(-uniform.clamp_min(SMALLEST).log()).clamp_min(SMALLEST).log()
