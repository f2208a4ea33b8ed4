"""VQ-GAN for motion: a VQ-VAE whose decoder must also deceive a discriminator.

Source: Esser et al., "Taming Transformers for High-Resolution Image Synthesis", CVPR 2021, arXiv:2012.09841, section
3.1: lambda = |gradient of the reconstruction| / (|gradient of the deception| + 1e-4), both at the decoder's last layer.
The networks and the codebook are T2M-GPT's. The discriminator starts after a share of the training, as there.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from motionlib.tokenizers.adversary import Adversary, AdversaryConfig
from motionlib.tokenizers.autoencoder import Reconstructed, Seen, Term
from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.conv import Decoder
from motionlib.tokenizers.vector import BookAutoencoder, BookConfig

EPSILON = 1e-4  # beside the gradient of the deception (VQGAN)
HIGHEST = 1e4  # adaptive weight at most (VQGAN)


class VqGanConfig(AdversaryConfig, BookConfig):
    """Settings of `vqgan`; those of the VQ-VAE are T2M-GPT's."""

    adversary_start: NonNegativeFloat = Field(
        default=0.1, le=1.0, description="share of training before the discriminator comes in"
    )
    adaptive: bool = Field(
        default=True, description="adversary_weight counts in gradients of the reconstruction at the last layer"
    )


class VqGan(BookAutoencoder):
    """One backward pass: the discriminator learns from detached motion, the rest from a discriminator at rest."""

    Config: ClassVar[type[Settings]] = VqGanConfig
    config: VqGanConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        self.adversary = Adversary(self.config, self.width, self.columns)

    def reconstructed(self, latent: Tensor, real: Tensor) -> Reconstructed:
        """As of a VQ-VAE, and what both sides of the game pay."""
        made, terms = super().reconstructed(latent, real)
        if self.progress < self.config.adversary_start:
            return Reconstructed(made, terms)
        deception = self.adversary.disbelief(made)
        weight = self.config.adversary_weight * self.balance(terms, deception)
        game = {
            "deception": Term(weight, deception),
            "discernment": Term(1.0, self.adversary.discernment(made, real)),
            "deception_weight": Term(0.0, deception.new_tensor(weight)),
        }
        return Reconstructed(made, terms | game)

    def balance(self, terms: Mapping[str, Term], deception: Tensor) -> float:
        """Gradient of the reconstruction's terms over that of the deception, at the last layer; 1 if not adaptive."""
        if not self.config.adaptive or not torch.is_grad_enabled():
            return 1.0
        assert isinstance(self.decoder, Decoder)
        last = self.decoder.layers[-1].weight
        assert isinstance(last, Tensor)
        reconstruction = torch.stack([weight * value for weight, value in terms.values()]).sum()
        (want,) = torch.autograd.grad(reconstruction, last, retain_graph=True)
        (push,) = torch.autograd.grad(deception, last, retain_graph=True)
        return min(float(want.norm() / (push.norm() + EPSILON)), HIGHEST)

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:
        """The codebook moves, and the discriminator's norms once it plays."""
        if self.progress >= self.config.adversary_start:
            self.adversary.follow()
        return super().follow_codes(seen, generator)
