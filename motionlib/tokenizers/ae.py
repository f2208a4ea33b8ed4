"""Plain autoencoders: what the networks keep of motion when nothing has to become a code.

Sources: form `conv`: Meng et al., "Rethinking Diffusion for Text-Driven Human Motion Generation" (MARDM), CVPR 2025,
arXiv:2411.16575 (T2M-GPT's convolutions without codes; there on the essential numbers only); form `t2m`: Guo et al.,
"Generating Diverse and Natural 3D Human Motions from Text", CVPR 2022, its movement autoencoder ("Decomp").
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, model_validator
from torch import Tensor, nn
from torch.nn import functional

from motionlib.tokenizers.autoencoder import CONTACTS, ConvAutoencoder, ConvConfig, Quantized, Term
from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.conv import STRIDE, Sizes
from motionlib.tokenizers.scalars import ScalarConfig, ScalarGrid, ScalarLatents

SLOPE = 0.2  # of every LeakyReLU in form `t2m`
DROPOUT = 0.2  # in the encoder of form `t2m`


class AeConfig(ScalarConfig, ConvConfig):
    """Settings of `ae`; the defaults are MARDM's, but for `essential` (there true)."""

    form: Literal["conv", "t2m"] = Field(default="conv", description="T2M-GPT's convolutions, or T2M's two layers")
    position_weight: NonNegativeFloat = Field(default=1.0, description="weight of joint positions; form conv")
    sparsity: NonNegativeFloat = Field(default=0.001, description="weight of the latents' mean size; form t2m")
    smoothness: NonNegativeFloat = Field(default=0.001, description="weight of their change per step; form t2m")

    @model_validator(mode="after")
    def _t2m_has_one_shape(self) -> "AeConfig":
        if self.form == "t2m" and (self.start != "torch" or self.causal or self.essential):
            raise ValueError("form t2m has neither another start than torch nor causal nor essential")
        return self


class T2mEncoder(nn.Module):
    """Rows (B, T, D) without their contacts -> latents (B, T / 4, C)."""

    def __init__(self, rows: int, width: int, latent: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(rows - CONTACTS, width, 2 * STRIDE, STRIDE, 1),
            nn.Dropout(DROPOUT),
            nn.LeakyReLU(SLOPE),
            nn.Conv1d(width, latent, 2 * STRIDE, STRIDE, 1),
            nn.Dropout(DROPOUT),
            nn.LeakyReLU(SLOPE),
        )
        self.out = nn.Linear(latent, latent)

    def forward(self, rows: Tensor) -> Tensor:
        """T must be a multiple of 4."""
        latent: Tensor = self.out(self.layers(rows[..., :-CONTACTS].transpose(1, 2)).transpose(1, 2))
        return latent


class T2mDecoder(nn.Module):
    """Latents (B, L, C) -> rows (B, 4 L, D), contacts too."""

    def __init__(self, rows: int, width: int, latent: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose1d(latent, width, 2 * STRIDE, STRIDE, 1),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose1d(width, rows, 2 * STRIDE, STRIDE, 1),
            nn.LeakyReLU(SLOPE),
        )
        self.out = nn.Linear(rows, rows)

    def forward(self, latent: Tensor) -> Tensor:
        """Any L."""
        rows: Tensor = self.out(self.layers(latent.transpose(1, 2)).transpose(1, 2))
        return rows


class Ae(ConvAutoencoder, ScalarLatents):
    """Encoder and decoder, and a grid between them where codes are asked for."""

    Config: ClassVar[type[Settings]] = AeConfig
    config: AeConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        self.grid = ScalarGrid.of(self.config, self.config.code_width)

    def networks(self, sizes: Sizes) -> tuple[nn.Module, nn.Module]:
        """Those of the form."""
        if self.config.form == "conv":
            return super().networks(sizes)
        return T2mEncoder(self.width, sizes.width, sizes.latent), T2mDecoder(self.width, sizes.width, sizes.latent)

    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:
        """Latents as they are; in form t2m they shall be small and change little."""
        found = super().quantize(latent, generator)
        return found._replace(terms=self._calm(latent)) if self.config.form == "t2m" else found

    def _calm(self, latent: Tensor) -> Mapping[str, Term]:
        terms = {"sparsity": Term(self.config.sparsity, latent.abs().mean())}
        if latent.shape[1] > 1:
            terms["smoothness"] = Term(self.config.smoothness, latent.diff(dim=1).abs().mean())
        return terms

    def _terms(self, made: Tensor, real: Tensor) -> dict[str, Term]:
        terms = super()._terms(made, real)
        if self.config.form == "t2m":
            del terms["positions"]
            terms["reconstruction"] = Term(1.0, functional.l1_loss(made, real))
        return terms
