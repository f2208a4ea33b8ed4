"""The reciprocal prior: sizes, both directions, what each teaches the other, and how it is asked for captions."""

import numpy as np
import pytest
import torch

from motionlib import priors, text
from motionlib.artifacts import CodeShape
from motionlib.priors.base import PriorBatch, text_features
from motionlib.priors.nmt import Nmt, NmtConfig
from motionlib.priors.reader import Reader
from motionlib.priors.sampling import Beams, beam_search
from motionlib.priors.vocabulary import END, START, UNKNOWN, Vocabulary, frequent, words_of
from motionlib.priors.writer import Writer

CAPTIONS = ("a person walks left.", "a person jumps", "")
SMALL = NmtConfig(
    layers=1, width=16, heads=2, hidden=32, text_width=8, state_width=32, max_steps=8, max_words=6, least=1,
    dropout=0.0, align_after=0, text_drop=0.0,
)  # fmt: skip
ENCODER = {"spec": "hash:16", "digest": "a" * 64, "dim": 16}


def count(module):
    return sum(p.numel() for p in module.parameters())


def batch_of(shape, captions=CAPTIONS):
    encoded = text.encoder("hash:16", 8).encode(captions)
    features = text_features(encoded, captions)
    empty = [i for i, caption in enumerate(captions) if not caption]
    features.sentence[empty] = 0.0
    features.word_mask[empty] = False
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, shape.codebook_size, (3, 5, shape.codes_per_step)))
    lengths = torch.tensor([5, 3, 4])
    codes[torch.arange(5) >= lengths[:, None]] = -1
    return PriorBatch(codes, lengths, torch.tensor([True, True, False]), features)


@pytest.fixture(params=[CodeShape(6, 1, 4, 5.0), CodeShape(3, 2, 4, 5.0)], ids=["one code", "two codes"])
def shape(request):
    return request.param


@pytest.fixture
def model(shape):
    torch.manual_seed(0)
    made = Nmt(SMALL, shape, 16)
    made.prepare((), CAPTIONS)
    return made


def test_the_writer_has_the_published_number_of_parameters():
    assert count(Writer(CodeShape(1024, 1, 4, 5.0), 300, 512, 1024)) == 16_953_856


def test_the_reader_has_the_published_number_of_parameters():
    """Four blocks a side of 3,152,384 and 4,204,032, and tables of 1,025 codes and 5,000 words."""
    reader = Reader(NmtConfig().trunk(), CodeShape(1024, 1, 4, 5.0), 100, 50, 5000)
    assert count(reader) == 4 * (3_152_384 + 4_204_032) + (1025 + 5000) * 512  # 32.5 million


def test_alignment_reaches_all_of_the_writer_that_writes_and_none_of_the_reader(model, shape):
    batch = batch_of(shape).rows([0, 1])
    model.alignment(batch, torch.Generator().manual_seed(1)).backward()
    assert all(p.grad is None for p in model.reader.parameters())
    silent = [name for name, p in model.writer.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_alignment_leaves_the_reader_training_and_is_without_its_dropout(shape):
    torch.manual_seed(0)
    model = Nmt(SMALL.model_copy(update={"dropout": 0.5}), shape, 16).train()
    batch = batch_of(shape).rows([0, 1])
    one, again = (model.alignment(batch, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, again)
    assert all(module.training for module in model.reader.modules())


def test_what_is_drawn_for_the_reader_are_whole_codes_of_the_right_level_and_no_marks(model, shape):
    batch = batch_of(shape)
    rows = model.writer.free(10, model.writer.look(batch.text), 1.0, torch.Generator().manual_seed(1))
    assert rows.shape == (3, 10, shape.codebook_size * shape.codes_per_step)  # the end has no column
    torch.testing.assert_close(rows.sum(dim=-1), torch.ones(3, 10))
    hot = rows.argmax(dim=-1)
    torch.testing.assert_close(rows.gather(-1, hot[..., None]).squeeze(-1), torch.ones(3, 10))
    assert torch.equal(hot // shape.codebook_size, (torch.arange(10) % shape.codes_per_step).expand(3, -1))


def test_alignment_begins_when_the_reader_has_learned(shape):
    torch.manual_seed(0)
    model, batch = Nmt(SMALL.model_copy(update={"align_after": 2}), shape, 16), batch_of(shape)
    seen = []
    for _ in range(3):
        seen.append("alignment" in model.loss(batch, torch.Generator().manual_seed(1)).parts)
        model.follow({}, torch.Generator())
    assert seen == [False, False, True]


def test_the_share_of_true_codes_falls_in_equal_steps(shape):
    model = Nmt(SMALL.model_copy(update={"forcing": (0.9, 0.1), "forcing_steps": 4}), shape, 16)
    found = []
    for _ in range(6):
        found.append(model.forcing())
        model.follow({}, torch.Generator())
    assert found == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1, 0.1])


def test_a_code_depends_on_none_that_comes_later(model, shape):
    tokens = torch.randint(0, shape.codebook_size, (1, 6))
    other = tokens.clone()
    other[0, 4:] = (other[0, 4:] + 1) % shape.codebook_size
    seen = model.writer.look(batch_of(shape).text.rows([0]))
    forced = torch.ones_like(tokens, dtype=torch.bool)
    one, two = (model.writer.logits(codes, seen, forced, torch.Generator()) for codes in (tokens, other))
    assert torch.equal(one[:, :5], two[:, :5])
    assert not torch.equal(one[:, 5:], two[:, 5:])


def test_motion_without_a_caption_teaches_no_words(model, shape):
    loss = model.loss(batch_of(shape, ("", "", "")), torch.Generator().manual_seed(1))
    assert set(loss.parts) == {"accuracy", "writing"}


def test_it_learns_which_caption_goes_with_which_motion_and_tells_it(shape):
    torch.manual_seed(0)
    model, batch = Nmt(SMALL, shape, 16), batch_of(shape).rows([0, 1])
    model.prepare((), CAPTIONS)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(80):
        optimiser.zero_grad()
        model.loss(batch, generator).total.backward()
        optimiser.step()
    model.eval()
    codes = [batch.codes[0], batch.codes[1, :3]]
    told = model.tell(codes, Beams(width=2))
    assert [each[0].text for each in told] == ["a person walks left.", "a person jumps"]
    right, wrong = model.surprise(codes, CAPTIONS[:2]), model.surprise(codes, (CAPTIONS[1], CAPTIONS[0]))
    assert (right < wrong).all()


def test_a_saved_model_keeps_its_words(model, tmp_path):
    priors.save(tmp_path, model, ENCODER)
    loaded = priors.load(tmp_path, ENCODER)
    assert isinstance(loaded, Nmt)
    assert loaded.vocabulary.words == (".", "a", "jumps", "left", "person", "walks")
    codes = [torch.zeros(3, model.codes.codes_per_step, dtype=torch.int64)]
    assert loaded.tell(codes, Beams()) == model.eval().tell(codes, Beams())


def test_words_are_those_that_enough_captions_hold():
    assert frequent(["walk walk run", "Walk, run!", "jump"], 2) == ["run", "walk"]
    assert words_of("A man's 2 steps - left, right.") == ["a", "man's", "2", "steps", "-", "left", ",", "right", "."]


def test_words_come_back_as_a_caption():
    known = Vocabulary(["a", "left", "walks", "."])
    ids = known.ids(["A walks left.", "a runs"], 3)
    assert ids[0].tolist() == [START, 4, 6, 5, END]  # three words at most
    assert ids[1].tolist()[:4] == [START, 4, UNKNOWN, END]
    assert known.text([4, 6, 5, 7, END, 4]) == "a walks left."


TREE = {(): [0.6, 0.4, 0.0], (0,): [0.5, 0.1, 0.4], (1,): [0.0, 0.05, 0.95]}  # ids 0, 1 and the end, 2


def following(rows):
    rest = [0.0, 0.0, 1.0]
    table = [TREE.get(tuple(row[1:].tolist()), rest) for row in rows]
    return torch.tensor(table, dtype=torch.float64).log()


@pytest.mark.parametrize(("width", "best"), [(1, [0, 0]), (2, [1])])
def test_more_beams_find_what_begins_less_likely(width, best):
    """0 0 is 0.6 x 0.5, 0 alone 0.6 x 0.4, and 1 alone 0.4 x 0.95 = 0.38."""
    found = beam_search(following, 9, 2, 3, Beams(width=width, length_power=0.0), torch.device("cpu"))
    assert found[0][0] == best
    assert found[0][1] == pytest.approx(np.log({1: 0.3, 2: 0.38}[width]))


def test_rows_of_beams_are_no_longer_than_asked():
    found = beam_search(following, 9, 2, 1, Beams(width=2, length_power=0.0), torch.device("cpu"))
    assert [row for row, _ in found] == [[1], [0]]


def test_length_counts_as_the_power_says():
    """0 0 with its end are 3 ids, 1 with its end 2: log 0.3 / 3 is more than log 0.38 / 2."""
    found = beam_search(following, 9, 2, 3, Beams(width=2, length_power=1.0), torch.device("cpu"))
    assert found[0][0] == [0, 0]
    assert found[0][1] == pytest.approx(np.log(0.3) / 3)
