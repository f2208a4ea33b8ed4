"""Drawing one code per row from logits: guidance, temperature, top-k, top-p."""

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat
from torch import Tensor

from motionlib.params import Section

COLDEST = 1e-4  # a lower temperature than this is 0: float32 could not divide by it


class TokenSampling(Section):
    """How codes are drawn; the defaults draw from the model's own distribution."""

    temperature: NonNegativeFloat = Field(default=1.0, description="logits are divided by it; 0: the most likely code")
    top_k: NonNegativeInt = Field(default=0, description="only the k most likely codes; 0: all")
    top_p: PositiveFloat = Field(default=1.0, le=1.0, description="smallest set of codes with this much probability")
    guidance: NonNegativeFloat = Field(default=1.0, description="scale of classifier-free guidance; 1: off")


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Logits (N, V) moved away from those without text.

    Source: Ho and Salimans, "Classifier-Free Diffusion Guidance", arXiv:2207.12598, on logits as in MoMask.
    """
    return unconditional + scale * (conditional - unconditional)


def probabilities(logits: Tensor, sampling: TokenSampling) -> Tensor:
    """Distribution (N, V) that is drawn from; every row sums to 1 and keeps at least one code.

    Source of top-p: Holtzman et al., "The Curious Case of Neural Text Degeneration", arXiv:1904.09751.
    """
    if sampling.temperature < COLDEST:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(dim=-1, keepdim=True), 1.0)
    ordered, order = (logits / sampling.temperature).sort(dim=-1, descending=True, stable=True)
    p = ordered.softmax(dim=-1)
    drop = p.cumsum(dim=-1) - p >= sampling.top_p
    if sampling.top_k:
        drop[:, sampling.top_k :] = True
    drop[:, 0] = False
    p = p.masked_fill(drop, 0.0)
    return torch.zeros_like(p).scatter(-1, order, p / p.sum(dim=-1, keepdim=True))


def draw(logits: Tensor, sampling: TokenSampling, generator: torch.Generator) -> Tensor:
    """One code per row: logits (N, V) -> (N,) int64. Draws exactly N uniform numbers, whatever the settings."""
    p = probabilities(logits, sampling)
    uniform = torch.rand(len(logits), 1, generator=generator, device=logits.device, dtype=torch.float64)
    below = p.double().cumsum(dim=-1)
    drawn = torch.searchsorted(below, uniform * below[:, -1:], right=True).squeeze(-1)
    return drawn.clamp(max=logits.shape[-1] - 1)
