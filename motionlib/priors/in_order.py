"""Priors that write one step after the other: one way to generate and to stream, whatever writes the steps."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from motionlib.priors.base import OPEN, PAD, ConfigT, Prior, SamplingT, TextFeatures, checked_given, checked_steps


class InOrder(Prior[ConfigT, SamplingT]):
    """Writes from the first step to the last, and then an end.

    What is given is written as it is; what is drawn before it does not know of it.
    """

    def generate(
        self,
        text: TextFeatures,
        steps: Sequence[int] | None,
        sampling: SamplingT,
        generator: torch.Generator,
        given: Sequence[Tensor] | None = None,
    ) -> list[Tensor]:
        """Draw one code sequence per text; with `steps` no motion ends before its length, without it ends itself."""
        wanted = checked_steps(steps, len(text.sentence), self.max_steps)
        fixed = None
        if given is not None:
            fixed = pad_sequence(checked_given(given, wanted, self.codes), batch_first=True, padding_value=OPEN)
        rows = list(self._written(text, wanted, sampling, generator, fixed))
        if not rows:
            return []
        codes = torch.stack(rows, dim=1)
        lengths = wanted or (codes[..., 0] != PAD).sum(dim=1).tolist()
        return [row[:length] for row, length in zip(codes, lengths, strict=True)]

    def stream(
        self, text: TextFeatures, steps: Sequence[int], sampling: SamplingT, generator: torch.Generator
    ) -> Iterator[Tensor]:
        """See `Prior.stream`: each step as soon as it is written."""
        wanted = checked_steps(steps, len(text.sentence), self.max_steps)
        lengths = torch.tensor(wanted, device=text.sentence.device)
        for step, codes in enumerate(self._written(text, wanted, sampling, generator, None)):
            yield codes.masked_fill((lengths <= step)[:, None], PAD)

    def _longest(self, wanted: Sequence[int] | None) -> int:
        """Steps to write at most."""
        return self.max_steps if wanted is None else max(wanted, default=0)

    @abstractmethod
    def _written(
        self,
        text: TextFeatures,
        wanted: Sequence[int] | None,
        sampling: SamplingT,
        generator: torch.Generator,
        fixed: Tensor | None,
    ) -> Iterator[Tensor]:
        """One step after the other, (N, Q) each, -1 where a motion has ended by itself; until all have ended.

        Args:
            wanted: Lengths; without, motions end by themselves, after at least one step.
            fixed: Codes (N, L, Q) that are given, -1 elsewhere.
        """
