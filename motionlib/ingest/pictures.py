"""Pictures of the ingest report."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

DOTS_PER_INCH = 110


def lengths(seconds: Sequence[float]) -> bytes:
    """PNG: how long the kept takes are, in seconds."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(seconds, bins=40, color="#3b6ea5")
    axes.set_xlabel("length of a take, s")
    axes.set_ylabel("takes")
    axes.set_title(f"{len(seconds)} takes, {sum(seconds) / 60:.1f} minutes")
    return _png(figure)


def reasons(counts: Mapping[str, int]) -> bytes:
    """PNG: how often each reason was given."""
    names = sorted(counts, key=lambda name: (counts[name], name))
    figure = Figure(figsize=(7, 1.2 + 0.3 * max(len(names), 1)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(names, [counts[name] for name in names], color="#b5541c")
    axes.bar_label(bars, padding=3)
    axes.margins(x=0.1)
    axes.set_xlabel("files")
    axes.set_title("reasons and remarks" if names else "no reason was given: every file is as it should be")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()
