"""The quickstart set: always the same, plausible to the eye's main checks, and captioned in words."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from motionlib.body import kinematics
from motionlib.ingest import read_bvh, synthetic
from motionlib.ingest.captions import read_table
from motionlib.ingest.synthetic import PLAN, Take, bvh, motion, takes
from motionlib.ingest.synthetic_body import LEFT, RIGHT, Arm, Build, skeleton, solve
from motionlib.ingest.synthetic_gaits import Gait, ease, go
from motionlib.ingest.synthetic_gestures import GRAVITY, Manner, jump, sit, stand, wave
from motionlib.ingest.synthetic_words import HOW, SENTENCES, captions, turning

CMU_JOINTS = 31


def first(action: str, side: int = 0) -> Take:
    return next(take for take in takes() if take.action == action and take.side == side)


def joints(take: Take) -> tuple[np.ndarray, tuple[str, ...]]:
    build, root, local = motion(take)
    body = skeleton(build)
    return kinematics.forward(body, root, local), body.names


def test_the_set_is_as_large_as_promised():
    planned = takes()
    assert len(planned) == 220
    assert 15 <= sum(take.seconds for take in planned) / 60 <= 20
    assert all(3 <= take.seconds <= 7 for take in planned)
    assert len({take.name for take in planned}) == 220
    assert {take.person for take in planned} == set(range(synthetic.PEOPLE))
    assert {take.fps for take in planned} == {30, 60}
    assert len({take.style for take in planned}) == len(HOW)


def test_sides_are_even_and_not_tied_to_style_or_person():
    sided = [take for take in takes() if take.side]
    assert sum(take.side for take in sided) == 0
    for attribute in ("style", "person"):
        for value in {getattr(take, attribute) for take in sided}:
            assert len({take.side for take in sided if getattr(take, attribute) == value}) == 2, (attribute, value)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path):
    synthetic.write(tmp_path / "a", 3)
    synthetic.write(tmp_path / "b", 3)
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(names) == 5
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_two_takes_of_one_action_differ():
    walks = [take for take in takes() if take.action == "walk"]
    assert len({hashlib.sha256(bvh(take)).digest() for take in walks}) == PLAN["walk"]


@pytest.mark.parametrize("action", PLAN)
def test_what_is_written_reads_back_as_it_was_made(action: str):
    take = next(take for take in takes() if take.action == action)
    build, root, local = motion(take)
    raw = read_bvh(bvh(take))

    assert len([name for name in raw.skeleton.names if not name.endswith("_end")]) == CMU_JOINTS
    assert (raw.fps, len(raw.root_pos)) == (take.fps, round(take.seconds * take.fps))
    made = kinematics.forward(skeleton(build), root, local)
    read = kinematics.forward(raw.skeleton, raw.root_pos, raw.local_quat) * synthetic.UNIT
    np.testing.assert_allclose(read, made, atol=2e-5)


@pytest.mark.parametrize("action", PLAN)
def test_nobody_sinks_into_the_floor_or_moves_faster_than_people_do(action: str):
    take = next(take for take in takes() if take.action == action)
    positions, _ = joints(take)
    assert positions[..., 1].min() > -0.03
    assert positions[:, 0, 1].max() < 1.6
    speed = np.linalg.norm(np.diff(positions, axis=0), axis=-1) * take.fps
    assert speed.max() < 15


@pytest.mark.parametrize("action", ["walk", "turn", "circle", "sidestep", "wave", "squat", "bow"])
def test_feet_that_carry_stand_still(action: str):
    take = next(take for take in takes() if take.action == action)
    positions, names = joints(take)
    for name in ("LeftToeBase", "RightToeBase"):
        toe = positions[:, names.index(name)]
        carries = toe[1:, 1] < np.quantile(toe[:, 1], 0.3) + 0.002
        slide = np.linalg.norm(np.diff(toe[:, [0, 2]], axis=0), axis=1)[carries] * take.fps
        assert np.median(slide) < 0.02, f"{name} slides at {np.median(slide):.3f} m/s"


def test_walking_forward_goes_where_the_body_faces():
    time = np.ones(60)
    pose = go(Build(), 1.2 * time, 0 * time, 30.0, Gait(), 0.0)
    np.testing.assert_allclose(pose.pelvis[-1, 2] - pose.pelvis[0, 2], 1.2 * 59 / 30, atol=1e-6)
    assert abs(pose.pelvis[:, 0]).max() < 0.05


def test_a_turn_to_the_left_ends_to_the_left():
    for side in (LEFT, RIGHT):
        build, root, local = motion(first("turn", side))
        positions = kinematics.forward(skeleton(build), root, local)
        hips = positions[:, 2] - positions[:, 8]  # left minus right thigh
        heading = np.unwrap(np.arctan2(-hips[:, 2], hips[:, 0]))
        assert np.sign(heading[-1] - heading[0]) == side


def test_only_the_named_arm_waves():
    for side, moving, still in ((LEFT, "LeftHand", "RightHand"), (RIGHT, "RightHand", "LeftHand")):
        pose = wave(Build(), Manner(120, 30.0, side=side))
        body = skeleton(Build())
        positions = kinematics.forward(body, *solve(Build(), pose))
        highest = {name: positions[:, body.names.index(name), 1].max() for name in (moving, still)}
        assert highest[moving] > 1.4 > 1.0 > highest[still]


def test_a_jump_flies_as_gravity_has_it():
    how = Manner(300, 100.0, times=1)
    pose = jump(Build(), how)
    ball = pose.feet[LEFT].ball[:, 1]
    flying = ball > ball[0] + 0.1
    body = pose.pelvis[flying, 1]
    fall = np.diff(body, 2) * 100**2
    np.testing.assert_allclose(np.median(fall), -GRAVITY, rtol=0.1)
    np.testing.assert_allclose(pose.pelvis[:, 1].max() - pose.pelvis[0, 1], 0.28, atol=0.05)


def test_who_sits_down_stays_down_and_who_gets_up_stands():
    down, up = sit(Build(), Manner(150, 30.0)), sit(Build(), Manner(150, 30.0), rises=True)
    standing = stand(Build(), Manner(150, 30.0)).pelvis[0, 1]
    np.testing.assert_allclose(down.pelvis[-1, 1], 0.47, atol=1e-6)
    np.testing.assert_allclose(up.pelvis[-1, 1], standing, atol=1e-6)
    assert up.pelvis[:, 1].min() < 0.5


def test_an_arm_of_all_zeros_is_stretched_out():
    pose = stand(Build(), Manner(1, 30.0))
    pose.arms = {LEFT: Arm(0, 0, 0, 0, 0), RIGHT: Arm(0, 0, 0, 0, 0)}
    pose.spine[:], pose.hips[:], pose.head[:] = 0, 0, 0
    body = skeleton(Build())
    positions = kinematics.forward(body, *solve(Build(), pose))[0]
    left, right = positions[body.names.index("LeftHand")], positions[body.names.index("RightHand")]
    np.testing.assert_allclose(left[1:], right[1:], atol=1e-9)
    np.testing.assert_allclose(left[0] - right[0], 2 * (0.03 + 0.14 + 0.28 + 0.25), atol=1e-9)


def test_ease_meets_its_keys_and_stops_there():
    at = np.array([-1.0, 0.0, 0.5, 1.0, 1.001, 2.0, 9.0])
    np.testing.assert_allclose(ease(at, [0, 1, 2], [0, 4, 2]), [0, 0, 2, 4, 4, 2, 2], atol=1e-4)


# --- words -------------------------------------------------------------------------------------------


def test_every_action_has_words_and_every_clip_two_or_three_sentences(tmp_path: Path):
    assert set(PLAN) == set(SENTENCES)
    synthetic.write(tmp_path, 20)
    table = read_table((tmp_path / "captions.csv").read_bytes(), "captions.csv")
    assert table.problems == ()
    assert len(table.labels) == 20
    for file, label in table.labels.items():
        assert (tmp_path / file).is_file()
        assert 2 <= len(label.captions) <= 3
        assert label.licences == ("CC0-1.0",)
        for caption in label.captions:
            assert caption.text == caption.text.lower().strip()
            assert "{" not in caption.text
            assert "  " not in caption.text


def test_left_is_said_of_left_and_right_of_right():
    draw = np.random.default_rng(0)
    for side, said, unsaid in ((LEFT, "left", "right"), (RIGHT, "right", "left")):
        for sentence in captions("kick", "", 1, side=side, times=2, turn=0.0, draw=draw):
            assert said in sentence
            assert unsaid not in sentence
            assert "twice" in sentence


def test_one_person_is_not_called_both_he_and_she():
    for number in range(20):
        draw = np.random.default_rng(number)
        words = " ".join(captions("walk", "", number, side=0, times=0, turn=0.0, draw=draw)).split()
        assert not {"he", "man"} & set(words) or not {"she", "woman"} & set(words)


def test_turns_are_said_by_side_and_size():
    assert turning(np.pi / 2) == "turns left"
    assert turning(-np.pi / 2) == "turns right"
    assert turning(0.8) == "turns slightly to the left"
    assert turning(-3.0) == "turns around to the right"
