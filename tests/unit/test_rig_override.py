"""What a person says about a rig is read strictly."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.body.skeleton import CANONICAL_NAMES, Skeleton
from motionlib.rig.override import MAX_CHARACTERS, Override
from motionlib.rig.raw import RawMotion

SAID = {
    "joints": {"left_knee": "LeftLeg", "spine2": ["A", "B", 0.5]},
    "unit": 0.01,
    "up": "-z",
    "fps": 120,
    "extra": ["prop"],
    "about": "our studio's suit",
}


def test_everything_that_can_be_said_is_read():
    override = Override.read(json.dumps(SAID))
    assert override.joints == {"left_knee": "LeftLeg", "spine2": ("A", "B", 0.5)}
    assert (override.unit, override.up, override.fps, override.extra) == (0.01, "-z", 120.0, ("prop",))


def test_no_text_says_nothing():
    assert Override.read(" ") == Override()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"joint": {}}', "joint: Extra inputs"),
        ('{"joints": {"left_nee": "A"}}', "'left_nee' is no canonical joint; known: pelvis"),
        ('{"joints": {"left_knee": 3}}', "joints.left_knee"),
        ('{"joints": {"left_knee": ["A", "B", 1.5]}}', "1.5"),
        ('{"joints": {"left_knee": ["A", "B"]}}', "joints.left_knee"),
        ('{"joints": {"left_knee": ""}}', "joints.left_knee"),
        ('{"up": "w"}', "up: .*'w'"),
        ('{"unit": -1}', "unit: .*'-1'"),
        ('{"unit": NaN}', "NaN"),
        ('{"unit": "0.01"}', "unit: .*'0.01'"),
        ('{"fps": 0}', "fps"),
        ('{"unit": 1, "unit": 2}', "'unit' twice"),
        ("[1]", "holds list"),
        ("{", "no JSON"),
        ("[" * 60000, "no JSON"),
        (" " + "x" * MAX_CHARACTERS, "at most"),
        (json.dumps({"extra": ["a"] * 2000}), "extra"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        Override.read(text)


@given(st.text(max_size=80))
def test_any_text_gives_an_override_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert isinstance(Override.read(text), Override)


@given(
    joints=st.dictionaries(st.sampled_from(CANONICAL_NAMES), st.text(min_size=1, max_size=9), max_size=5),
    unit=st.none() | st.floats(1e-4, 10),
    up=st.none() | st.sampled_from(["x", "-y", "z"]),
)
def test_what_is_written_is_read_back(joints, unit, up):
    override = Override(joints=joints, unit=unit, up=up)
    assert Override.read(override.text()) == override


def test_unit_up_and_rate_go_into_the_motion_and_the_rest_stays():
    motion = RawMotion(
        Skeleton(("a",), (-1,), np.zeros((1, 3))), np.zeros((2, 3)), np.ones((2, 1, 4)), 30.0, np.zeros(1)
    )
    said = Override(unit=0.01, up="z", fps=60.0).applied(motion)
    assert (said.unit, said.up, said.fps) == (0.01, "z", 60.0)
    assert Override().applied(said).unit == 0.01
