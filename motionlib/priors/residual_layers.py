"""The further codes of each step, layer after layer: all steps of a layer at once, from the layers below.

Source: MoMask (Guo et al., arXiv:2312.00063), section 3.3; as published the table of a layer is both what the layers
above read and what its own codes are told by.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.priors.base import TextFeatures
from motionlib.priors.text_trunk import TextTrunk
from motionlib.priors.transformer import Trunk


class ResidualLayers(nn.Module):
    """Text and the codes of layers 0..q - 1 -> logits of layer q.

    Args:
        config: Sizes of the trunk. token_width: E of the tables.
        codes: Sizes of the codes; more than one per step.
        text_dim: Width of the text embeddings. steps: Steps there are at most.
    """

    def __init__(self, config: Trunk, token_width: int, codes: CodeShape, text_dim: int, steps: int) -> None:
        super().__init__()
        self.size, self.layers = codes.codebook_size, codes.codes_per_step
        self.tables = nn.ModuleList(nn.Embedding(self.size + 1, token_width) for _ in range(self.layers))
        self.enter = nn.Linear(token_width, config.width)
        self.mark = nn.Linear(self.layers, config.width)
        self.mixer = TextTrunk(config, text_dim, steps, marks=1)
        width = config.width
        self.leave = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, token_width)
        )

    def drawn_layers(self, rows: int, generator: torch.Generator) -> Tensor:
        """A layer (rows,) in 1..Q - 1 for each row to learn, low ones more often."""
        moments = torch.rand(rows, generator=generator, device=generator.device)
        return 1 + ((1 - torch.cos(moments * (math.pi / 2))) * (self.layers - 2)).round().long()

    def loss(self, codes: Tensor, inside: Tensor, text: TextFeatures, generator: torch.Generator) -> Tensor:
        """Cross entropy () per code of one layer in each row; codes (B, L, Q), inside (B, L)."""
        layer = self.drawn_layers(len(codes), generator)
        told = self._told(codes, inside, text, layer)
        total = told.new_zeros((), dtype=torch.float32)
        for q in range(1, self.layers):
            here = inside & (layer == q)[:, None]
            total = total + functional.cross_entropy(self._logits(told[here], q), codes[..., q][here], reduction="sum")
        return total / inside.sum()

    def logits(self, codes: Tensor, inside: Tensor, text: TextFeatures, layer: int) -> Tensor:
        """(B, L, V) of layer `layer`, from the layers below it of codes (B, L, Q)."""
        which = torch.full((len(codes),), layer, device=codes.device)
        return self._logits(self._told(codes, inside, text, which), layer)

    def _told(self, codes: Tensor, inside: Tensor, text: TextFeatures, layer: Tensor) -> Tensor:
        """What is said (B, L, E) of the codes of layer (B,) of each row."""
        ids = torch.where(inside[..., None], codes, self.size)
        below = torch.zeros((), device=codes.device)
        for q, table in enumerate(self.tables[:-1]):
            seen = (layer > q)[:, None]
            if bool(seen.any()):
                below = below + table(ids[..., q].masked_fill(~seen, self.size)) * seen[..., None]
        mark = self.mark(functional.one_hot(layer, self.layers).to(self.mark.weight.dtype))
        told: Tensor = self.leave(self.mixer(self.enter(below), inside, text, mark[:, None]))
        return told

    def _logits(self, told: Tensor, layer: int) -> Tensor:
        table = self.tables[layer]
        assert isinstance(table, nn.Embedding)
        return functional.linear(told, table.weight[: self.size])
