"""Text to motion to text: generated motions are told in words again, and the words held against the prompts.

Source: both directions as one is TM2T's idea (Guo et al., ECCV 2022, inverse alignment); as a score it is ours. Real
motions told by the same captioner are the ceiling and stand beside it. Another captioner's numbers do not compare, so
every report says whose they are. Words are compared as written (`raw`) and as lemmas (`lemmatised`, by `text.tags`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Float32, TextTable
from motionlib.evaluation import intervals
from motionlib.evaluation.bertscore import BertScorer
from motionlib.evaluation.captioning import Convention, captioning
from motionlib.evaluation.embedded import Embedded
from motionlib.evaluation.evaluator import Evaluator
from motionlib.evaluation.scores import DIGITS, Protocol
from motionlib.text import tags

Float64 = NDArray[np.float64]
NOBODY = "no captioner: the prior tells no motion in words, and evaluate.captioner names no bundle that does"
NO_BERT = "evaluate.bert_model is empty"


class Teller(NamedTuple):
    """A model that tells motion (T, D) of raw features in words.

    Attributes:
        id: Of its weights. name: Who it is, for readers. beams: How it searches.
        tell: Motions -> one caption each. surprise: Nats per word of given captions.
    """

    id: str
    name: str
    beams: Mapping[str, Any]
    tell: Callable[[Sequence[Float32]], list[str]]
    surprise: Callable[[Sequence[Float32], Sequence[str]], list[float]]


class Cycle(NamedTuple):
    """Who tells, how new texts are read for an evaluator, and what compares them by a language model, if anything."""

    teller: Teller
    read: Callable[[Sequence[str]], TextTable]
    bert: BertScorer | None = None


@dataclass(frozen=True)
class Cycled:
    """`numbers` of the leading evaluator, of `others` by name, and per clip: {clip: {`cycle_distance`, ...}}."""

    numbers: dict[str, Any]
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    per_clip: dict[str, dict[str, float]] = field(default_factory=dict)


def measured(
    cycle: Cycle | None,
    models: Mapping[str, Evaluator],
    leading: str,
    test: Embedded,
    table: TextTable,
    generated: Sequence[Float32],
    real: Sequence[Float32],
    protocol: Protocol,
) -> Cycled:
    """All that the told words say of the motions, one per case of `test.pairs`; who is nobody says so."""
    if cycle is None:
        return Cycled({"left_out": NOBODY})
    captions = [caption for _, caption in test.pairs.cases]
    prompts = [table.captions[caption] for caption in captions]
    groups = [test.pairs.clips[number] for number, _ in test.pairs.cases]
    numbers: dict[str, Any] = facts(cycle) | {"cases": len(prompts)}
    others: dict[str, dict[str, Any]] = {name: facts(cycle) for name in models if name != leading}
    kept: dict[str, Float64] = {}
    for name, motions in (("generated", generated), ("real", real)):
        told = cycle.teller.tell(motions)
        each = {"nats_per_word": np.array(cycle.teller.surprise(motions, prompts), dtype=np.float64)}
        numbers[name] = words_report(told, prompts, groups, cycle.bert, protocol, each)
        read = cycle.read(told)
        for judge, model in models.items():
            apart = distances(model, read, table, captions)
            report = numbers if judge == leading else others[judge]
            report.setdefault(name, {})["distance"] = _interval(apart, groups, protocol)
            each |= {"distance": apart} if judge == leading else {}
        kept = kept or each
    return Cycled(numbers, others, _per_clip(kept, groups))


def facts(cycle: Cycle) -> dict[str, Any]:
    """All that decides a score besides motions and evaluator."""
    bert = cycle.bert.facts if cycle.bert else {"left_out": NO_BERT}
    return {"captioner": cycle.teller.id, "told_by": cycle.teller.name, "beams": dict(cycle.teller.beams), "bert": bert}


def words_report(
    told: Sequence[str],
    prompts: Sequence[str],
    groups: Sequence[str],
    bert: BertScorer | None,
    protocol: Protocol,
    each: dict[str, Float64],
) -> dict[str, Any]:
    """Told words against prompts in both conventions.

    Args:
        groups: Clip of each. each: Values of single cases; those of the words as written are added.
    """
    report: dict[str, Any] = {name: _interval(values, groups, protocol) for name, values in each.items()}
    for convention in ("raw", "lemmatised"):
        said, meant = ([written(one, convention) for one in texts] for texts in (told, prompts))
        found = compared(said, meant, convention, bert)
        if isinstance(found, str):
            return report | {"words": {"left_out": found}}
        bleu, values = found
        report[convention] = {"bleu": bleu} | {
            name: _interval(column, groups, protocol) for name, column in values.items()
        }
        each.update(values if convention == "raw" else {})
    return report


def compared(
    said: Sequence[str], meant: Sequence[str], convention: Convention, bert: BertScorer | None
) -> tuple[list[float], dict[str, Float64]] | str:
    """BLEU-1 to 4 and per-case scores of texts against one reference each; or why there are none."""
    references = [[one] for one in meant]
    try:
        found = captioning(said, references, convention)
    except ImportError as error:
        return str(error)
    values = dict(found.each)
    if bert:
        columns = np.array(bert(said, references), dtype=np.float64)
        values |= {f"bert_{name}": columns[:, i] for i, name in enumerate(("precision", "recall", "f1"))}
    return [round(one, DIGITS) for one in found.bleu], values


def written(text: str, convention: Convention) -> str:
    """A text as a convention has it: its words as they are, or lemmas of its verbs and nouns without punctuation."""
    if convention == "raw":
        return text
    return " ".join(token.word for token in tags.tag(text)) or text


def distances(model: Evaluator, told: TextTable, table: TextTable, captions: Sequence[int]) -> Float64:
    """(N,) how far the told texts lie from the prompts in an evaluator's space, `captions` being ids of `table`."""
    there = model.embed_text(told, range(len(told.captions)))
    wanted = sorted(set(captions))
    known = dict(zip(wanted, model.embed_text(table, wanted), strict=True))
    apart: Float64 = np.linalg.norm(there - np.stack([known[one] for one in captions]), axis=1).astype(np.float64)
    return apart


def _interval(values: Float64, groups: Sequence[str], protocol: Protocol) -> dict[str, float]:
    return intervals.bootstrap(values, protocol.resamples, protocol.seed, groups=groups).report(DIGITS)


def _per_clip(each: Mapping[str, Float64], groups: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mean of each clip's cases."""
    places: dict[str, list[int]] = {}
    for place, clip in enumerate(groups):
        places.setdefault(clip, []).append(place)
    return {
        clip: {f"cycle_{name}": round(float(values[own].mean()), DIGITS) for name, values in each.items()}
        for clip, own in places.items()
    }
