"""The plain GAN: who learns from what, its published noise, and that its generator comes near what it never sees."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from motionlib import tokenizers, training
from motionlib.params import Train
from motionlib.tokenizers.conv import Decoder, Sizes
from motionlib.tokenizers.gan import Gan


class Batch(NamedTuple):
    x: Tensor


class Silent:
    def metrics(self, values, step): ...


def small(**settings) -> Gan:
    torch.manual_seed(0)
    made = {"width": 16, "code_width": 8, "adversary_width": 8, **settings}
    return tokenizers.build("gan", made, torch.zeros(263), torch.ones(263)).train()


def loss_of(model: Gan, seed: int = 0):
    x = torch.randn(2, 8, 263, generator=torch.Generator().manual_seed(9))
    return model.loss(Batch(x), torch.Generator().manual_seed(seed))


def gradients(model: Gan, loss: Tensor) -> dict[str, bool]:
    """Which of the players a loss moves."""
    players = {name: list(getattr(model, name).parameters()) for name in ("encoder", "decoder", "adversary")}
    return {
        name: any(g is not None and bool(g.abs().sum() > 0) for g in
                  torch.autograd.grad(loss, own, retain_graph=True, allow_unused=True))
        for name, own in players.items()
    }  # fmt: skip


def test_the_generator_is_t2m_gpts_decoder_of_64_numbers_for_each_four_frames():
    model = tokenizers.build("gan", {}, torch.zeros(263), torch.ones(263))
    decoder = Decoder(263, Sizes(512, 64, 2, 3, 3, "relu"))
    assert [p.shape for p in model.decoder.parameters()] == [p.shape for p in decoder.parameters()]
    assert model.shape == (256, 64, 4, 5.0)


@pytest.mark.parametrize(
    ("term", "moved"),
    [
        ("deception", {"decoder"}),
        ("discernment", {"adversary"}),
        ("penalty", {"adversary"}),
        ("inversion", {"encoder"}),
        ("reconstruction", {"encoder"}),
        ("positions", {"encoder"}),
    ],
)
def test_each_player_learns_from_its_own_terms_only(term, moved):
    model = small()
    found = gradients(model, loss_of(model).parts[term])
    assert {name for name, learns in found.items() if learns} == moved


def test_paired_the_generator_learns_from_reconstruction_too():
    model = small(paired=True)
    assert gradients(model, loss_of(model).parts["reconstruction"])["decoder"]


def test_the_penalty_comes_every_so_many_steps():
    model = small(penalty_every=2)
    there = []
    for _ in range(4):
        there.append("penalty" in loss_of(model).parts)
        model.step += 1
    assert there == [True, False, True, False]
    assert "penalty" not in loss_of(small(penalty=0.0)).parts


def test_noise_is_drawn_by_the_generator_alone():
    model = small()
    first, again, other = (loss_of(model, seed).parts["inversion"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def trained(model: Gan, real: Tensor, steps: int, rate: float) -> Gan:
    config = Train(
        steps=steps, batch_size=8, learning_rate=rate, warmup_steps=0, schedule="constant", checkpoint_every=1000,
        validate_every=1000, seed=0, betas=(0.5, 0.9),
    )  # fmt: skip
    training.fit(model, lambda _: Batch(real), config, Silent())
    return model


def test_its_generator_comes_near_motion_that_it_never_sees():
    model, real = small(adversary_sees="all"), torch.ones(8, 8, 263)
    before = (model.eval().sample(8, 2, torch.Generator().manual_seed(1)) - real).abs().mean()
    trained(model.train(), real, 200, 2e-3)
    assert (model.sample(8, 2, torch.Generator().manual_seed(1)) - real).abs().mean() < 0.6 * before


def test_paired_it_learns_eight_clips_by_heart():
    torch.manual_seed(0)
    time = torch.arange(16.0)[:, None]
    clips = torch.sin(torch.rand(8, 1, 1) * 0.3 * time + torch.rand(8, 1, 263) * 6.28)
    model = small(paired=True, width=48, depth=1, code_width=16, adversary_weight=0.05)
    before = (model.eval().reconstruct(clips) - clips).square().mean()
    trained(model.train(), clips, 250, 3e-3)
    assert (model.reconstruct(clips) - clips).square().mean() < 0.4 * before
