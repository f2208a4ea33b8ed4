"""Codes that are bits (lfq, bsq): signs, commitment and entropies."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib import tokenizers
from motionlib.tokenizers.bits import BitAutoencoder, entropy_of_each, entropy_of_mean
from motionlib.tokenizers.bsq import Bsq, BsqConfig

KINDS = ("lfq", "bsq")


def made(kind: str, **settings) -> BitAutoencoder:
    torch.manual_seed(0)
    chosen = {"width": 16, "code_width": 8, "bits": 3, "groups": 2, **settings}
    return tokenizers.build(kind, chosen, torch.zeros(263), torch.ones(263))


def test_the_published_sizes():
    model = Bsq(BsqConfig(), torch.zeros(263), torch.ones(263))
    assert model.shape == (4096, 2, 4, 5.0)
    assert model.bits_per_second == 120.0  # 24 bits, 5 times
    assert (model.config.entropy, model.config.diversity, model.config.commitment) == (0.1, 1.0, 0.25)


def test_a_code_is_the_signs_of_its_channels():
    model = made("lfq")
    bounded = torch.tensor([[0.5, -3.0, 0.1, -1.0, -1.0, 2.0]])
    digits = model.digits(bounded)
    assert model._codes(digits).tolist() == [[0b101, 0b100]]  # least significant first
    assert model.grid(digits).tolist() == [[1, -1, 1, -1, -1, 1]]


def test_lfq_codes_agree_with_vector_quantize_pytorch():
    reference = pytest.importorskip("vector_quantize_pytorch").LFQ(codebook_size=8, dim=3).eval()
    model = made("lfq", groups=1)
    z = torch.randn(2, 30, 3)
    snapped, codes, _ = reference(z)
    digits = model.digits(z)
    assert torch.equal(model.grid(digits), snapped)
    assert torch.equal(model._codes(digits.flip(-1))[..., 0], codes.long())  # there the most significant comes first


@pytest.mark.parametrize(("kind", "scale"), [("lfq", 0.05), ("bsq", 1.0)])
def test_entropies_agree_with_vector_quantize_pytorch(kind, scale):
    module = pytest.importorskip("vector_quantize_pytorch").LFQ(
        codebook_size=8, dim=3, spherical=kind == "bsq", entropy_loss_weight=1.0, commitment_loss_weight=0.0
    )
    model = made(kind, groups=1, temperature=0.25, entropy=1.0)
    z = torch.randn(1, 40, 3) * scale
    _, parts = module.train()(z, inv_temperature=4.0, return_loss_breakdown=True)
    bounded = model.bounded(z)
    terms = model.channel_terms(bounded, model.grid(model.digits(bounded)))
    torch.testing.assert_close(terms["entropy_of_each"].value, parts.per_sample_entropy, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(terms["entropy_of_all"].value, parts.batch_entropy, atol=1e-3, rtol=1e-3)


def test_certain_bits_have_no_entropy_and_uncertain_ones_a_bit_each():
    assert entropy_of_each(torch.full((4, 5), 100.0)).item() == pytest.approx(0.0, abs=1e-6)
    assert entropy_of_each(torch.zeros(4, 5)).item() == pytest.approx(5 * math.log(2))


def test_the_mean_of_all_codes_in_turn_is_even():
    logits = 200.0 * torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]) - 100.0
    for subset in (1, 2, 5):
        assert entropy_of_mean(logits, subset).item() == pytest.approx(2 * math.log(2), rel=1e-4)


def test_subsets_of_one_bit_do_not_see_that_bits_go_together():
    logits = 200.0 * torch.tensor([[0, 0], [1, 1]]) - 100.0  # two codes of four
    assert entropy_of_mean(logits, 2).item() == pytest.approx(math.log(2), rel=1e-4)
    assert entropy_of_mean(logits, 1).item() == pytest.approx(2 * math.log(2), rel=1e-4)


@given(seed=st.integers(0, 2**16), bits=st.integers(1, 6))
def test_both_entropies_equal_a_sum_over_all_codes(seed, bits):
    logits = 2 * torch.randn(7, bits, generator=torch.Generator().manual_seed(seed))
    one = 1 / (1 + np.exp(-logits.double().numpy()))
    codes = np.arange(2**bits)[:, None] >> np.arange(bits) & 1
    joint = np.where(codes[None], one[:, None], 1 - one[:, None]).prod(-1)  # (N, 2^bits)
    each = -(joint * np.log(joint)).sum(-1).mean()
    mean = joint.mean(0)
    assert entropy_of_each(logits).item() == pytest.approx(each, rel=1e-4)
    assert entropy_of_mean(logits, bits).item() == pytest.approx(-(mean * np.log(mean)).sum(), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_decoder_sees_is_what_the_codes_say(kind):
    model = made(kind).train()
    out = model.quantize(torch.randn(2, 6, 8), torch.Generator())
    torch.testing.assert_close(model.lookup(out.codes), out.latent)


def test_on_the_sphere_all_codes_have_length_one_and_amplitude_is_lost():
    model = made("bsq")
    latent = torch.randn(1, 4, 6)
    assert torch.allclose(model.bounded(latent).norm(dim=-1), torch.ones(1, 4))
    torch.testing.assert_close(model.bounded(3 * latent), model.bounded(latent))
    assert model.grid(model.digits(latent)).norm(dim=-1).flatten().tolist() == pytest.approx([1.0] * 4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_terms_are_commitment_and_two_entropies_of_opposite_sign(kind):
    model = made(kind, diversity=2.0, entropy=0.1).train()
    terms = model.quantize(torch.randn(2, 6, 8), torch.Generator()).terms
    assert {name: term.weight for name, term in terms.items()} == {
        "commitment": 0.25, "entropy_of_each": 0.1, "entropy_of_all": -0.2
    }  # fmt: skip
    assert set(made(kind, entropy=0.0).quantize(torch.randn(2, 6, 8), torch.Generator()).terms) == {"commitment"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_entropy_of_all_brings_dead_codes_to_life(kind):
    model = made(kind, bits=4, groups=1, temperature=0.5).train()
    torch.manual_seed(1)
    channels = (torch.randn(200, 1, 4) * 0.3 + 1.0).requires_grad_()  # almost all positive
    optimiser = torch.optim.Adam([channels], lr=0.05)
    used = []
    for _ in range(60):
        bounded = model.bounded(channels)
        digits = model.digits(bounded)
        used.append(len(model._codes(digits).unique()))
        terms = model.channel_terms(bounded, model.grid(digits))
        optimiser.zero_grad()
        (terms["entropy_of_each"].value - 2 * terms["entropy_of_all"].value).backward()
        optimiser.step()
    assert used[0] < 5
    assert used[-1] > 12


def test_a_wide_code_needs_no_table_of_all_codes():
    model = made("lfq", code_width=64, bits=16, groups=4, subset=8).train()
    terms = model.quantize(torch.randn(1, 50, 64), torch.Generator()).terms
    assert all(torch.isfinite(term.value) for term in terms.values())
    assert model.shape.codebook_size == 65536


def test_more_than_sixteen_bits_are_refused_by_name():
    with pytest.raises(ValueError, match="bits"):
        made("lfq", bits=17)
