"""Pictures of the protocol: error against distance from the training, and tokenizers side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from motionlib.artifacts import at
from motionlib.evaluation.off_distribution.groups import CRITERIA
from motionlib.evaluation.off_distribution.table import ordered
from motionlib.figures import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_PER_INCH = 110
KNOWN, FAR = "#3b6ea5", "#b5541c"
COLOURS = ("#3b6ea5", "#b5541c", "#4d8a5a", "#8a5fa8", "#c2a03a", "#4aa3a2", "#a83f5b", "#777777")
# Of a fold, side by side over tokenizers: title, part of the fold, places in it, unit.
BARS = (
    ("The same clips, their group never seen over seen: MPJPE", "same_clips.mpjpe_mm.ratio", "times"),
    ("A group never seen over random clips never seen: MPJPE", "apart.mpjpe_mm.ratio", "times"),
    ("Divergence of code usage from the training's", "held_out.usage_divergence", "bits"),
    ("Pairs of codes that training never had", "held_out.unseen_pairs", "share"),
)


def of_tokenizer(numbers: Mapping[str, Any], name: str) -> dict[str, bytes]:
    """The pictures of one tokenizer's report, by file name."""
    return {"error_by_distance.png": curves({name: numbers})}


def curves(reports: Mapping[str, Mapping[str, Any]]) -> bytes:
    """PNG: pose error of frames by their distance to the nearest training pose; a panel for each hold-out.

    Args:
        reports: The reports (`protocol.numbers`) by the tokenizer's name.
    """
    panels = [(name, criterion) for name in reports for criterion in ("", *ordered(reports[name]["folds"]))]
    columns = max(1 + len(report["folds"]) for report in reports.values())
    rows = len(reports)
    figure = Figure(figsize=(3.5 * columns, 3.1 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for line in axes:
        for one in line:
            one.set_visible(False)
    for row, name in enumerate(reports):
        for column, criterion in enumerate(place for known, place in panels if known == name):
            _curve(axes[row, column], reports[name], name, criterion)
            axes[row, column].set_visible(True)
            axes[row, column].tick_params(labelbottom=True)
        axes[row, 0].set_ylabel("pose error, mm")
    axes[0, 0].set_ylim(bottom=0)
    return png(figure, DOTS_PER_INCH)


def _curve(axes: "Axes", report: Mapping[str, Any], name: str, criterion: str) -> None:
    if criterion:
        fold = report["folds"][criterion]
        _line(axes, fold["curve"]["random"], KNOWN, "random clips left out")
        _line(axes, fold["curve"]["held_out"], FAR, f"{fold['group']} left out")
        axes.set_title(f"{name}: by {criterion}, {report['steps']} steps", fontsize=9)
    else:
        _line(axes, report["whole"]["curve"], KNOWN, "held-out clips")
        axes.set_title(f"{name}, fully trained", fontsize=9)
    axes.set_xlabel("distance to the nearest training pose, mm", fontsize=8)
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)


def _line(axes: "Axes", points: Sequence[Mapping[str, Any]], colour: str, label: str) -> None:
    x = [point["distance_mm"] for point in points]
    low, mean, high = ([point["pose_mm"][name] for point in points] for name in ("low", "mean", "high"))
    axes.plot(x, mean, marker="o", markersize=3.5, color=colour, label=label)
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def bars(reports: Mapping[str, Mapping[str, Any]]) -> bytes:
    """PNG: what each tokenizer loses on a source, a subject and an action that training never saw, side by side."""
    figure = Figure(figsize=(11, 7.2), layout="constrained")
    criteria = [name for name in CRITERIA if any(name in report["folds"] for report in reports.values())]
    for axes, (title, place, unit) in zip(figure.subplots(2, 2).ravel(), BARS, strict=True):
        width = 0.8 / max(len(reports), 1)
        for number, (name, report) in enumerate(reports.items()):
            found = [at(report["folds"].get(criterion), place) for criterion in criteria]
            where = np.arange(len(criteria)) + (number - (len(reports) - 1) / 2) * width
            _bars(axes, where, found, 0.92 * width, COLOURS[number % len(COLOURS)], name)
        if unit == "times":
            axes.axhline(1.0, color="0.3", linewidth=0.9, linestyle="--")
        axes.set_xticks(range(len(criteria)), [f"by {name}" for name in criteria])
        axes.set_ylabel(unit)
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(fontsize=8, frameon=False, ncols=2)
    return png(figure, DOTS_PER_INCH)


def delivery(scores: Sequence[float], edge: float, mean: float) -> bytes:
    """PNG: the takes of a delivery by their score, the farthest first; `edge`: 90 % of held-out takes lie below."""
    figure = Figure(figsize=(9, 2.9))
    axes = figure.add_axes((0.07, 0.17, 0.91, 0.73))
    colours = [KNOWN if one <= edge else FAR for one in scores]
    axes.bar(range(1, len(scores) + 1), scores, width=1.0 if len(scores) > 80 else 0.85, color=colours)
    axes.axhline(0, color="0.3", linewidth=0.9)
    axes.axhline(edge, color=KNOWN, linewidth=1, linestyle="--", label="90 % of held-out takes lie below")
    axes.axhline(mean, color="0.2", linewidth=1, linestyle=":", label="mean of the delivery")
    axes.set(xlabel="takes, the farthest first", ylabel="score", xlim=(0.4, len(scores) + 0.6))
    axes.legend(fontsize=8, frameon=False, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    return png(figure, DOTS_PER_INCH)


def _bars(
    axes: "Axes", where: Any, found: Sequence[Mapping[str, float] | None], width: float, colour: str, label: str
) -> None:
    known = [(x, value) for x, value in zip(where, found, strict=True) if value]
    means = [value["mean"] for _, value in known]
    spread = [[v["mean"] - v["low"] for _, v in known], [v["high"] - v["mean"] for _, v in known]]
    axes.bar([x for x, _ in known], means, width, color=colour, label=label)
    axes.errorbar(
        [x for x, _ in known], means, np.maximum(spread, 0.0), fmt="none", ecolor="0.2", elinewidth=1, capsize=2
    )
