"""Convolutions with residual codes between them: what `rvq` and `multiscale_rvq` share."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from motionlib.artifacts import CodeShape, Float32
from motionlib.tokenizers.autoencoder import ConvAutoencoder, Quantized, Seen
from motionlib.tokenizers.residual import ResidualConfig, ResidualQuantizer


class LayeredAutoencoder(ConvAutoencoder):
    """Convolutions down to a quarter of the frame rate, Q codes per step, convolutions back up.

    Args:
        scales: Steps that a code of each of the Q layers covers.
    """

    config: ResidualConfig

    def __init__(self, config: ResidualConfig, mean: Tensor, std: Tensor, fps: float, scales: Sequence[int]) -> None:
        super().__init__(config, mean, std, fps)
        self.quantizer = ResidualQuantizer(config, config.code_width, scales)

    @property
    def shape(self) -> CodeShape:
        """V, Q, 4 frames per step and steps per second."""
        return self.code_shape(self.config.codes, len(self.quantizer.scales))

    def checked_codes(self, codes: Tensor) -> Tensor:
        """Codes (B, L, q) of the first q layers, q from 1 to Q; else see `Tokenizer.checked_codes`."""
        missing = self.shape.codes_per_step - codes.shape[-1] if codes.ndim == 3 and codes.shape[-1] else 0
        super().checked_codes(functional.pad(codes, (0, missing)) if missing > 0 else codes)
        return codes

    def nearest(self, latent: Tensor) -> Tensor:
        """See `Autoencoder.nearest`."""
        return self.quantizer.nearest(latent)

    def lookup(self, codes: Tensor) -> Tensor:
        """See `Autoencoder.lookup`; also of the first layers alone."""
        return self.quantizer.lookup(codes)

    def code_vectors(self) -> list[Float32]:
        """See `Tokenizer.code_vectors`."""
        return self.quantizer.vectors()

    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:
        """See `Autoencoder.quantize`."""
        quantized: Quantized = self.quantizer(latent, generator)
        return quantized

    def begin_codes(self, latent: Tensor, generator: torch.Generator) -> None:
        """Clusters of what the layers before left over."""
        self.quantizer.cluster(latent, generator)

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:
        """Move the codebooks."""
        return self.quantizer.follow(seen.latent, seen.codes, generator)

    def plan(self, steps: int) -> None:
        """Shares of the training become steps."""
        super().plan(steps)
        self.quantizer.plan(steps)
