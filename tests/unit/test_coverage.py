"""The map of a library: seconds by speed and turn, actions by word, and what is missing in sentences."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.ingest.coverage import Coverage, adds, coverage, lacks
from motionlib.ingest.movement import MOVEMENT, movement
from motionlib.ingest.words import EXPECTED, FORMS, VERBS, action_words

FPS = 20


def _body(seconds=10.0, speed=0.0, turn=0.0, height=0.9):
    """A stiff body whose pelvis moves along +z at `speed` m/s and turns left at `turn` degrees a second."""
    frames = int(seconds * FPS)
    joints = np.zeros((frames, 22, 3))
    joints[:, :, 1] = height
    for left, right, y in ((1, 2, 0.85), (4, 5, 0.45), (7, 8, 0.05), (10, 11, 0.02), (16, 17, 1.4)):
        joints[:, left] = (0.1, y - 0.9 + height, 0.0)
        joints[:, right] = (-0.1, y - 0.9 + height, 0.0)
    angle = np.radians(turn) * np.arange(frames) / FPS
    x, z = joints[..., 0].copy(), joints[..., 2].copy()
    joints[..., 0] = x * np.cos(angle)[:, None] + z * np.sin(angle)[:, None]
    joints[..., 2] = z * np.cos(angle)[:, None] - x * np.sin(angle)[:, None]
    joints[..., 2] += (speed * np.arange(frames) / FPS)[:, None]
    return joints


def _line(words=("walk",), seconds=10.0, captions=1, verdict="accept", **of_time):
    measures = dict.fromkeys(MOVEMENT, 0.0) | of_time
    return {"verdict": verdict, "seconds": seconds, "captions": captions, "words": words, "measures": measures}


@pytest.mark.parametrize(
    ("speed", "turn", "cell"),
    [(0.0, 0, "idle_straight"), (1.5, 0, "walk_straight"), (3.0, 45, "jog_left"), (5.0, -45, "run_right")],
)
def test_every_second_stands_in_the_cell_of_its_speed_and_turn(speed, turn, cell):
    found = movement(_body(10.0, speed, turn), FPS)
    assert found[f"seconds_{cell}"] == pytest.approx(10.0)
    assert set(found) == set(MOVEMENT)


def test_turning_across_the_back_does_not_jump():
    assert movement(_body(20.0, 0.0, 60.0), FPS)["seconds_idle_left"] == pytest.approx(20.0)


def test_a_jump_is_off_the_floor_and_a_squat_is_low():
    jumping = np.concatenate([_body(4.0), np.add(_body(1.0), (0, 0.4, 0)), _body(5.0)])
    assert movement(jumping, FPS)["seconds_off_floor"] == pytest.approx(1.0)
    squatting = _body(10.0)
    squatting[40:80, 0, 1] = 0.4
    assert movement(squatting, FPS)["seconds_low"] == pytest.approx(2.0)


@given(seed=st.integers(0, 2**16), frames=st.integers(2, 50))
def test_the_cells_add_up_to_the_length_of_the_take(seed, frames):
    joints = np.random.default_rng(seed).normal(size=(frames, 22, 3))
    found = movement(joints, FPS)
    cells = sum(seconds for name, seconds in found.items() if name not in ("seconds_off_floor", "seconds_low"))
    assert cells == pytest.approx(frames / FPS, abs=0.02)


def test_words_are_found_in_whatever_form_they_stand():
    assert action_words(["He walks, stopped and is HOPPING.", "someone ran; carries a box"]) == (
        "box", "carry", "hop", "run", "stop", "walk",
    )  # fmt: skip
    assert action_words(["salsa", ""]) == ("dance",)


def test_every_form_leads_to_a_verb_of_the_list():
    assert set(FORMS.values()) <= set(VERBS)
    assert set(EXPECTED) <= set(VERBS)
    assert len(VERBS) == len(set(VERBS))


def test_a_library_of_walks_is_told_what_it_lacks():
    said = lacks(coverage([_line(seconds_walk_left=8.0, seconds_walk_straight=1.0, seconds_walk_right=1.0)] * 25))
    assert said == [
        "no running (above 4 m/s)",
        "no jogging (2 to 4 m/s)",
        "no standing still (below 0.25 m/s)",
        "turns to the right are 8.0 times rarer than turns to the left (25 s against 3 min)",
        "hardly anybody leaves the floor: 0 s",
        "hardly anybody squats, sits or lies: 0 s",
        "no caption speaks of: run, jump, turn, sit, stand, crouch, kneel, crawl, climb, fall, lie, kick and 8 more",
    ]


def test_what_is_quarantined_covers_nothing():
    assert lacks(coverage([_line(verdict="quarantine")])) == ["there is no take"]


def test_takes_without_measures_count_by_their_length():
    found = coverage([{"verdict": "accept", "seconds": 3.0, "captions": 0}])
    assert (found.takes, found.measured, found.seconds) == (1, 0, 3.0)
    assert "no take was measured, so nothing is known of speed and turns" in lacks(found)
    assert "no take has a caption" in lacks(found)


def test_a_delivery_is_told_what_it_adds():
    library = coverage([_line(seconds_walk_straight=10.0)] * 3)
    new = coverage([_line(["walk", "kick"], seconds_run_left=6.0, seconds_walk_straight=4.0)])
    assert adds(library, new) == [
        "running (above 4 m/s) with turns to the left: 6 s more, the library has 0 s",
        "actions that no caption of the library speaks of: kick",
    ]
    assert adds(library, coverage([_line(seconds_walk_straight=4.0)])) == []


@given(st.lists(st.sampled_from([_line(), _line(["run"], seconds_run_left=4.0), _line(verdict="quarantine")])),
       st.integers(0, 9))  # fmt: skip
def test_coverages_add_up_and_survive_json(lines, cut):
    whole, parts = coverage(lines), coverage(lines[:cut]) + coverage(lines[cut:])
    assert lacks(parts) == lacks(whole)
    assert parts.at() == whole.at()
    again = Coverage.read(json.loads(json.dumps(whole.numbers())))
    assert again.numbers() == whole.numbers()
