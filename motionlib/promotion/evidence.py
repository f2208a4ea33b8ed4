"""How a challenger's per-clip numbers compare with the champion's: whole, and slice by slice.

Clips are paired, and what hangs together (takes of one motion) is drawn together. Source of the rules: non-inferiority
and superiority by one interval, as in Piaggio et al., "Reporting of Noninferiority and Equivalence Randomized Trials",
JAMA 308 (2012), figure 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from motionlib.evaluation.intervals import paired_difference
from motionlib.params import Promote

Report = Mapping[str, Any]
WHOLE = "all clips"


@dataclass(frozen=True)
class Change:
    """What happened to one metric on some clips; positive is worse.

    Attributes:
        clips: N, of both.
        challenger, champion: Means.
        change, low, high: Relative to the champion's mean, with its interval at `confidence`.
    """

    metric: str
    where: str
    clips: int
    challenger: float
    champion: float
    change: float
    low: float
    high: float
    confidence: float

    def sentence(self) -> str:
        """The change in words."""
        place = "" if self.where == WHOLE else f" of {self.where}"
        return (
            f"{self.metric} is {self.challenger:.4g} against the champion's {self.champion:.4g} on {self.clips} clips"
            f"{place}: {self.change:+.1%} ({self.low:+.1%} to {self.high:+.1%})"
        )

    def clips_needed(self, margin: float) -> int:
        """About how many clips would settle on which side of `margin` the change lies, if it stays what it is."""
        apart = abs(margin - self.change)
        half = max(self.high - self.change, self.change - self.low)
        return ceil(self.clips * (half / apart) ** 2) if apart > 0 else 0


def common_clips(metric: str, challenger: Report, champion: Report) -> list[str]:
    """Clips for which both reports hold the metric, by name."""
    new, old = challenger["per_clip"], champion["per_clip"]
    return sorted(clip for clip in new.keys() & old.keys() if metric in new[clip] and metric in old[clip])


def change_of(
    metric: str,
    clips: Sequence[str],
    challenger: Report,
    champion: Report,
    settings: Promote,
    *,
    where: str = WHOLE,
    shared: int = 1,
) -> Change:
    """The change of a metric over these clips.

    Args:
        shared: Number of comparisons among which the error rate is divided (Bonferroni).
    """
    new, old = (np.array([report["per_clip"][clip][metric] for clip in clips]) for report in (challenger, champion))
    if settings.metrics[metric].larger_is_better:
        new, old = -new, -old
    groups = challenger.get("groups", {})
    confidence = 1.0 - (1.0 - settings.confidence) / shared
    interval = paired_difference(
        new,
        old,
        settings.resamples,
        settings.seed,
        groups=[str(groups.get(clip, clip)) for clip in clips],
        confidence=confidence,
    )
    scale = float(abs(old.mean())) or 1.0
    change, low, high = (value / scale for value in interval)
    means = float(abs(new.mean())), float(abs(old.mean()))
    return Change(metric, where, len(clips), *means, change, low, high, confidence)


@dataclass(frozen=True)
class Slices:
    """Changes of one metric in each slice that is large enough, worst first, and how many were too small."""

    changes: tuple[Change, ...]
    too_small: int


def slices_of(metric: str, clips: Sequence[str], challenger: Report, champion: Report, settings: Promote) -> Slices:
    """The change of a metric in every slice (by action, rig ...) of at least `slices.min_clips` clips.

    Slices of the very same clips, such as a delivery on a rig of its own, are one comparison under all their names.
    """
    found: dict[str, list[str]] = {}
    kinds = challenger.get("slices", {})
    for clip in clips:
        for by in settings.slices.by:
            if value := str(kinds.get(clip, {}).get(by, "")):
                found.setdefault(f"{by} {value}", []).append(clip)
    named: dict[tuple[str, ...], list[str]] = {}
    for name, part in sorted(found.items()):
        if len(part) >= settings.slices.min_clips:
            named.setdefault(tuple(part), []).append(name)
    large = {" = ".join(names): part for part, names in named.items()}
    changes = [
        change_of(metric, part, challenger, champion, settings, where=where, shared=len(large))
        for where, part in large.items()
        if len(part) < len(clips)  # a slice that is everything says nothing new
    ]
    too_small = sum(len(part) < settings.slices.min_clips for part in found.values())
    return Slices(tuple(sorted(changes, key=lambda one: (-one.low, one.where))), too_small)
