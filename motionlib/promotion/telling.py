"""Motion in words, by a model whose prior tells them; and of several motions the one told most like its text."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from motionlib.artifacts import Float32, Int64
from motionlib.evaluation.cycle import Teller
from motionlib.priors.captioner import Captioner, Told
from motionlib.priors.sampling import Beams

if TYPE_CHECKING:
    from motionlib.promotion.model import Motion, MotionModel

DEFAULT_BEAMS = Beams()
TOLD_AT_ONCE = 64  # motions whose given captions are weighed together; bounds memory


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


def captions(model: "MotionModel", motions: Sequence[Float32], beams: Beams) -> list[str]:
    """The likeliest caption of each motion (T, D) of raw features, of which as much is read as fits.

    Raises:
        ValueError: If the prior tells no motion.
    """
    prior = captioner(model)
    codes = _read(model, prior, [_codes(model, motion) for motion in motions])
    return [told[0].text for told in prior.tell(codes, beams)]


def teller(model: "MotionModel", name: str, beams: Beams = DEFAULT_BEAMS) -> Teller:
    """What an evaluation needs of a model whose prior tells motion.

    Raises:
        ValueError: If it does not.
    """
    prior = captioner(model)

    def surprise(motions: Sequence[Float32], texts: Sequence[str]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(motions), TOLD_AT_ONCE):
            part = slice(start, start + TOLD_AT_ONCE)
            found += told_with(model, prior, [_codes(model, motion) for motion in motions[part]], texts[part])
        return found

    identity = weights_id([model.tokenizer, model.prior])
    return Teller(identity, name, beams.model_dump(), lambda motions: captions(model, motions, beams), surprise)


def weights_id(modules: Sequence[torch.nn.Module]) -> str:
    """Sha256 over the names and bytes of all weights."""
    digest = hashlib.sha256()
    for module in modules:
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _codes(model: "MotionModel", motion: Float32) -> Int64:
    """Codes of a motion; one shorter than a code step stands still at its end."""
    short = model.tokenizer.shape.frames_per_step - len(motion)
    return model.encode(np.pad(motion, ((0, short), (0, 0)), mode="edge") if short > 0 else motion)


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
    found: list[float] = prior.surprise(_read(model, prior, codes), captions).tolist()
    return found


def _read(model: "MotionModel", prior: Captioner, codes: Sequence[Int64]) -> list[torch.Tensor]:
    """As much of each motion as the prior reads at once."""
    return [torch.from_numpy(one[: prior.tells_steps]).to(model.device) for one in codes]
