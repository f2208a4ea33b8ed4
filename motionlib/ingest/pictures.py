"""Pictures of the ingest report, with margins given by hand: a layout engine takes as long as the drawing itself."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from motionlib.figures import png
from motionlib.ingest.coverage import Coverage
from motionlib.ingest.movement import SPEEDS, TURNS

DOTS_PER_INCH = 110
SHOWN_WORDS = 20


def lengths(seconds: Sequence[float]) -> bytes:
    """PNG: how long the kept takes are, in seconds."""
    figure = Figure(figsize=(7, 3.2))
    axes = figure.add_axes((0.09, 0.16, 0.89, 0.73))
    axes.hist(seconds, bins=40, color="#3b6ea5")
    axes.set_xlabel("length of a take, s")
    axes.set_ylabel("takes")
    axes.set_title(f"{len(seconds)} takes, {sum(seconds) / 60:.1f} minutes")
    return png(figure, DOTS_PER_INCH)


def reasons(counts: Mapping[str, int]) -> bytes:
    """PNG: how often each reason was given."""
    names = sorted(counts, key=lambda name: (counts[name], name))
    height = 1.2 + 0.3 * max(len(names), 1)
    figure = Figure(figsize=(7, height))
    axes = figure.add_axes((0.33, 0.55 / height, 0.64, 1.0 - 0.9 / height))
    bars = axes.barh(names, [counts[name] for name in names], color="#b5541c")
    axes.bar_label(bars, padding=3)
    axes.margins(x=0.1)
    axes.set_xlabel("files")
    axes.set_title("reasons and remarks" if names else "no reason was given: every file is as it should be")
    return png(figure, DOTS_PER_INCH)


def coverage(covered: Coverage) -> bytes:
    """PNG: seconds by speed and turn, and how often captions speak of which action."""
    figure = Figure(figsize=(9, 4.2))
    table, words = figure.add_axes((0.09, 0.09, 0.36, 0.81)), figure.add_axes((0.56, 0.09, 0.42, 0.81))
    seconds = np.array([[covered.at(speed, turn) for turn in TURNS] for speed in SPEEDS])
    table.imshow(np.sqrt(seconds), cmap="Blues", aspect="auto", vmin=0.0)
    dark = seconds.max() / 3
    for row, column in np.ndindex(seconds.shape):
        value = seconds[row, column]
        shown = f"{value / 60:.1f}" if value else "none"
        table.text(column, row, shown, ha="center", va="center", color="white" if value > dark > 0 else "black")
    table.set_xticks(range(len(TURNS)), TURNS)
    table.set_yticks(range(len(SPEEDS)), SPEEDS)
    table.set_title("minutes by speed and turn")
    ranked = sorted(covered.words.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_WORDS]
    words.barh([word for word, _ in ranked], [count for _, count in ranked], color="#3b6ea5")
    words.invert_yaxis()
    words.set_title("takes whose captions speak of it" if ranked else "no caption speaks of an action")
    return png(figure, DOTS_PER_INCH)
