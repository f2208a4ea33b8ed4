"""What captions say of left and right, held against what moves."""

import pytest

from motionlib.artifacts import Caption
from motionlib.ingest.sides import contradiction, named_side
from motionlib.params import Judging

STILL = {"arm_left": 0.0, "arm_right": 0.0, "leg_left": 0.0, "leg_right": 0.0, "turn_net": 0.0}
SENTENCES = {
    "a person raises the left arm": ("left", ""),
    "someone waves with their right hand": ("right", ""),
    "wave-left-hand in a happy manner": ("left", ""),
    "a man kicks with his right foot": ("", "right"),
    "he lifts both hands": ("", ""),
    "raises the left arm, then the right arm": ("", ""),
    "raises the left arm and then the other": ("", ""),
    "he holds his left hand still and turns": ("", ""),
    "stands on the right foot": ("", ""),
    "walks to the left": ("", ""),
}


@pytest.mark.parametrize("text", SENTENCES)
def test_a_side_is_named_or_not(text: str):
    assert (named_side(text, "arm"), named_side(text, "leg")) == SENTENCES[text]


def told(text: str, *, seconds: float = 5.0, span: tuple[float, float] = (0.0, 0.0), **moves: float) -> str:
    return contradiction((Caption(text, *span),), {**STILL, **moves}, Judging(), seconds)


def test_the_wrong_arm_is_told():
    said = told("a person raises the left arm", arm_right=0.5, arm_left=0.1)
    assert "the left arm moves at 0.10 m/s and the right one at 0.50 m/s" in said


def test_the_right_arm_is_not_told():
    assert told("a person raises the left arm", arm_left=0.5, arm_right=0.1) == ""


def test_what_is_not_clear_is_not_told():
    assert told("a person raises the left arm", arm_left=0.5, arm_right=0.9) == ""
    assert told("a person raises the left arm", arm_left=0.0, arm_right=0.05) == ""
    assert told("a person waves", arm_left=0.0, arm_right=1.0) == ""


def test_a_sentence_about_a_part_of_the_take_is_not_held_against_all_of_it():
    assert told("raises the left arm", span=(0.0, 1.0), arm_right=1.0) == ""
    assert told("raises the left arm", span=(0.0, 4.5), arm_right=1.0) != ""


def test_a_turn_to_the_other_side_is_told():
    assert "turns by 90 degrees to the right" in told("a person turns left", turn_net=-90.0)
    assert told("a person turns left", turn_net=90.0) == ""
    assert told("a person turns right", turn_net=-90.0) == ""
    assert told("a person turns left", turn_net=-20.0) == ""
    assert told("turns left, then turns right", turn_net=-90.0) == ""
