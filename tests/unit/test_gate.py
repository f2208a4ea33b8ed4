from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.params import Promote
from motionlib.promotion.gate import judge, refused_licences

SETTINGS = Promote.model_validate(
    {
        "require": "better",
        "metrics": {"mpjpe_mm": {"margin": 0.03}, "mm_dist": {"margin": 0.03, "of_evaluator": True}},
        "worthwhile": 0.02,
        "min_clips": 20,
        "slices": {"by": ["action"], "margin": 0.1, "min_clips": 10},
        "limits": {"megabytes": 100},
        "commercial_licences": ["CC0-1.0"],
        "confidence": 0.95,
        "resamples": 1000,
        "seed": 1,
    }
)
LENIENT = SETTINGS.model_copy(update={"require": "not_worse"})


def report(
    errors,
    evaluator: str = "e1",
    distance: Any = 3.0,
    actions: list[str] | None = None,
    kinds: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    distances = np.broadcast_to(distance, len(errors))
    clips = {
        f"clip{i:04}": {"mpjpe_mm": float(error), "mm_dist": float(far)}
        for i, (error, far) in enumerate(zip(errors, distances, strict=True))
    }
    known = kinds or [{"action": action} for action in actions or []]
    slices = dict(zip(clips, known, strict=False))
    return {"evaluator": evaluator, "per_clip": clips, "slices": slices}


def noisy(seed: int, clips: int, noise: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Errors of two trainings that are equally good: clips differ widely, trainings a little on each clip."""
    rng = np.random.default_rng(seed)
    difficulty = rng.lognormal(4, 0.5, clips)
    return difficulty * rng.lognormal(0, noise, clips), difficulty * rng.lognormal(0, noise, clips)


# --- one metric --------------------------------------------------------------------------------------


def test_the_first_model_passes():
    verdict = judge(report([50.0] * 30), None, SETTINGS)
    assert (verdict.outcome, verdict.reason) == ("pass", "There was no champion to be held against.")


def test_a_model_that_is_better_passes_and_says_by_how_much():
    verdict = judge(report([45.0] * 30), report([50.0] * 30), SETTINGS)
    assert verdict.outcome == "pass"
    assert verdict.reason.startswith(
        "mpjpe_mm is 45 against the champion's 50 on 30 clips: -10.0% (-10.0% to -10.0%), within the margin of 3%."
    )
    assert verdict.evidence["better"] == ["mpjpe_mm"]


def test_an_equal_model_does_not_replace_the_champion_unless_the_settings_allow_it():
    champion = report([50.0] * 30)
    verdict = judge(report([50.0] * 30), champion, SETTINGS)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("Nothing is better: every gain is certainly below 2%")
    assert judge(report([50.0] * 30), champion, LENIENT).outcome == "pass"


def test_a_model_that_is_ten_percent_worse_fails():
    verdict = judge(report([55.0] * 30), report([50.0] * 30), SETTINGS)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith(
        "mpjpe_mm is 55 against the champion's 50 on 30 clips: +10.0% (+10.0% to +10.0%), beyond the margin of 3%."
    )
    assert verdict.evidence["mpjpe_mm"]["change"] == pytest.approx(0.1)


def test_a_change_that_may_lie_on_either_side_of_the_margin_is_not_enough_data_and_says_how_much_would_be():
    champion = np.full(30, 50.0)
    challenger = champion + np.where(np.arange(30) < 3, 60.0, -6.0)  # better on 27 clips, far worse on 3
    verdict = judge(report(challenger), report(champion), LENIENT)
    assert verdict.outcome == "not enough data"
    assert "it may lie on either side of the margin of 3%; about" in verdict.reason


def test_clips_that_differ_widely_do_not_hide_a_small_gain():
    champion = np.linspace(10, 200, 30)
    assert judge(report(champion * 0.97), report(champion), SETTINGS).outcome == "pass"


def test_too_few_common_clips_are_not_enough():
    verdict = judge(report([1.0] * 40), report([1.0] * 19), SETTINGS)
    assert verdict.outcome == "not enough data"
    assert "Only 19 held-out clips" in verdict.reason


@given(seed=st.integers(0, 1000), factor=st.floats(0.5, 0.98))
def test_a_model_that_is_better_on_every_clip_always_passes(seed, factor):
    champion = np.random.default_rng(seed).uniform(10, 100, 25)
    assert judge(report(champion * factor), report(champion), SETTINGS).outcome == "pass"


def test_a_metric_of_which_more_is_better_is_read_the_other_way():
    settings = LENIENT.model_copy(
        update={"metrics": {"hits": SETTINGS.metrics["mpjpe_mm"].model_copy(update={"larger_is_better": True})}}
    )

    def hits(value: float) -> dict[str, Any]:
        return {"evaluator": "e1", "per_clip": {f"clip{i}": {"hits": value} for i in range(30)}}

    assert judge(hits(0.5), hits(0.6), settings).outcome == "fail"
    assert judge(hits(0.6), hits(0.5), settings).outcome == "pass"


# --- several metrics, evaluators, slices, costs ------------------------------------------------------


def test_a_gain_in_one_metric_does_not_pay_for_a_loss_in_another():
    verdict = judge(report([45.0] * 30, distance=4.0), report([50.0] * 30), SETTINGS)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("mm_dist is 4")


def test_scores_of_different_evaluators_are_not_compared():
    verdict = judge(report([45.0] * 30, "e2"), report([50.0] * 30, "e1"), SETTINGS)
    assert verdict.outcome == "not enough data"
    assert verdict.reason == "mm_dist cannot be compared: the two were judged by different evaluators."


def test_turns_that_got_worse_behind_a_better_mean_are_a_veto():
    actions = ["walk"] * 85 + ["turn"] * 15
    champion = np.full(100, 50.0)
    challenger = champion * np.where(np.array(actions) == "turn", 1.3, 0.85)
    verdict = judge(report(challenger, actions=actions), report(champion, actions=actions), SETTINGS)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith(
        "A slice got worse: mpjpe_mm is 65 against the champion's 50 on 15 clips of action"
    )
    assert "turn" in verdict.reason


BY_RIG = SETTINGS.model_copy(
    update={"slices": SETTINGS.slices.model_copy(update={"by": ("action", "delivery", "rig", "speed")})}
)
OLD_RIG, NEW_RIG = "31 joints, LHipJoint, 0a1b2c", "78 joints, Spine, 3d4e5f"


def on_two_rigs() -> list[dict[str, str]]:
    """100 clips of two deliveries and two speeds; every fifth of either delivery is on the new rig."""
    return [
        {
            "delivery": "monday" if i < 50 else "friday",
            "rig": NEW_RIG if i % 5 == 0 else OLD_RIG,
            "speed": "walking" if i % 2 else "running",
        }
        for i in range(100)
    ]


def test_a_regression_on_one_rig_alone_is_a_veto_that_names_the_rig():
    kinds, champion = on_two_rigs(), noisy(3, 100)[1]
    worse = np.array([1.3 if kind["rig"] == NEW_RIG else 0.85 for kind in kinds])
    verdict = judge(report(champion * worse, kinds=kinds), report(champion, kinds=kinds), BY_RIG)

    vetoes = [one["where"] for one in verdict.evidence["mpjpe_mm"]["slices"] if one["low"] > 0.1]
    assert verdict.outcome == "fail"
    assert f"on 20 clips of rig {NEW_RIG}: +30.0%" in verdict.reason
    assert vetoes == [f"rig {NEW_RIG}"]


def test_without_rigs_among_the_slices_the_same_regression_passes():
    kinds, champion = on_two_rigs(), noisy(3, 100)[1]
    worse = np.array([1.3 if kind["rig"] == NEW_RIG else 0.85 for kind in kinds])
    blind = BY_RIG.model_copy(update={"slices": BY_RIG.slices.model_copy(update={"by": ("delivery", "speed")})})
    assert judge(report(champion * worse, kinds=kinds), report(champion, kinds=kinds), blind).outcome == "pass"


def test_slices_of_the_very_same_clips_are_one_comparison_under_both_names():
    kinds = [{"delivery": "a" if i < 40 else "b", "rig": "x" if i < 40 else "y"} for i in range(80)]
    champion = np.full(80, 50.0)
    verdict = judge(report(champion * 0.9, kinds=kinds), report(champion, kinds=kinds), BY_RIG)
    slices = verdict.evidence["mpjpe_mm"]["slices"]
    assert [one["where"] for one in slices] == ["delivery a = rig x", "delivery b = rig y"]
    assert slices[0]["confidence"] == pytest.approx(1 - 0.05 / 2)


def test_slices_of_a_handful_of_clips_are_counted_and_not_judged():
    actions = ["walk"] * 95 + ["turn"] * 5
    champion = np.full(100, 50.0)
    challenger = champion * np.where(np.array(actions) == "turn", 1.3, 0.85)
    verdict = judge(report(challenger, actions=actions), report(champion, actions=actions), SETTINGS)
    assert verdict.outcome == "pass"
    assert verdict.evidence["mpjpe_mm"]["slices_too_small"] == 1


def test_what_costs_too_much_fails_and_what_does_not_say_its_cost_is_not_enough():
    better, champion = report([45.0] * 30), report([50.0] * 30)
    assert judge(better, champion, SETTINGS, {"megabytes": 99.0}).outcome == "pass"
    verdict = judge(better, champion, SETTINGS, {"megabytes": 101.0})
    assert (verdict.outcome, verdict.reason) == ("fail", "megabytes is 101, the limit is 100.")
    assert judge(better, champion, SETTINGS, {}).outcome == "not enough data"


def test_a_commercial_alias_refuses_what_is_not_listed_and_what_is_not_known():
    assert refused_licences(["CC0-1.0", "CC-BY-NC-4.0", ""], SETTINGS) == ["CC-BY-NC-4.0", "unknown"]


# --- how often it errs -------------------------------------------------------------------------------


def test_of_200_trainings_that_are_no_better_at_most_one_in_twenty_is_promoted():
    settings = SETTINGS.model_copy(update={"resamples": 400})
    promoted = 0
    for seed in range(200):
        new, old = noisy(seed, 110)
        far, near = noisy(1000 + seed, 110)
        promoted += judge(report(new, distance=far), report(old, distance=near), settings).outcome == "pass"
    assert promoted <= 10


def test_a_regression_of_five_percent_is_caught_on_a_hundred_clips():
    caught = 0
    for seed in range(60):
        new, old = noisy(seed, 100, noise=0.03)
        outcome = judge(report(new * 1.05), report(old), LENIENT.model_copy(update={"resamples": 400})).outcome
        assert outcome != "pass"
        caught += outcome == "fail"
    assert caught >= 57


def test_ten_clips_are_not_enough_data_whatever_they_say():
    for factor in (0.5, 1.0, 2.0):
        assert judge(report([50.0 * factor] * 10), report([50.0] * 10), SETTINGS).outcome == "not enough data"
