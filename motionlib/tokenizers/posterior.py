"""Latents that are distributions in training: a normal posterior for each number, its divergence and its collapse.

Sources: Kingma and Welling, "Auto-Encoding Variational Bayes", arXiv:1312.6114, appendix B (divergence); Kingma et al.,
"Improved Variational Inference with Inverse Autoregressive Flow", arXiv:1606.04934, appendix C.8 (free bits); Bowman et
al., "Generating Sentences from a Continuous Space", arXiv:1511.06349, section 3.1 (warm-up); Burda et al., "Importance
Weighted Autoencoders", arXiv:1509.00519, appendix C (active units). Away from training the mean is the latent.
"""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from motionlib.tokenizers.autoencoder import Quantized, Seen, Term
from motionlib.tokenizers.scalars import ScalarConfig, ScalarLatents

ACTIVE = 0.01  # variance of a channel's mean over the data above which it says something (Burda et al.)
LOG_VARIANCES = (-20.0, 10.0)  # beyond, exp of bf16 layers' outliers says nothing more


class PosteriorConfig(ScalarConfig):
    """Settings of the posterior."""

    kl_weight: NonNegativeFloat = Field(default=1.0e-3, description="weight of the divergence, in nats per channel")
    kl_warmup: NonNegativeFloat = Field(
        default=1 / 30, le=1.0, description="share of training in which its weight rises from 0; 10 k of 300 k steps"
    )
    free_bits: NonNegativeFloat = Field(default=0.05, description="nats per channel that cost nothing more than less")


def split(posterior: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the variance, each (..., C), of a posterior (..., 2 C)."""
    mean, log_variance = posterior.chunk(2, dim=-1)
    return mean, log_variance.clamp(*LOG_VARIANCES)


def sample(posterior: Tensor, generator: torch.Generator) -> Tensor:
    """A draw (..., C) with gradient to both halves of a posterior (..., 2 C)."""
    mean, log_variance = split(posterior)
    noise = torch.randn(mean.shape, generator=generator, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def divergence(posterior: Tensor) -> Tensor:
    """(C,) nats from the standard normal, mean over all else, of a posterior (..., 2 C)."""
    mean, log_variance = split(posterior)
    nats = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)
    return nats.flatten(0, -2).mean(0)


class PosteriorLatents(ScalarLatents):
    """A variational autoencoder; a kind adds its networks, of which `posterior` gives what the encoder says."""

    config: PosteriorConfig

    @abstractmethod
    def posterior(self, normal: Tensor) -> Tensor:
        """Mean and logarithm of the variance (B, L, 2 C) of the latents of normalised rows (B, T, columns)."""

    @property
    def kl_weight(self) -> float:
        """Of the divergence, at this point of the training; 0 where none is planned."""
        risen = min(1.0, self.progress / self.config.kl_warmup) if self.config.kl_warmup else 1.0
        return risen * self.config.kl_weight

    def training_latent(self, normal: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """The posterior (B, L, 2 C)."""
        return self.posterior(normal).float()

    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:
        """A draw from the posterior (B, L, 2 C) and its divergence, of which the first nats are free."""
        drawn = sample(latent, generator)
        kl = divergence(latent).clamp_min(self.config.free_bits).mean()
        return Quantized(drawn, self.grid.nearest(drawn.detach()), {"kl": Term(self.kl_weight, kl)})

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """The grid follows the means; for the curves, nats per step and how many channels say anything."""
        followed = self.grid.follow(split(seen.latent)[0])
        nats = float(divergence(seen.latent).sum())
        active = float((self.grid.variance > ACTIVE).sum())
        return followed | {"kl_nats": nats, "active_units": active}

    def _latent(self, normal: Tensor) -> Tensor:
        return split(self.posterior(normal).float())[0]
