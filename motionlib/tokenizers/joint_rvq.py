"""The 2-D RVQ-VAE of MoGenTS: residual codes for rows of joints, beside those of the body as a whole.

Source: Yuan et al., "MoGenTS: Motion Generation based on Spatial-Temporal Joint Modeling", NeurIPS 2024,
arXiv:2409.17686, section 3.1; `models/vq/model.py` at 4128804. Departures, each with its reason:
- One straight-through for all layers (see `residual`).
- One size for all codebooks, 256 (there 256 for rows and 512 for the whole): a prior knows one number of codes.
- The body's own convolutions have no dropout; those of the joints have it, as published.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape, Float32
from motionlib.tokenizers.autoencoder import ConvAutoencoder, Quantized, Reconstructed, Seen, Term
from motionlib.tokenizers.base import FPS, Settings
from motionlib.tokenizers.conv import STRIDE
from motionlib.tokenizers.joints import JointTable, table_columns
from motionlib.tokenizers.planes import HALVINGS, PlaneDecoder, PlaneEncoder, PlaneSizes, start_planes_calmly
from motionlib.tokenizers.residual import ResidualConfig, ResidualQuantizer

BLOCK = STRIDE**HALVINGS  # joints of a row
BRANCH_SHARE = 1.5  # of a branch's commitment: once in its own loss, half in that of both together


class JointRvqConfig(ResidualConfig):
    """Settings of `joint_rvq`; the defaults are MoGenTS's, but for `reset` and what the module says."""

    codes: int = Field(default=256, ge=2, le=65536, description="V, size of a codebook")
    layers: int = Field(default=6, ge=1, le=64, description="codes of a row of joints, and of the whole, per step")
    joint_width: PositiveInt = Field(default=512, le=4096, description="channels of the joints' convolutions")
    joint_code_width: PositiveInt = Field(default=1024, le=4096, description="width of a row's latent")
    joint_dropout: NonNegativeFloat = Field(default=0.2, lt=1.0, description="in the joints' residual blocks")
    own_books: bool = Field(default=False, description="each row has codebooks of its own; MoGenTS: rows share them")
    causal: Literal[False] = Field(default=False, description="the joints' convolutions see later frames")
    essential: Literal[False] = Field(default=False, description="a joint is more than its position")


class Views(NamedTuple):
    """Normalised rows (B, T, D) of the whole's codes alone, of the joints' codes alone, and of both."""

    whole: Tensor
    joints: Tensor
    merged: Tensor


class JointRvq(ConvAutoencoder):
    """Two autoencoders of one motion, merged by a linear map.

    `encoder` and `decoder` are the whole's. A latent is the whole's C numbers and those of each row of four joints;
    codes are ordered by layer, and within a layer the whole comes before the rows.
    """

    Config: ClassVar[type[Settings]] = JointRvqConfig
    config: JointRvqConfig

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__(config, mean, std, fps)
        c = self.config
        columns = table_columns(self.width)
        self.table = JointTable(columns, self.width)
        self.rows = -(-len(columns) // BLOCK)
        sizes = PlaneSizes(c.joint_width, c.joint_code_width, c.depth, c.growth, c.activation, c.joint_dropout)
        self.joint_encoder = PlaneEncoder(self.table.size, sizes)
        self.joint_decoder = PlaneDecoder(self.table.size, sizes)
        self.mix = nn.Linear(self.rows * c.joint_code_width, self.rows * c.joint_code_width)
        self.merge = nn.Linear(2 * self.width, self.width)
        if c.start != "torch":
            self._start_calmly()
        scales = (1,) * c.layers
        self.whole_books = ResidualQuantizer(c, c.code_width, scales)
        self.row_books = nn.ModuleList(
            ResidualQuantizer(c, c.joint_code_width, scales) for _ in range(self.rows if c.own_books else 1)
        )

    @property
    def shape(self) -> CodeShape:
        """V, layers times one more than rows, 4 frames per step and steps per second."""
        return self.code_shape(self.config.codes, self.config.layers * (1 + self.rows))

    def nearest(self, latent: Tensor) -> Tensor:
        """See `Autoencoder.nearest`."""
        whole, rows = self._apart(latent)
        found = [book.nearest(part) for book, part in zip(self._books(), self._shares(rows), strict=True)]
        return self._ordered(self.whole_books.nearest(whole), found)

    def lookup(self, codes: Tensor) -> Tensor:
        """See `Autoencoder.lookup`."""
        whole, rows = self._parted(codes)
        found = [book.lookup(part) for book, part in zip(self._books(), self._shares(rows), strict=True)]
        return torch.cat([self.whole_books.lookup(whole), self._gathered(found).transpose(1, 2).flatten(-2)], dim=-1)

    def code_vectors(self) -> list[Float32]:
        """See `Tokenizer.code_vectors`."""
        whole = self.whole_books.vectors()
        rows = [book.vectors() for book in self._books()]
        rows = rows if self.config.own_books else rows * self.rows
        return [book for layer in range(self.config.layers) for book in (whole[layer], *(row[layer] for row in rows))]

    def quantize(self, latent: Tensor, generator: torch.Generator) -> Quantized:
        """See `Autoencoder.quantize`; the two branches draw and drop layers apart."""
        whole, rows = self._apart(latent)
        first: Quantized = self.whole_books(whole, generator)
        rest: list[Quantized] = [
            book(part, generator) for book, part in zip(self._books(), self._shares(rows), strict=True)
        ]
        made = self._gathered([each.latent for each in rest]).transpose(1, 2).flatten(-2)
        codes = self._ordered(first.codes, [each.codes for each in rest])
        terms = _named("whole", [first.terms]) | _named("joint", [each.terms for each in rest])
        return Quantized(torch.cat([first.latent, made], dim=-1), codes, terms)

    def reconstructed(self, latent: Tensor, real: Tensor) -> Reconstructed:
        """Both branches are also held to the motion alone, as published."""
        views = Views(*(rows.float() for rows in self.views(latent)))
        terms = self._terms(views.merged, real)
        for name, rows in (("whole", views.whole), ("joint", views.joints)):
            terms |= {f"{name}_{part}": term for part, term in self._row_terms(rows, real).items()}
        return Reconstructed(views.merged, terms)

    def views(self, latent: Tensor) -> Views:
        """What latents (B, L, C) say."""
        whole, rows = self._apart(latent)
        mixed = self.mix(rows.transpose(1, 2).flatten(-2)).unflatten(-1, (self.rows, -1))
        joints = self.table.join(self.joint_decoder(mixed)[:, :, 1 : 1 + self.table.joints])
        alone: Tensor = self.decoder(whole)
        merged: Tensor = self.merge(torch.cat([alone, joints], dim=-1))
        return Views(alone, joints, merged)

    def begin_codes(self, latent: Tensor, generator: torch.Generator) -> None:
        """Clusters of what the layers before left over, of the whole and of the rows."""
        whole, rows = self._apart(latent)
        self.whole_books.cluster(whole, generator)
        for book, part in zip(self._books(), self._shares(rows), strict=True):
            book.cluster(part, generator)

    def follow_codes(self, seen: Seen, generator: torch.Generator) -> Mapping[str, float]:
        """Move the codebooks."""
        (whole, rows), (codes, row_codes) = self._apart(seen.latent), self._parted(seen.codes)
        found = {f"whole_{name}": value for name, value in self.whole_books.follow(whole, codes, generator).items()}
        for number, (book, part, part_codes) in enumerate(
            zip(self._books(), self._shares(rows), self._shares(row_codes), strict=True)
        ):
            name = f"row_{number}" if self.config.own_books else "joint"
            followed = book.follow(part, part_codes, generator)
            found |= {f"{name}_{key}": value for key, value in followed.items()}
        return found

    def plan(self, steps: int) -> None:
        """Shares of the training become steps."""
        super().plan(steps)
        for book in (self.whole_books, *self._books()):
            book.plan(steps)

    def _latent(self, normal: Tensor) -> Tensor:
        joints = functional.pad(self.table.split(normal), (0, 0, 1, BLOCK * self.rows - self.table.joints - 1))
        return torch.cat([super()._latent(normal), self.joint_encoder(joints).flatten(-2).float()], dim=-1)

    def _rows(self, latent: Tensor) -> Tensor:
        return self.views(latent).merged

    def _start_calmly(self) -> None:
        """The merged motion begins as the mean of both."""
        start_planes_calmly(self.joint_encoder, self.joint_decoder)
        nn.init.eye_(self.mix.weight)
        half = torch.eye(self.width) / 2
        with torch.no_grad():
            self.merge.weight.copy_(torch.cat([half, half], dim=1))
        for linear in (self.mix, self.merge):
            nn.init.zeros_(linear.bias)

    def _books(self) -> list[ResidualQuantizer]:
        return [book for book in self.row_books if isinstance(book, ResidualQuantizer)]

    def _apart(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Of latents (B, L, C) the whole's (B, L, code_width) and the rows' (B, rows, L, joint_code_width)."""
        whole, rows = latent.split([self.config.code_width, self.rows * self.config.joint_code_width], dim=-1)
        return whole, rows.unflatten(-1, (self.rows, -1)).transpose(1, 2)

    def _parted(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Of codes (B, L, Q) the whole's (B, L, layers) and the rows' (B, rows, L, layers)."""
        each = codes.unflatten(-1, (-1, 1 + self.rows))
        return each[..., 0], each[..., 1:].permute(0, 3, 1, 2)

    def _shares(self, rows: Tensor) -> list[Tensor]:
        """What each quantizer gets of (B, rows, L, n): all rows as sequences of their own, or one row each."""
        return list(rows.unbind(1)) if self.config.own_books else [rows.flatten(0, 1)]

    def _gathered(self, shares: list[Tensor]) -> Tensor:
        """Inverse of `_shares`."""
        return torch.stack(shares, dim=1) if self.config.own_books else shares[0].unflatten(0, (-1, self.rows))

    def _ordered(self, whole: Tensor, rows: list[Tensor]) -> Tensor:
        """Inverse of `_parted` of the whole's codes and of the rows' shares."""
        each = self._gathered(rows).permute(0, 2, 3, 1)  # (B, L, layers, rows)
        return torch.cat([whole.unsqueeze(-1), each], dim=-1).flatten(-2)


def _named(branch: str, parts: list[Mapping[str, Term]]) -> dict[str, Term]:
    """Terms of a branch's quantizers, their mean, under its name."""
    found = {}
    for name in parts[0]:
        value = torch.stack([terms[name].value for terms in parts]).mean()
        found[f"{branch}_{name}"] = Term(BRANCH_SHARE * parts[0][name].weight, value)
    return found
