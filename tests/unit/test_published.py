"""A published evaluator: its files become one of ours, with the embeddings of the published code."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from published_files import WORDS, checkpoint, golden, statistics, vectors, write_published

from motionlib.artifacts import TextTable
from motionlib.cli import main
from motionlib.evaluation import evaluators
from motionlib.evaluation.published import Published, PublishedSettings
from motionlib.evaluation.published_files import convert
from motionlib.text import tags

MEAN, STD = statistics()


@pytest.fixture(scope="module", params=[True, False], ids=["zip", "older form"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted evaluator."""
    place = tmp_path_factory.mktemp("published")
    convert(**write_published(place / "files", zipped=request.param), target=place / "ours")
    return place / "ours"


def table(captions: list[str], tokens: list[str]) -> TextTable:
    """data/text of captions, whose word states no published evaluator looks at."""
    count = len(captions)
    states = np.zeros((count, 3), np.float32)
    return TextTable(captions, states, states, np.arange(count + 1), np.zeros((count, 2), np.int64), {}, tokens)


def test_its_networks_embed_as_the_published_code_does(folder):
    model, known = evaluators.load(folder), golden()
    read = {
        name: torch.from_numpy(known[name]) for name in ("motions", "m_lens", "word_embs", "cap_lens", "pos_onehot")
    }
    with torch.no_grad():
        motion = model.motion(model.movement(read["motions"][..., :-4]), read["m_lens"] // 4)
        text = model.forward_text(read["word_embs"], read["cap_lens"], read["pos_onehot"])
    np.testing.assert_allclose(motion, known["motion_emb"], atol=1e-6)
    np.testing.assert_allclose(text, known["text_emb"], atol=1e-6)


def test_raw_motion_is_normalised_with_its_own_statistics(folder):
    model, seen = evaluators.load(folder), golden()["motions"][0]
    with torch.no_grad():
        padded = torch.from_numpy(np.concatenate([seen, np.zeros((4, 263), np.float32)]))[None, :, :-4]
        expected = model.motion(model.movement(padded), torch.tensor([len(seen) // 4]))
    np.testing.assert_allclose(model.embed_motion([seen * STD + MEAN]), expected, atol=1e-4)


def test_a_caption_is_its_word_vectors_and_classes_between_start_and_end(folder):
    model = evaluators.load(folder)
    said = table(["walks oddly", "a leg"], ["walk/VERB oddly/ADV", ""])
    rows = [WORDS.index(word) for word in ("sos", "walk", "unk", "eos")]
    classes = [tags.CLASSES.index(name) for name in ("OTHER", "Act_VIP", "OTHER", "OTHER")]
    words = torch.from_numpy(vectors()[rows])[None]
    with torch.no_grad():
        expected = model.forward_text(words, torch.tensor([4]), torch.eye(15)[classes][None])
    np.testing.assert_allclose(model.embed_text(said, [0, 1])[:1], expected, atol=1e-6)
    assert [token.word for token in model.words_of("a leg")] == ["sos", "a", "leg", "eos"]


def test_twenty_words_of_a_long_caption_are_read(folder):
    assert len(evaluators.load(folder).words_of("a man " * 15)) == 22


def test_the_id_names_weights_and_statistics(folder, tmp_path):
    known = evaluators.load(folder).id
    paths = write_published(tmp_path / "files")
    assert convert(**paths, target=tmp_path / "same").id == known
    np.save(paths["mean"], MEAN + 1)
    assert convert(**paths, target=tmp_path / "other").id != known


def test_params_name_it_by_folder_and_id(folder):
    known = evaluators.load(folder).id
    settings = {"folder": str(folder), "id": known}
    made = evaluators.make("published", settings, np.zeros(263, np.float32), np.ones(263, np.float32), 384)
    assert isinstance(made, Published)
    assert made.id == known
    np.testing.assert_array_equal(made.mean.numpy(), MEAN)
    with pytest.raises(ValueError, match=r"params\.yaml means"):
        evaluators.make("published", settings | {"id": "0" * 64}, MEAN, STD, 384)
    with pytest.raises(ValueError, match="judges 263 features, the data has 251"):
        evaluators.make("published", settings, MEAN[:251], STD[:251], 384)
    with pytest.raises(ValueError, match="no evaluator in 'nowhere'"):
        PublishedSettings.model_validate(settings | {"folder": "nowhere"})


def rewritten(paths: dict[str, Path], change: Any) -> None:
    state = checkpoint()
    change(state)
    torch.save(state, paths["checkpoint"])


MISFITS = {
    "a missing weight": (
        lambda state: state["text_encoder"].pop("output_net.1.bias"),
        r"finest\.tar: text_encoder\.output_net\.1\.bias: expected shape \(12,\), found nothing",
    ),
    "a weight of another shape": (
        lambda state: state["motion_encoder"].update({"gru.bias_hh_l0": torch.ones(41)}),
        r"finest\.tar: motion_encoder\.gru\.bias_hh_l0: expected shape \(42,\), found shape \(41,\)",
    ),
    "a deciding weight that is missing": (
        lambda state: state["text_encoder"].pop("pos_emb.weight"),
        r"finest\.tar: text_encoder\.pos_emb\.weight: expected an array of 2 axes, found nothing",
    ),
    "a weight too many": (
        lambda state: state["movement_encoder"].update({"main.9.bias": torch.ones(2)}),
        r"finest\.tar: movement_encoder\.main\.9\.bias: expected nothing, found shape \(2,\)",
    ),
    "a missing network": (lambda state: state.pop("motion_encoder"), r"finest\.tar: holds no motion_encoder"),
    "a number that is not finite": (
        lambda state: state["movement_encoder"].update({"out_net.bias": torch.full((8,), torch.nan)}),
        r"finest\.tar: movement_encoder\.out_net\.bias is not finite numbers",
    ),
    "a width that nothing bears out": (
        lambda state: state["movement_encoder"].update({"out_net.weight": torch.ones(1).expand(100_000, 1).clone()}),
        r"finest\.tar: motion_encoder\.input_emb\.weight: expected shape \(14, 100000\), found shape \(14, 8\)",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_checkpoint_that_does_not_fit_names_file_weight_and_shapes(tmp_path, name):
    change, message = MISFITS[name]
    paths = write_published(tmp_path / "files")
    rewritten(paths, change)
    with pytest.raises(ValueError, match=message):
        convert(**paths, target=tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_statistics_and_vectors_of_another_width_are_named(tmp_path):
    paths = write_published(tmp_path / "files")
    np.save(paths["mean"], MEAN[:251])
    np.save(paths["std"], STD[:251])
    with pytest.raises(ValueError, match=r"mean\.npy: rows of 251 numbers, the networks read 263"):
        convert(**paths, target=tmp_path / "ours")
    paths = write_published(tmp_path / "again")
    np.save(paths["words"] / "our_vab_data.npy", np.ones((len(WORDS), 19), np.float32))
    with pytest.raises(ValueError, match=r"our_vab_data\.npy: rows of 19 numbers, the networks read 20"):
        convert(**paths, target=tmp_path / "ours")


def test_arrays_with_objects_in_them_and_words_without_vector_are_refused(tmp_path):
    paths = write_published(tmp_path / "files")
    np.save(paths["mean"], np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"mean\.npy: not an array of numbers"):
        convert(**paths, target=tmp_path / "ours")
    paths = write_published(tmp_path / "again")
    (paths["words"] / "our_vab_idx.pkl").write_bytes(pickle.dumps(dict.fromkeys(WORDS, 99)))
    with pytest.raises(ValueError, match=r"our_vab_idx\.pkl: 17 words have no vector in our_vab_data\.npy"):
        convert(**paths, target=tmp_path / "ours")


def test_the_command_writes_it_and_tells_what_params_shall_say(tmp_path):
    paths = write_published(tmp_path / "files")
    options = [f"--{name}={paths[name]}" for name in ("mean", "std", "words")]
    target = str(tmp_path / "ours")
    done = CliRunner().invoke(main, ["evaluator", "convert", str(paths["checkpoint"]), target, *options, "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["id"] == evaluators.load(tmp_path / "ours").id
    assert (facts["words"], facts["features"], facts["embedding"]) == (len(WORDS), 263, 16)
