"""Features of the two modes never meet: in no model, no evaluation and no bundle."""

import numpy as np
import pytest
import torch

from motionlib import priors, text, tokenizers
from motionlib.artifacts import FeatureSet
from motionlib.artifacts.modes import MixedModesError, mode_of, require_mode
from motionlib.evaluation import evaluators
from motionlib.promotion.bundle import Parts, write_bundle
from motionlib.promotion.model import MotionModel

ENCODER = text.encoder("hash:16", 8)
SAYS = text.describe(ENCODER)
TOKENIZER = {"width": 8, "code_width": 4, "codes": 8, "depth": 1}
PRIOR = {"layers": 1, "width": 8, "heads": 1}


def tokenizer(mode):
    return tokenizers.build("vqvae", TOKENIZER, torch.zeros(263), torch.ones(263), mode=mode)


def prior(mode):
    return priors.build("gpt", PRIOR, tokenizer(mode).shape, SAYS["dim"], mode)


def features(mode):
    rows = np.zeros((4, 263), np.float32)
    return FeatureSet(rows, [], [], rows[0], rows[0] + 1, 20.0, mode)


@pytest.mark.parametrize("mode", ["compat", "exact"])
def test_models_remember_the_mode_of_their_features(tmp_path, mode):
    evaluator = evaluators.make("guo", {}, np.zeros(263, np.float32), np.ones(263, np.float32), SAYS["dim"], mode)
    tokenizers.save(tmp_path / "t", tokenizer(mode))
    priors.save(tmp_path / "p", prior(mode), SAYS)
    evaluators.save(tmp_path / "e", evaluator, SAYS)
    loaded = (
        tokenizers.load(tmp_path / "t", mode=mode),
        priors.load(tmp_path / "p", SAYS, mode),
        evaluators.load(tmp_path / "e", SAYS, mode),
    )
    assert [model.mode for model in loaded] == [mode] * 3


def test_a_model_is_refused_for_features_of_the_other_mode(tmp_path):
    tokenizers.save(tmp_path / "t", tokenizer("compat"))
    priors.save(tmp_path / "p", prior("exact"), SAYS)
    with pytest.raises(MixedModesError, match=r"the tokenizer in .* 'compat' features .* 'exact' ones"):
        tokenizers.load(tmp_path / "t", mode="exact")
    with pytest.raises(MixedModesError, match=r"the prior in .* 'exact' features .* 'compat' ones"):
        priors.load(tmp_path / "p", SAYS, "compat")


def test_a_tokenizer_and_a_prior_of_different_modes_are_no_model():
    assert MotionModel(tokenizer("exact"), prior("exact"), ENCODER).mode == "exact"
    with pytest.raises(MixedModesError, match=r"'compat'.*'exact'"):
        MotionModel(tokenizer("exact"), prior("compat"), ENCODER)


@pytest.mark.parametrize("odd", ["features", "tokenizer", "prior"])
def test_a_bundle_of_mixed_parts_is_not_written(tmp_path, odd):
    mode = {part: "exact" if part == odd else "compat" for part in ("features", "tokenizer", "prior")}
    tokenizers.save(tmp_path / "t", tokenizer(mode["tokenizer"]))
    priors.save(tmp_path / "p", prior(mode["prior"]), SAYS)
    parts = Parts(features(mode["features"]), tmp_path / "t", tmp_path / "p", {}, SAYS, 8, "", {}, "", {})
    with pytest.raises(MixedModesError, match=r"'compat'.*'exact'|'exact'.*'compat'"):
        write_bundle(tmp_path / "bundle", parts)
    assert not (tmp_path / "bundle").exists()


def test_cards_from_before_modes_are_compat():
    assert mode_of({}) == "compat"
    require_mode("compat", None, "anything")
