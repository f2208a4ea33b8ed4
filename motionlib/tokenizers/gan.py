"""A plain motion GAN as a baseline: a decoder that learns from a discriminator alone, and an encoder that inverts it.

The generator is T2M-GPT's decoder (Zhang et al., CVPR 2023, arXiv:2301.06052) on noise, one draw of the standard normal
for each four frames; it never sees a motion, only what the discriminator says (Goodfellow et al., arXiv:1406.2661;
hinge loss; R1 every 16 steps as in Karras et al., "StyleGAN2", arXiv:1912.04958, section 3.2). So that it encodes like
other tokenizers, an encoder learns by two errors to invert it: of the noise behind made motion (Donahue et al.,
"Adversarial Feature Learning", arXiv:1605.09782, section 4.2, latent regressor), and of the motion it leads back to,
through a generator at rest. What such a reconstruction lacks is what the generator cannot make. With `paired` the
generator learns from that error too.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from motionlib.tokenizers.adversary import Adversary, AdversaryConfig
from motionlib.tokenizers.autoencoder import ConvAutoencoder, ConvConfig, Reconstructed, Seen, Term
from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.scalars import ScalarConfig, ScalarGrid, ScalarLatents


class GanConfig(AdversaryConfig, ScalarConfig, ConvConfig):
    """Settings of `gan`."""

    code_width: PositiveInt = Field(default=64, le=4096, description="C, numbers of noise for each four frames")
    adversary_weight: NonNegativeFloat = Field(default=1.0, description="weight of deceiving the discriminator")
    penalty: NonNegativeFloat = Field(default=1.0, description="gamma of R1, the discriminator's steepness")
    penalty_every: PositiveInt = Field(default=16, description="steps from one R1 to the next, which counts for all")
    inversion_weight: NonNegativeFloat = Field(default=1.0, description="weight of the error of noise found again")
    paired: bool = Field(default=False, description="the generator learns from reconstruction too: no plain GAN")


class Gan(ConvAutoencoder, ScalarLatents):
    """Generator (`decoder`), discriminator and inverting encoder in one backward pass."""

    Config: ClassVar[type[Settings]] = GanConfig
    config: GanConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        self.adversary = Adversary(self.config, self.width, self.columns)
        self.grid = ScalarGrid.of(self.config, self.config.code_width)

    def reconstructed(self, latent: Tensor, real: Tensor) -> Reconstructed:
        """Through a generator at rest, unless `paired`."""
        if self.config.paired:
            return super().reconstructed(latent, real)
        at_rest = {name: parameter.detach() for name, parameter in self.decoder.named_parameters()}
        made = functional_call(self.decoder, at_rest, (latent,)).float()
        return Reconstructed(made, self._terms(made, real))

    def more_terms(self, made: Tensor, real: Tensor, generator: torch.Generator) -> Mapping[str, Term]:  # noqa: ARG002
        """The game over motion made of noise, and how well the encoder finds that noise again."""
        c = self.config
        steps = real.shape[1] // self.shape.frames_per_step
        noise = torch.randn(len(real), steps, c.code_width, generator=generator, device=real.device)
        drawn = self._rows(noise).float()
        found = self._latent(drawn.detach())
        terms = {
            "deception": Term(c.adversary_weight, self.adversary.disbelief(drawn)),
            "discernment": Term(1.0, self.adversary.discernment(drawn, real)),
            "inversion": Term(c.inversion_weight, functional.mse_loss(found, noise)),
        }
        if c.penalty and int(self.step) % c.penalty_every == 0:
            terms["penalty"] = Term(c.penalty / 2 * c.penalty_every, self.adversary.steepness(real))
        return terms

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:
        """The grid goes where the latents go, and the discriminator's norms follow."""
        self.adversary.follow()
        return super().follow_codes(seen, generator)

    @torch.no_grad()
    def sample(self, count: int, steps: int, generator: torch.Generator) -> Tensor:
        """Motion made of noise: raw features (count, steps * 4, D)."""
        noise = torch.randn(count, steps, self.config.code_width, generator=generator, device=generator.device)
        return self._raw(self._rows(noise))
