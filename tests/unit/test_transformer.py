"""The trunk: causality, the KV cache, positions."""

import pytest
import torch
from pydantic import ValidationError

from motionlib.priors.transformer import (
    Memory,
    Transformer,
    Trunk,
    Words,
    embedded_time,
    initialise,
    rotary_angles,
    rotate,
    sinusoids,
)

POSITIONS = ("sinusoid", "learned", "rope")
SMALL = {"layers": 2, "width": 16, "heads": 2, "feedforward": 2, "dropout": 0.0}


def trunk(position="rope", cross_attention=False, causal=True, length=12):
    torch.manual_seed(0)
    config = Trunk(**SMALL, position=position, cross_attention=cross_attention)
    return Transformer(config, length, causal).eval()


def some_words(rows=3):
    mask = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])[:rows]
    return Words(torch.randn(rows, 3, 16), mask)


@pytest.mark.parametrize("position", POSITIONS)
def test_a_step_sees_nothing_that_comes_after_it(position):
    x = torch.randn(1, 6, 16, requires_grad=True)
    trunk(position)(x)[0, 2].pow(3).sum().backward()
    assert (x.grad[0, :3].abs().sum(dim=1) > 0).all()
    assert (x.grad[0, 3:] == 0).all()


def test_without_causality_every_step_sees_all():
    x = torch.randn(1, 6, 16, requires_grad=True)
    trunk(causal=False)(x)[0, 2].pow(3).sum().backward()
    assert (x.grad[0].abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("cross_attention", [False, True])
def test_step_by_step_with_memory_equals_all_at_once(position, cross_attention):
    model, x, words = trunk(position, cross_attention), torch.randn(3, 7, 16), some_words()
    whole = model(x, words)
    memory = Memory(model.config, 3, 7, x.device)
    parts = [model(x[:, :3], words, memory), *(model(x[:, i : i + 1], words, memory) for i in range(3, 7))]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)
    assert memory.length == 7


def test_masked_words_are_not_seen():
    model, x, words = trunk(cross_attention=True), torch.randn(3, 4, 16), some_words()
    changed = Words(words.states.masked_fill(~words.mask[..., None], 9.0), words.mask)
    torch.testing.assert_close(model(x, words), model(x, changed))
    assert not torch.allclose(model(x, words), model(x, Words(words.states + 1.0, words.mask)))


def test_words_do_not_matter_without_cross_attention():
    model, x = trunk(), torch.randn(3, 4, 16)
    torch.testing.assert_close(model(x, some_words()), model(x, None))


def test_rotary_products_depend_on_distance_only():
    q, k = torch.randn(8), torch.randn(8)
    angles = rotary_angles(20, 8)
    turned_q, turned_k = (rotate(x.expand(1, 1, 20, 8), angles)[0, 0] for x in (q, k))
    products = turned_q @ turned_k.T
    for distance in (0, 1, 7):
        torch.testing.assert_close(products[5 + distance, 5], products[12 + distance, 12], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm().expand(20))


def test_sinusoids_start_with_sine_0_and_cosine_1():
    table = sinusoids(5, 6)
    assert table.shape == (5, 6)
    assert table[0].tolist() == [0.0, 1.0] * 3
    torch.testing.assert_close(table[:, 0], torch.arange(5.0).sin())


def test_a_width_that_does_not_divide_is_named():
    with pytest.raises(ValidationError, match="width 10 does not divide into 4 heads"):
        Trunk(width=10, heads=4)
    with pytest.raises(ValidationError, match="dropout"):
        Trunk(dropout=1.0)


def test_dropout_is_off_in_eval_mode_and_on_in_training():
    torch.manual_seed(0)
    model = Transformer(Trunk(**SMALL | {"dropout": 0.5}), 8, causal=True)
    x = torch.randn(2, 5, 16)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


@pytest.mark.parametrize("causal", [False, True])
def test_steps_that_are_masked_are_not_seen_by_others(causal):
    model, x = trunk(causal=causal), torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    changed = x.masked_fill(~mask[..., None], 7.0)
    torch.testing.assert_close(model(x, mask=mask)[mask], model(changed, mask=mask)[mask])
    torch.testing.assert_close(model(x, mask=mask)[0], model(x[:1])[0], atol=1e-5, rtol=1e-5)


def test_a_mask_of_pairs_says_who_sees_whom():
    model, x = trunk(causal=False), torch.randn(1, 5, 16)
    pairs = torch.ones(5, 5, dtype=torch.bool).tril()
    torch.testing.assert_close(model(x, mask=pairs[None]), trunk(causal=True)(x), atol=1e-5, rtol=1e-5)


def test_with_norms_after_each_part_it_is_as_large_as_the_published_encoder():
    config = Trunk(layers=2, width=48, heads=6, hidden=128, norm="post", position="sinusoid")
    layer = torch.nn.TransformerEncoderLayer(48, 6, 128, activation="gelu")
    published = sum(p.numel() for p in torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).parameters())
    assert sum(p.numel() for p in Transformer(config, 10, causal=False).parameters()) == published


def test_a_conditioned_trunk_starts_as_the_identity_and_then_hears_its_condition():
    torch.manual_seed(0)
    model = Transformer(Trunk(**SMALL), 12, causal=False, conditioned=True).eval()
    model.apply(initialise)
    model.start_conditions()
    x, condition = torch.randn(2, 4, 16), torch.randn(2, 16)
    torch.testing.assert_close(model(x, condition=condition), model.norm(x))
    torch.nn.init.normal_(model.blocks[0].condition.weight)
    assert not torch.allclose(model(x, condition=condition), model(x, condition=condition + 1))


def test_a_condition_needs_norms_before_each_part():
    with pytest.raises(ValueError, match="needs norm: pre"):
        Transformer(Trunk(**SMALL, norm="post"), 12, causal=False, conditioned=True)


def test_moments_are_told_apart():
    first, second = embedded_time(torch.tensor([0.2, 0.21]), 32)
    assert (first - second).abs().max() > 0.1
