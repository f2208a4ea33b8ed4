"""What a prior that also tells motion in words promises."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from motionlib.priors.sampling import Beams


class Told(NamedTuple):
    """A caption for a motion, and its log probability in nats over its words to the beams' power."""

    text: str
    score: float


class Captioner(ABC):
    """Text given codes."""

    @property
    @abstractmethod
    def tells_steps(self) -> int:
        """Code steps of a motion that it reads at most."""

    @abstractmethod
    def tell(self, codes: Sequence[Tensor], beams: Beams) -> list[list[Told]]:
        """The likeliest captions of each motion (L, Q), the best first; L is 1..tells_steps."""

    @abstractmethod
    def surprise(self, codes: Sequence[Tensor], captions: Sequence[str]) -> Tensor:
        """Nats per word (N,) of the caption that each motion (L, Q) goes with: the less, the better it shows it."""
