"""Stage `train_evaluator@guo` in an empty folder: five motions that look nothing like each other."""

import pytest
from evaluation_inputs import EVALUATOR, outputs, write_inputs
from published_files import write_published

from motionlib.artifacts import BadArtifactError, read_report
from motionlib.evaluation import evaluators, guo
from motionlib.evaluation.published_files import convert
from stages import train_evaluator


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_learns_which_words_belong_to_which_motion(folder):
    train_evaluator.main("guo")
    report = read_report(folder / "reports/train_evaluator/guo")
    anchors = report["anchors"]

    assert report["evaluator"] == anchors["evaluator"] == evaluators.load(folder / "models/evaluators/guo").id
    assert anchors["n"] == 10
    assert anchors["captions"] == 6
    assert anchors["r_precision_aware"][0]["mean"] > 2 * anchors["chance_aware"][0]
    assert anchors["times_chance_aware"][0]["low"] <= anchors["times_chance_aware"][0]["mean"]
    assert anchors["r_precision"][0]["mean"] <= anchors["r_precision_aware"][0]["mean"]
    assert anchors["halves"]["n"] == 5
    assert (folder / "reports/train_evaluator/guo/curves.png").read_bytes().startswith(b"\x89PNG")


def test_twice_the_same_inputs_are_the_same_bytes_and_no_checkpoint_stays(folder):
    train_evaluator.main("guo")
    first = outputs(folder)
    train_evaluator.main("guo")

    assert outputs(folder) == first
    assert not list((folder / ".motionlib").rglob("*.safetensors"))


def test_a_training_that_was_interrupted_ends_with_the_same_bytes(folder, monkeypatch):
    train_evaluator.main("guo")
    undisturbed = outputs(folder)
    learn, calls = guo.Guo.loss, []

    def fails_later(self, batch, generator):
        calls.append(1)
        if len(calls) == 33:  # after the checkpoint of step 20
            raise KeyboardInterrupt
        return learn(self, batch, generator)

    monkeypatch.setattr(guo.Guo, "loss", fails_later)
    with pytest.raises(KeyboardInterrupt):
        train_evaluator.main("guo")
    monkeypatch.setattr(guo.Guo, "loss", learn)
    train_evaluator.main("guo")

    assert outputs(folder) == undisturbed


def test_movements_can_be_learned_before_and_kept(folder):
    write_inputs(
        folder,
        evaluators={"guo": {
            **EVALUATOR,
            "model": {"movement_width": 8, "movement": 8, "motion_width": 8, "text_width": 8, "embedding": 8,
                      "pretrain_steps": 20, "freeze_movement": True},
        }},
    )  # fmt: skip
    train_evaluator.main("guo")
    assert read_report(folder / "reports/train_evaluator/guo")["history"]["validation"] == []  # 5 motions are too few


def test_a_published_one_is_taken_as_it_is_and_measured_on_real_motion(folder):
    known = convert(**write_published(folder / "files"), target=folder / "published").id
    entry = {"kind": "published", "model": {"folder": "published", "id": known}}
    write_inputs(folder, evaluators={"guo": entry})
    train_evaluator.main("guo")
    report = read_report(folder / "reports/train_evaluator/guo")

    assert report["evaluator"] == evaluators.load(folder / "models/evaluators/guo").id == known
    assert report["history"]["training"] == []
    assert report["anchors"]["n"] == 10


def test_without_captions_it_says_so(folder):
    (folder / "data/text/manifest.json").unlink()
    with pytest.raises(BadArtifactError, match=r"data/text.*has the stage that makes it run"):
        train_evaluator.main("guo")
