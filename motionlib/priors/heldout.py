"""How well a prior knows motion it has never seen: likelihood per caption, and what the caption was worth."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from motionlib.artifacts import CodeShape
from motionlib.priors.base import Prior
from motionlib.priors.data import NULL, Batches, Piece
from motionlib.priors.ngram import Ngram, fit_baselines, score
from motionlib.priors.trigram import Trigram, fit_trigram, score_trigram

Float64 = NDArray[np.float64]
Numbers = dict[str, Any]
MakeBatches = Callable[[Sequence[Piece]], Batches]
# (numerators (N,), denominators (N,), clip names (N,)) -> the ratio of the sums with its interval over clips.
Ratio = Callable[[Float64, Float64, Sequence[str]], Numbers]
SHUFFLES = 4  # wrong captions that every motion is tried with
SHUFFLE_SEED = 1


class Baselines(NamedTuple):
    """What any prior must beat: it sees nothing, the code before, or the two codes before."""

    unigram: Ngram
    bigram: Ngram
    trigram: Trigram

    def nats(self, pieces: Sequence[Piece], codes: CodeShape) -> dict[str, Float64]:
        """Nats (N,) of each piece under each of them."""
        plain = {name: score(model, pieces, codes) for name, model in (("unigram", self[0]), ("bigram", self[1]))}
        return plain | {"trigram": score_trigram(self.trigram, pieces, codes)}


def baselines(training: Sequence[Piece], validation: Sequence[Piece], codes: CodeShape) -> Baselines:
    """Fitted on `training`, their settings chosen on `validation`."""
    unigram, bigram = fit_baselines(training, validation, codes)
    return Baselines(unigram, bigram, fit_trigram(training, validation, codes, bigram))


class Measured(NamedTuple):
    """Per held-out sequence (N,): `nats` of its codes and end, their number `events`, `hits` of the best guess."""

    nats: Float64
    events: Float64
    hits: Float64


def measure(model: Prior[Any, Any], batches: Batches) -> Measured:
    """Score every piece of `batches` as it is."""
    scores = [model.score(batch) for batch in batches]
    return Measured(*(torch.cat(parts).double().cpu().numpy() for parts in zip(*scores, strict=True)))


def mean_nats(model: Prior[Any, Any], batches: Batches) -> dict[str, float]:
    """For the validation curve: nats per event, and the share of events that were the best guess."""
    measured = measure(model, batches)
    events = float(measured.events.sum())
    return {"nats_per_code": float(measured.nats.sum()) / events, "accuracy": float(measured.hits.sum()) / events}


def report(
    model: Prior[Any, Any],
    baselines: Baselines,
    pieces: Sequence[Piece],
    batches: MakeBatches,
    ratio: Ratio,
) -> Numbers:
    """Likelihood of held-out motion under the prior and the baselines, and with right, wrong and no captions.

    Every event is a code or, where the prior writes ends, the end of a motion, for all of them alike.

    Args:
        pieces: Held-out sequences, one per caption; of none nothing is reported.
        ratio: Puts the interval around a ratio of sums; clips are what is drawn again.
    """
    if not pieces:
        return {}
    if model.likelihood == "none":
        return {"likelihood": "none", "captions": len(pieces)}
    whole = [scored(piece, model) for piece in pieces if len(piece.codes) <= model.max_steps]
    clips = [piece.clip for piece in whole]
    own = measure(model, batches(whole))
    nats = {"prior": own.nats} | baselines.nats(whole, model.codes)
    bits = {kind: each / math.log(2) for kind, each in nats.items()}
    seconds = _seconds(whole, model.codes)
    return {
        "likelihood": model.likelihood, "ends": model.writes_end,
        "clips": len(set(clips)), "captions": len(whole), "codes_and_ends": int(own.events.sum()),
        "longer_than_the_prior": len(pieces) - len(whole),
        "nats_per_code": {kind: ratio(each, own.events, clips) for kind, each in nats.items()},
        "bits_per_second": {kind: ratio(each, seconds, clips) for kind, each in bits.items()},
        "prior_over": {kind: ratio(own.nats, nats[kind], clips) for kind in Baselines._fields},
        "accuracy": ratio(own.hits, own.events, clips),
        "captions_worth": _captions_worth(model, own, whole, batches, ratio),
        "smoothing": {kind: fitted.settings for kind, fitted in baselines._asdict().items()},
    }  # fmt: skip


def scored(piece: Piece, model: Prior[Any, Any]) -> Piece:
    """A piece as the prior and the baselines are asked for it: without its end where the prior writes none."""
    return piece if model.writes_end else piece._replace(ends=False)


def headline(numbers: Numbers) -> dict[str, float]:
    """The few numbers of `report` that a person looks at first; none where there were no held-out captions."""
    if "nats_per_code" not in numbers:
        return {}
    found = {f"nats_per_code_{kind}": part["mean"] for kind, part in numbers["nats_per_code"].items()}
    found |= {f"prior_over_{kind}": part["mean"] for kind, part in numbers["prior_over"].items()}
    found |= {f"caption_worth_{kind}": part["mean"] for kind, part in numbers["captions_worth"].items()}
    return found | {"accuracy": numbers["accuracy"]["mean"]}


def _captions_worth(
    model: Prior[Any, Any], own: Measured, pieces: Sequence[Piece], batches: MakeBatches, ratio: Ratio
) -> Numbers:
    """Nats per event that the right caption saves over a wrong one, and over none."""
    clips = [piece.clip for piece in pieces]
    without = measure(model, batches([piece._replace(captions=(NULL,)) for piece in pieces]))
    found = {"over_no_caption": ratio(without.nats - own.nats, own.events, clips)}
    wrong, origin = wrong_captions(pieces, SHUFFLE_SEED)
    if wrong:
        other = measure(model, batches(wrong))
        names = [clips[i] for i in origin.tolist()]
        found["over_wrong_caption"] = ratio(other.nats - own.nats[origin], own.events[origin], names)
    return found


def wrong_captions(pieces: Sequence[Piece], seed: int) -> tuple[list[Piece], NDArray[np.int64]]:
    """The same motions with captions of others that say something else, and which piece (M,) each stands for."""
    rng = np.random.default_rng(seed)
    wrong, origin = [], []
    for _ in range(SHUFFLES):
        for i, other in enumerate(rng.permutation(len(pieces)).tolist()):
            if pieces[i].captions != pieces[other].captions:
                wrong.append(pieces[i]._replace(captions=pieces[other].captions))
                origin.append(i)
    return wrong, np.array(origin, dtype=np.int64)


def _seconds(pieces: Sequence[Piece], codes: CodeShape) -> Float64:
    return np.array([len(piece.codes) / codes.steps_per_second for piece in pieces])
