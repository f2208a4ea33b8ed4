"""Drawing codes from logits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib.priors.sampling import TokenSampling, draw, guide, probabilities

HALF_QUARTER = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()


@given(
    seed=st.integers(0, 2**16),
    temperature=st.floats(0.0, 5.0),
    top_k=st.integers(0, 9),
    top_p=st.floats(0.01, 1.0),
)
def test_probabilities_are_a_distribution_whatever_the_settings(seed, temperature, top_k, top_p):
    logits = 4 * torch.randn(3, 7, generator=torch.Generator().manual_seed(seed))
    logits[:, 2] = -torch.inf
    p = probabilities(logits, TokenSampling(temperature=temperature, top_k=top_k, top_p=top_p))
    torch.testing.assert_close(p.sum(dim=1), torch.ones(3))
    assert (p >= 0).all()
    assert (p[:, 2] == 0).all()
    assert (p.gather(1, logits.argmax(dim=1, keepdim=True)) > 0).all()


def test_top_k_keeps_the_k_most_likely():
    p = probabilities(HALF_QUARTER, TokenSampling(top_k=2))
    torch.testing.assert_close(p, torch.tensor([[2 / 3, 1 / 3, 0.0, 0.0]]))


def test_top_p_keeps_the_smallest_set_that_holds_p():
    p = probabilities(HALF_QUARTER, TokenSampling(top_p=0.7))
    torch.testing.assert_close(p, torch.tensor([[2 / 3, 1 / 3, 0.0, 0.0]]))


def test_temperature_zero_takes_the_most_likely_and_high_temperature_flattens():
    assert probabilities(HALF_QUARTER, TokenSampling(temperature=0.0)).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    hot = probabilities(HALF_QUARTER, TokenSampling(temperature=1000.0))
    torch.testing.assert_close(hot, torch.full((1, 4), 0.25), atol=1e-3, rtol=0)


def test_draws_follow_the_distribution():
    generator = torch.Generator().manual_seed(1)
    drawn = draw(HALF_QUARTER.expand(20_000, 4), TokenSampling(), generator)
    share = torch.bincount(drawn, minlength=4) / 20_000
    torch.testing.assert_close(share, torch.tensor([0.5, 0.25, 0.125, 0.125]), atol=0.012, rtol=0)


def test_an_impossible_code_is_never_drawn():
    logits = torch.zeros(5_000, 3)
    logits[:, 2] = -torch.inf
    logits[:, 0] = -torch.inf
    assert set(draw(logits, TokenSampling(), torch.Generator().manual_seed(0)).tolist()) == {1}


def test_the_same_generator_draws_the_same_codes():
    logits = torch.randn(64, 9, generator=torch.Generator().manual_seed(3))
    first, again = (draw(logits, TokenSampling(), torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize(("scale", "expected"), [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)])
def test_guidance_goes_from_no_text_through_text_and_beyond(scale, expected):
    assert guide(torch.tensor([[3.0]]), torch.tensor([[1.0]]), scale).item() == expected
