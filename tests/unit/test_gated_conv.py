"""The gated convolutions: sizes, what each logit may know, exact likelihood, and that a memory changes nothing."""

import math

import pytest
import torch

from motionlib import priors
from motionlib.artifacts import CodeShape
from motionlib.priors.base import PriorBatch, TextFeatures
from motionlib.priors.gated_conv import GatedConv

LINE, GRID = CodeShape(5, 1, 4, 5.0), CodeShape(5, 3, 4, 5.0)
TEXT_DIM = 6


def make(shape: CodeShape, **settings) -> GatedConv:
    torch.manual_seed(0)
    made = {"layers": 4, "width": 16, "dropout": 0.0, "max_steps": 12, **settings}
    return priors.build("gated_conv", made, shape, TEXT_DIM).eval()


def texts(count: int) -> TextFeatures:
    generator = torch.Generator().manual_seed(5)
    words = torch.zeros(count, 1, TEXT_DIM)
    sentence = torch.randn(count, TEXT_DIM, generator=generator)
    spans = torch.zeros(count, 1, 2, dtype=torch.int64)
    return TextFeatures(sentence, words, torch.ones(count, 1, dtype=torch.bool), spans, ("a walk",) * count)


def batch(codes: torch.Tensor, lengths: list[int], ends: bool = True) -> PriorBatch:
    return PriorBatch(codes, torch.tensor(lengths), torch.full((len(codes),), ends), texts(len(codes)))


@pytest.mark.parametrize(
    ("per_step", "width", "parameters"),
    [(1, 256, 8_995_329), (1, 512, 29_131_265), (6, 256, 20_675_585), (6, 384, 43_448_577)],
)
def test_twelve_layers_have_as_many_parameters_as_specified(per_step, width, parameters):
    with torch.device("meta"):
        model = priors.build("gated_conv", {"width": width}, CodeShape(512, per_step, 4, 5.0), 512)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("shape", [LINE, GRID], ids=["line", "grid"])
def test_a_logit_knows_every_code_before_its_own_and_none_after(shape):
    model = make(shape, layers=6).double()
    steps, levels = 7, shape.codes_per_step
    codes = torch.randint(5, (1, steps, levels), generator=torch.Generator().manual_seed(0))
    inputs = []
    embedded = model._embedded

    def watched(ids):
        found = embedded(ids).detach().requires_grad_()
        inputs.append(found)
        return found

    model._embedded = watched
    logits = model._logits(codes, texts(1).sentence.double())[0, ..., : model.end]
    for step in range(steps + 1):
        for level in range(levels):
            slopes = torch.autograd.grad(logits[step, level].square().sum(), inputs, retain_graph=True)
            past = slopes[0][0].abs().sum(dim=0) > 0  # row i holds step i - 1
            assert past[: step + 1].all()
            assert not past[step + 1 :].any()
            if levels > 1:
                now = slopes[1][0].abs().sum(dim=0) > 0  # column j holds level j - 1
                assert now[step, : level + 1].all()
                assert not now[step, level + 1 :].any()
                assert not now[torch.arange(steps + 1) != step].any()


def test_published_layers_reach_back_over_a_whole_motion():
    model = make(LINE, layers=12)
    assert sum(layer.reach for layer in model.layers) + 1 == 91


@pytest.mark.parametrize("shape", [LINE, GRID], ids=["line", "grid"])
def test_a_model_that_knows_nothing_pays_log_of_all_events_for_each(shape):
    model = make(shape)
    torch.nn.init.zeros_(model.head[-1].weight)
    torch.nn.init.zeros_(model.head[-1].bias)
    score = model.score(batch(torch.zeros(1, 2, shape.codes_per_step, dtype=torch.int64), [2]))
    first, others = 3, 2 * (shape.codes_per_step - 1)  # only where a step begins there is an end to choose
    assert score.events.tolist() == [first + others]
    assert score.nats.item() == pytest.approx(first * math.log(6) + others * math.log(5))


@pytest.mark.parametrize("per_step", [1, 2])
def test_likelihoods_of_all_motions_of_one_step_and_of_going_on_sum_to_one(per_step):
    model = make(CodeShape(3, per_step, 4, 5.0))
    codes = torch.cartesian_prod(*[torch.arange(3)] * per_step).reshape(-1, 1, per_step)
    same = texts(1).rows([0] * len(codes))
    lengths = torch.ones(len(codes), dtype=torch.int64)
    score = model.score(PriorBatch(codes, lengths, torch.zeros(len(codes), dtype=torch.bool), same))
    empty = model._logits(codes[:1], same.sentence[:1]).softmax(-1)[0, 0, 0, model.end].item()
    assert score.nats.neg().exp().sum().item() + empty == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("shape", [LINE, GRID], ids=["line", "grid"])
def test_padding_changes_nothing(shape):
    model = make(shape)
    codes = torch.randint(5, (1, 4, shape.codes_per_step), generator=torch.Generator().manual_seed(1))
    padded = torch.cat((codes, torch.full_like(codes, -1)), dim=1)
    torch.testing.assert_close(model.score(batch(codes, [4])).nats, model.score(batch(padded, [4])).nats)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
@pytest.mark.parametrize("shape", [LINE, GRID], ids=["line", "grid"])
def test_writing_with_a_memory_takes_the_likeliest_code_of_the_whole_pass(shape, guidance):
    model = make(shape)
    sampling = model.Sampling(temperature=0.0, guidance=guidance)
    made = torch.stack(model.generate(texts(2), [12, 12], sampling, torch.Generator()))
    said, null = (model._logits(made, sentence) for sentence in (texts(2).sentence, torch.zeros(2, TEXT_DIM)))
    likeliest = (null + guidance * (said - null))[:, :-1, :, : model.end].argmax(dim=-1)
    assert torch.equal(likeliest, made)


def test_corruption_replaces_the_share_that_is_not_kept_and_no_padding():
    model = make(GRID, keep=0.0)
    codes = torch.full((100, 4, 3), 3)
    codes[:, 3] = -1
    corrupted = model._corrupt(codes, torch.Generator().manual_seed(0))
    assert (corrupted[:, 3] == -1).all()
    assert 0.7 <= (corrupted[:, :3] != 3).float().mean().item() <= 0.9  # one in five is the same code
    assert torch.equal(make(GRID, keep=1.0)._corrupt(codes, torch.Generator()), codes)


def test_loss_without_corruption_is_the_likelihood_per_event():
    model = make(GRID, keep=1.0, text_drop=0.0)
    sample = batch(torch.randint(5, (2, 4, 3), generator=torch.Generator().manual_seed(2)), [4, 3])
    nats, events = model.nll(sample)
    assert model.loss(sample, torch.Generator()).total.item() == pytest.approx(nats / events, abs=1e-5)


@pytest.mark.parametrize("shape", [LINE, GRID], ids=["line", "grid"])
def test_it_learns_eight_motions_by_heart(shape):
    model = make(shape, keep=1.0, text_drop=0.0, width=32).train()
    sample = batch(
        torch.randint(5, (8, 10, shape.codes_per_step), generator=torch.Generator().manual_seed(3)), [10] * 8
    )
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(150):
        optimiser.zero_grad()
        model.loss(sample, torch.Generator()).total.backward()
        optimiser.step()
    nats, events = model.eval().nll(sample)
    assert nats / events / math.log(2) < 0.1
