"""The masked prior: published sizes, what is hidden, the bound, generation, editing."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib import priors
from motionlib.artifacts import CodeShape
from motionlib.priors.base import PriorBatch, TextFeatures, without_text
from motionlib.priors.masked import MaskedSampling
from motionlib.priors.masking import bound_masks, corrupted, gumbel, hidden_counts, least_certain, random_hidden
from motionlib.training import deterministic

TINY = {"layers": 2, "width": 16, "heads": 2, "feedforward": 2, "dropout": 0.0, "max_steps": 8}
ONE, THREE = CodeShape(5, 1, 4, 5.0), CodeShape(5, 3, 4, 5.0)
TEXT_DIM = 6
PUBLISHED = {
    "layers": 8, "width": 384, "heads": 6, "hidden": 1024, "norm": "post", "dropout": 0.2, "position": "sinusoid",
    "token_width": 512,
}  # fmt: skip


def make(shape=ONE, **settings):
    torch.manual_seed(0)
    return priors.build("masked", TINY | settings, shape, TEXT_DIM).eval()


def texts(count):
    generator = torch.Generator().manual_seed(5)
    words = torch.randn(count, 3, TEXT_DIM, generator=generator)
    mask = torch.tensor([[True, True, False]]).repeat(count, 1)
    spans = torch.tensor([[[0, 1], [2, 6], [0, 0]]]).repeat(count, 1, 1)
    return TextFeatures(torch.randn(count, TEXT_DIM, generator=generator), words, mask, spans, ("a walk",) * count)


def batch(codes, lengths):
    codes = torch.tensor(codes)
    codes = codes[..., None] if codes.ndim == 2 else codes
    return PriorBatch(codes, torch.tensor(lengths), torch.ones(len(codes), dtype=torch.bool), texts(len(codes)))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_at_its_published_size_each_network_has_as_many_parameters_as_momasks():
    with torch.device("meta"):
        model = priors.build("masked", PUBLISHED, CodeShape(512, 6, 4, 5.0), 512)
    assert count(model.length) == 435_122
    assert count(model.residual) == 13_364_224
    assert count(model) - count(model.residual) - count(model.length) == 12_048_768


def test_one_code_per_step_needs_no_second_network():
    assert make(ONE).residual is None
    assert make(THREE).residual is not None


def test_hidden_codes_follow_the_cosine_from_all_to_one_to_none():
    steps = torch.tensor([49, 10, 1, 0])
    counts = torch.stack([hidden_counts(steps, 10, moment) for moment in range(11)])
    expected = [max(1, round(math.cos(math.pi / 2 * i / 9) * 49)) for i in range(10)]
    assert counts[:, 0].tolist() == [*expected, 0]
    assert counts[:, 2].tolist() == [1] * 10 + [0]
    assert (counts[:, 3] == 0).all()
    assert (counts.diff(dim=0) <= 0).all()


def test_one_iteration_writes_all():
    assert [hidden_counts(torch.tensor([7]), 1, moment).item() for moment in (0, 1)] == [7, 0]


def test_the_least_certain_stay_hidden():
    hidden = torch.tensor([[True, True, False, True]])
    certainty = torch.tensor([[0.9, 0.1, 0.0, 0.5]])
    assert least_certain(hidden, certainty, torch.tensor([2])).tolist() == [[False, True, False, True]]


@given(seed=st.integers(0, 2**16), steps=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_as_many_are_hidden_as_is_said_and_none_outside(seed, steps):
    lengths = torch.tensor(steps)
    inside = torch.arange(9) < lengths[:, None]
    counts = (lengths + 1) // 2
    hidden = random_hidden(inside, counts, seeded(seed))
    assert torch.equal(hidden.sum(dim=1), counts)
    assert not (hidden & ~inside).any()


def test_of_what_is_hidden_79_percent_is_masked_10_is_random_and_11_is_true():
    codes, inside = torch.full((4000, 10), 3), torch.ones(4000, 10, dtype=torch.bool)
    seen, hidden = corrupted(codes, inside, 1000, (0.1, 0.88), seeded())
    shown = seen[hidden]
    assert (seen[~hidden] == 3).all()
    assert (shown == 1000).float().mean().item() == pytest.approx(0.9 * 0.88, abs=0.01)
    assert ((shown != 3) & (shown != 1000)).float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert hidden.float().mean().item() == pytest.approx(2 / math.pi, abs=0.01)  # the mean of the cosine


def test_gumbel_noise_has_its_mean_and_finite_values():
    noise = gumbel(torch.zeros(200_000), seeded())
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert noise.isfinite().all()


def test_the_bounds_weights_are_unbiased():
    codes, lengths = torch.zeros(1, 4, 1, dtype=torch.int64), torch.tensor([4])
    hidden, weights = bound_masks(codes, lengths, 4)
    assert hidden.sum(dim=2).squeeze(1).tolist() == [1, 2, 3, 4]  # four strata of four steps
    torch.testing.assert_close(weights.squeeze(1), 1 / torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64))


@pytest.mark.parametrize("shape", [ONE, THREE])
def test_a_model_that_knows_nothing_pays_log_of_all_codes_for_each(shape):
    model, levels = make(shape), shape.codes_per_step
    for parameter in (*model.head.parameters(), *(model.residual.leave.parameters() if levels > 1 else ())):
        torch.nn.init.zeros_(parameter)
    score = model.score(batch([[[1] * levels] * 3, [[4] * levels] * 2 + [[-1] * levels]], [3, 2]))
    assert score.events.tolist() == [3 * levels, 2 * levels]
    torch.testing.assert_close(score.nats, score.events.double() * math.log(5))


@pytest.fixture
def toy():
    """A model of two codes of two values, the four motions (4, 2, 1), and their likelihoods (2, 4) in both orders."""
    model = make(CodeShape(2, 1, 4, 5.0), score_draws=64)
    torch.nn.init.normal_(model.head[-1].weight, std=2.0)
    codes = torch.cartesian_prod(torch.arange(2), torch.arange(2))[..., None]
    text, inside = texts(1).rows([0] * 4), torch.ones(4, 2, dtype=torch.bool)

    @torch.no_grad()
    def p(*hidden):
        seen = codes[..., 0].masked_fill(torch.tensor(hidden), 2)
        log = model._logits(seen, inside, text, inside).reshape(4, 2, 2).log_softmax(-1)
        return log.gather(2, codes).squeeze(2).exp()

    blank, second, first = p(True, True), p(False, True), p(True, False)
    return model, codes, torch.stack((blank[:, 0] * second[:, 1], blank[:, 1] * first[:, 0]))


def test_the_bound_is_the_mean_over_orders_and_above_the_likelihood(toy):
    model, codes, orders = toy
    torch.testing.assert_close(orders.sum(dim=1), torch.ones(2))  # each order is a distribution over all four
    same = texts(1).rows([0] * 4)
    nats = model.score(PriorBatch(codes, torch.full((4,), 2), torch.ones(4, dtype=torch.bool), same)).nats
    torch.testing.assert_close(nats, -orders.log().mean(dim=0).double(), atol=0.1, rtol=0.1)  # 64 draws
    assert (-orders.log().mean(dim=0) >= -orders.mean(dim=0).log()).all()


def test_written_one_by_one_in_any_order_motions_follow_the_models_own_distribution(toy):
    model, _, orders = toy
    sampling = MaskedSampling(iterations=2, noise=1e6)
    drawn = torch.stack(model.generate(texts(1).rows([0] * 20_000), [2] * 20_000, sampling, seeded()))[..., 0]
    counts = torch.bincount(2 * drawn[:, 0] + drawn[:, 1], minlength=4)
    expected = 20_000 * orders.mean(dim=0)
    assert ((counts - expected).square() / expected).sum() < 16.3  # chi squared, three degrees: p = 0.001


@pytest.mark.parametrize("shape", [ONE, THREE])
@pytest.mark.parametrize("settings", [{}, {"cross_attention": True}, {"norm": "post", "position": "sinusoid"}])
def test_padding_changes_nothing(shape, settings):
    model, levels = make(shape, **settings), shape.codes_per_step
    codes = [[[1] * levels, [2] * levels]]
    alone = model.score(batch(codes, [2]))
    padded = model.score(batch([codes[0] + [[-1] * levels] * 2], [2]))
    torch.testing.assert_close(alone.nats, padded.nats)
    wanted = MaskedSampling(temperature=0.0)
    short = model.generate(texts(2).rows([0]), [3], wanted, seeded())
    beside = model.generate(texts(2), [3, 8], wanted, seeded())
    assert torch.equal(short[0], beside[0])


def test_a_layer_sees_only_the_layers_below_it():
    model, text = make(THREE), texts(1)
    codes, inside = torch.randint(5, (1, 4, 3), generator=seeded()), torch.ones(1, 4, dtype=torch.bool)
    same = codes.clone()
    same[..., 1:] = 0
    other = codes.clone()
    other[..., 0] = (codes[..., 0] + 1) % 5
    ask = lambda rows, layer: model.residual.logits(rows, inside, text, layer)  # noqa: E731
    assert torch.equal(ask(codes, 1), ask(same, 1))
    assert not torch.equal(ask(codes, 2), ask(same, 2))
    assert not torch.equal(ask(codes, 1), ask(other, 1))


def test_low_layers_are_learned_more_often_than_high_ones():
    drawn = make(CodeShape(5, 6, 4, 5.0)).residual.drawn_layers(20_000, seeded())
    counts = torch.bincount(drawn, minlength=6)
    assert counts[0] == 0
    assert counts[1] > counts[2] > counts[3] > counts[4] > counts[5] > 0


def test_dropping_every_caption_makes_captions_irrelevant():
    model = make(THREE, text_drop=1.0, residual_text_drop=1.0, cross_attention=True)
    sample = batch([[[1, 2, 3], [0, 1, 2]]], [2])
    other = sample._replace(text=sample.text._replace(sentence=sample.text.sentence + 1.0, words=-sample.text.words))
    one, two = (model.loss(b, seeded()).parts for b in (sample, other))
    assert torch.equal(one["base"], two["base"])
    assert torch.equal(one["residual"], two["residual"])


def test_guidance_goes_from_no_text_through_text_and_beyond():
    model, text, inside = make(), texts(2), torch.ones(2, 4, dtype=torch.bool)
    seen = torch.full((2, 4), 5)

    def ask(scale):
        return model._guided(seen, inside, text, inside, MaskedSampling(guidance=scale))

    none = model._logits(seen, inside, without_text(text, torch.ones(2, dtype=torch.bool)), inside)
    torch.testing.assert_close(ask(0.0), none)
    torch.testing.assert_close(ask(1.0), model._logits(seen, inside, text, inside))
    torch.testing.assert_close(ask(4.0), 4 * ask(1.0) - 3 * none)


def test_first_codes_that_are_given_keep_every_guess_away_and_further_ones_are_written_round_them():
    model, text = make(THREE), texts(1)
    given = torch.tensor([[4, -1, 2], [-1, 3, -1], [0, 0, 0], [-1, -1, -1]])
    (made,) = model.generate(text, [4], MaskedSampling(guidance=2.0, residual_guidance=2.0), seeded(), [given])
    assert torch.equal(made[given >= 0], given[given >= 0])
    assert made.min() >= 0
    whole = made.clone()
    (again,) = model.generate(text, [4], MaskedSampling(), seeded(9), [whole])
    assert torch.equal(again, whole)


def test_in_half_precision_it_writes_codes_in_range():
    made = make(THREE).generate(texts(2), [8, 3], MaskedSampling(precision="bf16", guidance=4.0), seeded())
    assert [tuple(codes.shape) for codes in made] == [(8, 3), (3, 3)]
    assert all(codes.min() >= 0 and codes.max() < 5 for codes in made)


def test_lengths_are_drawn_where_none_are_asked_for():
    model = make()
    with torch.no_grad():
        model.length.layers[-1].bias[4] = 100.0
    assert [len(codes) for codes in model.generate(texts(3), None, MaskedSampling(), seeded())] == [5, 5, 5]


@pytest.mark.parametrize(
    ("steps", "message"), [([1], "2 texts but 1 lengths"), ([1, 9], "text 1: 9 code steps"), ([0, 1], "1 to 8")]
)
def test_impossible_lengths_are_named(steps, message):
    with pytest.raises(ValueError, match=message):
        make().generate(texts(2), steps, MaskedSampling(), seeded())


def test_no_texts_give_no_motions():
    assert make().generate(texts(0), [], MaskedSampling(), seeded()) == []


@pytest.mark.slow
@pytest.mark.parametrize("shape", [ONE, THREE])
def test_eight_motions_are_learned_by_heart(shape):
    deterministic(0, threads=1)
    model = make(shape, width=64, text_drop=0.0, residual_text_drop=0.0).train()
    codes = torch.randint(5, (8, 8, shape.codes_per_step), generator=seeded(1))
    sample = PriorBatch(codes, torch.full((8,), 8), torch.ones(8, dtype=torch.bool), texts(8))
    many = sample.rows([*range(8)] * 8)
    optimiser, generator = torch.optim.AdamW(model.parameters(), lr=3e-3), seeded(2)
    for _ in range(400):
        optimiser.zero_grad()
        model.loss(many, generator).total.backward()
        optimiser.step()
    nats, events = model.eval().nll(sample)
    assert nats / events / math.log(2) < 0.1  # bits per code
    made = model.generate(sample.text, [8] * 8, MaskedSampling(temperature=0.0), seeded())
    assert torch.equal(torch.stack(made), codes)
