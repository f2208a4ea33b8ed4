"""May the challenger replace the champion? Pass, fail, or not enough data; each with its reason and its evidence.

1. Both were judged by one evaluator, on the same clips, and on enough of them.
2. Every metric is worse by less than its margin, even at the bad end of its interval (non-inferiority; that all must
   hold keeps the error rate of the whole at that of one, Berger 1982, "Multiparameter hypothesis testing").
3. No slice of the clips got worse by more than `slices.margin` for certain.
4. It costs no more than the limits, and its licences allow the alias.
5. Under `require: better` at least one metric is better for certain, the error rate being divided among the metrics.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from motionlib import params
from motionlib.artifacts import read_json
from motionlib.params import Promote
from motionlib.promotion.evidence import Change, Report, change_of, common_clips, slices_of
from motionlib.promotion.listing import tokenizer_files

Outcome = Literal["pass", "fail", "not enough data"]
PASS: Outcome = "pass"  # noqa: S105 (an outcome)
FAIL: Outcome = "fail"
UNDECIDED: Outcome = "not enough data"
DIGITS = 9  # of numbers in the evidence


@dataclass(frozen=True)
class Verdict:
    """What the gate says, in one word and one sentence.

    Attributes:
        outcome: `pass`, `fail` or `not enough data`.
        evidence: Per metric: clips, challenger, champion, relative change with its interval; the slices; the rules.
    """

    outcome: Outcome
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Hearing:
    """What each rule said so far."""

    said: list[tuple[Outcome, str]] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)

    def say(self, outcome: Outcome, sentence: str) -> None:
        self.said.append((outcome, sentence))

    def verdict(self) -> Verdict:
        """A failure outweighs doubt, doubt outweighs everything that passed."""
        for outcome in (FAIL, UNDECIDED):
            reasons = [sentence for said, sentence in self.said if said == outcome]
            if reasons:
                return Verdict(outcome, " ".join(reasons), self.evidence)
        return Verdict(PASS, " ".join(sentence for _, sentence in self.said), self.evidence)


def judge(
    challenger: Report, champion: Report | None, settings: Promote, facts: Mapping[str, float] | None = None
) -> Verdict:
    """Hold a challenger against the champion.

    Args:
        challenger, champion: Reports of `evaluate` over the same clips: `per_clip` ({clip: {metric: value}}),
            `evaluator`, and if they are there `groups` ({clip: what is drawn together}) and `slices` ({clip: {name:
            value}}).
        facts: What the challenger costs, by the names of `settings.limits`.
    """
    hearing = _Hearing()
    if facts is not None:
        _hear_limits(facts, settings, hearing)
    if champion is None:
        hearing.say(PASS, "There was no champion to be held against.")
        return hearing.verdict()
    same = bool(challenger.get("evaluator")) and champion.get("evaluator") == challenger.get("evaluator")
    hearing.evidence["same_evaluator"] = same
    changes = []
    for metric, bar in settings.metrics.items():
        clips = common_clips(metric, challenger, champion)
        if bar.of_evaluator and not same:
            hearing.say(UNDECIDED, f"{metric} cannot be compared: the two were judged by different evaluators.")
        elif len(clips) < settings.min_clips:
            hearing.evidence[metric] = {"clips": len(clips)}
            hearing.say(
                UNDECIDED, f"Only {len(clips)} held-out clips have {metric} in both; {settings.min_clips} are needed."
            )
        else:
            changes.append(_hear_metric(metric, clips, challenger, champion, settings, hearing))
    if changes and settings.require == "better":
        _hear_goals(changes, challenger, champion, settings, hearing)
    return hearing.verdict()


def of_bundles(
    challenger: Path, champion: Path | None, settings: Promote | None = None, measured: Mapping[str, Any] | None = None
) -> Verdict:
    """The same for two bundles' folders, which hold their reports; settings from params.yaml if none are given.

    Args:
        measured: What `rematch` found today: the challenger's `costs`, and the `champion`'s numbers on its clips.
    """
    chosen, found = settings or params.load().promote, measured or {}
    old = found.get("champion") or (_report(champion) if champion else None)
    return judge(_report(challenger), old, chosen, found.get("costs"))


def rematch_reason(challenger: Path, champion: Path | None) -> str:
    """Why the champion has to be judged anew on the challenger's clips; "" where its own report does."""
    if champion is None:
        return ""
    new, old = _report(challenger), _report(champion)
    if new.get("evaluator") != old.get("evaluator"):
        return "the two were judged by different evaluators"
    unseen = set(new["per_clip"]) - set(old["per_clip"])
    return f"{len(unseen)} of the held-out clips are new" if unseen else ""


def codes_changed(challenger: Path, champion: Path | None) -> bool:
    """Whether both bundles hold tokenizers, and not the same one, byte by byte."""
    found = [tokenizer_files(folder) for folder in (challenger, champion) if folder is not None]
    return len(found) == 2 and all(found) and found[0] != found[1]


def limited() -> bool:
    """Whether params.yaml limits what a bundle may cost, so that it has to be measured."""
    return bool(params.load().promote.limits)


def refused_licences(licences: Iterable[str], settings: Promote) -> list[str]:
    """Those licences of a bundle's clips under which a `commercial` alias may not stand; unknown ones are refused."""
    return sorted({licence or "unknown" for licence in licences} - set(settings.commercial_licences))


def _hear_metric(
    metric: str, clips: list[str], challenger: Report, champion: Report, settings: Promote, hearing: _Hearing
) -> Change:
    bar = settings.metrics[metric]
    change = change_of(metric, clips, challenger, champion, settings)
    hearing.evidence[metric] = _numbers(change)
    margin = f"the margin of {bar.margin:.0%}"
    if change.high <= bar.margin:
        hearing.say(PASS, f"{change.sentence()}, within {margin}.")
    elif change.low > bar.margin:
        hearing.say(FAIL, f"{change.sentence()}, beyond {margin}.")
    else:
        about = change.clips_needed(bar.margin)
        hint = f"; about {about} clips would tell" if about > change.clips else ""
        hearing.say(UNDECIDED, f"{change.sentence()}: it may lie on either side of {margin}{hint}.")
    slices = slices_of(metric, clips, challenger, champion, settings)
    hearing.evidence[metric]["slices"] = [{"where": one.where, **_numbers(one)} for one in slices.changes]
    hearing.evidence[metric]["slices_too_small"] = slices.too_small
    for one in slices.changes:
        if one.low > settings.slices.margin:
            hearing.say(FAIL, f"A slice got worse: {one.sentence()}, beyond {settings.slices.margin:.0%}.")
    return change


def _hear_goals(
    changes: list[Change], challenger: Report, champion: Report, settings: Promote, hearing: _Hearing
) -> None:
    best: list[Change] = []
    for change in changes:
        clips = common_clips(change.metric, challenger, champion)
        stricter = change_of(change.metric, clips, challenger, champion, settings, shared=len(changes))
        if stricter.high < -settings.metrics[change.metric].goal:
            best.append(stricter)
    hearing.evidence["better"] = [change.metric for change in best]
    if best:
        return
    hopeful = [one for one in changes if one.low < -max(settings.worthwhile, settings.metrics[one.metric].goal)]
    if hopeful:
        one = min(hopeful, key=lambda change: change.low)
        hearing.say(UNDECIDED, f"Nothing is better for certain, though it may be: {one.sentence()}.")
    else:
        hearing.say(
            FAIL,
            f"Nothing is better: every gain is certainly below {settings.worthwhile:.0%} ({changes[0].sentence()}).",
        )


def _hear_limits(facts: Mapping[str, float], settings: Promote, hearing: _Hearing) -> None:
    hearing.evidence["costs"] = dict(facts)
    for name, limit in settings.limits.items():
        if name not in facts:
            hearing.say(UNDECIDED, f"The bundle does not say its {name}, which is limited to {limit:g}.")
        elif facts[name] > limit:
            hearing.say(FAIL, f"{name} is {facts[name]:.4g}, the limit is {limit:g}.")


def _numbers(change: Change) -> dict[str, Any]:
    known = {name: value for name, value in asdict(change).items() if name not in ("metric", "where")}
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in known.items()}


def _report(bundle: Path) -> Report:
    report: Report = read_json(bundle / "reports" / "evaluate.json")
    return report
