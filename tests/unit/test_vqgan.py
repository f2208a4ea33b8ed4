"""The VQ-GAN: a VQ-VAE until the discriminator comes in, the published weight after that, and that it still learns."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from motionlib import tokenizers, training
from motionlib.params import Train
from motionlib.tokenizers.vqgan import VqGan

SMALL = {"width": 16, "code_width": 8, "codes": 16}


class Batch(NamedTuple):
    x: Tensor


class Silent:
    def metrics(self, values, step): ...


def small(**settings) -> VqGan:
    torch.manual_seed(0)
    made = {**SMALL, "adversary_width": 8, "adversary_start": 0.0, **settings}
    return tokenizers.build("vqgan", made, torch.zeros(263), torch.ones(263)).train()


def loss_of(model, x: Tensor):
    return model.loss(Batch(x), torch.Generator())


def rows() -> Tensor:
    return torch.randn(2, 8, 263, generator=torch.Generator().manual_seed(0))


def test_it_is_t2m_gpts_network_and_a_discriminator():
    model = tokenizers.build("vqgan", {}, torch.zeros(263), torch.ones(263))
    inner = 133 * 512 * 3 + 512 + 2 * (512 * 512 * 3 + 512) + 512 * 3 + 1  # 133: positions, velocities, contacts
    assert model.parameter_count() == 19_436_807 + inner


def test_before_its_start_it_is_a_vqvae_to_the_last_bit():
    model = small(adversary_start=0.5)
    model.plan(4)
    plain = tokenizers.build("vqvae", SMALL, torch.zeros(263), torch.ones(263)).train()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("adversary")})
    assert torch.equal(loss_of(model, rows()).total, loss_of(plain, rows()).total)
    model.step += 2
    assert set(loss_of(model, rows()).parts) - set(loss_of(plain, rows()).parts) == {
        "deception",
        "discernment",
        "deception_weight",
    }


@pytest.mark.parametrize("essential", [False, True])
def test_each_player_learns_from_its_own_terms_only(essential):
    model = small(adaptive=False, adversary_weight=0.0, essential=essential)
    loss_of(model, rows()).total.backward()
    plain = tokenizers.build("vqvae", SMALL | {"essential": essential}, torch.zeros(263), torch.ones(263)).train()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("adversary")})
    loss_of(plain, rows()).total.backward()
    for name, parameter in plain.named_parameters():  # the discriminator's learning moves nothing else
        torch.testing.assert_close(model.get_parameter(name).grad, parameter.grad)
    assert all(p.grad.abs().sum() > 0 for n, p in model.adversary.named_parameters() if n.endswith("weight"))


def test_the_adaptive_weight_makes_both_gradients_as_long_at_the_last_layer():
    model = small(adversary_weight=0.5)
    latent = model._latent(rows())
    made, terms = model.reconstructed(latent, rows())
    last = model.decoder.layers[-1].weight
    reconstruction = terms["reconstruction"].value + 0.5 * terms["positions"].value
    want, push = (
        torch.autograd.grad(value, last, retain_graph=True)[0].norm()
        for value in (reconstruction, terms["deception"].value)
    )
    torch.testing.assert_close(torch.tensor(terms["deception"].weight), 0.5 * want / (push + 1e-4))
    assert terms["deception_weight"].value.item() == pytest.approx(terms["deception"].weight)
    assert made.shape == rows().shape


def test_a_fixed_weight_is_as_it_says():
    model = small(adaptive=False, adversary_weight=0.3)
    assert model.reconstructed(model._latent(rows()), rows()).terms["deception"].weight == 0.3


def test_it_learns_eight_clips_by_heart():
    model = small(codes=64, decay=0.9, depth=1, width=48, code_width=16, kmeans=True, adversary_start=0.3)
    time = torch.arange(16.0)[:, None]
    clips = torch.sin(torch.rand(8, 1, 1) * 0.3 * time + torch.rand(8, 1, 263) * 6.28)
    config = Train(
        steps=150, batch_size=8, learning_rate=3e-3, warmup_steps=5, schedule="cosine", checkpoint_every=1000,
        validate_every=1000, seed=0,
    )  # fmt: skip
    before = (model.eval().reconstruct(clips) - clips).square().mean()
    model.plan(150)
    training.fit(model, lambda _: Batch(clips), config, Silent())
    assert (model.reconstruct(clips) - clips).square().mean() < 0.4 * before
