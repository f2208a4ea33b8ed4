"""A contrastive evaluator of transformers, as those that replace the Guo-type one in newer tables.

Source: Petrovich et al., "TMR: Text-to-Motion Retrieval", ICCV 2023, section 3: a token that gathers the sequence, 256
numbers, cosine, InfoNCE at temperature 0.1, and captions that are nearly alike (above 0.8) count as no negatives.
Departures: no variational decoder and none of its losses, so that training takes a fraction of the time; frames enter
four at a time; captions are alike by the spans that they describe, and by their mean word states.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from motionlib.artifacts import Float32
from motionlib.evaluation.evaluator import Evaluator, EvaluatorConfig, PairBatch
from motionlib.evaluation.losses import contrastive
from motionlib.evaluation.networks import UNIT
from motionlib.params import Section
from motionlib.training import Loss

LONGEST_WAVE = 10_000.0  # of the positions' sines (Vaswani et al., arXiv:1706.03762, section 3.5)


class TMRConfig(EvaluatorConfig):
    """Settings of the TMR-type evaluator; the defaults are the published sizes."""

    embedding: PositiveInt = Field(default=256, description="E")
    layers: PositiveInt = Field(default=6, description="of each transformer")
    width: PositiveInt = Field(default=256, description="of each transformer")
    heads: PositiveInt = Field(default=4, description="of attention")
    hidden: PositiveInt = Field(default=1024, description="width of the feed-forward layers")
    dropout: NonNegativeFloat = Field(default=0.1, lt=1.0)
    same_text: PositiveFloat = Field(default=0.8, le=1.0, description="cosine of captions above which they are one")


class SequenceTransformer(nn.Module):
    """A learned token gathers a sequence: (B, S, inputs) with (B,) lengths -> (B, outputs)."""

    def __init__(self, inputs: int, config: TMRConfig) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, config.width)
        self.token = nn.Parameter(torch.randn(1, 1, config.width) * config.width**-0.5)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, config.hidden, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(
            layer, config.layers, norm=nn.LayerNorm(config.width), enable_nested_tensor=False
        )
        self.leave = nn.Linear(config.width, config.embedding)

    def forward(self, sequence: Tensor, lengths: Tensor) -> Tensor:
        """Elements after each length do not count."""
        entered = self.enter(sequence)
        entered = entered + waves(entered.shape[1], entered.shape[2], entered.device)
        whole = torch.cat((self.token.expand(len(entered), 1, -1), entered), dim=1)
        beyond = torch.arange(whole.shape[1], device=whole.device) > lengths[:, None]
        embedding: Tensor = self.leave(self.body(whole, src_key_padding_mask=beyond)[:, 0])
        return embedding


class TMR(Evaluator):
    """TMR-type evaluator: motion (B, T, D) and words (B, S, text_dim) -> (B, E) each, of length 1."""

    Config: ClassVar[type[Section]] = TMRConfig
    config: TMRConfig

    def __init__(self, config: TMRConfig, mean: Float32, std: Float32, text_dim: int) -> None:
        super().__init__(config, mean, std, text_dim)
        self.motion = SequenceTransformer(UNIT * self.seen, config)
        self.text = SequenceTransformer(text_dim, config)

    @classmethod
    def rebuilt(cls, config: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int) -> "TMR":
        """As its settings describe it, with random weights."""
        return cls(TMRConfig.model_validate(dict(config)), mean, std, text_dim)

    def forward_motion(self, motion: Tensor, frames: Tensor) -> Tensor:
        """(B, T, D) raw features with (B,) frames, at least 4 -> (B, E)."""
        seen = self.normalised(motion, frames)
        units = seen.shape[1] // UNIT
        blocks = seen[:, : units * UNIT].reshape(len(seen), units, UNIT * self.seen)
        return nn.functional.normalize(self.motion(blocks, frames // UNIT), dim=-1)

    def forward_text(self, words: Tensor, tokens: Tensor, tags: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """(B, S, text_dim) with (B,) tokens -> (B, E); parts of speech are not used."""
        return nn.functional.normalize(self.text(words, tokens), dim=-1)

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Loss:  # noqa: ARG002
        """InfoNCE both ways; captions that say nearly the same are no negatives."""
        motion = self.forward_motion(batch.motion, batch.frames)
        text = self.forward_text(batch.words, batch.tokens)
        same = batch.same | (likeness(batch.words, batch.tokens) > self.config.same_text)
        total = contrastive(text, motion, same, self.config.temperature)
        return Loss(total, {"contrastive": total})


def likeness(words: Tensor, tokens: Tensor) -> Tensor:
    """Cosine (B, B) of the captions' mean word states, (B, S, E) with (B,) tokens."""
    inside = torch.arange(words.shape[1], device=words.device) < tokens[:, None]
    means = (words * inside[..., None]).sum(dim=1) / tokens[:, None]
    directions = nn.functional.normalize(means, dim=-1)
    return directions @ directions.T


def waves(count: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of positions, (count, width)."""
    place = torch.arange(count, device=device, dtype=torch.float32)[:, None]
    channel = torch.arange(width, device=device)
    turn = place / LONGEST_WAVE ** ((channel // 2 * 2).float() / width)
    return torch.where(channel % 2 == 0, torch.sin(turn), torch.cos(turn))
