"""Reports of several tokenizers side by side: rows for a table, and the same as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from motionlib.evaluation.off_distribution.groups import CRITERIA

Report = Mapping[str, Any]
NONE = "–"


def rows(reports: Mapping[str, Report]) -> list[dict[str, Any]]:
    """One row for each tokenizer and hold-out: numbers with intervals, None where there is none.

    Args:
        reports: As `protocol.numbers` made them, by the tokenizer's name.
    """
    return [
        {
            "tokenizer": name,
            "criterion": criterion,
            "group": fold["group"],
            "share": fold["share"],
            "steps": report["steps"],
            "held_out_mpjpe_mm": fold["held_out"]["mpjpe_mm"],
            "random_mpjpe_mm": fold["random"]["mpjpe_mm"],
            "mpjpe_difference_mm": fold["apart"]["mpjpe_mm"].get("difference"),
            "mpjpe_ratio": fold["apart"]["mpjpe_mm"].get("ratio"),
            "same_clips_ratio": fold["same_clips"]["mpjpe_mm"].get("ratio"),
            "same_clips_difference_mm": fold["same_clips"]["mpjpe_mm"].get("difference"),
            "usage_divergence": fold["held_out"]["usage_divergence"],
            "usage_divergence_random": fold["random"]["usage_divergence"],
            "unseen_pairs": fold["held_out"]["unseen_pairs"],
            "unseen_pairs_random": fold["random"]["unseen_pairs"],
        }
        for name, report in reports.items()
        for criterion, fold in ordered(report["folds"]).items()
    ]


def ordered(folds: Mapping[str, Any]) -> dict[str, Any]:
    """Folds in the order in which criteria are told."""
    return {criterion: folds[criterion] for criterion in CRITERIA if criterion in folds}


HEADS = {
    "tokenizer": "tokenizer",
    "criterion": "held out by",
    "group": "group",
    "same_clips_ratio": "same clips, group unseen / seen",
    "same_clips_difference_mm": "more, mm",
    "held_out_mpjpe_mm": "MPJPE of the group, mm",
    "random_mpjpe_mm": "of random clips, mm",
    "mpjpe_difference_mm": "more, mm",
    "mpjpe_ratio": "ratio",
    "usage_divergence": "usage apart, bits",
    "usage_divergence_random": "of random clips",
    "unseen_pairs": "unseen pairs of codes",
    "unseen_pairs_random": "of random clips",
}


def markdown(lines: Sequence[Mapping[str, Any]], heads: Mapping[str, str]) -> str:
    """A Markdown table of some columns; intervals as `mean (low to high)`."""
    table = [list(heads.values()), ["---"] * len(heads)]
    table += [[cell(line.get(name)) for name in heads] for line in lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table) + "\n"


def cell(value: Any) -> str:
    """A value as a cell: text as it is, a number short, an interval behind its mean."""
    if value is None:
        return NONE
    if isinstance(value, Mapping):
        mean, low, high = (f"{value[name]:.3g}" for name in ("mean", "low", "high"))
        return f"{mean} ({low} to {high})"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
