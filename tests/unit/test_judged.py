"""The measures of a whole model, held against models whose score is known beforehand."""

import numpy as np
import pytest
import torch

from motionlib.artifacts import BadArtifactError, FeatureClip, FeatureSet, Item, TextTable
from motionlib.evaluation import generated
from motionlib.evaluation.embedded import Embedded
from motionlib.evaluation.guo import Guo as Evaluator
from motionlib.evaluation.guo import GuoConfig as EvaluatorConfig
from motionlib.evaluation.likeness import halves_report
from motionlib.evaluation.rebuilt import rebuilt
from motionlib.evaluation.scores import Protocol, gallery_report

PROTOCOL = Protocol(repeats=3, pool=4, resamples=100, seed=0)
FRAMES = 40


@pytest.fixture(scope="module")
def features(golden):
    """Six pieces of a walk: three to train on, three held out, each with a caption of its own."""
    walk = np.load(golden / "t2m_walk_120.npz", allow_pickle=False)["features"].astype(np.float32)
    pieces = [walk[start : start + FRAMES] for start in (0, 15, 30, 45, 60, 75)]
    splits = ["train", "test"] * 3
    clips = [FeatureClip(f"c{i}", FRAMES * i, FRAMES, split, False, "d", *[""] * 4) for i, split in enumerate(splits)]
    items = [Item(clip.id, 0, FRAMES, f"walk {i}", i, clip.split, "made") for i, clip in enumerate(clips)]
    rows = np.concatenate(pieces)
    train = np.concatenate(pieces[::2])
    return FeatureSet(rows, clips, items, train.mean(axis=0), train.std(axis=0) + 0.01, 20.0, "compat")


@pytest.fixture(scope="module")
def test_set(features):
    torch.manual_seed(0)
    config = EvaluatorConfig(movement_width=8, movement=8, motion_width=8, text_width=8, embedding=6)
    model = Evaluator(config, features.mean, features.std, 5).eval()
    words = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    table = TextTable([f"walk {i}" for i in range(6)], words, words, np.arange(7), np.zeros((6, 2), int), {"dim": 5})
    return model, Embedded.of(model, features, table, "test")


def test_a_perfect_reconstruction_has_no_error_in_any_measure(features):
    found = rebuilt(features, lambda real: real, 16, PROTOCOL)

    assert sorted(found.per_clip) == ["c1", "c3", "c5"]
    assert found.numbers["frames"] == 120
    for name in ("mpjpe_mm", "mpjpe_unaligned_mm", "pa_mpjpe_mm", "acceleration_mm"):
        assert found.numbers[name]["mean"] == pytest.approx(0.0, abs=1e-3)


def test_a_tokenizer_that_always_says_the_mean_is_the_mean_pose(features):
    found = rebuilt(features, lambda real: np.repeat(features.mean[None], len(real), axis=0), 196, PROTOCOL)

    assert found.numbers["mpjpe_over_mean_pose"] == pytest.approx({"mean": 1.0, "low": 1.0, "high": 1.0})
    assert found.numbers["nearest_frame_mm"]["mean"] < found.numbers["mean_pose_facing_mm"]["mean"]


def test_a_reconstruction_may_be_some_frames_shorter(features):
    found = rebuilt(features, lambda real: real[:-1], 196, PROTOCOL)
    assert found.per_clip["c1"]["frames"] == FRAMES - 1


def test_no_test_clip_is_said_so(features):
    only = FeatureSet(features.rows, features.clips[:1], [], features.mean, features.std, 20.0, "compat")
    with pytest.raises(BadArtifactError, match="no test clip"):
        rebuilt(only, lambda real: real, 196, PROTOCOL)


def test_real_motion_scores_as_real_motion(features, test_set):
    model, test = test_set
    real = [test.pairs.rows(number) for number, _ in test.pairs.cases]
    found = generated.score(model, test, real, features.fps, PROTOCOL._replace(name="published"))

    assert (found["n"], found["cases"], found["seconds"]) == (3, 3, 2.0)
    assert found["fid"]["mean"] == pytest.approx(0.0, abs=1e-4)
    assert found["chance_aware"] == pytest.approx([1 / 3, 2 / 3, 1.0], abs=1e-6)
    assert found["r_precision"][2]["mean"] == 1.0
    assert found["mm_dist"]["mean"] == pytest.approx(np.mean(list(generated.distances(model, test, real).values())))


def test_the_gallery_and_halves_of_three_motions(test_set):
    _, test = test_set
    assert gallery_report(test.pairs, test.text, test.real)["own"]["recall"]["3"] == 1.0
    assert halves_report(test.real, PROTOCOL) == {"n": 1}


def test_walks_and_jumps_are_told_apart_by_height_and_speed(golden):
    walk, jump = (
        np.load(golden / f"t2m_{name}.npz", allow_pickle=False)["features"] for name in ("walk_120", "jump_41")
    )
    found = generated.contrast(lambda texts, *_: [jump if "jump" in t else walk for t in texts], 20.0, PROTOCOL)

    assert found["root_height_range_m"]["difference"]["low"] > 0
    assert found["horizontal_speed_mps"]["difference"]["high"] < 0
    assert found["root_height_range_m"]["effect"] > 0 > found["horizontal_speed_mps"]["effect"]


def test_a_model_that_always_says_the_same_has_no_multimodality(features, test_set):
    model, _ = test_set
    motions = generated.many_of_each(["a", "b"], lambda texts, *_: [features.rows[:24]] * len(texts), PROTOCOL)
    same = generated.multimodality(model, motions, PROTOCOL)
    assert same["texts"] == 2
    assert same["multimodality"]["mean"] == pytest.approx(0.0, abs=1e-6)


def test_places_are_spread_from_first_to_last():
    assert generated.spread(10, 4) == [0, 3, 6, 9]
    assert generated.spread(2, 8) == [0, 1]
