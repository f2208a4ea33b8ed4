"""What a codebook is used for: how much of it, how evenly, in which order; as numbers and as pictures.

Corpus-level statistics: perplexity of one batch is bounded by the batch and says little.
Entropies are plug-in estimates in bits (Shannon 1948); those of pairs are biased downwards where pairs are few.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlib.artifacts import CodeShape
from motionlib.figures import png

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
NEAR = 0.05  # of the codebook's typical nearest distance: closer codes count as duplicates
TOP = 40  # codes shown in the picture of transitions
HEADLINE = ("usage", "perplexity", "normalised_entropy", "conditional_bits")
BLOCK = 1024  # codes compared with all others at once; bounds memory


class Usage(NamedTuple):
    """How one codebook of V codes is used.

    Attributes:
        counts: (V,) uses of each code.
        usage: Share of codes used at least once.
        perplexity: 2 to the entropy, between 1 and V.
        normalised_entropy: Entropy over log2 V, between 0 and 1.
        dead: Codes never used.
    """

    counts: Int64
    usage: float
    perplexity: float
    normalised_entropy: float
    dead: Int64


def usage(codes: Int64, size: int) -> Usage:
    """Usage of a codebook by codes of any shape.

    Raises:
        ValueError: If there is no code, or one is not in [0, size).
    """
    flat = np.asarray(codes).reshape(-1)
    if not len(flat) or flat.min() < 0 or flat.max() >= size:
        raise ValueError(f"expected codes in [0, {size}), got {len(flat)} codes" + _range(flat))
    counts = np.bincount(flat, minlength=size)
    bits = entropy(counts)
    return Usage(
        counts,
        float((counts > 0).mean()),
        float(2.0**bits),
        bits / float(np.log2(size)) if size > 1 else 1.0,
        np.flatnonzero(counts == 0),
    )


def _range(flat: Int64) -> str:
    return f" from {flat.min()} to {flat.max()}" if len(flat) else ""


def entropy(counts: Int64) -> float:
    """Entropy of counts in bits: -sum p log2 p."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


class Grams(NamedTuple):
    """Entropies of codes in bits: one code, a pair of neighbours, and a code when the one before is known.

    `pairs`: different pairs seen; `repeats`: share of steps that repeat the code before.
    """

    unigram: float
    bigram: float
    conditional: float
    pairs: int
    repeats: float


def grams(sequences: Sequence[Int64], size: int) -> Grams:
    """Entropies of sequences of codes, each (L,); pairs do not reach from one sequence to the next."""
    singles = np.bincount(np.concatenate(list(sequences)), minlength=size)
    before = np.concatenate([s[:-1] for s in sequences])
    after = np.concatenate([s[1:] for s in sequences])
    if not len(before):
        return Grams(entropy(singles), 0.0, 0.0, 0, 0.0)
    _, pairs = np.unique(before * size + after, return_counts=True)
    joint = entropy(pairs)
    first = entropy(np.bincount(before, minlength=size))
    return Grams(entropy(singles), joint, joint - first, len(pairs), float((before == after).mean()))


def transitions(sequences: Sequence[Int64], size: int) -> Float64:
    """(V, V) probability that a code is followed by each code; rows of codes that nothing follows are 0."""
    counts = np.zeros((size, size))
    for sequence in sequences:
        np.add.at(counts, (sequence[:-1], sequence[1:]), 1.0)
    shares: Float64 = counts / np.maximum(counts.sum(1, keepdims=True), 1.0)
    return shares


class Neighbours(NamedTuple):
    """`distance` (V,) of each code's vector to the nearest other one; `duplicates`: pairs that are as good as equal."""

    distance: Float64
    duplicates: list[tuple[int, int]]


def neighbours(book: NDArray[np.float32]) -> Neighbours:
    """Nearest other vector of each code in a codebook (V, C), V >= 2.

    A pair is a duplicate if it is closer than 5 % of the median of all these distances.
    """
    vectors = book.astype(np.float64)
    squares = (vectors**2).sum(1)
    distance, nearest = np.empty(len(book)), np.empty(len(book), dtype=np.int64)
    for start in range(0, len(book), BLOCK):
        rows = slice(start, start + BLOCK)
        between = squares[rows, None] - 2 * (vectors[rows] @ vectors.T) + squares
        between[np.arange(len(between)), start + np.arange(len(between))] = np.inf
        nearest[rows] = between.argmin(1)
        distance[rows] = np.sqrt(np.maximum(between.min(1), 0.0))
    close = np.flatnonzero(distance <= NEAR * np.median(distance))
    pairs = {(min(int(i), int(nearest[i])), max(int(i), int(nearest[i]))) for i in close}
    return Neighbours(distance, sorted(pairs))


def analyse(sequences: Sequence[Int64], shape: CodeShape, books: Sequence[NDArray[np.float32]] = ()) -> dict[str, Any]:
    """All numbers of a report, for each of the Q codebooks.

    Args:
        sequences: (L, Q) codes of each clip. books: (V, C) vectors of each codebook, if there are any.

    Raises:
        ValueError: If a code is out of range.
    """
    stacked = np.concatenate(list(sequences))
    levels = [
        _level([s[:, q] for s in sequences], shape, books[q] if q < len(books) else None)
        for q in range(shape.codes_per_step)
    ]
    bits = sum(level["unigram_bits"] for level in levels)
    return {
        "clips": len(sequences),
        "steps": len(stacked),
        "shape": shape._asdict(),
        "bits_per_second": {
            "nominal": shape.steps_per_second * shape.codes_per_step * float(np.log2(shape.codebook_size)),
            "unigram": shape.steps_per_second * bits,
            "bigram": shape.steps_per_second * sum(level["conditional_bits"] for level in levels),
        },
        "codebooks": levels,
    }


def headline(numbers: dict[str, Any]) -> dict[str, float]:
    """The few numbers of `analyse` that a person compares between runs; means over the codebooks."""
    levels = numbers["codebooks"]
    means = {name: sum(level[name] for level in levels) / len(levels) for name in HEADLINE}
    return means | {"bits_per_second": numbers["bits_per_second"]["unigram"]}


def _level(sequences: list[Int64], shape: CodeShape, book: NDArray[np.float32] | None) -> dict[str, Any]:
    size = shape.codebook_size
    used, order = usage(np.concatenate(sequences), size), grams(sequences, size)
    numbers: dict[str, Any] = {
        "usage": used.usage,
        "perplexity": used.perplexity,
        "normalised_entropy": used.normalised_entropy,
        "dead": used.dead.tolist(),
        "unigram_bits": order.unigram,
        "bigram_bits": order.bigram,
        "conditional_bits": order.conditional,
        "different_pairs": order.pairs,
        "repeats": order.repeats,
        "counts": used.counts.tolist(),
    }
    if book is not None and len(book) > 1:
        near = neighbours(book)
        numbers["duplicates"] = [list(pair) for pair in near.duplicates]
        numbers["nearest_distance_median"] = float(np.median(near.distance))
    return numbers


def usage_png(counts: Int64, title: str = "") -> bytes:
    """Picture: codes by frequency, with the even share as a line, and how much of the motion the top codes cover."""
    ordered = np.sort(counts)[::-1]
    share = ordered / max(int(ordered.sum()), 1)
    ranks = np.arange(1, len(ordered) + 1)
    figure = Figure(figsize=(10, 3.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.fill_between(ranks, 100 * share, step="mid", color="tab:blue", alpha=0.8, linewidth=0)
    left.axhline(100 / len(ordered), color="0.3", linewidth=0.9, linestyle="--", label="if all were used alike")
    dead = int((ordered == 0).sum())
    left.set(xlabel="codes, most frequent first", ylabel="% of all steps", title=f"Usage ({dead} codes never used)")
    left.legend(fontsize=8, frameon=False)
    right.plot(ranks, 100 * np.cumsum(share), color="tab:blue")
    right.plot([0, len(ordered)], [0, 100], color="0.3", linewidth=0.9, linestyle="--")
    half = int(np.searchsorted(np.cumsum(share), 0.5)) + 1
    right.set(
        xlabel="codes, most frequent first", ylabel="% of steps covered", title=f"{half} codes make half of all motion"
    )
    _finish(figure, title)
    return png(figure)


def transitions_png(sequences: Sequence[Int64], size: int, title: str = "") -> bytes:
    """Picture: which code follows which, among the most frequent codes, most frequent first."""
    counts = np.bincount(np.concatenate(list(sequences)), minlength=size)
    top = np.argsort(-counts, kind="stable")[:TOP]
    probability = transitions(sequences, size)[np.ix_(top, top)]
    figure = Figure(figsize=(6.6, 5.8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(np.sqrt(probability), cmap="magma", vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=np.sqrt([0, 0.01, 0.1, 0.25, 0.5, 1]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "25 %", "50 %", "100 %"])
    axes.set_xticks(range(len(top)), [str(code) for code in top], fontsize=5, rotation=90)
    axes.set_yticks(range(len(top)), [str(code) for code in top], fontsize=5)
    axes.set(xlabel="next code", ylabel="code", title="Probability of the next code")
    _finish(figure, title)
    return png(figure)


def _finish(figure: Figure, title: str) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title, fontsize=11)
