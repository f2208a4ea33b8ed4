"""The VQ-VAE: its published size, its loss, and that it learns."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from motionlib import tokenizers, training
from motionlib.normalize.humanml263 import recover
from motionlib.params import Train
from motionlib.tokenizers.conv import Conv, Decoder, Doubled, Encoder, Sizes, to_image, to_rows
from motionlib.tokenizers.pose import facing_joints, floor_way, joint_distance
from motionlib.tokenizers.vqvae import VqVae, VqVaeConfig


class Batch(NamedTuple):
    x: Tensor


def small(**settings) -> VqVae:
    torch.manual_seed(0)
    return tokenizers.build(
        "vqvae", {"width": 16, "code_width": 8, "codes": 16, **settings}, torch.zeros(263), torch.ones(263)
    )


def loss_of(model: VqVae, x: Tensor):
    return model.loss(Batch(x), torch.Generator())


@pytest.mark.parametrize(("features", "parameters"), [(263, 19_436_807), (251, 19_399_931)])
def test_the_published_size_to_the_last_parameter(features, parameters):
    sizes = Sizes(512, 512, 2, 3, 3, "relu")
    with torch.device("meta"):
        counts = [sum(p.numel() for p in made(features, sizes).parameters()) for made in (Encoder, Decoder)]
    assert sum(counts) == parameters
    if features == 263:
        assert counts == [9_587_200, 9_849_607]


def test_the_default_config_is_the_published_one():
    model = VqVae(VqVaeConfig(), torch.zeros(263), torch.ones(263))
    assert model.parameter_count() == 19_436_807  # the codebook is no parameter: it follows by EMA
    assert model.quantizer.codebook.shape == (512, 512)
    assert model.shape == (512, 1, 4, 5.0)


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), [(3, 1, 9, 9), (4, 2, 1, 1), (1, 1, 0, 1)])
def test_the_image_layout_convolves_as_conv1d(kernel, stride, padding, dilation):
    torch.manual_seed(0)
    layer = Conv(5, 7, kernel, stride=stride, padding=padding, dilation=dilation)
    rows = torch.randn(2, 12, 5)
    real = functional.conv1d(rows.transpose(1, 2), layer.weight, layer.bias, stride, padding, dilation).transpose(1, 2)
    for mode in (True, False):
        layer.train(mode)
        torch.testing.assert_close(to_rows(layer(to_image(rows))), real)


def test_doubling_repeats_every_step():
    rows = torch.tensor([[[1.0, 10.0], [2.0, 20.0]]])
    assert to_rows(Doubled()(to_image(rows))).tolist() == [[[1, 10], [1, 10], [2, 20], [2, 20]]]


def test_the_loss_is_the_published_sum():
    model = small()
    x = torch.randn(2, 8, 263)
    loss = loss_of(model, x)
    quantized = model.quantizer(model.encoder(x))
    made = model.decoder(quantized.latent)
    expected = (
        functional.smooth_l1_loss(made, x)
        + 0.5 * functional.smooth_l1_loss(made[..., 4:67], x[..., 4:67])
        + 0.02 * quantized.commitment
    )
    torch.testing.assert_close(loss.total, expected)
    assert set(loss.parts) == {"reconstruction", "positions", "commitment"}


@pytest.mark.parametrize("mode", ["naive", "ema", "reset", "ema_reset", "simvq"])
def test_the_gradient_reaches_every_parameter(mode):
    model = small(mode=mode, joint_weight=1.0, velocity_weight=1.0, travel_weight=1.0)
    loss_of(model, torch.randn(2, 8, 263)).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_weights_of_simvq_are_a_quarter_and_one():
    model = small(mode="simvq", commitment=0.25, pull=4.0)
    terms = model.quantize(torch.randn(1, 4, 8), torch.Generator()).terms
    assert {name: term.weight for name, term in terms.items()} == {"commitment": 0.25, "codebook": 1.0}


def test_by_cosine_the_codes_are_unit_vectors():
    model = small(metric="cosine", start="data", gradient="rotation").train()
    model.prepare(torch.randn(30, 16, 263), seed=0)
    (book,) = model.code_vectors()
    np.testing.assert_allclose(np.linalg.norm(book, axis=1), 1.0, rtol=1e-5)
    loss_of(model, torch.randn(2, 8, 263)).total.backward()
    assert model.encoder.layers[0].weight.grad.abs().sum() > 0


def test_the_loss_changes_no_state():
    model = small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    loss_of(model, torch.randn(2, 8, 263))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_root_bias_makes_root_and_contacts_count_more():
    plain, biased = small(), small(root_bias=5.0)
    x = torch.ones(1, 4, 263)
    ratio = biased._normal(x) / plain._normal(x)
    assert ratio[0, 0, :4].tolist() == [5.0] * 4
    assert ratio[0, 0, 4:259].unique().tolist() == [1.0]
    assert ratio[0, 0, 259:].tolist() == [5.0] * 4


def test_facing_joints_are_those_that_mpjpe_compares():
    rng = np.random.default_rng(0)
    features = (0.1 * rng.standard_normal((20, 263))).astype(np.float32)
    joints = recover(features)
    relative = joints[:, 1:] - joints[:, :1]
    np.testing.assert_allclose(facing_joints(torch.from_numpy(features)), relative, atol=2e-6)


def test_the_way_over_the_floor_is_the_recovered_one():
    features = np.random.default_rng(4).normal(0, 0.1, (1, 40, 263)).astype(np.float32)
    pelvis = recover(features)[..., 0, :][..., [0, 2]]
    np.testing.assert_allclose(floor_way(torch.from_numpy(features))[:, :-1], pelvis[:, 1:], atol=2e-6)


def test_two_equal_sets_of_joints_have_a_gradient_of_zero():
    joints = torch.randn(3, 4, 3, requires_grad=True)
    joint_distance(joints, joints.detach()).backward()
    assert torch.equal(joints.grad, torch.zeros_like(joints))


def test_resets_stop_after_their_share_of_the_training():
    model = small(reset_share=0.8)
    model.plan(1000)
    assert int(model.quantizer.reset_until) == 800


@pytest.mark.parametrize("settings", [{"codes": 1}, {"width": 0}, {"mode": "best"}, {"kodes": 512}, {"decay": 1.0}])
def test_a_setting_out_of_bounds_is_refused_by_name(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        tokenizers.build("vqvae", settings, torch.zeros(263), torch.ones(263))


class Silent:
    def metrics(self, values, step): ...
    def dataset(self, name, path): ...
    def artifacts(self, folder): ...


def waves() -> Tensor:
    """Eight clips (8, 16, 263) of slow sine waves, as regular as motion."""
    time = torch.arange(16.0)[:, None]
    rates, phases = torch.rand(8, 1, 1) * 0.3, torch.rand(8, 1, 263) * 6.28
    return torch.sin(rates * time + phases)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns_eight_clips_by_heart(precision):
    torch.manual_seed(0)
    clips = waves()
    model = small(codes=64, decay=0.9, depth=1, width=48, code_width=16, kmeans=True)
    config = Train(
        steps=150, batch_size=8, learning_rate=3e-3, warmup_steps=5, schedule="cosine", checkpoint_every=1000,
        validate_every=1000, seed=0, precision=precision,
    )  # fmt: skip
    before = (model.eval().reconstruct(clips) - clips).square().mean()
    training.fit(model, lambda _: Batch(clips), config, Silent())
    after = (model.reconstruct(clips) - clips).square().mean()
    assert after < 0.3 * before
