"""The two plain autoencoders: their published sizes and losses, and that they learn."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from motionlib import tokenizers, training
from motionlib.params import Train
from motionlib.tokenizers.ae import Ae, AeConfig


class Batch(NamedTuple):
    x: Tensor


class Silent:
    def metrics(self, values, step): ...
    def dataset(self, name, path): ...
    def artifacts(self, folder): ...


def small(rows: int = 263, **settings) -> Ae:
    torch.manual_seed(0)
    mean, std = torch.linspace(-1, 1, rows), torch.linspace(0.5, 2, rows)
    return tokenizers.build("ae", {"width": 16, "code_width": 8, **settings}, mean, std)


def size(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_published_movement_autoencoder_to_the_last_parameter():
    model = Ae(AeConfig(form="t2m"), torch.zeros(263), torch.ones(263))
    assert (size(model.encoder), size(model.decoder)) == (1_842_688, 1_657_407)
    assert model.shape == (256, 512, 4, 5.0)


def test_the_published_autoencoder_of_essential_numbers_to_the_last_parameter():
    model = Ae(AeConfig(essential=True), torch.zeros(263), torch.ones(263))
    assert model.parameter_count() == 18_834_499
    assert model.config.position_weight == 1.0


def test_the_whole_row_needs_the_published_convolutions():
    assert Ae(AeConfig(), torch.zeros(263), torch.ones(263)).parameter_count() == 19_436_807


def test_what_is_not_essential_comes_back_as_its_mean():
    model = small(essential=True).eval()
    x = torch.randn(1, 8, 263)
    changed = x.clone()
    changed[..., 67:] += 1.0
    made = model.reconstruct(x)
    assert torch.equal(made[..., 67:], model.mean[67:].expand(1, 8, -1))
    assert torch.equal(model.encode(changed), model.encode(x))
    assert small(251, essential=True).columns == 64


def test_what_is_not_essential_costs_nothing():
    model = small(essential=True, joint_weight=1.0, travel_weight=1.0)
    x = torch.randn(2, 8, 263)
    changed = x.clone()
    changed[..., 67:] += 1.0
    first, second = (model.loss(Batch(rows), torch.Generator()).total for rows in (x, changed))
    assert torch.equal(first, second)


def test_essential_numbers_start_from_their_components_too():
    model = small(essential=True, start="data", width=32)
    causes = torch.randn(60, 16, 4).cumsum(1)
    model.prepare(causes @ torch.randn(4, 263), seed=1)
    assert model.grid.started
    assert model.latents(causes @ torch.randn(4, 263)).var(dim=(0, 1)).min() > 0


def test_the_loss_of_movements_is_the_published_sum():
    model = small(form="t2m").eval()
    x = torch.randn(2, 16, 263)
    loss = model.loss(Batch(x), torch.Generator())
    normal = (x - model.mean) / model.std
    latent = model.encoder(normal)
    expected = (
        functional.l1_loss(model.decoder(latent), normal)
        + 0.001 * latent.abs().mean()
        + 0.001 * (latent[:, 1:] - latent[:, :-1]).abs().mean()
    )
    torch.testing.assert_close(loss.total, expected)
    assert set(loss.parts) == {"reconstruction", "sparsity", "smoothness"}


def test_movements_do_not_see_contacts_but_tell_them():
    model = small(form="t2m").eval()
    x = torch.randn(1, 8, 263)
    changed = x.clone()
    changed[..., -4:] += 1.0
    assert torch.equal(model.encode(changed), model.encode(x))
    assert model.reconstruct(x)[..., -4:].std() > 0


@pytest.mark.parametrize("wrong", [{"start": "data"}, {"causal": True}, {"essential": True}])
def test_movements_have_one_shape(wrong):
    with pytest.raises(ValueError, match="form t2m has neither"):
        small(form="t2m", **wrong)


@pytest.mark.parametrize("settings", [{"kmeans": True}, {"levels": 1}, {"reach": 0.0}, {"form": "vq"}])
def test_a_setting_out_of_bounds_is_refused_by_name(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        small(**settings)


@pytest.mark.parametrize("form", ["conv", "t2m"])
def test_the_gradient_reaches_every_parameter(form):
    model = small(form=form)
    model.loss(Batch(torch.randn(2, 16, 263)), torch.Generator()).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("settings", [{"depth": 1}, {"form": "t2m", "width": 64}])
def test_it_learns_eight_clips_by_heart(settings):
    torch.manual_seed(0)
    time = torch.arange(16.0)[:, None]
    clips = torch.sin(torch.rand(8, 1, 1) * 0.3 * time + torch.rand(8, 1, 263) * 6.28)
    model = small(**{"width": 48, "code_width": 16, **settings})
    config = Train(
        steps=400, batch_size=8, learning_rate=3e-3, warmup_steps=5, schedule="cosine", checkpoint_every=1000,
        validate_every=1000, seed=0,
    )  # fmt: skip
    before = (model.eval().reconstruct(clips) - clips).square().mean()
    training.fit(model, lambda _: Batch(clips), config, Silent())
    after = (model.reconstruct(clips) - clips).square().mean()
    assert after < 0.3 * before
