"""The trunk that token priors share: a pre-norm transformer with optional text cross-attention and a KV cache.

Sources: Vaswani et al., arXiv:1706.03762; pre-norm, Xiong et al., arXiv:2002.04745; T2M-GPT, Zhang et al.,
arXiv:2301.06052, appendix (sizes); rotary positions, Su et al., arXiv:2104.09864.
"""

import math
from typing import Literal, Self

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional

from motionlib.params import Section

INIT_STD = 0.02  # of linear and embedding weights (T2M-GPT)
WAVELENGTH = 10_000.0  # base of sinusoidal and rotary frequencies (both papers)


class Trunk(Section):
    """Sizes of the trunk."""

    layers: PositiveInt = 4
    width: PositiveInt = Field(default=192, description="C of every block")
    heads: PositiveInt = Field(default=6, description="width / heads must be even and whole")
    feedforward: PositiveInt = Field(default=4, description="hidden width of a block's MLP, in widths")
    dropout: NonNegativeFloat = Field(default=0.1, lt=1.0)
    position: Literal["sinusoid", "learned", "rope"] = Field(
        default="rope", description="learned: a table that starts at zero, added to the sinusoid"
    )
    cross_attention: bool = Field(default=False, description="every block also attends to the caption's words")

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads of even width")
        return self

    @property
    def head_width(self) -> int:
        """Channels of a head."""
        return self.width // self.heads


class Memory:
    """Keys and values of the steps already seen, one pair per block: the KV cache of one generation.

    Args:
        config: Of the trunk.
        rows: Sequences generated at once.
        length: Steps there will be at most.
    """

    def __init__(self, config: Trunk, rows: int, length: int, device: torch.device) -> None:
        shape = (config.layers, 2, rows, config.heads, length, config.head_width)
        self.states = torch.empty(shape, device=device)
        self.words: list[tuple[Tensor, Tensor]] = []
        self.length = 0

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the new steps of one block; gives all steps so far, (B, H, L, c) each."""
        end = self.length + key.shape[2]
        self.states[layer, 0, :, :, self.length : end] = key
        self.states[layer, 1, :, :, self.length : end] = value
        return self.states[layer, 0, :, :, :end], self.states[layer, 1, :, :, :end]


class _Attention(nn.Module):
    """Multi-head attention; queries from one sequence, keys and values from the same or another."""

    def __init__(self, config: Trunk) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.query, self.key, self.value, self.out = (nn.Linear(config.width, config.width) for _ in range(4))

    def split(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, H, L, c)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=causal)
        merged: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return merged


class _Block(nn.Module):
    def __init__(self, config: Trunk) -> None:
        super().__init__()
        self.norm_self, self.norm_mlp = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attention = _Attention(config)
        self.up = nn.Linear(config.width, config.feedforward * config.width)
        self.down = nn.Linear(config.feedforward * config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        if config.cross_attention:
            self.norm_words = nn.LayerNorm(config.width)
            self.cross = _Attention(config)

    def forward(
        self, x: Tensor, angles: Tensor | None, causal: bool, words: "Words | None", memory: Memory | None, layer: int
    ) -> Tensor:
        inner = self.norm_self(x)
        q, k, v = (self.attention.split(part(inner)) for part in self.attention_parts())
        if angles is not None:
            q, k = rotate(q, angles), rotate(k, angles)
        if memory is not None:
            k, v = memory.append(layer, k, v)
        x = x + self.dropout(self.attention.attend(q, k, v, None, causal and q.shape[2] > 1))
        if words is not None:
            x = x + self.dropout(self._look_at(self.norm_words(x), words, memory, layer))
        mixed: Tensor = x + self.dropout(self.down(functional.gelu(self.up(self.norm_mlp(x)))))
        return mixed

    def attention_parts(self) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
        return self.attention.query, self.attention.key, self.attention.value

    def _look_at(self, x: Tensor, words: "Words", memory: Memory | None, layer: int) -> Tensor:
        q = self.cross.split(self.cross.query(x))
        if memory is not None and len(memory.words) > layer:
            k, v = memory.words[layer]
        else:
            k, v = (self.cross.split(part(words.states)) for part in (self.cross.key, self.cross.value))
            if memory is not None:
                memory.words.append((k, v))
        return self.cross.attend(q, k, v, words.mask[:, None, None, :], causal=False)


class Words:
    """What cross-attention looks at: states (B, S, C), and mask (B, S) with at least one True per row."""

    def __init__(self, states: Tensor, mask: Tensor) -> None:
        self.states, self.mask = states, mask


class Transformer(nn.Module):
    """Blocks and a final norm over (B, L, C).

    Args:
        config: Sizes.
        length: Positions there are at most.
        causal: Whether a step may only see itself and those before it.
    """

    def __init__(self, config: Trunk, length: int, causal: bool) -> None:
        super().__init__()
        self.config, self.length, self.causal = config, length, causal
        if config.position == "learned":
            self.offsets = nn.Parameter(torch.zeros(length, config.width))
        if config.position == "rope":
            table = rotary_angles(length, config.head_width)
        else:
            table = sinusoids(length, config.width)
        self.register_buffer("table", table, persistent=False)
        self.table: Tensor
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, words: Words | None = None, memory: Memory | None = None) -> Tensor:
        """Mix steps: (B, L, C) -> (B, L, C).

        Args:
            words: For cross-attention; only looked at if the config has it.
            memory: Steps before `x`; its length grows by L. Then L is 1, or the memory empty.
        """
        start = memory.length if memory is not None else 0
        here = self.table[start : start + x.shape[1]]
        angles = here if self.config.position == "rope" else None
        if angles is None:
            x = x + here
        if self.config.position == "learned":
            x = x + self.offsets[start : start + x.shape[1]]
        x = self.dropout(x)
        seen = words if self.config.cross_attention else None
        for layer, block in enumerate(self.blocks):
            x = block(x, angles, self.causal, seen, memory, layer)
        if memory is not None:
            memory.length += x.shape[1]
        mixed: Tensor = self.norm(x)
        return mixed


def initialise(module: nn.Module) -> None:
    """Start a module as T2M-GPT does; for `nn.Module.apply`."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INIT_STD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def sinusoids(length: int, width: int) -> Tensor:
    """Fixed positions (length, width): sines in even channels, cosines in odd ones."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(WAVELENGTH) / width))
    phase = torch.arange(length)[:, None] * rate
    return torch.stack((phase.sin(), phase.cos()), dim=-1).flatten(1)[:, :width]


def rotary_angles(length: int, head_width: int) -> Tensor:
    """Angles (length, head_width / 2) in radians by which channel pairs turn."""
    rate = torch.exp(torch.arange(0, head_width, 2) * (-math.log(WAVELENGTH) / head_width))
    return torch.arange(length)[:, None] * rate


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the channel pairs of x (B, H, L, c) by angles (L, c / 2), so that dot products see distances only."""
    first, second = x[..., 0::2], x[..., 1::2]
    cos, sin = angles.cos(), angles.sin()
    return torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1).flatten(-2)
