"""The GPT prior: published size, loss, likelihood, generation."""

import math

import pytest
import torch

from motionlib import priors
from motionlib.artifacts import CodeShape
from motionlib.priors import flat
from motionlib.priors.base import PriorBatch, TextFeatures
from motionlib.priors.sampling import TokenSampling
from motionlib.training import deterministic

TINY = {"layers": 2, "width": 16, "heads": 2, "feedforward": 2, "dropout": 0.0, "max_steps": 8}
SHAPE = CodeShape(codebook_size=5, codes_per_step=1, frames_per_step=4, steps_per_second=5.0)
TEXT_DIM = 6


def make(shape=SHAPE, **settings):
    torch.manual_seed(0)
    return priors.build("gpt", TINY | settings, shape, TEXT_DIM).eval()


def texts(count):
    generator = torch.Generator().manual_seed(5)
    words = torch.randn(count, 3, TEXT_DIM, generator=generator)
    mask = torch.tensor([[True, True, False]]).repeat(count, 1)
    spans = torch.tensor([[[0, 1], [2, 6], [0, 0]]]).repeat(count, 1, 1)
    return TextFeatures(torch.randn(count, TEXT_DIM, generator=generator), words, mask, spans, ("a walk",) * count)


def batch(codes, lengths, ends=None):
    codes = torch.tensor(codes)
    codes = codes[..., None] if codes.ndim == 2 else codes
    ends = torch.ones(len(codes), dtype=torch.bool) if ends is None else torch.tensor(ends)
    return PriorBatch(codes, torch.tensor(lengths), ends, texts(len(codes)))


def test_at_its_published_size_it_has_as_many_parameters_as_t2m_gpt():
    shape = CodeShape(codebook_size=512, codes_per_step=1, frames_per_step=4, steps_per_second=5.0)
    with torch.device("meta"):
        model = priors.build("gpt", {"layers": 18, "width": 1024, "heads": 16, "position": "learned"}, shape, 512)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 228_363_264


def test_a_model_that_knows_nothing_pays_log_of_all_events_for_each():
    model = make()
    torch.nn.init.zeros_(model.head.weight)
    score = model.score(batch([[1, 2, 3], [4, 0, -1]], [3, 2], ends=[True, False]))
    assert score.events.tolist() == [4, 2]
    torch.testing.assert_close(score.nats, score.events.double() * math.log(6))  # five codes and the end
    nats, events = model.nll(batch([[1, 2, 3]], [3]))
    assert (round(nats / math.log(6)), events) == (4, 4)


@pytest.mark.parametrize("settings", [{}, {"cross_attention": True}, {"tied": True}, {"position": "learned"}])
def test_padding_changes_nothing(settings):
    model = make(**settings)
    alone = model.score(batch([[1, 2]], [2]))
    padded = model.score(batch([[1, 2, -1, -1]], [2]))
    torch.testing.assert_close(alone.nats, padded.nats)


def test_likelihoods_of_all_motions_up_to_a_length_sum_to_one():
    model = make(CodeShape(2, 1, 4, 5.0))
    total = 0.0
    for length in (1, 2, 3):
        codes = torch.cartesian_prod(*[torch.arange(2)] * length).reshape(-1, length, 1)
        open_ended = length == 3
        same = texts(1).rows([0] * len(codes))
        ends = torch.full((len(codes),), not open_ended)
        score = model.score(PriorBatch(codes, torch.full((len(codes),), length), ends, same))
        total += score.nats.neg().exp().sum().item()
    first = model._head(model.trunk(model.sentence(texts(1).sentence)[:, None]), 0).softmax(-1)[0, 0, -1].item()
    assert total + first == pytest.approx(1.0, abs=1e-6)  # `first`: the empty motion, which is never written


def test_loss_without_corruption_is_the_likelihood_per_event():
    model = make(keep=1.0, text_drop=0.0)
    sample = batch([[1, 2, 3], [4, 0, -1]], [3, 2])
    loss = model.loss(sample, torch.Generator().manual_seed(0)).total
    nats, events = model.nll(sample)
    assert loss.item() == pytest.approx(nats / events, abs=1e-5)


def test_averaged_by_sequence_a_short_motion_weighs_as_much_as_a_long_one():
    model = make(keep=1.0, text_drop=0.0, average="sequence")
    sample = batch([[1, 2, 3], [4, -1, -1]], [3, 1])
    score = model.score(sample)
    expected = (score.nats / score.events).mean().item()
    assert model.loss(sample, torch.Generator().manual_seed(0)).total.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("keep", "low", "high"), [(1.0, 0.0, 0.0), (0.5, 0.3, 0.5), (0.0, 0.7, 0.9)])
def test_corruption_replaces_the_share_that_is_not_kept(keep, low, high):
    model = make(keep=keep)
    tokens = torch.full((200, 8), 3)
    corrupted = model._corrupt(tokens, torch.Generator().manual_seed(0))
    assert low <= (corrupted != tokens).float().mean().item() <= high  # one in five replacements is the same code
    assert corrupted.min() >= 0
    assert corrupted.max() < 5


def test_corruption_leaves_padding_alone_and_stays_inside_a_level():
    model = make(CodeShape(5, 2, 4, 5.0), keep=0.0)
    tokens, _ = flat.tokens(batch([[[1, 2], [3, 4]], [[0, 0], [-1, -1]]], [2, 1]), model.codes)
    corrupted = model._corrupt(tokens, torch.Generator().manual_seed(0))
    assert (corrupted[1, 2:] == model.pad_id).all()
    assert (corrupted[0] // 5).tolist() == [0, 1, 0, 1]


def test_dropping_every_caption_makes_captions_irrelevant():
    model = make(keep=1.0, text_drop=1.0, cross_attention=True)
    sample = batch([[1, 2, 3]], [3])
    text = sample.text
    other = sample._replace(text=text._replace(sentence=text.sentence + 1.0, words=text.words - 2.0))
    one, two = (model.loss(b, torch.Generator().manual_seed(0)).total for b in (sample, other))
    assert torch.equal(one, two)
    assert not torch.equal(model.score(sample).nats, model.score(other).nats)


@pytest.mark.parametrize("settings", [{}, {"cross_attention": True, "tied": True, "position": "learned"}])
@pytest.mark.parametrize("levels", [1, 2])
def test_greedy_generation_with_memory_equals_asking_for_every_step_anew(settings, levels):
    model, text = make(CodeShape(5, levels, 4, 5.0), **settings), texts(3)
    (fast,) = [torch.stack(model.generate(text, [6] * 3, TokenSampling(temperature=0.0), torch.Generator()))]
    tokens = torch.zeros(3, 0, dtype=torch.long)
    for _ in range(6 * levels):
        logits = model._logits(tokens, text)[:, -1]
        logits[:, model.end_id] = -torch.inf
        tokens = torch.cat((tokens, logits.argmax(dim=-1, keepdim=True)), dim=1)
    slow = tokens.reshape(3, 6, levels) - 5 * torch.arange(levels)
    assert torch.equal(fast, slow)


def test_given_lengths_are_kept_and_codes_are_in_range():
    drawn = make().generate(texts(3), [1, 8, 3], TokenSampling(), torch.Generator().manual_seed(0))
    assert [tuple(codes.shape) for codes in drawn] == [(1, 1), (8, 1), (3, 1)]
    assert all(codes.min() >= 0 and codes.max() < 5 for codes in drawn)


def test_without_lengths_the_model_ends_but_never_at_once():
    model = make()
    with torch.no_grad():
        model.head.weight[model.end_id] = 0.0
        model.trunk.norm.bias.copy_(5.0 * torch.ones(16))
        model.head.weight[model.end_id] = 1.0  # the end is by far the most likely everywhere
    drawn = model.generate(texts(4), None, TokenSampling(), torch.Generator().manual_seed(0))
    assert [len(codes) for codes in drawn] == [1, 1, 1, 1]


def test_a_model_that_never_ends_stops_at_its_longest():
    model = make()
    with torch.no_grad():
        model.trunk.norm.bias.copy_(5.0 * torch.ones(16))
        model.head.weight[model.end_id] = -1.0
    drawn = model.generate(texts(2), None, TokenSampling(), torch.Generator().manual_seed(0))
    assert [len(codes) for codes in drawn] == [8, 8]


def test_guidance_of_one_is_no_guidance_and_more_listens_more():
    model, text = make(), texts(64)
    with torch.no_grad():
        model.sentence.weight.mul_(50.0)
    plain, guided = (
        torch.stack(model.generate(text, [8] * 64, TokenSampling(guidance=scale), torch.Generator().manual_seed(0)))
        for scale in (1.0, 6.0)
    )
    score = [model.score(PriorBatch(c, torch.full((64,), 8), torch.zeros(64).bool(), text)) for c in (plain, guided)]
    assert score[1].nats.sum() < score[0].nats.sum()


@pytest.mark.parametrize(
    ("steps", "message"), [([1], "2 texts but 1 lengths"), ([1, 9], "text 1: 9 code steps"), ([0, 1], "1 to 8")]
)
def test_impossible_lengths_are_named(steps, message):
    with pytest.raises(ValueError, match=message):
        make().generate(texts(2), steps, TokenSampling(), torch.Generator())


def test_no_texts_give_no_motions():
    assert make().generate(texts(0), [], TokenSampling(), torch.Generator()) == []


def test_label_smoothing_over_several_levels_is_refused():
    with pytest.raises(ValueError, match="label_smoothing"):
        make(CodeShape(5, 2, 4, 5.0), label_smoothing=0.1)


@pytest.mark.slow
def test_eight_motions_are_learned_by_heart():
    deterministic(0, threads=1)
    model = make(width=32, layers=2, keep=1.0, text_drop=0.0).train()
    codes = torch.randint(5, (8, 8, 1), generator=torch.Generator().manual_seed(1))
    sample = PriorBatch(codes, torch.full((8,), 8), torch.ones(8, dtype=torch.bool), texts(8))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(300):
        optimiser.zero_grad()
        model.loss(sample, torch.Generator()).total.backward()
        optimiser.step()
    nats, events = model.eval().nll(sample)
    assert nats / events / math.log(2) < 0.1  # bits per code
