"""What every kind of evaluator keeps to."""

import numpy as np
import pytest
import torch

from motionlib.artifacts import BadArtifactError, TextTable
from motionlib.evaluation import evaluators
from motionlib.evaluation.evaluator import Evaluator, PairBatch, pad
from motionlib.evaluation.evaluators import EVALUATORS

SMALL = {
    "guo": {
        "embedding": 8,
        "movement_width": 8,
        "movement": 8,
        "motion_width": 8,
        "text_width": 8,
        "loss": "contrastive",
    },
    "tmr": {"embedding": 8, "layers": 1, "width": 16, "heads": 2, "hidden": 16},
}
SMALL["published"] = SMALL["guo"] | {"loss": "margin", "tags": 15, "words": ("sos", "eos", "unk", "walk")}
WORDS = 12
TRAINED = sorted(kind for kind, known in EVALUATORS.items() if not known.given)
kinds = pytest.mark.parametrize("kind", sorted(EVALUATORS))


def make(kind: str, **settings) -> Evaluator:
    torch.manual_seed(0)
    mean, std = np.zeros(263, np.float32), np.ones(263, np.float32)
    return EVALUATORS[kind].rebuilt(SMALL[kind] | settings, mean, std, WORDS).eval()


def motions(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(8 + 4 * number, 263)).astype(np.float32) for number in range(count)]


def test_every_kind_has_small_settings_here():
    assert set(SMALL) == set(EVALUATORS)


@kinds
def test_motions_are_embedded_in_the_order_given_whatever_they_are_batched_with(kind):
    model, some = make(kind), motions(5)
    together = model.embed_motion(some[::-1])[::-1]
    alone = np.concatenate([model.embed_motion([one]) for one in some])
    assert together.shape == (5, 8)
    np.testing.assert_allclose(together, alone, atol=1e-5)


@kinds
def test_frames_after_the_last_whole_unit_and_contacts_do_not_count(kind):
    model, (motion,) = make(kind), motions(1)
    other = np.concatenate([motion, np.full((3, 263), 9.0, np.float32)])
    other[:, 259:] = 7.0
    np.testing.assert_allclose(model.embed_motion([motion]), model.embed_motion([other]), atol=1e-6)


@kinds
def test_essential_features_are_root_and_positions(kind):
    model, (motion,) = make(kind, features="essential"), motions(1)
    other = motion.copy()
    other[:, 67:] = 5.0
    np.testing.assert_array_equal(model.embed_motion([motion]), model.embed_motion([other]))
    other[:, 66] += 1.0
    assert np.abs(model.embed_motion([motion]) - model.embed_motion([other])).max() > 1e-4


@kinds
def test_words_beyond_a_caption_do_not_count(kind):
    model = make(kind)
    words = torch.randn(2, 5, WORDS, generator=torch.Generator().manual_seed(1))
    longer = torch.cat((words, torch.full((2, 3, WORDS), 9.0)), dim=1)
    tokens, tags = torch.tensor([5, 3]), SMALL[kind].get("tags", 0)
    classes, more = (torch.ones(2, length, tags) if tags else None for length in (5, 8))
    with torch.no_grad():
        few, many = model.forward_text(words, tokens, classes), model.forward_text(longer, tokens, more)
    np.testing.assert_allclose(few, many, atol=1e-5)


@pytest.mark.parametrize("kind", TRAINED)
def test_it_learns_to_tell_eight_pairs_apart(kind):
    model, rng = make(kind).train(), torch.Generator().manual_seed(2)
    padded, frames = pad(motions(8, seed=3))
    words, tokens = torch.randn(8, 4, WORDS, generator=rng), torch.full((8,), 4)
    batch = PairBatch(padded, frames, words, tokens, None, torch.eye(8, dtype=torch.bool), ("",) * 8)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(batch, rng).total.backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        distances = torch.cdist(model.forward_text(words, tokens), model.forward_motion(padded, frames))
    assert (distances.argmin(dim=1) == torch.arange(8)).float().mean() >= 7 / 8


@kinds
def test_what_is_written_is_read(kind, tmp_path):
    model, encoder = make(kind), {"spec": "hash:12", "digest": "a" * 64, "dim": WORDS}
    evaluators.save(tmp_path, model, encoder)
    again = evaluators.load(tmp_path, encoder)
    assert again.id == model.id
    assert not again.training
    np.testing.assert_array_equal(again.embed_motion(motions(2)), model.embed_motion(motions(2)))
    with pytest.raises(BadArtifactError):
        evaluators.load(tmp_path / "none")


@pytest.mark.parametrize("kind", TRAINED)
def test_words_of_another_text_encoder_are_refused(kind, tmp_path):
    encoder = {"spec": "hash:12", "digest": "a" * 64, "dim": WORDS}
    evaluators.save(tmp_path, make(kind), encoder)
    with pytest.raises(ValueError, match="encoder"):
        evaluators.load(tmp_path, encoder | {"digest": "b" * 64})


@kinds
def test_captions_of_a_table_are_embedded_by_their_number(kind):
    model, rng = make(kind), np.random.default_rng(0)
    table = TextTable(
        ["walk", "jump"],
        rng.normal(size=(2, WORDS)).astype(np.float32),
        rng.normal(size=(3, WORDS)).astype(np.float32),
        np.array([0, 1, 3]),
        np.array([[0, 4], [0, 2], [2, 4]]),
        {},
    )
    both, second = model.embed_text(table, [0, 1]), model.embed_text(table, [1])
    np.testing.assert_allclose(both[1:], second, atol=1e-6)


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match=r"known: \['guo', 'published', 'tmr'\]"):
        evaluators.make("clip", {}, np.zeros(263, np.float32), np.ones(263, np.float32), WORDS)
