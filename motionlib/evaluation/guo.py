"""The evaluator of the published tables: convolutions and recurrent networks over motion and words.

Source: Guo et al., CVPR 2022, section 5 and code (`text_mot_match`); its sizes are the defaults. Departures: text comes
as word states of the pipeline's own text encoder (GloVe vectors may not be shipped); a rolled negative is never the
positive (published: about one step in 31); every mismatched pair of a batch can serve as negative, and the loss may be
the contrastive one of CLIP (Radford et al., arXiv:2103.00020), which is much better on small data.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from motionlib.artifacts import Float32
from motionlib.evaluation.evaluator import Evaluator, EvaluatorConfig, PairBatch
from motionlib.evaluation.losses import contrastive, margin_negative, margin_positive
from motionlib.evaluation.networks import UNIT, MotionEncoder, MovementEncoder, TextEncoder
from motionlib.params import Section
from motionlib.training import Loss


class GuoConfig(EvaluatorConfig):
    """Settings of the Guo-type evaluator."""

    movement_width: PositiveInt = Field(default=512, description="channels of the first convolution")
    movement: PositiveInt = Field(default=512, description="width of one movement (4 frames)")
    motion_width: PositiveInt = Field(default=1024, description="state of the motion GRU, each direction")
    text_width: PositiveInt = Field(default=512, description="state of the text GRU, each direction")
    dropout: NonNegativeFloat = Field(default=0.2, lt=1.0, description="in the movement encoder")
    input_dropout: NonNegativeFloat = Field(default=0.0, lt=1.0, description="of movements and words; published: none")
    loss: Literal["margin", "contrastive"] = Field(default="margin", description="margin: as published")
    negatives: Literal["roll", "all"] = Field(default="roll", description="roll: one per motion, as published")
    margin: PositiveFloat = Field(default=10.0, description="distance that mismatched pairs shall keep")
    pretrain_steps: NonNegativeInt = Field(default=0, description="of the movement encoder as auto-encoder first")
    freeze_movement: bool = Field(default=False, description="keep the pre-trained movement encoder, as published")


class Guo(Evaluator):
    """Guo-type evaluator: motion (B, T, D) and words (B, S, text_dim) -> (B, E) each."""

    Config: ClassVar[type[Section]] = GuoConfig
    config: GuoConfig

    def __init__(self, config: GuoConfig, mean: Float32, std: Float32, text_dim: int) -> None:
        super().__init__(config, mean, std, text_dim)
        self.movement = MovementEncoder(self.seen, config.movement_width, config.movement, config.dropout)
        self.motion = MotionEncoder(config.movement, config.motion_width, config.embedding, config.input_dropout)
        self.text = TextEncoder(text_dim, config.text_width, config.embedding, config.tags, config.input_dropout)

    def train(self, mode: bool = True) -> "Guo":
        """As every nn.Module, but a frozen movement encoder stays in eval mode, as published."""
        super().train(mode)
        if not self.movement.out_net.weight.requires_grad:
            self.movement.eval()
        return self

    @classmethod
    def rebuilt(cls, config: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int) -> "Guo":
        """As its settings describe it, with random weights."""
        return cls(GuoConfig.model_validate(dict(config)), mean, std, text_dim)

    def forward_motion(self, motion: Tensor, frames: Tensor) -> Tensor:
        """(B, T, D) raw features with (B,) frames -> (B, E)."""
        movements = self.movement(self.normalised(motion, frames))
        embedding: Tensor = self.motion(movements, frames // UNIT)
        return self._placed(embedding)

    def forward_text(self, words: Tensor, tokens: Tensor, tags: Tensor | None = None) -> Tensor:
        """(B, S, text_dim) with (B,) tokens -> (B, E)."""
        embedding: Tensor = self.text(words, tokens, tags)
        return self._placed(embedding)

    def _placed(self, embedding: Tensor) -> Tensor:
        """The contrastive loss compares directions, so there every embedding has length 1."""
        return nn.functional.normalize(embedding, dim=-1) if self.config.loss == "contrastive" else embedding

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Loss:
        """How far matching pairs are apart and mismatched ones are not."""
        motion = self.forward_motion(batch.motion, batch.frames)
        text = self.forward_text(batch.words, batch.tokens, batch.tags)
        if self.config.loss == "contrastive":
            total = contrastive(text, motion, batch.same, self.config.temperature)
            return Loss(total, {"contrastive": total})
        near = margin_positive(text, motion)
        far = self._far(text, motion, batch.same, generator)
        return Loss(near + far, {"near": near, "far": far})

    def _far(self, text: Tensor, motion: Tensor, same: Tensor, generator: torch.Generator) -> Tensor:
        count = len(text)
        if self.config.negatives == "roll":
            shift = int(torch.randint(1, count, (), generator=generator, device=generator.device))
            return margin_negative(text, motion.roll(shift, 0), self.config.margin)
        rows, columns = torch.nonzero(~same, as_tuple=True)
        return margin_negative(text[rows], motion[columns], self.config.margin)
