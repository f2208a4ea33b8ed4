"""Codes that are bits: each channel is only positive or negative. Their loss keeps bits certain and codes various.

Source: Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation", arXiv:2310.05737, section
3.1 (LFQ); Zhao et al., "Image and Video Tokenization with Binary Spherical Quantization", arXiv:2406.07548, section 4
(subsets of bits). Given a latent its bits are independent, so its entropy is the sum of theirs; the entropy of the mean
distribution would need 2^bits numbers and is summed over subsets instead, which is exact for one subset of all bits.
"""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn import functional

from motionlib.tokenizers.autoencoder import Term
from motionlib.tokenizers.base import FPS
from motionlib.tokenizers.grid import GridAutoencoder, GridConfig

TINY = 1e-10  # beside a probability, so that its logarithm is finite


class BitConfig(GridConfig):
    """Settings of codes that are bits; V = 2^bits."""

    bits: int = Field(default=9, ge=1, le=16, description="bits of a code")
    commitment: NonNegativeFloat = Field(default=0.25, description="weight of the commitment")
    entropy: NonNegativeFloat = Field(default=0.1, description="weight of both entropies, in nats per step")
    diversity: NonNegativeFloat = Field(default=1.0, description="factor on the entropy of the mean distribution")
    temperature: PositiveFloat = Field(default=0.01, description="of a bit's probability, in squared distance")
    subset: int = Field(default=9, ge=1, le=12, description="bits whose joint distribution is looked at")


class BitAutoencoder(GridAutoencoder):
    """Convolutions, signs of channels, convolutions."""

    config: BitConfig

    def __init__(self, config: BitConfig, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps, (2,) * config.bits)

    @property
    @abstractmethod
    def size(self) -> float:
        """Absolute value of all grid values."""

    def digits(self, bounded: Tensor) -> Tensor:
        """See `GridAutoencoder.digits`."""
        return (bounded > 0).long().reshape(*bounded.shape[:-1], -1, len(self.levels))

    def grid(self, digits: Tensor) -> Tensor:
        """See `GridAutoencoder.grid`."""
        return (2.0 * digits.flatten(-2) - 1.0) * self.size

    def channel_terms(self, bounded: Tensor, snapped: Tensor) -> Mapping[str, Term]:
        """Commitment, and the two entropies: small for one latent, large for all together."""
        c = self.config
        terms = {"commitment": Term(c.commitment, functional.mse_loss(bounded, snapped))}
        if c.entropy:
            # exp(-|z - c|^2 / temperature) for c = size against c = -size
            logits = 4 * self.size / c.temperature * bounded.flatten(0, -2)
            terms["entropy_of_each"] = Term(c.entropy, entropy_of_each(logits))
            terms["entropy_of_all"] = Term(-c.entropy * c.diversity, entropy_of_mean(logits, c.subset))
        return terms


def entropy_of_each(logits: Tensor) -> Tensor:
    """Mean entropy () in nats of N codes whose bits have logits (N, n)."""
    return (functional.softplus(logits) - logits * torch.sigmoid(logits)).sum(-1).mean()


def entropy_of_mean(logits: Tensor, subset: int) -> Tensor:
    """Entropy () in nats of the mean of N distributions, summed over subsets of bits; logits (N, n)."""
    parts = [_joint(torch.sigmoid(part)).mean(0) for part in torch.split(logits, subset, -1)]
    return torch.stack([-(mean * (mean + TINY).log()).sum() for mean in parts]).sum()


def _joint(ones: Tensor) -> Tensor:
    """Probability (N, 2^n) of each code, whose bits are 1 with probability (N, n), least significant first."""
    joint = torch.ones_like(ones[:, :1])
    for bit in torch.split(ones, 1, -1):
        joint = torch.cat([joint * (1 - bit), joint * bit], -1)
    return joint
