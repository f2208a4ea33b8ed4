"""Motion in words, by a model whose prior tells them; and of several motions the one told most like its text."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from motionlib.artifacts import Float32, Int64
from motionlib.priors.captioner import Captioner, Told
from motionlib.priors.sampling import Beams

if TYPE_CHECKING:
    from motionlib.promotion.model import Motion, MotionModel


class Part(NamedTuple):
    """From `start` to `end` (s), `captions`, the likeliest first."""

    start: float
    end: float
    captions: list[Told]


class Best(NamedTuple):
    """A motion, and the nats per word with which its text is told from it."""

    motion: "Motion"
    surprise: float


def captioner(model: "MotionModel") -> Captioner:
    """The prior, if it tells motion in words.

    Raises:
        ValueError: If it does not.
    """
    if not isinstance(model.prior, Captioner):
        raise ValueError("the prior of this model tells no motion in words; one of kind nmt does")
    return model.prior


def tell(model: "MotionModel", rows: Float32, beams: Beams) -> list[Part]:
    """Captions of a motion (T, D) of raw features; one longer than the prior reads at once is told in equal parts.

    Raises:
        ValueError: If the prior tells no motion, or the motion is shorter than a code step.
    """
    prior = captioner(model)
    codes = torch.from_numpy(model.encode(rows)).to(model.device)
    if not len(codes):
        raise ValueError(f"{len(rows)} frames are less than one code step")
    parts = codes.tensor_split(-(-len(codes) // prior.tells_steps))
    told = prior.tell(parts, beams)
    ends = torch.tensor([0, *(len(part) for part in parts)]).cumsum(0).tolist()
    rate = model.tokenizer.shape.steps_per_second
    return [Part(a / rate, b / rate, one) for a, b, one in zip(ends, ends[1:], told, strict=False)]


def best_of(
    model: "MotionModel",
    text: str,
    seconds: Sequence[float] | None,
    count: int,
    tries: int,
    seed: int,
    sampling: Mapping[str, Any] | None = None,
) -> list[Best]:
    """`count` motions of a text, each the best of `tries`: text to motion to text (TM2T's reciprocal likelihood).

    Raises:
        ValueError: If the prior tells no motion.
    """
    prior = captioner(model)
    drawn = model.generate([text], seconds, count * tries, seed, sampling)
    surprise = told_with(model, prior, [one.codes for one in drawn], [one.text for one in drawn])
    rows = [range(first, first + tries) for first in range(0, len(drawn), tries)]
    chosen = [min(some, key=surprise.__getitem__) for some in rows]
    return [Best(drawn[i], surprise[i]) for i in chosen]


def told_with(model: "MotionModel", prior: Captioner, codes: Sequence[Int64], captions: Sequence[str]) -> list[float]:
    """Nats per word with which each caption is told from its motion (L, Q), of which as much is read as fits."""
    read = [torch.from_numpy(one[: prior.tells_steps]).to(model.device) for one in codes]
    found: list[float] = prior.surprise(read, captions).tolist()
    return found
