"""What happened during a training, as numbers for a report and as a picture."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from motionlib.figures import png

COLUMNS = 3  # panels in a row of the picture
PANEL_INCHES = (3.6, 2.5)


@dataclass
class Point:
    """Values after `step` optimiser steps: means since the last point, or one validation."""

    step: int
    values: dict[str, float]


@dataclass
class History:
    """The curves of a training.

    Attributes:
        total: Optimiser steps that were planned; fewer were done if `stopped_early`.
        training: Loss parts, learning rate and what `follow` returned, averaged between points.
        validation: What `validate` returned.
        best_step, best_value: The validation whose weights were kept; -1 and None if none was asked for.
    """

    total: int
    training: list[Point] = field(default_factory=list)
    validation: list[Point] = field(default_factory=list)
    best_step: int = -1
    best_value: float | None = None
    stopped_early: bool = False

    @property
    def steps(self) -> int:
        """Optimiser steps done."""
        return max((point.step for point in (*self.training, *self.validation)), default=0)

    def numbers(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return asdict(self) | {"steps": self.steps}

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> "History":
        """The history that `numbers` came from."""
        plain = {key: value for key, value in numbers.items() if key != "steps"}
        for key in ("training", "validation"):
            plain[key] = [Point(**point) for point in plain[key]]
        return cls(**plain)


def curves_png(history: History, title: str = "") -> bytes:
    """A PNG with one panel per curve, validation dotted over training; the same history gives the same bytes."""
    names = sorted({name for point in (*history.training, *history.validation) for name in point.values})
    rows = -(-max(len(names), 1) // COLUMNS)
    figure = Figure(figsize=(PANEL_INCHES[0] * COLUMNS, PANEL_INCHES[1] * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        axes.set_title(name.replace("_", " "), fontsize=10, loc="left")
        for points, style in ((history.training, "-"), (history.validation, "o--")):
            values = [(point.step, point.values[name]) for point in points if name in point.values]
            if values:
                label = "training" if style == "-" else "validation"
                axes.plot(*zip(*values, strict=True), style, markersize=3, linewidth=1.2, label=label)
        if history.best_step > 0:
            axes.axvline(history.best_step, color="0.7", linewidth=0.8, linestyle=":")
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        if len(axes.lines) > 1:
            axes.legend(fontsize=7, frameon=False)
    if title:
        figure.suptitle(title, fontsize=11)
    return png(figure)
