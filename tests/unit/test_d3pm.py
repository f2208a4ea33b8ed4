"""The discrete diffusion: its size, its bound and its samples against exact chains, guidance, strides, editing."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from motionlib import priors
from motionlib.artifacts import CodeShape
from motionlib.priors.base import PriorBatch, TextFeatures, without_text
from motionlib.priors.d3pm import D3pmSampling
from motionlib.training import deterministic

TINY = {"layers": 1, "width": 16, "heads": 2, "feedforward": 2, "dropout": 0.0, "max_steps": 8, "timesteps": 8}
ONE, THREE = CodeShape(5, 1, 4, 5.0), CodeShape(5, 3, 4, 5.0)
TEXT_DIM = 6
KERNELS = ("mask_replace", "absorb", "uniform", "near")


def make(shape=ONE, **settings):
    torch.manual_seed(0)
    model = priors.build("d3pm", TINY | settings, shape, TEXT_DIM).eval()
    model.prepare([np.arange(shape.codebook_size, dtype=np.float32)[:, None]], [])
    return model


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


@pytest.mark.parametrize(("width", "hidden", "specified"), [(512, 2048, 47_143_424), (384, 1024, 24_294_400)])
def test_it_has_as_many_parameters_as_specified_but_for_what_the_shared_trunk_does_otherwise(width, hidden, specified):
    sizes = {"layers": 8, "width": width, "heads": 8, "hidden": hidden, "position": "learned", "max_steps": 49}
    with torch.device("meta"):
        model = priors.build("d3pm", sizes | {"cross_attention": True}, CodeShape(512, 1, 4, 5.0), 512)
    entries = 2 * (512 + 1) * width  # sentence and words come to the trunk's width,
    entries -= 2 * 8 * (512 - width) * width  # so that keys and values of words do not have to
    norms = (8 * 3 + 1) * 2 * width  # have scales and shifts of their own too
    places = (49 + 1) * width - 196 * width  # positions of codes and sentence, in place of 196
    null = -77 * width  # one null text in place of 77 null words; it is the sentence's bias
    padding = -width
    assert count(model) - count(model.length) == specified + entries + norms + places + null + padding


def test_one_code_per_step_needs_no_second_network():
    assert make(ONE).residual is None
    assert make(THREE).residual is not None


@pytest.mark.parametrize("settings", [{}, {"tied": True}, {"cross_attention": True}])
@pytest.mark.parametrize("kernel", KERNELS)
def test_padding_changes_nothing(kernel, settings):
    model = make(THREE, kernel=kernel, **settings)
    torch.nn.init.normal_(model.mixer.trunk.blocks[0].condition.weight)
    codes = [[[1, 2, 3], [2, 0, 4]]]
    alone = model.score(batch(codes, [2]))
    padded = model.score(batch([codes[0] + [[-1] * 3] * 2], [2]))
    torch.testing.assert_close(alone.nats, padded.nats)


def test_a_model_that_knows_nothing_pays_log_of_all_codes_for_each():
    model = make(ONE, kernel="absorb", score_draws=0)
    torch.nn.init.zeros_(model.head.weight)
    score = model.score(batch(np.random.default_rng(0).integers(5, size=(400, 8)), [8] * 400))
    assert score.nats.mean().item() / 8 == pytest.approx(math.log(5), abs=0.03)  # of 3200 codes whose masks are drawn


MOTIONS = torch.cartesian_prod(torch.arange(2), torch.arange(2))


def two_codes(kernel, **settings):
    """A model of two codes of two values that believes something, in a chain of four steps."""
    model = make(CodeShape(2, 1, 4, 5.0), kernel=kernel, timesteps=4, score_draws=0, **settings)
    for module in (model.head, model.mixer.trunk.blocks[0].condition):
        torch.nn.init.normal_(module.weight, std=1.0)
    return model


@torch.no_grad()
def exactly(model, stride=1):
    """Likelihoods (4,) of the four motions: the product of the matrices of all states of both codes."""
    values = 2 if model.config.kernel == "near" else 3  # it has no mask
    states = torch.tensor(list(product(range(values), repeat=2)))
    text, inside = texts(1).rows([0] * len(states)), torch.ones(len(states), 2, dtype=torch.bool)
    last = model.config.timesteps
    start = model.kernel(torch.zeros(1, dtype=torch.int64), torch.tensor([last]))[0].double()
    p = start[states[:, 0]] * start[states[:, 1]]
    for t in range(last, 0, -stride):
        guess = model._guess(states, inside, text, torch.full((len(states),), t)).exp()
        moments = (torch.full((2 * len(states),), each) for each in (t, max(0, t - stride)))
        back = model.kernel.posterior(guess, states.flatten(), *moments).reshape(-1, 2, 3).double()
        p = p @ (back[:, 0, states[:, 0]] * back[:, 1, states[:, 1]])
    return torch.stack([p[values * a + b] for a, b in MOTIONS.tolist()])


def bounds(model, codes, times, monkeypatch):
    """Bounds (times,) of one motion (2,), each with another draw of what is changed."""
    shared = seeded(7)  # instead of one generator per sequence, which would give each the same
    monkeypatch.setattr("motionlib.priors.d3pm.row_generator", lambda _: shared)
    ends, text = torch.ones(times, dtype=torch.bool), texts(1).rows([0] * times)
    many = PriorBatch(codes.expand(times, 2)[..., None], torch.full((times,), 2), ends, text)
    return model.score(many).nats, model.loss(many, seeded()).parts["bound"].item()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_motions_are_drawn_as_the_chain_says(kernel, stride):
    model, many = two_codes(kernel), 20_000
    p = exactly(model, stride)
    assert p.sum().item() == pytest.approx(1.0, abs=1e-6)
    drawn = torch.stack(model.generate(texts(1).rows([0] * many), [2] * many, D3pmSampling(stride=stride), seeded()))
    counts = torch.bincount(2 * drawn[:, 0, 0] + drawn[:, 1, 0], minlength=4)
    assert ((counts - many * p).square() / (many * p)).sum() < 16.3  # chi squared, three degrees: p = 0.001


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_bound_is_above_the_likelihood_and_the_mean_loss_is_the_bound_per_code(kernel, monkeypatch):
    model, times = two_codes(kernel, auxiliary=0.0, moments="uniform", text_drop=0.0), 8000
    likelihood = exactly(model)
    for motion in (0, 2):
        nats, loss = bounds(model, MOTIONS[motion], times, monkeypatch)
        error = nats.std().item() / math.sqrt(times)
        assert nats.mean().item() > -likelihood[motion].log().item() - 3 * error
        prior = model.kernel.prior_gap(MOTIONS[motion]).mean().item()
        assert loss + prior == pytest.approx(nats.mean().item() / 2, rel=0.1)


def test_a_bound_from_some_steps_is_that_of_all_steps_in_the_mean():
    codes = np.random.default_rng(0).integers(5, size=(300, 8))
    some, every = (make(ONE, score_draws=draws).score(batch(codes, [8] * 300)).nats.mean().item() for draws in (2, 0))
    assert some == pytest.approx(every, rel=0.1)


@pytest.mark.parametrize("kernel", KERNELS)
def test_guidance_of_one_is_the_caption_and_more_goes_beyond_it(kernel):
    model, text, inside = make(kernel=kernel), texts(2), torch.ones(2, 4, dtype=torch.bool)
    torch.nn.init.normal_(model.mixer.trunk.blocks[0].condition.weight)
    torch.nn.init.normal_(model.head.weight)
    seen, at = torch.randint(5, (2, 4), generator=seeded()), torch.tensor([3, 3])

    @torch.no_grad()
    def ask(scale):
        return model._guided(seen, inside, text, 3, D3pmSampling(guidance=scale))

    told = model._guess(seen, inside, text, at)
    none = model._guess(seen, inside, without_text(text, torch.ones(2, dtype=torch.bool)), at)
    torch.testing.assert_close(ask(1.0), told)
    torch.testing.assert_close(ask(0.0), none)
    torch.testing.assert_close(ask(3.0), 3 * told - 2 * none)
    favoured = (told - none).argmax(dim=1, keepdim=True)  # what the caption speaks for most
    shares = [ask(scale).softmax(dim=1).gather(1, favoured) for scale in (0.0, 1.0, 2.0, 4.0)]
    assert all((more > less).all() for less, more in pairwise(shares))


def test_dropping_every_caption_makes_captions_irrelevant():
    model = make(THREE, text_drop=1.0, residual_text_drop=1.0, cross_attention=True)
    torch.nn.init.normal_(model.mixer.trunk.blocks[0].condition.weight)
    sample = batch([[[1, 2, 3], [0, 1, 2]]], [2])
    other = sample._replace(text=sample.text._replace(sentence=sample.text.sentence + 1.0, words=-sample.text.words))
    one, two = (model.loss(b, seeded()).parts for b in (sample, other))
    assert torch.equal(one["bound"], two["bound"])
    assert torch.equal(one["residual"], two["residual"])


@pytest.mark.parametrize(("stride", "passes"), [(1, 8), (3, 3), (4, 2), (8, 1), (100, 1)])
def test_a_stride_asks_the_network_as_often_as_it_fits_into_the_chain(stride, passes):
    model, asked = make(), []
    guess = model._guess
    model._guess = lambda *rest: asked.append(0) or guess(*rest)
    (made,) = model.generate(texts(1), [8], D3pmSampling(stride=stride), seeded())
    assert len(asked) == passes
    assert 0 <= made.min() <= made.max() < 5


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("order", ["random", "certain"])
def test_codes_that_are_given_stay_through_every_step(kernel, order):
    model, text = make(THREE, kernel=kernel), texts(2)
    given = [torch.tensor([[4, -1, 2], [-1, 3, -1], [0, 0, 0], [-1, -1, -1]]), torch.full((3, 3), -1)]
    seen = []
    step = model._step
    model._step = lambda first, *rest: seen.append(first) or step(first, *rest)
    sampling = D3pmSampling(guidance=2.0, residual_guidance=2.0, order=order, noise=1.0)
    made = model.generate(text, [4, 3], sampling, seeded(), given)
    assert torch.equal(made[0][given[0] >= 0], given[0][given[0] >= 0])
    assert all(first[0, [0, 2]].tolist() == [4, 0] for first in seen)
    assert all(0 <= codes.min() <= codes.max() < 5 for codes in made)
    (again,) = model.generate(texts(1), [4], D3pmSampling(), seeded(9), [made[0].clone()])
    assert torch.equal(again, made[0])


@pytest.mark.parametrize("kernel", ["mask_replace", "absorb"])
def test_in_the_order_of_certainty_masks_become_codes_as_fast_as_the_chain_says(kernel):
    model, hidden = make(kernel=kernel), []
    step = model._step
    model._step = lambda first, *rest: hidden.append(int((first == 5).sum())) or step(first, *rest)
    model.generate(texts(1), [8], D3pmSampling(order="certain"), seeded())
    share = {"mask_replace": 0.9, "absorb": 1.0}[kernel]
    assert hidden[1:] == [min(hidden[0], round(share * left)) for left in range(7, 0, -1)]


def test_the_most_certain_masks_become_codes_first():
    model = make(kernel="absorb")
    guess = torch.full((3, 5), 0.1)
    guess[torch.arange(3), torch.tensor([1, 2, 3])] = torch.tensor([0.6, 1.0, 0.6])
    guess[1] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    first, wanted = torch.full((1, 3), 5), torch.ones(1, 3, dtype=torch.bool)
    after = model._step(first, wanted, guess, (8, 6), D3pmSampling(order="certain", stride=2), seeded())
    assert after.tolist() == [[5, 2, 5]]  # of three, three quarters stay masked: two


def test_under_absorb_what_was_shown_never_changes():
    model, seen = make(kernel="absorb"), []
    step = model._step
    model._step = lambda first, *rest: seen.append(first) or step(first, *rest)
    (made,) = model.generate(texts(1), [8], D3pmSampling(), seeded())
    for earlier, later in zip(seen, [*seen[1:], made.T], strict=True):
        shown = earlier < 5
        assert torch.equal(earlier[shown], later[shown])


def test_in_half_precision_it_writes_codes_in_range():
    made = make(THREE).generate(texts(2), [8, 3], D3pmSampling(precision="bf16", guidance=4.0), seeded())
    assert [tuple(codes.shape) for codes in made] == [(8, 3), (3, 3)]
    assert all(codes.min() >= 0 and codes.max() < 5 for codes in made)


def test_moments_are_drawn_by_their_loss_once_all_have_been_seen_often():
    model = make(timesteps=2)
    assert model.chances().tolist() == [0.5, 0.5]
    for _ in range(11):
        model.follow((torch.tensor([1, 2]), torch.tensor([3.0, 1.0])), seeded())
    torch.testing.assert_close(model.chances(), torch.tensor([0.75, 0.25]), atol=1e-3, rtol=0)
    model.follow((torch.tensor([1]), torch.tensor([13.0])), seeded())
    assert model.squares[0].item() == pytest.approx(0.9 * 9 + 0.1 * 169)
    uniform = make(timesteps=2, moments="uniform")
    uniform.load_state_dict(model.state_dict())
    assert uniform.chances().tolist() == [0.5, 0.5]


def test_near_codes_need_codes_that_are_vectors():
    with pytest.raises(ValueError, match="kernel: near needs a tokenizer whose codes are vectors"):
        priors.build("d3pm", TINY | {"kernel": "near"}, ONE, TEXT_DIM).prepare((), [])


def test_a_saved_prior_knows_which_codes_are_near(tmp_path):
    model, sample = make(kernel="near"), batch([[1, 2, 3]], [3])
    priors.save(tmp_path, model, {"spec": "hash:6", "digest": "a" * 64, "dim": TEXT_DIM})
    loaded = priors.load(tmp_path)
    assert torch.equal(loaded.kernel.basis, model.kernel.basis)
    assert torch.equal(loaded.score(sample).nats, model.score(sample).nats)


def test_no_texts_give_no_motions():
    assert make().generate(texts(0), [], D3pmSampling(), seeded()) == []


def trained(model, sample, steps, rate):
    optimiser, generator = torch.optim.AdamW(model.train().parameters(), lr=rate), seeded(2)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = model.loss(sample, generator)
        loss.total.backward()
        optimiser.step()
        decay.step()
        model.follow(loss.seen, generator)
    return model.eval()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_known_distribution_is_learned(kernel):
    deterministic(0, threads=1)
    p = torch.tensor([0.5, 0.25, 0.125, 0.125])
    model = make(CodeShape(2, 1, 4, 5.0), kernel=kernel, timesteps=8, text_drop=0.0, score_draws=0)
    codes = MOTIONS.repeat_interleave((p * 64).long(), dim=0)[..., None]
    text = texts(1).rows([0] * 64)
    sample = PriorBatch(codes, torch.full((64,), 2), torch.ones(64, dtype=torch.bool), text)
    trained(model, sample, 500, 1e-2)
    torch.testing.assert_close(exactly(model).float(), p, atol=0.06, rtol=0)
    drawn = torch.stack(model.generate(text.rows([0] * 4000), [2] * 4000, D3pmSampling(), seeded()))[..., 0]
    found = torch.bincount(2 * drawn[:, 0] + drawn[:, 1], minlength=4) / 4000
    torch.testing.assert_close(found, p, atol=0.08, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [ONE, THREE])
@pytest.mark.parametrize("kernel", ["mask_replace", "absorb"])
def test_eight_motions_are_learned_by_heart(shape, kernel):
    deterministic(0, threads=1)
    model = make(shape, width=64, layers=2, text_drop=0.0, residual_text_drop=0.0, kernel=kernel)
    codes = torch.randint(5, (8, 8, shape.codes_per_step), generator=seeded(1))
    sample = PriorBatch(codes, torch.full((8,), 8), torch.ones(8, dtype=torch.bool), texts(8))
    trained(model, sample.rows([*range(8)] * 8), 400, 3e-3)
    nats, events = model.nll(sample)
    assert nats / events / math.log(2) < 0.1  # bits per code
    made = model.generate(sample.text, [8] * 8, D3pmSampling(temperature=0.0), seeded())
    assert torch.equal(torch.stack(made), codes)
