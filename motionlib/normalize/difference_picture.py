"""A picture of what the two modes differ by, for `motionlib.drawing`."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from motionlib.normalize.difference import HITS, MEANING, PUBLISHED_STD, Difference
from motionlib.normalize.layout import FEATURE_GROUPS

DOTS_PER_INCH = 110


def picture(found: Sequence[Difference]) -> bytes:
    """PNG: which share of a library each fault hits, and by how much each group of features differs."""
    compared = [one for one in found if not one.refused]
    figure = Figure(figsize=(11.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.2))
    _draw_faults(left, compared)
    shares = [[one.rms[group] / PUBLISHED_STD[group] for one in compared] or [0.0] for group in FEATURE_GROUPS]
    right.boxplot(shares, orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.6)
    right.set_yticks(range(1, len(shares) + 1), list(FEATURE_GROUPS))
    right.invert_yaxis()
    right.set_xlabel("published std; box: half of the takes, whiskers: 5 and 95 %")
    right.set_title("exact minus compat, root mean square per take")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _draw_faults(axes: Axes, compared: Sequence[Difference]) -> None:
    names = [f"{MEANING[fault]}\n(from {least:g} {unit})" for fault, (least, unit) in HITS.items()]
    hits = [sum(one.faults[fault] >= least for one in compared) for fault, (least, _) in HITS.items()]
    shares = [100.0 * hit / max(len(compared), 1) for hit in hits]
    axes.barh(range(len(names)), shares, color="#3b6ea5", height=0.6)
    for place, (fault, (_, unit)) in enumerate(HITS.items()):
        largest = max((one.faults[fault] for one in compared), default=0.0)
        axes.text(
            shares[place] + 1.5, place, f"{hits[place]} takes, up to {largest:.3g} {unit}", va="center", fontsize=8
        )
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0.0, 140.0)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel(f"% of {len(compared)} takes")
    axes.set_title("known faults of compat")
