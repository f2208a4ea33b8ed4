"""The trunk that token priors share: a transformer with optional text cross-attention, KV cache and time condition.

Sources: Vaswani et al., arXiv:1706.03762; pre-norm, Xiong et al., arXiv:2002.04745; T2M-GPT, Zhang et al.,
arXiv:2301.06052, appendix (sizes); rotary positions, Su et al., arXiv:2104.09864; a condition that scales and shifts
(adaLN-Zero), Peebles and Xie, "DiT", arXiv:2212.09748, section 3.2.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional

from motionlib.params import Section

INIT_STD = 0.02  # of linear and embedding weights (T2M-GPT)
WAVELENGTH = 10_000.0  # base of sinusoidal and rotary frequencies (both papers)
TIME_SCALE = 1000.0  # time 0..1 to the steps that the sinusoids were made for (Ho et al., arXiv:2006.11239)
MODULATIONS = 6  # shift, scale and gate of a block's attention and of its MLP


class Trunk(Section):
    """Sizes of the trunk."""

    layers: PositiveInt = 4
    width: PositiveInt = Field(default=192, description="C of every block")
    heads: PositiveInt = Field(default=6, description="width / heads must be even and whole")
    feedforward: PositiveInt = Field(default=4, description="hidden width of a block's MLP, in widths")
    hidden: NonNegativeInt = Field(default=0, description="hidden width of a block's MLP; 0: as feedforward says")
    norm: Literal["pre", "post"] = Field(default="pre", description="before each part of a block, or after its sum")
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

    @property
    def hidden_width(self) -> int:
        """Channels inside a block's MLP."""
        return self.hidden or self.feedforward * self.width


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


class _Part(NamedTuple):
    """What all blocks of one pass share; see `Transformer.forward`."""

    angles: Tensor | None
    words: "Words | None"
    memory: Memory | None
    mask: Tensor | None
    causal: bool


class _Block(nn.Module):
    def __init__(self, config: Trunk, conditioned: bool) -> None:
        super().__init__()
        self.pre = config.norm == "pre"
        self.norm_self, self.norm_mlp = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attention = _Attention(config)
        self.up = nn.Linear(config.width, config.hidden_width)
        self.down = nn.Linear(config.hidden_width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        if config.cross_attention:
            self.norm_words = nn.LayerNorm(config.width)
            self.cross = _Attention(config)
        if conditioned:
            self.condition = nn.Linear(config.width, MODULATIONS * config.width)

    def forward(self, x: Tensor, part: _Part, layer: int, condition: Tensor | None) -> Tensor:
        scales = self._modulations(condition)
        x = self._added(x, self.norm_self, lambda y: self._mix(y, part, layer), scales[:3])
        if part.words is not None:
            x = self._added(x, self.norm_words, lambda y: self._look_at(y, part, layer), ())
        return self._added(x, self.norm_mlp, lambda y: self.down(functional.gelu(self.up(y))), scales[3:])

    def _modulations(self, condition: Tensor | None) -> tuple[Tensor, ...]:
        """Shift, scale and gate of attention and of the MLP, (B, 1, C) each; none without a condition."""
        if condition is None:
            return ()
        return tuple(self.condition(functional.silu(condition))[:, None].chunk(MODULATIONS, dim=-1))

    def _added(
        self, x: Tensor, norm: nn.Module, change: Callable[[Tensor], Tensor], modulation: tuple[Tensor, ...]
    ) -> Tensor:
        after: Tensor
        if not self.pre:
            after = norm(x + self.dropout(change(x)))
        elif not modulation:
            after = x + self.dropout(change(norm(x)))
        else:
            shift, scale, gate = modulation
            after = x + gate * self.dropout(change(norm(x) * (1 + scale) + shift))
        return after

    def _mix(self, x: Tensor, part: _Part, layer: int) -> Tensor:
        parts = self.attention.query, self.attention.key, self.attention.value
        q, k, v = (self.attention.split(one(x)) for one in parts)
        if part.angles is not None:
            q, k = rotate(q, part.angles), rotate(k, part.angles)
        if part.memory is not None:
            k, v = part.memory.append(layer, k, v)
        causal = part.causal and part.mask is None and q.shape[2] > 1
        return self.attention.attend(q, k, v, part.mask, causal)

    def _look_at(self, x: Tensor, part: _Part, layer: int) -> Tensor:
        memory, words = part.memory, part.words
        assert words is not None
        q = self.cross.split(self.cross.query(x))
        if memory is not None and len(memory.words) > layer:
            k, v = memory.words[layer]
        else:
            k, v = (self.cross.split(one(words.states)) for one in (self.cross.key, self.cross.value))
            if memory is not None:
                memory.words.append((k, v))
        return self.cross.attend(q, k, v, words.mask[:, None, None, :], causal=False)


class Words:
    """What cross-attention looks at: states (B, S, C), and mask (B, S) with at least one True per row."""

    def __init__(self, states: Tensor, mask: Tensor) -> None:
        self.states, self.mask = states, mask


class Transformer(nn.Module):
    """Blocks and, with `norm: pre`, a final norm over (B, L, C).

    Args:
        config: Sizes.
        length: Positions there are at most.
        causal: Whether a step may only see itself and those before it.
        conditioned: Whether every block is scaled and shifted by a condition, such as the time of a diffusion; it
            needs `norm: pre`. At the start each block is the identity.

    Raises:
        ValueError: If it is conditioned and `norm` is not `pre`.
    """

    def __init__(self, config: Trunk, length: int, causal: bool, conditioned: bool = False) -> None:
        super().__init__()
        if conditioned and config.norm != "pre":
            raise ValueError("a trunk with a time condition needs norm: pre")
        self.config, self.length, self.causal = config, length, causal
        if config.position == "learned":
            self.offsets = nn.Parameter(torch.zeros(length, config.width))
        if config.position == "rope":
            table = rotary_angles(length, config.head_width)
        else:
            table = sinusoids(length, config.width)
        self.register_buffer("table", table, persistent=False)
        self.table: Tensor
        self.blocks = nn.ModuleList(_Block(config, conditioned) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        self.norm = nn.LayerNorm(config.width) if config.norm == "pre" else nn.Identity()

    def forward(
        self,
        x: Tensor,
        words: Words | None = None,
        memory: Memory | None = None,
        mask: Tensor | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Mix steps: (B, L, C) -> (B, L, C).

        Args:
            words: For cross-attention; only looked at if the config has it.
            memory: Steps before `x`; its length grows by L. Then L is 1, or the memory empty.
            mask: (B, L) bool, True where there is a step that others may see; or (B, L, L) bool, True where the step
                of the row may see that of the column, in place of what `causal` says.
            condition: (B, C), if the trunk is conditioned.
        """
        start = memory.length if memory is not None else 0
        here = self.table[start : start + x.shape[1]]
        angles = here if self.config.position == "rope" else None
        if angles is None:
            x = x + here
        if self.config.position == "learned":
            x = x + self.offsets[start : start + x.shape[1]]
        x = self.dropout(x)
        part = _Part(
            angles, words if self.config.cross_attention else None, memory, self._mask(mask, x.shape[1]), self.causal
        )
        for layer, block in enumerate(self.blocks):
            x = block(x, part, layer, condition)
        if memory is not None:
            memory.length += x.shape[1]
        mixed: Tensor = self.norm(x)
        return mixed

    def _mask(self, mask: Tensor | None, steps: int) -> Tensor | None:
        """As attention wants it: (B, 1, L or 1, L)."""
        if mask is None:
            return None
        if mask.ndim == 3:
            return mask[:, None]
        seen = mask[:, None, None, :]
        return seen & torch.ones(steps, steps, dtype=torch.bool, device=mask.device).tril() if self.causal else seen

    def start_conditions(self) -> None:
        """Make every block the identity (adaLN-Zero); call it after `initialise`."""
        for block in self.blocks:
            assert isinstance(block, _Block)
            nn.init.zeros_(block.condition.weight)


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


def embedded_time(time: Tensor, width: int) -> Tensor:
    """Moments (B,) of a diffusion, in 0..1, as sines and cosines (B, width); the scale of 1000 is DDPM's steps."""
    rate = torch.exp(torch.arange(0, width, 2, device=time.device) * (-math.log(WAVELENGTH) / width))
    phase = TIME_SCALE * time.float()[:, None] * rate
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
