"""The RVQ-VAE: its published size, its loss, its layers, and that it learns."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from motionlib import tokenizers
from motionlib.tokenizers.rvq import Rvq, RvqConfig


class Batch(NamedTuple):
    x: Tensor


def small(**settings) -> Rvq:
    torch.manual_seed(0)
    chosen = {"width": 16, "code_width": 8, "codes": 16, "layers": 3, **settings}
    return tokenizers.build("rvq", chosen, torch.zeros(263), torch.ones(263))


def test_the_default_config_is_the_published_one():
    model = Rvq(RvqConfig(), torch.zeros(263), torch.ones(263))
    assert model.parameter_count() == 19_436_807
    assert sum(model.quantizer.book(layer).codebook.numel() for layer in range(6)) == 1_572_864
    assert model.shape == (512, 6, 4, 5.0)
    assert model.bits_per_second == 270.0
    config = RvqConfig()
    assert (config.decay, config.layer_dropout, config.temperature, config.commitment) == (0.99, 0.2, 0.5, 0.02)


def test_the_loss_is_the_published_sum():
    model = small(layer_dropout=0.0, temperature=0.0)
    x = torch.randn(2, 8, 263)
    loss = model.loss(Batch(x), torch.Generator())
    latent = model.encoder(x)
    made = model.decoder(model.lookup(model.nearest(latent)))
    left, commitment = latent, []
    for layer in range(3):
        book = model.quantizer.book(layer)
        left = left - book.lookup(book.nearest(left))
        commitment.append(left.square().mean())
    expected = (
        functional.smooth_l1_loss(made, x)
        + 0.5 * functional.smooth_l1_loss(made[..., 4:67], x[..., 4:67])
        + 0.02 * torch.stack(commitment).mean()
    )
    torch.testing.assert_close(loss.total, expected)
    assert set(loss.parts) == {"reconstruction", "positions", "commitment"}


@pytest.mark.parametrize("mode", ["naive", "ema", "reset", "ema_reset", "simvq"])
def test_the_gradient_reaches_every_parameter(mode):
    model = small(mode=mode, layer_dropout=0.0)
    model.loss(Batch(torch.randn(2, 8, 263)), torch.Generator()).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_first_layers_alone_can_be_decoded():
    model = small(start="data").eval()
    windows = torch.randn(50, 16, 263).cumsum(1) / 4
    model.prepare(windows, seed=0)
    codes = model.encode(windows)
    assert codes.shape == (50, 4, 3)
    assert model.decode(codes[..., :1]).shape == (50, 16, 263)
    latent = model.latents(windows)
    left = [(latent - model.lookup(codes[..., :used])).square().mean().item() for used in (1, 2, 3)]
    assert left[0] > left[1] > left[2]


def test_more_layers_than_there_are_or_none_are_refused():
    model = small().eval()
    for wrong in (0, 4):
        with pytest.raises(ValueError, match=r"expected codes \(B, L, 3\)"):
            model.decode(torch.zeros(1, 2, wrong, dtype=torch.int64))
    with pytest.raises(ValueError, match="codes reach from -1 to 0; expected 0 to 15"):
        model.decode(torch.full((1, 2, 2), -1))


def test_resets_stop_after_their_share_of_the_training_in_all_layers():
    model = small(reset_share=0.8)
    model.plan(1000)
    assert [int(model.quantizer.book(layer).reset_until) for layer in range(3)] == [800] * 3
