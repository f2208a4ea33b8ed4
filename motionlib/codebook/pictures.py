"""Pictures of how a codebook is used: by frequency, by codebook, over training time, and rate beside distortion."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from motionlib.artifacts import at
from motionlib.codebook.counts import Int64
from motionlib.figures import png

BLUE, ORANGE, GREY, GREEN = "#2f6fde", "#e8743b", "0.45", "#1c8a57"
# What others report of HumanML3D's test set: bits per second and MPJPE in mm (METHODS: sections 4.4, 5, 5.2 and 5.4).
PUBLISHED = {"T2M-GPT": (45.0, 58.0), "MoMask": (270.0, 29.5), "MoGenTS": (1710.0, 13.8)}


def drawing(width: float, height: float, title: str) -> Figure:
    """An empty figure, sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def bare(axes: Axes) -> Axes:
    """Axes without what only frames."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return axes


def usage_png(counts: Int64, title: str = "") -> bytes:
    """Picture: codes by frequency, with the even share as a line, and how much of the motion the top codes cover."""
    ordered = np.sort(counts)[::-1]
    share = ordered / max(int(ordered.sum()), 1)
    ranks = np.arange(1, len(ordered) + 1)
    figure = drawing(10, 3.6, title)
    left, right = map(bare, figure.subplots(1, 2))
    left.fill_between(ranks, 100 * share, step="mid", color=BLUE, alpha=0.85, linewidth=0)
    left.axhline(100 / len(ordered), color="0.3", linewidth=0.9, linestyle="--", label="if all were used alike")
    dead = int((ordered == 0).sum())
    if dead:
        left.axvspan(len(ordered) - dead, len(ordered), color=ORANGE, alpha=0.15, linewidth=0)
    left.set(xlabel="codes, most frequent first", ylabel="% of all steps", title=f"Usage ({_never(dead)})", ylim=0)
    left.legend(fontsize=8, frameon=False)
    right.plot(ranks, 100 * np.cumsum(share), color=BLUE)
    right.plot([0, len(ordered)], [0, 100], color="0.3", linewidth=0.9, linestyle="--")
    half = int(np.searchsorted(np.cumsum(share), 0.5)) + 1
    right.plot([0, half, half], [50, 50, 0], color=ORANGE, linewidth=0.9)
    right.set(xlabel="codes, most frequent first", ylabel="% of steps covered", ylim=(0, 102), xlim=0)
    right.set_title(f"{half} {'code makes' if half == 1 else 'codes make'} half of all motion")
    return png(figure)


def _never(dead: int) -> str:
    return "every code is used" if not dead else f"{dead} {'code' if dead == 1 else 'codes'} never used"


def rank_frequency_png(counts: Mapping[int, Int64], title: str = "") -> bytes:
    """Picture: share of each code against its rank, both on logarithmic scales, a line per codebook.

    Words of a language fall along a line of slope -1 (Zipf 1949); a codebook used evenly lies flat and then drops.
    """
    figure = drawing(6.4, 4.4, title)
    axes = bare(figure.add_subplot())
    shades = np.linspace(0.15, 0.85, len(counts)) if len(counts) > 1 else [0.35]
    from matplotlib import colormaps

    for (level, of_level), shade in zip(counts.items(), shades, strict=True):
        ordered = np.sort(of_level[of_level > 0])[::-1]
        colour = colormaps["viridis"](shade)
        ranks = np.arange(1, len(ordered) + 1)
        axes.loglog(ranks, 100 * ordered / ordered.sum(), color=colour, linewidth=1.6, label=f"codebook {level}")
    size = max(map(len, counts.values()))
    axes.axhline(100 / size, color="0.3", linewidth=0.9, linestyle="--", label="if all were used alike")
    zipf = 1 / np.arange(1, size + 1)
    axes.loglog(np.arange(1, size + 1), 100 * zipf / zipf.sum(), color="0.6", linestyle=":", label="Zipf's law")
    axes.set(xlabel="rank of the code", ylabel="% of all steps", title="How frequent the codes are, by rank")
    axes.grid(which="major", alpha=0.25)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    return png(figure)


def codebooks_png(numbers: Mapping[str, Any], title: str = "") -> bytes:
    """Picture: usage, entropy and bits of each codebook, and what the codebooks say of each other."""
    levels = numbers["codebooks"]
    number = np.arange(len(levels))
    figure = drawing(11, 3.8, title)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.15, 1.15, 1))
    style = "o-" if len(levels) <= 32 else "-"
    for name, label, colour in (("usage", "codes used", BLUE), ("normalised_entropy", "entropy of its most", ORANGE)):
        left.plot(number, [100 * level[name] for level in levels], style, color=colour, label=label, markersize=4)
    bare(left).set(xlabel="codebook", ylabel="%", ylim=(0, 103), title="How much is used")
    for name, label, colour in (
        ("unigram_bits", "a code alone", BLUE),
        ("conditional_bits", "after the one before", GREEN),
    ):
        middle.plot(number, [level[name] for level in levels], style, color=colour, label=label, markersize=4)
    most = float(np.log2(numbers["shape"]["codebook_size"]))
    middle.axhline(most, color="0.3", linewidth=0.9, linestyle="--", label="if all were used alike")
    bare(middle).set(xlabel="codebook", ylabel="bits per code", ylim=(0, 1.08 * most), title="What it says")
    for axes in (left, middle):
        axes.legend(fontsize=8, frameon=False, loc="lower left")
        axes.xaxis.get_major_locator().set_params(integer=True)
    _shared(right, numbers["shared"])
    return png(figure)


def _shared(axes: Axes, shared: Mapping[str, Any]) -> None:
    table, names = 100 * np.array(shared["information"]), shared["codebooks"]
    hidden = np.where(np.eye(len(table), dtype=bool), np.nan, table)
    axes.imshow(hidden, cmap="Blues", vmin=0, vmax=max(10.0, float(np.nanmax(hidden, initial=0.0))))
    for i, k in np.argwhere(~np.isnan(hidden)):
        axes.text(k, i, f"{hidden[i, k]:.0f}", ha="center", va="center", fontsize=7.5)
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_title("% of a code that another\ncodebook's code tells", fontsize=10)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def training_png(curves: Mapping[str, Sequence[Sequence[float]]], title: str = "") -> bytes:
    """Picture: what training said of the codes as it went on, a panel for each kind of curve."""
    kinds = sorted({name.split("_")[0] for name in curves}, key=["usage", "perplexity", "resets"].index)
    figure = drawing(3.8 * len(kinds), 3.2, title)
    for axes, kind in zip(np.atleast_1d(figure.subplots(1, len(kinds))), kinds, strict=True):
        names = sorted(name for name in curves if name.split("_")[0] == kind)
        scale = 100.0 if kind == "usage" else 1.0
        for name in names:
            steps, values = np.array(curves[name]).T
            axes.plot(steps, scale * values, linewidth=1.5, label=name.replace("_", " "))
        bare(axes).set(xlabel="step of the training", title=HEADS[kind])
        axes.set_ylim(0, 103 if kind == "usage" else None)
        axes.grid(alpha=0.25)
        if len(names) > 1:
            axes.legend(fontsize=7, frameon=False)
    return png(figure)


HEADS = {"usage": "% of the codes in use", "perplexity": "perplexity", "resets": "codes revived per step"}


def rate_png(numbers: Mapping[str, Any], title: str = "") -> bytes:
    """Picture: bits per second against the held-out joint error, beside what others report and what knows nothing."""
    rate, error = numbers["bits_per_second"], numbers["distortion"]["mpjpe_mm"]
    figure = drawing(6.8, 4.4, title)
    axes = bare(figure.add_subplot())
    if cuts := numbers.get("rate_distortion"):
        axes.plot(
            *zip(*((cut["bits_per_second"], cut["mpjpe_mm"]) for cut in cuts), strict=True), "-", color=BLUE, alpha=0.6
        )
        for cut in cuts:
            axes.plot(cut["bits_per_second"], cut["mpjpe_mm"], "o", color=BLUE, markersize=4)
            axes.annotate(str(cut["codebooks"]), (cut["bits_per_second"], cut["mpjpe_mm"]), (4, 5), **SMALL)
    names = {"nominal": "all codes alike", "unigram": "by frequency", "bigram": "after the one before"}
    for (name, label), marker in zip(names.items(), "so^", strict=True):
        low, high = error["mean"] - error["low"], error["high"] - error["mean"]
        axes.errorbar(rate[name], error["mean"], [[low], [high]], color=BLUE, fmt=marker, capsize=3, label=label)
    for name, (bits, millimetres) in PUBLISHED.items():
        axes.plot(bits, millimetres, "D", color=GREY, markersize=4)
        axes.annotate(name, (bits, millimetres), (6, 3), **SMALL)
    for place, name in (("mean_pose_mm", "mean pose"), ("nearest_training_frame_mm", "nearest training pose")):
        if (level := at(numbers["distortion"], f"{place}.mean")) is not None:
            axes.axhline(level, color="0.6", linewidth=0.9, linestyle=":")
            axes.annotate(name, (1, level), (-4, 3), xycoords=("axes fraction", "data"), ha="right", **SMALL)
    axes.set(
        xscale="log", xlabel="bits per second", ylabel="joint error, mm", ylim=0, title="Rate and distortion, held out"
    )
    axes.legend(fontsize=8, frameon=False, title="this tokenizer", title_fontsize=8)
    axes.grid(which="major", alpha=0.2)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    figure.supxlabel(
        "Diamonds: published, on HumanML3D, and so not to be compared digit by digit.", fontsize=7, color=GREY
    )
    return png(figure)


SMALL: dict[str, Any] = {"textcoords": "offset points", "fontsize": 7.5, "color": "0.3"}
