"""The grid on which continuous latents are written, and kinds that use it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib import tokenizers
from motionlib.tokenizers.scalars import ScalarGrid
from motionlib.training.batches import WindowBatch


def test_five_values_reach_two_deviations_to_both_sides():
    grid = ScalarGrid(2, levels=5, reach=2.0)
    grid.begin(torch.tensor([[10.0, -1.0], [12.0, 1.0]]))  # mean 11 and 0, deviation 1 and 1
    every = torch.arange(5).unsqueeze(1).expand(5, 2)
    assert grid.lookup(every).tolist() == [[9, -2], [10, -1], [11, 0], [12, 1], [13, 2]]
    assert grid.nearest(torch.tensor([10.4, 0.6])).tolist() == [1, 3]
    assert grid.nearest(torch.tensor([99.0, -99.0])).tolist() == [4, 0]


@given(st.integers(2, 300), st.floats(1.0, 8.0), st.integers(0, 99))
def test_codes_and_values_are_one_to_one_and_nothing_within_reach_moves_by_more_than_half_a_step(levels, reach, seed):
    torch.manual_seed(seed)
    grid = ScalarGrid(3, levels, reach)
    grid.begin(3 * torch.randn(50, 3) + 7)
    every = torch.arange(levels).unsqueeze(1).expand(levels, 3)
    assert torch.equal(grid.nearest(grid.lookup(every)), every)
    inside = grid.raw((2 * torch.rand(20, 3) - 1) * reach)
    moved = grid.normal(grid.lookup(grid.nearest(inside)) - inside + grid.centre)
    assert moved.abs().max() <= reach / (levels - 1) + 1e-4


def test_latents_are_standardised_channel_by_channel():
    grid = ScalarGrid(2)
    latent = torch.tensor([[0.0, 5.0], [4.0, 5.5]])
    grid.begin(latent)
    assert grid.normal(latent).tolist() == [[-1, -1], [1, 1]]
    torch.testing.assert_close(grid.raw(grid.normal(latent)), latent)


def test_the_grid_follows_by_a_moving_average():
    grid = ScalarGrid(1, decay=0.5, reach=4.0)
    grid.follow(torch.tensor([[-1.0], [1.0]]))
    assert grid.centre.tolist() == [0.0]
    assert grid.variance.tolist() == [1.0]
    beyond = grid.follow(torch.tensor([[8.0], [8.0]]))
    assert grid.centre.tolist() == [4.0]
    assert grid.variance.tolist() == [8.5]  # half of 1 and half of 4^2
    assert beyond == {"beyond_grid": 0.0}
    assert grid.follow(torch.tensor([[99.0], [6.0], [6.0], [6.0]]))["beyond_grid"] == 0.0
    assert ScalarGrid(1, reach=0.5, decay=0.5).follow(torch.tensor([[0.0], [2.0]])) == {"beyond_grid": 1.0}


def test_a_channel_that_never_changes_is_written_all_the_same():
    grid = ScalarGrid(1)
    grid.begin(torch.full((4, 1), 3.0))
    torch.testing.assert_close(grid.lookup(grid.nearest(torch.tensor([3.0]))), torch.tensor([3.0]))


@pytest.mark.parametrize("settings", [{}, {"form": "t2m"}])
def test_training_sees_latents_that_are_not_rounded(settings):
    torch.manual_seed(0)
    made = {"width": 16, "code_width": 8, "levels": 2, **settings}
    model = tokenizers.build("ae", made, torch.zeros(263), torch.ones(263)).eval()
    x = torch.randn(2, 16, 263)
    loss = model.loss(WindowBatch(x, ()), torch.Generator())
    assert torch.equal(loss.seen.latent, model.latents(x))
    exact = model.decoder(model.latents(x))
    real = torch.nn.functional.l1_loss if settings else torch.nn.functional.smooth_l1_loss
    torch.testing.assert_close(loss.parts["reconstruction"], real(exact, x))
    assert not torch.allclose(model.reconstruct(x), exact)  # two values per number are too few


def test_two_hundred_and_fifty_six_values_lose_next_to_nothing():
    torch.manual_seed(0)
    model = tokenizers.build("ae", {"width": 32, "code_width": 16}, torch.zeros(263), torch.ones(263)).eval()
    x = torch.randn(8, 64, 263)
    with torch.no_grad():
        model.grid.begin(model.latents(x))
        exact = model.decoder(model.latents(x))
    lost = (model.reconstruct(x) - exact).square().mean()
    assert lost < 1e-3 * (exact - exact.mean((0, 1))).square().mean()


@pytest.mark.parametrize(("levels", "bits"), [(256, 8 * 8 * 5), (16, 4 * 8 * 5)])
def test_the_rate_is_that_of_one_code_for_each_channel(levels, bits):
    made = {"width": 16, "code_width": 8, "levels": levels}
    model = tokenizers.build("ae", made, torch.zeros(263), torch.ones(263))
    assert model.shape == (levels, 8, 4, 5.0)
    assert model.bits_per_second == bits
