"""How many code steps a text asks for, where a prior does not write the end of a motion itself.

Source: MoMask (Guo et al., arXiv:2312.00063), `LengthEstimator`: a small network gives a distribution over lengths,
from which one is drawn; learned with cross entropy on the true lengths.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.priors.base import PriorBatch, TextFeatures, checked_steps

# As published, for 512 numbers of text and 50 lengths: 435,122 parameters.
HIDDEN = (512, 256, 128)
SLOPE, DROPOUT = 0.2, 0.2


class LengthEstimator(nn.Module):
    """Text -> logits of 1 to `longest` code steps."""

    def __init__(self, text_dim: int, longest: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, out in zip((text_dim, *HIDDEN), HIDDEN, strict=False):
            layers += [nn.Linear(width, out), nn.LayerNorm(out), nn.LeakyReLU(SLOPE), nn.Dropout(DROPOUT)]
        self.layers = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], longest))
        self.longest = longest

    def forward(self, sentence: Tensor) -> Tensor:
        """(N, E) -> (N, longest)."""
        logits: Tensor = self.layers(sentence)
        return logits

    def loss(self, batch: PriorBatch) -> Tensor:
        """Cross entropy () over the sequences that have a text and end; 0 if there is none."""
        known = batch.ends & batch.text.word_mask.any(dim=1)
        each = functional.cross_entropy(self(batch.text.sentence), batch.lengths - 1, reduction="none")
        return (each * known).sum() / known.sum().clamp_min(1)

    @torch.no_grad()
    def draw(self, text: TextFeatures, generator: torch.Generator) -> list[int]:
        """A length in code steps for each text."""
        if not len(text.sentence):
            return []
        p = self(text.sentence).softmax(dim=-1)
        drawn = torch.multinomial(p, 1, generator=generator).squeeze(-1) + 1
        return [int(length) for length in drawn]

    def lengths(self, text: TextFeatures, steps: Sequence[int] | None, generator: torch.Generator) -> list[int]:
        """The lengths that are asked for, checked, or drawn ones.

        Raises:
            ValueError: As `checked_steps`.
        """
        wanted = checked_steps(steps, len(text.sentence), self.longest)
        return self.draw(text, generator) if wanted is None else wanted
