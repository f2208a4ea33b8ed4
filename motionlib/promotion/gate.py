"""Challenger against champion, on the same held-out clips: a paired bootstrap of what got worse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from motionlib import params
from motionlib.artifacts import read_json
from motionlib.evaluation.intervals import paired_difference
from motionlib.params import Promote

Outcome = Literal["pass", "fail", "not enough data"]
PASS: Outcome = "pass"  # noqa: S105 (an outcome)
FAIL: Outcome = "fail"
UNDECIDED: Outcome = "not enough data"


@dataclass(frozen=True)
class Verdict:
    """What the gate says, in one word and one sentence.

    Attributes:
        outcome: `pass`, `fail` or `not enough data`.
        evidence: Per metric: clips, challenger, champion, relative change with its interval.
    """

    outcome: Outcome
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)


def judge(challenger: Mapping[str, Any], champion: Mapping[str, Any] | None, settings: Promote) -> Verdict:
    """May the challenger replace the champion?

    It may if every metric, less being better, is worse by no more than `settings.margin` of the champion's mean even
    at the bad end of the interval. Metrics of an evaluator count only where both were judged by the same one.

    Args:
        challenger, champion: Reports of `evaluate`, with `per_clip` ({clip: {metric: value}}) and `evaluator`.
    """
    if champion is None:
        return Verdict(PASS, "There was no champion to be held against.")
    metrics, left_out = [settings.metric], ""
    same_evaluator = bool(champion.get("evaluator")) and champion.get("evaluator") == challenger.get("evaluator")
    if settings.text_metric and not same_evaluator:
        left_out = f" {settings.text_metric} was left out: the two were judged by different evaluators."
    elif settings.text_metric and not _common(settings.text_metric, challenger, champion):
        left_out = f" {settings.text_metric} was left out: no clip has it in both."
    elif settings.text_metric:
        metrics.append(settings.text_metric)
    evidence: dict[str, Any] = {"same_evaluator": same_evaluator}
    outcomes = []
    for metric in metrics:
        verdict = _compare(metric, challenger, champion, settings)
        evidence |= verdict.evidence
        outcomes.append(verdict)
    worst = min(outcomes, key=lambda verdict: (FAIL, UNDECIDED, PASS).index(verdict.outcome))
    reason = " ".join(verdict.reason for verdict in outcomes) if worst.outcome == PASS else worst.reason
    return Verdict(worst.outcome, reason + left_out, evidence)


def of_bundles(challenger: Path, champion: Path | None, settings: Promote | None = None) -> Verdict:
    """The same for two bundles' folders, which hold their reports; settings from params.yaml if none are given."""
    chosen = settings or params.load().promote
    return judge(_report(challenger), _report(champion) if champion else None, chosen)


def _report(bundle: Path) -> Mapping[str, Any]:
    report: Mapping[str, Any] = read_json(bundle / "reports" / "evaluate.json")
    return report


def _compare(metric: str, challenger: Mapping[str, Any], champion: Mapping[str, Any], settings: Promote) -> Verdict:
    clips = _common(metric, challenger, champion)
    if len(clips) < settings.min_clips:
        reason = f"Only {len(clips)} held-out clips have {metric} in both; {settings.min_clips} are needed."
        return Verdict(UNDECIDED, reason, {metric: {"clips": len(clips)}})
    new, old = (np.array([report["per_clip"][clip][metric] for clip in clips]) for report in (challenger, champion))
    scale = float(abs(old.mean())) or 1.0
    change = paired_difference(new, old, settings.resamples, settings.seed, confidence=settings.confidence)
    worse, low, high = (value / scale for value in change)
    evidence = {
        metric: {
            "clips": len(clips),
            "challenger": float(new.mean()),
            "champion": float(old.mean()),
            "change": worse,
            "low": low,
            "high": high,
        }
    }
    passed = high <= settings.margin
    place = "within" if passed else "beyond"
    reason = (
        f"{metric} is {new.mean():.4g} against the champion's {old.mean():.4g} on {len(clips)} clips: "
        f"{worse:+.1%} ({low:+.1%} to {high:+.1%}), {place} the margin of {settings.margin:.0%}."
    )
    return Verdict(PASS if passed else FAIL, reason, evidence)


def _common(metric: str, challenger: Mapping[str, Any], champion: Mapping[str, Any]) -> list[str]:
    """Clips for which both have the metric."""
    new, old = challenger["per_clip"], champion["per_clip"]
    return sorted(clip for clip in new.keys() & old.keys() if metric in new[clip] and metric in old[clip])
