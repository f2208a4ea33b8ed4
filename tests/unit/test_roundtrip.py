"""What a tokenizer loses, on clips whose answer is known."""

import numpy as np
import pytest

from motionlib.artifacts import FeatureClip, FeatureSet
from motionlib.evaluation import roundtrip


def feature_set(*lengths: int, split: str = "test") -> FeatureSet:
    rng = np.random.default_rng(0)
    rows = (0.1 * rng.standard_normal((sum(lengths), 263))).astype(np.float32)
    starts = np.cumsum([0, *lengths])
    clips = [
        FeatureClip(f"c{i}", int(starts[i]), length, split if i else "train", False, "d", "", "", "", "")
        for i, length in enumerate(lengths)
    ]
    zero = np.zeros(263, dtype=np.float32)
    return FeatureSet(rows, clips, [], zero, zero + 1, 20.0, "compat")


def test_a_perfect_tokenizer_loses_nothing():
    found = roundtrip.report(feature_set(20, 30), lambda rows: rows, step=4)
    assert found["mpjpe_mm"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert found["ratio"] == 0.0
    assert found["clips"] == 1
    assert found["frames"] == 28


def test_one_that_answers_with_the_mean_is_as_bad_as_the_mean_pose():
    features = feature_set(20, 30)
    found = roundtrip.report(features, lambda rows: np.broadcast_to(features.mean, rows.shape), step=4)
    assert found["ratio"] == pytest.approx(1.0)


def test_joints_that_are_ten_millimetres_off_count_twenty_one_of_twenty_two():
    def shifted(rows):
        made = rows.copy()
        made[:, 4:67:3] += 0.01  # x of every joint but the pelvis
        return made

    found = roundtrip.report(feature_set(20, 30), shifted, step=4)
    assert found["pose_mm"]["mean"] == pytest.approx(10 * 21 / 22, rel=1e-4)
    assert found["mpjpe_mm"]["mean"] == pytest.approx(10 * 21 / 22, rel=1e-4)


def test_a_joint_that_trembles_counts_in_acceleration_and_jerk_of_each_clip():
    def trembling(rows):
        made = rows.copy()
        made[::2, 5] += 0.022  # height of the first joint after the pelvis, of 22: up and down by 22 mm every frame
        return made

    found = roundtrip.report(feature_set(20, 30), trembling, step=4)
    assert found["acceleration_mm"]["mean"] == pytest.approx(2.0, rel=1e-4)  # 1, -2, 1 times 22 mm: 44 mm of one joint
    assert found["jerk_mm"]["mean"] == pytest.approx(4.0, rel=1e-4)  # 1, -3, 3, -1: 88 mm
    assert found["per_clip"]["c1"] == {
        "mpjpe_mm": pytest.approx(0.5, rel=1e-4),
        "acceleration_mm": pytest.approx(2.0, rel=1e-4),
        "jerk_mm": pytest.approx(4.0, rel=1e-4),
    }


def test_a_clip_of_two_frames_has_no_jitter_but_an_error():
    found = roundtrip.report(feature_set(20, 2, 30), lambda rows: rows, step=2)
    assert found["per_clip"] == {
        "c1": {"mpjpe_mm": 0.0},
        "c2": {"mpjpe_mm": 0.0, "acceleration_mm": 0.0, "jerk_mm": 0.0},
    }
    assert found["clips"] == 2


def test_a_wrong_heading_is_in_the_error_but_not_in_the_pose():
    def turning(rows):
        made = rows.copy()
        made[:, 0] += 0.05
        return made

    found = roundtrip.report(feature_set(20, 30), turning, step=4)
    assert found["pose_mm"]["mean"] == 0.0
    assert found["mpjpe_mm"]["mean"] > 1.0


def test_long_clips_are_cut_and_mirrored_ones_left_out():
    features = feature_set(20, 400, 3)
    cut = roundtrip.pieces(features, "test", step=4)
    assert [len(piece.rows) for piece in cut] == [196, 196, 8]  # the clip of 3 rows fills no step
    assert {piece.clip for piece in cut} == {"c1"}


def test_an_empty_split_is_said():
    assert roundtrip.report(feature_set(20), lambda rows: rows, step=4) == {"clips": 0, "frames": 0}
    assert roundtrip.headline({"clips": 0, "frames": 0}) == {}


def test_a_validation_gives_means_over_frames():
    features = feature_set(20, 30)
    values = roundtrip.mean_error(roundtrip.pieces(features, "test", 4), lambda rows: rows)
    assert values == {"mpjpe_mm": 0.0, "pose_mm": 0.0}
