"""Stage `compare_priors` in an empty folder: two priors as they are before they learn."""

import json

import pytest
import torch
from evaluation_inputs import outputs, write_inputs

from motionlib import priors, text, tokenizers
from motionlib.artifacts import read_features, read_report
from motionlib.export.player import unpack
from motionlib.params import PriorEntry, apart_from_seeds
from stages import compare_priors

PROMPTS = ["a person jumps", "somebody walks in a circle"]
TRAIN = {
    "steps": 1, "batch_size": 1, "learning_rate": 1.0e-3, "warmup_steps": 0, "schedule": "constant",
    "checkpoint_every": 1, "validate_every": 1, "seed": 1,
}  # fmt: skip
MODEL = {"layers": 1, "width": 32, "heads": 2, "max_steps": 20}


def entry(kind):
    return {"kind": kind, "tokenizer": "vq", "model": MODEL, "sampling": {}, "train": TRAIN}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Inputs, models, and the report of one run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where := tmp_path_factory.mktemp("compare"))
        asked = {"prompts": PROMPTS, "seconds": 1.4, "seed": 3}
        write_inputs(where, priors={"one": entry("gpt"), "two": entry("masked")}, compare_priors=asked)
        features = read_features(where / "data/features")
        mean, std = torch.from_numpy(features.mean), torch.from_numpy(features.std)
        tokenizer = tokenizers.build("vqvae", {"width": 16, "codes": 8, "code_width": 16}, mean, std)
        tokenizers.save(where / "models/tokenizers/vq", tokenizer)
        encoder = text.describe(text.encoder("hash:32", 8))
        for name, kind in (("one", "gpt"), ("two", "masked")):
            torch.manual_seed(0)
            priors.save(where / "models/priors" / name, priors.build(kind, MODEL, tokenizer.shape, 32), encoder)
        compare_priors.main()
        yield where


def test_each_prompt_has_a_motion_of_every_prior_beside_the_nearest_training_motion(folder):
    motions = json.loads((folder / "reports/compare_priors/motions.json").read_text())
    assert [(one["text"], one["title"]) for one in motions] == [
        (prompt, title) for prompt in PROMPTS for title in ("nearest training motion", "one", "two")
    ]
    assert [unpack(one).shape for one in motions[1:3]] == [(28, 22, 3)] * 2  # 1.4 s at 20 fps


def test_the_report_names_the_caption_that_is_nearest(folder):
    first, second = read_report(folder / "reports/compare_priors")["prompts"]
    assert first["nearest"]["caption"] == "a person jumps"
    assert first["nearest"]["likeness"] == pytest.approx(1.0)
    assert first["nearest"]["clip"].startswith("t2m_jump_41/")
    assert second["nearest"]["likeness"] < 1
    assert set(second["motions"]) == {"nearest training motion", "one", "two"}
    assert second["motions"]["two"]["seconds"] == pytest.approx(1.4)


def test_the_page_plays_from_disk_and_holds_all_prompts(folder):
    page = (folder / "reports/compare_priors/side_by_side.html").read_text()
    assert all(prompt in page for prompt in PROMPTS)
    assert "Content-Security-Policy" in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_second_run_gives_the_same_bytes(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = outputs(folder)
    compare_priors.main()
    assert outputs(folder) == before


def test_of_trainings_that_differ_in_their_seed_one_is_shown():
    asked = {name: PriorEntry.model_validate(entry("gpt")) for name in ("b_s2", "b")}
    asked["b_s2"] = asked["b_s2"].model_copy(update={"train": asked["b"].train.model_copy(update={"seed": 9})})
    asked["other"] = asked["b"].model_copy(update={"kind": "masked"})
    assert list(apart_from_seeds(asked)) == ["b", "other"]
