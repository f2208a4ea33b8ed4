"""All numbers of a codebook's report: usage, order, company, distances, and the rate beside the distortion."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import CodeShape, at
from motionlib.codebook.counts import Int64, usage
from motionlib.codebook.order import joined, orders, repetition
from motionlib.codebook.relations import shared_table
from motionlib.codebook.vectors import neighbours

HEADLINE = ("usage", "perplexity", "normalised_entropy", "conditional_bits")
MOST_COMPARED = 8192  # codes held against each other; of a larger codebook the most frequent
MOST_SHOWN = 6  # codebooks that are looked at closely: pictures, and what they say of each other
CURVES = ("perplexity", "usage", "resets")  # beginnings of the names of the curves of a training that tell of codes


def analyse(sequences: Sequence[Int64], shape: CodeShape, books: Sequence[NDArray[np.float32]] = ()) -> dict[str, Any]:
    """All numbers of a report, for each of the Q codebooks.

    Args:
        sequences: (L, Q) codes of each clip. books: (V, C) vectors of each codebook, if there are any.

    Raises:
        ValueError: If a code is out of range.
    """
    stacked, lengths = joined(sequences)
    columns = np.ascontiguousarray(stacked.T)  # (Q, N)
    levels = [_level(column, lengths, shape, books[q] if q < len(books) else None) for q, column in enumerate(columns)]
    chosen = shown_levels(shape.codes_per_step)
    return {
        "clips": len(sequences),
        "steps": len(stacked),
        "shape": shape._asdict(),
        "bits_per_second": bits_per_second(levels, shape),
        "over_codebooks": over_codebooks(levels),
        "shared": {"codebooks": chosen, "information": shared_table(stacked, chosen)},
        "codebooks": levels,
    }


def shown_levels(codebooks: int) -> list[int]:
    """Which of Q codebooks are looked at closely: all of a few, else some from the first to the last."""
    return sorted({round(level) for level in np.linspace(0, codebooks - 1, min(codebooks, MOST_SHOWN))})


def bits_per_second(levels: Sequence[Mapping[str, Any]], shape: CodeShape) -> dict[str, float]:
    """The rate: `nominal` if all codes were used alike, `unigram` and `bigram` by what is known of their frequency.

    Codebooks are taken to be independent; where residual layers tell of each other, the true rate is lower.
    """
    per_second = shape.steps_per_second
    return {
        "nominal": per_second * shape.codes_per_step * float(np.log2(shape.codebook_size)),
        "unigram": per_second * sum(level["unigram_bits"] for level in levels),
        "bigram": per_second * sum(level["conditional_bits"] for level in levels),
    }


def over_codebooks(levels: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Mean, lowest and highest of the headline numbers over the codebooks."""
    values = {name: [float(level[name]) for level in levels] for name in HEADLINE}
    return {
        name: {"mean": float(np.mean(all_of)), "lowest": min(all_of), "highest": max(all_of)}
        for name, all_of in values.items()
    }


def headline(numbers: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers of `analyse` that a person compares between runs; means over the codebooks."""
    means = {name: float(value["mean"]) for name, value in numbers["over_codebooks"].items()}
    return means | {"bits_per_second": float(numbers["bits_per_second"]["unigram"])}


def distortion(trained: Mapping[str, Any]) -> dict[str, Any]:
    """Of a report of `train_tokenizer`: the held-out errors that stand beside the rate, {} if nothing was held out."""
    names = ("mpjpe_mm", "pose_mm", "pa_mpjpe_mm", "mean_pose_mm", "nearest_training_frame_mm")
    held = at(trained, "held_out") or {}
    return {name: held[name] for name in names if name in held}


def curves(trained: Mapping[str, Any]) -> dict[str, list[list[float]]]:
    """Of a report of `train_tokenizer`: the training curves that tell of codes, each as [step, value] points."""
    found: dict[str, list[list[float]]] = {}
    for point in at(trained, "history.training") or []:
        for name, value in point["values"].items():
            if name.startswith(CURVES):
                found.setdefault(name, []).append([point["step"], value])
    return found


def _level(column: Int64, lengths: Int64, shape: CodeShape, book: NDArray[np.float32] | None) -> dict[str, Any]:
    size = shape.codebook_size
    used = usage(column, size)
    grams = orders(column, lengths, size)
    single, pair = grams[0], grams[1] if len(grams) > 1 else grams[0]._replace(conditional=0.0, different=0, bits=0.0)
    again = repetition(column, lengths)
    numbers: dict[str, Any] = {
        "usage": used.usage,
        "perplexity": used.perplexity,
        "normalised_entropy": used.normalised_entropy,
        "dead": used.dead.tolist(),
        "unigram_bits": single.bits,
        "bigram_bits": pair.bits,
        "conditional_bits": pair.conditional,
        "different_pairs": pair.different,
        "grams": [one._asdict() for one in grams],
        "repeats": again.repeats,
        "mean_run": again.mean_run,
        "longest_run": again.longest_run,
        "counts": used.counts.tolist(),
    }
    return numbers | (_distances(book, used.counts) if book is not None and len(book) > 1 else {})


def _distances(book: NDArray[np.float32], counts: Int64) -> dict[str, Any]:
    chosen = most_frequent(counts, MOST_COMPARED)
    near = neighbours(book[chosen])
    return {
        "compared": len(chosen),
        "duplicates": sorted(sorted((int(chosen[i]), int(chosen[k]))) for i, k in near.duplicates),
        "nearest_distance_median": float(np.median(near.distance)),
    }


def most_frequent(counts: Int64, most: int) -> Int64:
    """The most frequent codes, most frequent first, those that are equal by number; dead ones last."""
    return np.argsort(-counts, kind="stable")[:most]
