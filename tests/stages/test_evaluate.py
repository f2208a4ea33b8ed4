"""Stage `evaluate` in an empty folder: a tokenizer and a prior as they are before they learn."""

import json

import numpy as np
import pytest
import torch
import yaml
from evaluation_inputs import TMR, outputs, write_inputs

from motionlib import priors, text, tokenizers
from motionlib.artifacts import read_features, read_report
from motionlib.evaluation import evaluators
from motionlib.export.player import unpack
from stages import evaluate

TRAIN = {
    "steps": 1, "batch_size": 1, "learning_rate": 1.0e-3, "warmup_steps": 0, "schedule": "constant",
    "checkpoint_every": 1, "validate_every": 1, "seed": 1,
}  # fmt: skip
PRIOR = {"kind": "gpt", "tokenizer": "vq", "model": {"layers": 1, "width": 32, "heads": 2, "max_steps": 20},
         "sampling": {}, "train": TRAIN}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Inputs, and the report of one run; no test changes what lies in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where := tmp_path_factory.mktemp("evaluate"))
        write_inputs(where, priors={"tiny": PRIOR})
        write_models(where)
        evaluate.main("tiny")
        yield where


def write_models(folder):
    torch.manual_seed(0)
    features = read_features(folder / "data/features")
    mean, std = torch.from_numpy(features.mean), torch.from_numpy(features.std)
    tokenizer = tokenizers.build("vqvae", {"width": 16, "codes": 8, "code_width": 16}, mean, std)
    encoder = text.describe(text.encoder("hash:32", 8))
    tokenizers.save(folder / "models/tokenizers/vq", tokenizer)
    priors.save(folder / "models/priors/tiny", priors.build("gpt", PRIOR["model"], tokenizer.shape, 32), encoder)
    judge = evaluators.make(
        "guo", {"embedding": 8, "motion_width": 8, "text_width": 8}, features.mean, features.std, 32
    )
    evaluators.save(folder / "models/evaluators/guo", judge, encoder)
    other = evaluators.make("tmr", TMR["model"], features.mean, features.std, 32)
    evaluators.save(folder / "models/evaluators/tmr", other, encoder)


def test_every_held_out_clip_and_caption_is_judged(folder):
    report = read_report(folder / "reports/evaluate/tiny")

    assert report["evaluator"] == evaluators.load(folder / "models/evaluators/guo").id
    assert len(report["per_clip"]) == report["reconstruction"]["clips"] == 10
    assert report["generation"]["true_length"]["cases"] == 12  # walks have two captions
    assert report["generation"]["true_length"]["seconds"] == report["real"]["seconds"] == 2.0
    assert {"mpjpe_mm", "mm_dist_generated"} <= set(report["per_clip"]["t2m_jump_41/3"])
    assert report["real"]["physics"]["bone_drift"]["mean"] < 0.1
    frames = np.array([clip["frames"] for clip in report["per_clip"].values()])
    errors = np.array([clip["mpjpe_mm"] for clip in report["per_clip"].values()])
    assert report["reconstruction"]["mpjpe_mm"]["mean"] == pytest.approx((errors * frames).sum() / frames.sum())


def test_every_evaluator_scores_the_same_motions_and_none_meets_another(folder):
    report = read_report(folder / "reports/evaluate/tiny")
    other = report["others"]["tmr"]
    assert set(report["others"]) == {"tmr"}
    assert other["evaluator"] == evaluators.load(folder / "models/evaluators/tmr").id != report["evaluator"]
    assert other["generation"]["true_length"]["seconds"] == report["generation"]["true_length"]["seconds"]
    assert other["generation"]["true_length"]["physics"] == report["generation"]["true_length"]["physics"]
    assert other["generation"]["true_length"]["kid"] != report["generation"]["true_length"]["kid"]


def test_real_motion_is_no_distance_away_from_itself(folder):
    real = read_report(folder / "reports/evaluate/tiny")["real"]
    assert real["fid"]["mean"] == pytest.approx(0.0, abs=1e-4)


def test_the_page_gets_motions_side_by_side(folder):
    motions = json.loads((folder / "reports/evaluate/tiny/motions.json").read_text())

    titles = ["original", "reconstruction", "generated 1", "generated 2", "generated 3"]
    assert [motion["title"] for motion in motions] == titles * 6
    assert all(len({motion["text"] for motion in motions[i : i + 5]}) == 1 for i in range(0, 30, 5))
    assert unpack(motions[0]).shape == (40, 22, 3)


def test_without_captioner_the_report_says_that_nothing_is_told_in_words(folder):
    assert "evaluate.captioner" in read_report(folder / "reports/evaluate/tiny")["cycle"]["left_out"]


def test_a_prior_that_tells_motion_has_its_own_words_held_against_the_prompts(folder):
    """The reciprocal prior writes motion and tells it; its bundle tells those of the other prior."""
    settings = yaml.safe_load((folder / "params.yaml").read_text())
    sizes = {"layers": 1, "width": 16, "heads": 2, "hidden": 16, "text_width": 8, "state_width": 16}
    nmt = PRIOR | {"kind": "nmt", "model": {**sizes, "max_steps": 20, "max_words": 5, "least": 1}}
    settings["priors"]["teller"] = nmt
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))
    tokenizer = tokenizers.load(folder / "models/tokenizers/vq")
    prior = priors.build("nmt", nmt["model"], tokenizer.shape, 32)
    prior.prepare((), ["a person walks", "a person jumps"])
    priors.save(folder / "models/priors/teller", prior, text.describe(text.encoder("hash:32", 8)))
    evaluate.main("teller")
    report = read_report(folder / "reports/evaluate/teller")
    told = report["cycle"]

    assert (told["told_by"], told["cases"]) == ("itself", 12)
    assert told["generated"]["distance"]["low"] <= told["generated"]["distance"]["mean"]
    assert {"distance", "nats_per_word", "raw", "lemmatised"} == set(told["real"])
    assert report["others"]["tmr"]["cycle"]["generated"]["distance"] != told["generated"]["distance"]
    assert {"cycle_distance", "cycle_cider", "cycle_rouge_l"} <= set(report["per_clip"]["t2m_jump_41/3"])


def test_twice_the_same_inputs_are_the_same_bytes(folder):
    first = outputs(folder)
    evaluate.main("tiny")
    assert outputs(folder) == first
