from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.params import Promote
from motionlib.promotion.gate import judge

SETTINGS = Promote(
    metric="mpjpe_mm",
    text_metric="mm_dist",
    margin=0.05,
    min_clips=20,
    confidence=0.95,
    resamples=200,
    seed=1,
)


def report(errors, evaluator: str = "e1", distance: float = 3.0) -> dict[str, Any]:
    clips = {f"clip{i}": {"mpjpe_mm": float(error), "mm_dist": distance} for i, error in enumerate(errors)}
    return {"evaluator": evaluator, "per_clip": clips}


def test_the_first_model_passes():
    verdict = judge(report([50.0] * 30), None, SETTINGS)
    assert (verdict.outcome, verdict.reason) == ("pass", "There was no champion to be held against.")


def test_an_equal_model_passes_and_one_ten_percent_worse_fails():
    champion = report([50.0] * 30)
    assert judge(report([50.0] * 30), champion, SETTINGS).outcome == "pass"
    verdict = judge(report([55.0] * 30), champion, SETTINGS)
    assert verdict.outcome == "fail"
    assert verdict.reason == (
        "mpjpe_mm is 55 against the champion's 50 on 30 clips: +10.0% (+10.0% to +10.0%), beyond the margin of 5%."
    )
    assert verdict.evidence["mpjpe_mm"]["change"] == pytest.approx(0.1)


def test_a_difference_that_another_sample_could_turn_round_fails():
    champion = np.full(30, 50.0)
    challenger = champion + np.where(np.arange(30) < 3, 60.0, -3.0)  # better on 27 clips, far worse on 3
    assert judge(report(challenger), report(champion), SETTINGS).outcome == "fail"


def test_clips_that_differ_widely_do_not_hide_a_small_gain():
    champion = np.linspace(10, 200, 30)
    assert judge(report(champion * 0.98), report(champion), SETTINGS).outcome == "pass"


def test_too_few_common_clips_are_not_enough():
    verdict = judge(report([1.0] * 40), report([1.0] * 19), SETTINGS)
    assert verdict.outcome == "not enough data"
    assert "Only 19 held-out clips" in verdict.reason


def test_text_counts_under_the_same_evaluator():
    verdict = judge(report([50.0] * 30, distance=4.0), report([50.0] * 30), SETTINGS)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("mm_dist is 4")


def test_under_another_evaluator_text_is_left_out_and_the_reason_says_so():
    verdict = judge(report([50.0] * 30, "e2", 4.0), report([50.0] * 30), SETTINGS)
    assert verdict.outcome == "pass"
    assert verdict.reason.endswith("mm_dist was left out: the two were judged by different evaluators.")


def test_text_that_no_clip_has_in_both_is_left_out_and_the_reason_says_so():
    champion = report([50.0] * 30)
    for values in champion["per_clip"].values():
        del values["mm_dist"]
    verdict = judge(report([50.0] * 30), champion, SETTINGS)
    assert verdict.outcome == "pass"
    assert verdict.reason.endswith("mm_dist was left out: no clip has it in both.")


@given(seed=st.integers(0, 1000), factor=st.floats(0.5, 0.99))
def test_a_model_that_is_better_on_every_clip_always_passes(seed, factor):
    champion = np.random.default_rng(seed).uniform(10, 100, 25)
    assert judge(report(champion * factor), report(champion), SETTINGS).outcome == "pass"
