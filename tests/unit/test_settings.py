from pathlib import Path

import pytest
import yaml

from motionlib import params, settings

FILE = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def content():
    return yaml.safe_load(FILE.read_text())


def check(content) -> None:
    settings.check(params.Params.model_validate(content))


def test_the_settings_of_this_repository_are_good(content):
    check(content)


def test_an_unknown_kind_is_named_with_those_there_are(content):
    content["tokenizers"]["vq_512"]["kind"] = "vqvea"
    with pytest.raises(
        settings.BadSettingsError, match=r"tokenizers\.vq_512\.kind: unknown kind 'vqvea'; known: .*'vqvae'"
    ):
        check(content)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("tokenizers", "vq_512", "model"), "tokenizers.vq_512.model.widht"),
        (("priors", "gpt", "model"), "priors.gpt.model.widht"),
        (("priors", "gpt", "sampling"), "priors.gpt.sampling.widht"),
        (("evaluators", "guo", "model"), "evaluators.guo.model.widht"),
    ],
)
def test_a_typo_in_the_settings_of_a_kind_is_named_with_its_place(content, path, place):
    part = content
    for key in path:
        part = part[key]
    part["widht"] = 1
    with pytest.raises(settings.BadSettingsError, match=place):
        check(content)


def test_a_prior_needs_a_tokenizer_that_there_is(content):
    content["priors"]["gpt"]["tokenizer"] = "other"
    with pytest.raises(settings.BadSettingsError, match=r"priors\.gpt\.tokenizer: 'other' is none of"):
        check(content)


def test_the_bundle_holds_a_prior_with_its_own_tokenizer(content):
    content["tokenizers"]["other"] = content["tokenizers"]["vq_512"]
    content["bundle"]["tokenizer"] = "other"
    with pytest.raises(settings.BadSettingsError, match=r"bundle\.tokenizer: 'other', but the prior learns 'vq_2048'"):
        check(content)


def test_an_unknown_text_encoder_is_named(content):
    content["text"]["encoder"] = "glove"
    with pytest.raises(settings.BadSettingsError, match=r"text: .*glove"):
        check(content)


def test_the_command_says_what_is_wrong_in_one_line_and_ends_with_2(tmp_path, content, capsys):
    content["normalize"]["fps"] = -1
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    assert settings.main(tmp_path / "params.yaml") == 2
    said = capsys.readouterr().err.strip()
    assert "normalize.fps" in said
    assert len(said.splitlines()) == 1
    assert settings.main(FILE) == 0
