"""The variational autoencoder: its posterior, what it costs, and that nothing of it is random away from training."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from motionlib import tokenizers
from motionlib.tokenizers import posterior
from motionlib.tokenizers.vae import Vae


class Batch(NamedTuple):
    x: Tensor


def small(**settings) -> Vae:
    torch.manual_seed(0)
    return tokenizers.build("vae", {"width": 16, "code_width": 8, **settings}, torch.zeros(263), torch.ones(263))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_last_convolution_is_there_twice():
    published = tokenizers.build("ae", {"code_width": 64}, torch.zeros(263), torch.ones(263)).parameter_count()
    decoder = 512 * 3 * 32  # what its first layer is smaller by
    model = tokenizers.build("vae", {"code_width": 32}, torch.zeros(263), torch.ones(263))
    assert model.parameter_count() == published - decoder
    assert model.shape == (256, 32, 4, 5.0)


def test_the_standard_normal_has_no_divergence_and_others_have_that_of_the_formula():
    assert posterior.divergence(torch.zeros(1, 1, 2)).tolist() == [0.0]
    assert posterior.divergence(torch.tensor([[2.0, 0.0]])).tolist() == [2.0]  # mean 2: 2^2 / 2
    wide = posterior.divergence(torch.tensor([[0.0, math.log(4.0)]]))  # variance 4: (4 - ln 4 - 1) / 2
    torch.testing.assert_close(wide, torch.tensor([(3 - math.log(4.0)) / 2]))


def test_the_divergence_is_what_sampling_measures():
    said = torch.tensor([[0.5, -1.0]])  # mean, log variance
    ours, standard = torch.distributions.Normal(0.5, math.exp(-0.5)), torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(posterior.divergence(said)[0], torch.distributions.kl_divergence(ours, standard))


def test_draws_have_the_mean_and_the_variance_that_the_posterior_says():
    said = torch.tensor([3.0, math.log(0.25)]).expand(20_000, 2)
    drawn = posterior.sample(said, seeded())
    assert drawn.mean().item() == pytest.approx(3.0, abs=0.02)
    assert drawn.std().item() == pytest.approx(0.5, abs=0.02)


def test_the_same_generator_draws_the_same():
    model, x = small(), torch.randn(2, 8, 263)
    first, again, other = (model.loss(Batch(x), seeded(s)).total for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_away_from_training_the_mean_is_the_latent():
    model, x = small().eval(), torch.randn(1, 8, 263)
    said = model.posterior(model._normal(x))
    assert torch.equal(model.latents(x), posterior.split(said)[0])
    assert torch.equal(model.latents(x), model.encoder(x))


def test_the_weight_of_the_divergence_rises_over_its_share_of_the_training():
    model = small(kl_weight=0.02, kl_warmup=0.5)
    assert model.kl_weight == 0.0
    model.plan(8)
    weights = []
    for _ in range(6):
        weights.append(model.kl_weight)
        model.step += 1
    assert weights == pytest.approx([0.0, 0.005, 0.01, 0.015, 0.02, 0.02])
    assert small(kl_weight=0.02, kl_warmup=0.0).kl_weight == 0.02


def test_free_bits_cost_the_same_below_and_have_no_gradient():
    model = small(free_bits=0.5)
    nearly = torch.zeros(1, 4, 16, requires_grad=True)
    kl = model.quantize(nearly, seeded()).terms["kl"].value
    assert kl.item() == 0.5
    (gradient,) = torch.autograd.grad(kl, nearly)
    assert torch.equal(gradient, torch.zeros_like(gradient))
    assert small(free_bits=0.0).quantize(nearly, seeded()).terms["kl"].value.item() == 0.0


def test_channels_that_say_nothing_are_not_counted_as_active():
    model = small()
    said = torch.zeros(64, 1, 16)
    said[:, :, :3] = torch.randn(64, 1, 3, generator=seeded())
    seen = model.loss(Batch(torch.randn(1, 4, 263)), seeded()).seen
    followed = model.follow(seen._replace(latent=said), seeded())
    assert followed["active_units"] == 3.0
    assert followed["kl_nats"] == pytest.approx(1.5, rel=0.3)  # three channels of mean square 1


def test_the_gradient_reaches_every_parameter():
    model = small(kl_warmup=0.0)
    model.loss(Batch(torch.randn(2, 16, 263)), seeded()).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_a_start_from_the_data_is_nearly_sure_of_its_latents():
    model = small(start="data")
    causes = torch.randn(60, 16, 4, generator=seeded()).cumsum(1)
    model.prepare(causes @ torch.randn(4, 263, generator=seeded(1)), seed=1)
    said = model.posterior(torch.randn(2, 8, 263))
    assert posterior.split(said)[1].unique().tolist() == [-4.0]
    assert model.grid.started


def test_the_encoder_rests_while_the_decoder_learns():
    model = small(decoder_share=0.5)
    model.plan(2)
    model.loss(Batch(torch.randn(2, 8, 263)), seeded()).total.backward()
    assert model.spread.weight.grad is None
    assert model.encoder.layers[0].weight.grad is None
    assert model.decoder.layers[0].weight.grad is not None
