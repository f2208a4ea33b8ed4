"""The off-distribution verdict on a delivery in a few lines, for a person."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from motionlib.evaluation.off_distribution.bands import DECIDING, Calibration
from motionlib.evaluation.off_distribution.verdict import Scored, Verdict

NAMES = {
    "error_ratio": "error",
    "distance_ratio": "distance",
    "pose_mm": "pose error",
    "window_mm": "nearest training motion",
    "bits": "surprise of codes",
}
UNITS = {"error_ratio": "times", "distance_ratio": "times", "pose_mm": "mm", "window_mm": "mm", "bits": "bits"}
MOST_DRIVERS = 3
MEANING = {
    "no need": "the tokenizer knows motion like this",
    "fine-tune": "some of it is new to the tokenizer: go on training with it",
    "retrain": "as new to the tokenizer as groups that training never saw: train again with it",
}


def sentences(found: Verdict, known: Calibration, paths: Mapping[str, str], kept: int) -> list[str]:
    """The verdict and what it rests on, four lines.

    Args:
        paths: Where each clip lies, by its id. kept: Takes that would be taken in, not all of which may be measured.
    """
    measured = len(found.clips)
    some = f" (of {kept:,} kept)" if measured < kept else ""
    lines = [
        f"off-distribution: {found.verdict}; {MEANING[found.verdict]}",
        f"  {_score(found)}",
        f"  {measures(found, known)}",
    ]
    drivers = [driver(one, paths) for one in found.clips if one.outside][:MOST_DRIVERS]
    outside = f"  {found.outside:,} of {measured:,} takes{some} lie outside, {found.allowed:,} may by chance"
    return [*lines, outside + (f": {', '.join(drivers)}" if drivers else "")]


def measures(found: Verdict, known: Calibration) -> str:
    """The deciding measures beside those of held-out takes."""
    told: list[str] = []
    for name in DECIDING:
        if name in known.bands:
            typical, edge = known.bands[name]
            of = f" that of near known motion (held out {typical:.2g}, edge {edge:.2g})" if not told else ""
            told.append(f"{NAMES[name]} {found.measures[name]:.2g} ×" + (of or f" ({typical:.2g}, {edge:.2g})"))
    return ", ".join(told)


def driver(one: Scored, paths: Mapping[str, str]) -> str:
    """A take that lies outside: its file's name and its score."""
    return f"{PurePath(paths.get(one.clip, one.clip)).stem} {one.score:.1f}"


def _score(found: Verdict) -> str:
    mean, low, high = (f"{value:.2g}" for value in found.score)
    few = f" on {len(found.clips)} takes only" if found.few else ""
    doubt = "" if len(found.possible) == 1 else f": {' or '.join(found.possible)}"
    unseen = "" if found.far is None else f", groups never seen {found.far:.2g}"
    return f"score {mean} ({low} to {high}{doubt}){few}; like the training up to {found.edge:.2g}{unseen}"


def rows(found: Verdict, paths: Mapping[str, str], most: int) -> Sequence[Mapping[str, Any]]:
    """The farthest takes with their measures in words, for a table."""
    return [
        {
            "path": paths.get(one.clip, one.clip),
            "score": f"{one.score:.2f}",
            "outside": "yes" if one.outside else "no",
            "drives": NAMES.get(one.drives, ""),
            "measures": {NAMES[name]: f"{value:.3g} {UNITS[name]}" for name, value in one.measures.items()},
        }
        for one in found.clips[:most]
    ]
