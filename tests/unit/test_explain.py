"""Where a bundle's motion comes from, at the command's door and on codes that are known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_bundle import tiny_bundle

from motionlib.artifacts import CodeSet, read_codes, read_features, write_codes
from motionlib.cli import main
from motionlib.promotion.bundle import Bundle
from motionlib.promotion.explain import Library, sentence
from motionlib.tokenizers.clips import encode_clip


@pytest.fixture(scope="module")
def workplace(golden, tmp_path_factory):
    """A bundle, and the features and codes of the one walk that it is made of."""
    folder = tmp_path_factory.mktemp("explain")
    with np.load(golden / "t2m_cmu_002_01.npz") as file:
        bundle = tiny_bundle(file["joints"], folder)
    shutil.copytree(folder / "features", folder / "data/features")
    model, features = Bundle.load(bundle), read_features(folder / "data/features")
    said = encode_clip(model.tokenizer, features.of(features.clips[0]))
    codes = CodeSet(said, np.array([0, len(said)]), ["walk"], model.tokenizer.shape, model.tokenizer.code_vectors())
    write_codes(folder / "data/codes/vq", codes)
    return folder


@pytest.fixture
def model(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    return Bundle.load(workplace / "bundle")


def test_a_copied_clip_is_memorised_with_its_clip_frames_and_licence(model):
    said = read_codes(Path("data/codes/vq")).of("walk")
    told = Library.read(model, "vq").explain(said)
    assert (told["verdict"], told["overlap"], told["single"]) == ("memorised", 1.0, 1.0)
    assert told["longest_s"] == pytest.approx(len(said) / 5)
    assert told["spans"][0] | {"delivery": ""} == {
        "clip": "walk", "start": 0, "end": 4 * len(said), "score": 1.0, "licence": "CC0-1.0", "delivery": "",
    }  # fmt: skip
    assert "memorised: 100% of it" in sentence(told)
    assert f"walk  frames 0 to {4 * len(said) - 1}  CC0-1.0" in sentence(told)


def test_codes_of_another_tokenizer_are_refused(model):
    codes, features = read_codes(Path("data/codes/vq")), read_features(Path("data/features"))
    other = CodeSet((codes.codes + 1) % 16, codes.offsets, codes.clips, codes.shape)
    with pytest.raises(ValueError, match="encode the library anew"):
        Library(model, other, features)
    unknown = CodeSet(codes.codes, codes.offsets, ["run"], codes.shape)
    with pytest.raises(ValueError, match="1 clips of the codes are not among the features"):
        Library(model, unknown, features)


def test_the_command_explains_each_motion(model):
    words = ["generate", "a person walks", "-o", "w.npy", "--seconds", "2", "--count", "2", "--model", "bundle"]
    plain, explained = (CliRunner().invoke(main, [*words, *more, "--json"]) for more in ([], ["--explain"]))
    assert (plain.exit_code, explained.exit_code) == (0, 0), explained.output
    assert "provenance" not in json.loads(plain.stdout)
    found = json.loads(explained.stdout)["provenance"]
    library = Library.read(model, "vq")
    drawn = model.generate(["a person walks"], 2.0, 2, 0)
    assert found == [library.explain(motion.codes) for motion in drawn]
    assert CliRunner().invoke(main, [*words, "--explain"]).stdout.endswith(sentence(found[1]) + "\n")


def test_without_a_library_the_command_says_what_is_missing(workplace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["generate", "a person walks", "-o", "w.npy", "--model", str(workplace / "bundle"), "--explain"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "data/codes/vq" in result.output
