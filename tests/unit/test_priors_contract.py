"""What every prior promises, over the registry; and what all of them learn from."""

import json

import numpy as np
import pytest
import torch

from motionlib import priors, text
from motionlib.artifacts import BadArtifactError, CodeSet, CodeShape, FeatureClip, FeatureSet, Item, TextTable
from motionlib.params import PriorData, Train
from motionlib.priors.data import NULL, Batches, held_out_pieces, training_pieces
from motionlib.training import fit

SMALL = {"layers": 1, "width": 16, "heads": 2, "feedforward": 2, "dropout": 0.1, "max_steps": 8}
SIZES = {
    "d3pm": SMALL | {"timesteps": 20},
    "gated_conv": {"layers": 2, "width": 16, "max_steps": 8},
    "gpt": SMALL,
    "masked": SMALL,
    "nmt": {"layers": 1, "width": 16, "heads": 2, "hidden": 32, "text_width": 8, "state_width": 32, "max_steps": 8,
            "least": 1, "forcing_steps": 60, "align_after": 30},
}  # fmt: skip
SHAPES = [CodeShape(6, 1, 4, 5.0), CodeShape(3, 2, 4, 5.0)]
ENCODER = {"spec": "hash:16", "digest": "a" * 64, "dim": 16}


class Silent:
    def metrics(self, values, step): ...


def clip(name, start, frames, split, mirror=False):
    return FeatureClip(name, start, frames, split, mirror, "made", "", "", "", "CC0")


@pytest.fixture(params=SHAPES, ids=["one code", "two codes"])
def library(request):
    """Three clips: 40 rows with a span of 16 captioned twice; 24 rows; 24 held-out rows and their mirror."""
    clips = [clip("a", 0, 40, "train"), clip("b", 40, 24, "train"), clip("c", 64, 24, "test")]
    clips.append(clip("M:c", 88, 24, "test", mirror=True))
    items = [
        Item("a", 6, 24, "walk left", 0, "train", "x"),
        Item("a", 6, 24, "a walk", 1, "train", "x"),
        Item("b", 0, 24, "jump", 2, "train", "x"),
        Item("c", 0, 24, "jump", 2, "test", "x"),
        Item("c", 22, 24, "jump", 2, "test", "x"),  # no whole code step
        Item("M:c", 0, 24, "jump", 2, "test", "x"),
    ]
    nothing = np.zeros((112, 4), np.float32)
    features = FeatureSet(nothing, clips, items, nothing[0], nothing[0], 20.0, "compat")
    shape = request.param
    codes = np.random.default_rng(0).integers(0, shape.codebook_size, (28, shape.codes_per_step))
    code_set = CodeSet(codes, np.array([0, 10, 16, 22, 28]), ["a", "b", "c", "M:c"], shape)
    encoded = text.encoder("hash:16", 8).encode(features.captions())
    return code_set, features, TextTable(features.captions(), *encoded, ENCODER)


@pytest.fixture(params=sorted(priors.PRIORS))
def kind(request):
    return request.param


def make(kind, code_set):
    torch.manual_seed(0)
    return priors.build(kind, SIZES[kind], code_set.shape, 16)


def batches(library, max_steps=8, **settings):
    code_set, features, table = library
    settings = PriorData(**settings)
    return Batches(training_pieces(code_set, features, settings.untexted), table, max_steps, settings)


def test_every_prior_learns(kind, library):
    model, data = make(kind, library[0]), batches(library)
    train = Train(
        steps=60, batch_size=16, learning_rate=0.01, warmup_steps=0, schedule="constant",
        checkpoint_every=60, validate_every=60, seed=1,
    )  # fmt: skip
    model.eval()
    before = sum(model.nll(batch)[0] for batch in data)
    fit(model, lambda generator: data.draw(16, generator), train, Silent())
    assert sum(model.nll(batch)[0] for batch in data) < 0.8 * before


def test_loss_takes_its_randomness_from_the_generator(kind, library):
    model, batch = make(kind, library[0]).eval(), next(iter(batches(library)))
    one, again, other = (model.loss(batch, torch.Generator().manual_seed(seed)).total for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_scoring_a_batch_or_its_rows_is_the_same(kind, library):
    model, batch = make(kind, library[0]).eval(), next(iter(batches(library)))
    score = model.score(batch)
    rows = [model.score(batch.rows([i])) for i in range(len(batch.codes))]
    torch.testing.assert_close(torch.cat([row.nats for row in rows]), score.nats, atol=1e-4, rtol=1e-5)
    assert torch.equal(torch.cat([row.events for row in rows]), score.events)
    levels = library[0].shape.codes_per_step
    assert torch.equal(score.events, batch.lengths * levels + batch.ends * model.writes_end)
    assert (score.hits <= score.events).all()


@pytest.mark.parametrize("steps", [None, [3, 8, 1]])
def test_generation_gives_codes_in_range_and_the_same_ones_again(kind, library, steps):
    model, table = make(kind, library[0]).eval(), library[2]
    features = priors.text_features(
        text.Encoded(table.sentence, table.words, table.offsets, table.spans), table.captions
    )
    sampling = model.Sampling()
    first, again = (model.generate(features, steps, sampling, torch.Generator().manual_seed(4)) for _ in range(2))
    shape = library[0].shape
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a, b)
        assert a.dtype == torch.int64
        assert a.shape[1] == shape.codes_per_step
        assert 1 <= len(a) <= model.max_steps
        assert 0 <= a.min() <= a.max() < shape.codebook_size
    if steps is not None:
        assert [len(codes) for codes in first] == steps


def test_what_is_given_stays_exactly_as_it_is(kind, library):
    model, table, shape = make(kind, library[0]).eval(), library[2], library[0].shape
    features = priors.text_features(
        text.Encoded(table.sentence, table.words, table.offsets, table.spans), table.captions
    )
    given = [torch.full((steps, shape.codes_per_step), -1) for steps in (5, 8, 3)]
    for one in given:
        one[1:3] = torch.tensor([shape.codebook_size - 1, 0])[:, None]
    for seed in range(3):
        made = model.generate(features, [5, 8, 3], model.Sampling(), torch.Generator().manual_seed(seed), given)
        for codes, kept in zip(made, given, strict=True):
            assert codes.shape == kept.shape
            assert torch.equal(codes[kept >= 0], kept[kept >= 0])
            assert 0 <= codes.min() <= codes.max() < shape.codebook_size


@pytest.mark.parametrize(
    ("steps", "given", "message"),
    [
        (None, [(5, 0)], "say the length of each"),
        ([5, 8, 3], [(5, 0)], "codes are given for 1 texts"),
        ([5, 8, 3], [(5, 0), (7, 0), (3, 0)], r"text 1: expected codes \(8, "),
        ([5, 8, 3], [(5, 0), (8, 0), (3, 99)], "text 2: codes reach from 99 to 99"),
    ],
)
def test_what_is_given_must_fit(kind, library, steps, given, message):
    model, table, shape = make(kind, library[0]).eval(), library[2], library[0].shape
    features = priors.text_features(
        text.Encoded(table.sentence, table.words, table.offsets, table.spans), table.captions
    )
    codes = [torch.full((length, shape.codes_per_step), value) for length, value in given]
    with pytest.raises(ValueError, match=message):
        model.generate(features, steps, model.Sampling(), torch.Generator(), codes)


def test_a_stream_gives_what_is_generated(kind, library):
    model, table = make(kind, library[0]).eval(), library[2]
    features = priors.text_features(
        text.Encoded(table.sentence, table.words, table.offsets, table.spans), table.captions
    )
    whole = model.generate(features, [3, 8, 1], model.Sampling(), torch.Generator().manual_seed(4))
    steps = list(model.stream(features, [3, 8, 1], model.Sampling(), torch.Generator().manual_seed(4)))
    assert len(steps) == 8
    for i, codes in enumerate(whole):
        assert torch.equal(torch.stack([step[i] for step in steps])[: len(codes)], codes)
        assert all((step[i] == -1).all() for step in steps[len(codes) :])


def test_a_saved_prior_comes_back_equal(kind, library, tmp_path):
    model, batch = make(kind, library[0]).eval(), next(iter(batches(library)))
    priors.save(tmp_path / "one", model, ENCODER)
    priors.save(tmp_path / "two", model, ENCODER)
    loaded = priors.load(tmp_path / "one", ENCODER)
    assert torch.equal(loaded.score(batch).nats, model.score(batch).nats)
    for file in ("weights.safetensors", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    card = json.loads((tmp_path / "one" / "model.json").read_text())
    assert card["kind"] == kind
    assert card["codes"] == library[0].shape._asdict()


def test_a_prior_refuses_another_text_encoder(kind, library, tmp_path):
    priors.save(tmp_path, make(kind, library[0]), ENCODER)
    with pytest.raises(text.BadEncoderError, match="learned with text encoder hash:16"):
        priors.load(tmp_path, ENCODER | {"digest": "b" * 64})


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="unknown kind of prior 'magic'; known:"):
        priors.build("magic", {}, SHAPES[0], 16)


def test_an_unknown_setting_is_named(kind):
    with pytest.raises(ValueError, match="hight"):
        priors.build(kind, {"hight": 3}, SHAPES[0], 16)


def test_training_pieces_are_spans_and_what_captions_leave_over(library):
    pieces = training_pieces(library[0], library[1], untexted=1.0)
    found = [(piece.clip, len(piece.codes), piece.captions, piece.ends) for piece in pieces]
    assert found == [
        ("a", 4, (0, 1), True),  # rows 6..24 hold the whole steps 2..6
        ("b", 6, (2,), True),
        ("a", 2, (NULL,), False),
        ("a", 4, (NULL,), False),
    ]
    np.testing.assert_array_equal(pieces[0].codes, library[0].of("a")[2:6])
    assert [piece.weight for piece in pieces] == pytest.approx([1.0, 1.0, 0.4, 0.8])


def test_motion_without_captions_can_be_left_out(library):
    assert len(training_pieces(library[0], library[1], untexted=0.0)) == 2


def test_held_out_pieces_are_unmirrored_and_whole(library):
    (piece,) = held_out_pieces(library[0], library[1], "test")
    assert (piece.clip, len(piece.codes), piece.captions) == ("c", 6, (2,))


def test_a_batch_is_drawn_by_the_generator_alone(library):
    data = batches(library)
    one, again, other = (data.draw(5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    one, again, other = ((*batch[:3], *batch.text[:4]) for batch in (one, again, other))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_drawn_sequence_lies_inside_its_clip(library):
    data, levels = batches(library, max_steps=3, trim=0.5), library[0].shape.codes_per_step
    known = {tuple(row) for clip in "ab" for row in library[0].of(clip).tolist()}
    for seed in range(20):
        batch = data.draw(4, torch.Generator().manual_seed(seed))
        for codes, length in zip(batch.codes, batch.lengths.tolist(), strict=True):
            assert 1 <= length <= 3
            assert {tuple(row) for row in codes[:length].tolist()} <= known
            assert (codes[length:] == -1).all()
            assert codes.shape[1] == levels


def test_pieces_are_drawn_as_often_as_their_weight_says_though_a_batch_holds_similar_lengths(library):
    data = batches(library, similar=0.3, trim=0.0)
    drawn = [data.draw(8, torch.Generator().manual_seed(seed)) for seed in range(400)]
    counts = torch.bincount(torch.cat([batch.lengths for batch in drawn]), minlength=7) / 3200
    total = 1.0 + 1.0 + 0.4 + 0.8
    expected = torch.tensor([0, 0, 0.4, 0, 1.0 + 0.8, 0, 1.0]) / total  # lengths 2, 4 (a span, a leftover) and 6
    torch.testing.assert_close(counts, expected, atol=0.05, rtol=0)
    assert np.mean([batch.lengths.unique().numel() for batch in drawn]) < 2.5


def test_a_crop_before_the_end_has_no_end(library):
    (piece,) = held_out_pieces(library[0], library[1], "test")
    (batch,) = Batches([piece], library[2], 4, PriorData())
    assert batch.ends.tolist() == [False]
    (batch,) = Batches([piece], library[2], 6, PriorData())
    assert batch.ends.tolist() == [True]


def test_the_null_text_is_all_zero(library):
    pieces = [piece for piece in training_pieces(library[0], library[1], 1.0) if piece.captions == (NULL,)]
    (batch,) = Batches(pieces, library[2], 8, PriorData())
    assert not batch.text.sentence.any()
    assert not batch.text.word_mask.any()


def test_nothing_to_learn_from_is_an_error(library):
    code_set, features, _ = library
    empty = FeatureSet(features.rows, features.clips[2:], [], features.mean, features.std, 20.0, "compat")
    with pytest.raises(BadArtifactError, match="no training clip"):
        training_pieces(code_set, empty, 1.0)
