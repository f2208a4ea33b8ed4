"""The trunk behind a caption: bidirectional, the caption's vector before the steps, attention to its words if wished.

Source: MoMask (Guo et al., arXiv:2312.00063), section 3.2. Departure: what stands before the steps has positions too,
as the trunk gives every place one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.priors.base import TextFeatures
from motionlib.priors.transformer import Transformer, Trunk, Words


class TextTrunk(nn.Module):
    """Mixes steps that see each other and a caption.

    Args:
        config: Sizes. text_dim: E, width of the text embeddings.
        steps: Steps there are at most.
        marks: Further vectors that stand between caption and steps.
        conditioned: Whether a condition scales and shifts every block; see `Transformer`.
    """

    def __init__(self, config: Trunk, text_dim: int, steps: int, marks: int = 0, conditioned: bool = False) -> None:
        super().__init__()
        self.sentence = nn.Linear(text_dim, config.width)
        self.trunk = Transformer(config, steps + marks + 1, causal=False, conditioned=conditioned)
        if config.cross_attention:
            self.word = nn.Linear(text_dim, config.width)

    def forward(
        self,
        x: Tensor,
        inside: Tensor,
        text: TextFeatures,
        marks: Tensor | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Mix steps (B, L, C) -> (B, L, C).

        Args:
            inside: (B, L) bool, False where there is no step; such are not seen by others.
            marks: (B, M, C).
            condition: (B, C), if the trunk is conditioned.
        """
        before = [self.sentence(text.sentence)[:, None], *([] if marks is None else [marks])]
        states = torch.cat((*before, x), dim=1)
        first = states.shape[1] - x.shape[1]
        mask = None if bool(inside.all()) else functional.pad(inside, (first, 0), value=True)
        mixed: Tensor = self.trunk(states, self._words(text, before[0]), mask=mask, condition=condition)
        return mixed[:, first:]

    def _words(self, text: TextFeatures, sentence: Tensor) -> Words | None:
        """The caption's words, behind its sentence so that the null text has something to look at."""
        if not self.trunk.config.cross_attention:
            return None
        states = torch.cat((sentence, self.word(text.words)), dim=1)
        return Words(states, functional.pad(text.word_mask, (1, 0), value=True))
