"""Convolutions with one learned codebook between them: what `vqvae` and `vqgan` share.

Source: Zhang et al., "T2M-GPT", CVPR 2023, arXiv:2301.06052, section 3.1; code at b1446f1.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from motionlib.artifacts import CodeShape, Float32
from motionlib.tokenizers.autoencoder import ConvAutoencoder, Quantized, Seen, Term
from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.quantizers import VectorConfig, VectorQuantizer


class BookConfig(VectorConfig):
    """Settings of convolutions with one codebook."""

    metric: Literal["euclidean", "cosine"] = Field(
        default="euclidean", description="cosine: only the direction of a latent counts; suits a small code_width"
    )


class BookAutoencoder(ConvAutoencoder):
    """Convolutions down to a quarter of the frame rate, one code per step, convolutions back up."""

    config: BookConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        self.quantizer = VectorQuantizer.of(self.config, self.config.code_width, self.config.metric == "cosine")

    @property
    def shape(self) -> CodeShape:
        """V, 1, 4 frames per step and steps per second."""
        return self.code_shape(self.config.codes, 1)

    def nearest(self, latent: Tensor) -> Tensor:
        """See `Autoencoder.nearest`."""
        return self.quantizer.nearest(latent).unsqueeze(-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """See `Autoencoder.lookup`."""
        return self.quantizer.lookup(codes.squeeze(-1))

    def code_vectors(self) -> list[Float32]:
        """See `Tokenizer.code_vectors`."""
        return [self.quantizer.vectors.detach().cpu().numpy()]

    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:  # noqa: ARG002
        """See `Autoencoder.quantize`."""
        snapped = self.quantizer(latent)
        terms = {"commitment": Term(self.config.commitment, snapped.commitment)}
        if self.quantizer.learned:
            terms["codebook"] = Term(self.config.commitment * self.config.pull, snapped.codebook)
        return Quantized(snapped.latent, snapped.codes.unsqueeze(-1), terms)

    def begin_codes(self, latent: Tensor, generator: torch.Generator) -> None:
        """Clusters of the latents."""
        self.quantizer.cluster(latent, generator)

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:
        """Move the codebook."""
        return self.quantizer.follow(seen.latent, seen.codes.squeeze(-1), generator)

    def plan(self, steps: int) -> None:
        """Shares of the training become steps: when codes come in, when their revival ends."""
        super().plan(steps)
        self.quantizer.plan(self.config, steps)
