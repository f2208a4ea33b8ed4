"""The champion on the challenger's clips: the same numbers as if its own report had known them."""

import json
from pathlib import Path

import pytest
import test_evaluate
from evaluation_inputs import write_inputs

from motionlib import params
from motionlib.artifacts import read_features, read_json, read_report, write_json
from motionlib.evaluation import evaluators
from motionlib.promotion import bundle, gate, rematch
from stages import evaluate


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A bundle whose report is what `evaluate` found on these clips."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where := tmp_path_factory.mktemp("rematch"))
        write_inputs(where, priors={"tiny": test_evaluate.PRIOR})
        test_evaluate.write_models(where)
        evaluate.main("tiny")
        make_bundle(where / "champion", read_report(where / "reports/evaluate/tiny"))
        yield where


def make_bundle(folder: Path, report: dict) -> None:
    prior = Path("models/priors/tiny")
    encoder = read_json(prior / "model.json")["text_encoder"]
    parts = bundle.Parts(
        features=read_features(Path("data/features")),
        tokenizer=Path("models/tokenizers/vq"),
        prior=prior,
        sampling=params.load().priors["tiny"].sampling,
        text_encoder=encoder,
        max_tokens=8,
        evaluator=report["evaluator"],
        reports={"evaluate": report},
        card="",
        names={"tokenizer": "vq", "prior": "tiny"},
    )
    bundle.write_bundle(folder, parts)


def test_a_rematch_gives_the_numbers_of_the_stage(folder):
    found = rematch.rematch(folder / "champion")
    report = read_report(folder / "reports/evaluate/tiny")
    assert found["evaluator"] == report["evaluator"]
    assert found["per_clip"] == report["per_clip"]


def test_it_is_needed_for_new_clips_and_for_another_evaluator_only(folder, tmp_path):
    report = read_report(folder / "reports/evaluate/tiny")
    fewer = report | {"per_clip": dict(list(report["per_clip"].items())[:-2])}
    for name, numbers in (("fewer", fewer), ("other", report | {"evaluator": "f" * 64})):
        write_json(tmp_path / name / "reports/evaluate.json", numbers)
    assert gate.rematch_reason(folder / "champion", None) == ""
    assert gate.rematch_reason(folder / "champion", folder / "champion") == ""
    assert gate.rematch_reason(tmp_path / "fewer", folder / "champion") == ""  # what is gone needs no new measure
    assert gate.rematch_reason(folder / "champion", tmp_path / "fewer") == "2 of the held-out clips are new"
    assert "different evaluators" in gate.rematch_reason(folder / "champion", tmp_path / "other")


def test_the_command_writes_costs_and_the_champions_numbers(folder, tmp_path):
    rematch.main(folder / "champion", folder / "champion", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert set(found) == {"costs", "champion"}
    assert 0 < found["costs"]["seconds_per_motion"] < 60
    assert 0 < found["costs"]["megabytes"] < 10
    verdict = gate.of_bundles(folder / "champion", folder / "champion", measured=found)
    assert verdict.evidence["same_evaluator"]
    assert verdict.evidence["costs"] == found["costs"]


def test_features_of_another_mode_are_refused(folder, tmp_path):
    features = read_features(folder / "data/features")
    facts = json.loads((folder / "champion/bundle.json").read_text())
    assert facts["features"]["mode"] == features.mode
    assert evaluators.load(folder / "models/evaluators/guo").id == facts["evaluator"]
    manifest = folder / "data/features/manifest.json"
    before = manifest.read_text()
    manifest.write_text(before.replace('"compat"', '"exact"'))
    try:
        with pytest.raises(ValueError, match="its features are compat, those of data/features are exact"):
            rematch.rematch(folder / "champion")
    finally:
        manifest.write_text(before)
