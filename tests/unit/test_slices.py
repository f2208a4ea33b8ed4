"""Properties of held-out clips by which the gate looks for what got worse."""

from typing import get_args

import numpy as np
import pytest

from motionlib.artifacts import FeatureClip, FeatureSet
from motionlib.evaluation.slices import slices
from motionlib.normalize.layout import ROOT_TURN
from motionlib.params import SliceName, SliceRule

FPS = 20.0


def features(velocity: float, turn: float, **known: str) -> FeatureSet:
    """One clip of 40 rows that walks at `velocity` m/s and turns by `turn` degrees per second."""
    rows = np.zeros((40, 263), np.float32)
    rows[:, 2] = velocity / FPS
    rows[:, ROOT_TURN] = np.radians(turn) / FPS / 2
    names = {"delivery": "", "subject": "", "action": "", "style": "", "licence": ""} | known
    clip = FeatureClip("a", 0, 40, "test", False, **names)
    return FeatureSet(rows, [clip], [], rows.mean(axis=0), np.ones(263, np.float32), FPS, "compat")


@pytest.mark.parametrize(
    ("velocity", "turn", "speed", "turning"),
    [(0.0, 0.0, "standing", "straight"), (1.4, 30.0, "walking", "curved"), (5.0, 90.0, "running", "turning")],
)
def test_a_clip_is_of_a_speed_and_a_turn(velocity, turn, speed, turning):
    known = features(velocity, turn)
    assert slices(known, known.clips) == {"a": {"speed": speed, "turn": turning}}


def test_what_is_known_of_a_clip_stands_beside_what_is_measured():
    known = features(1.4, 0.0, delivery="monday", rig="31 joints, LHipJoint, 0a1b2c", action="walk", style="old")
    found = slices(known, known.clips)["a"]
    assert (found["rig"], found["delivery"]) == ("31 joints, LHipJoint, 0a1b2c", "monday")
    assert set(found) <= set(get_args(SliceName))


def test_every_property_has_a_name_that_the_gate_knows_and_a_typo_is_refused():
    everything = dict.fromkeys(("delivery", "subject", "action", "style", "rig"), "x")
    known = features(1.4, 0.0, **everything)
    assert set(slices(known, known.clips)["a"]) == set(get_args(SliceName))
    with pytest.raises(ValueError, match="rigs"):
        SliceRule(by=("rigs",), margin=0.1, min_clips=10)
