"""Convolutions over a skeleton, and SALAD's VAE: its published size, what sees what, and its loss."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from motionlib import tokenizers
from motionlib.tokenizers import skeletal
from motionlib.tokenizers.joints import body_of
from motionlib.tokenizers.posterior import divergence, split
from motionlib.tokenizers.skeletal_vae import SkeletalVae, SkeletalVaeConfig


class Batch(NamedTuple):
    x: Tensor


def small(width: int = 263, **settings) -> SkeletalVae:
    torch.manual_seed(0)
    made = {"joint_width": 4, "blocks": 1, "dropout": 0.0, **settings}
    return tokenizers.build("skeletal_vae", made, torch.zeros(width), torch.ones(width))


@pytest.mark.parametrize(("width", "parameters"), [(263, 162_503), (251, 159_579)])
def test_the_published_size_is_a_sixth_of_a_million(width, parameters):
    model = SkeletalVae(SkeletalVaeConfig(), torch.zeros(width), torch.ones(width))
    assert model.parameter_count() == parameters
    assert model.shape == (256, 7 * 32, 4, 5.0)


def test_a_joint_sees_itself_its_parent_and_its_children():
    near = skeletal.neighbourhoods([-1, 0, 1, 0])  # 2 - 1 - 0 - 3
    third = 1 / 3
    expected = [[third, third, 0, third], [third, third, third, 0], [0, 0.5, 0.5, 0], [0.5, 0, 0, 0.5]]
    torch.testing.assert_close(near, torch.tensor(expected))


@pytest.mark.parametrize("training", [True, False])
def test_a_convolution_is_the_sum_of_three_linear_maps(training):
    torch.manual_seed(0)
    layer = skeletal.SkeletalConv([-1, 0, 1], 5).train(training)
    x = torch.randn(2, 6, 3, 5)
    in_time = layer.time(x.permute(0, 2, 3, 1).flatten(0, 1)).unflatten(0, (2, 3)).permute(0, 3, 1, 2)
    beside = torch.einsum("ij,btjc->btic", skeletal.neighbourhoods([-1, 0, 1]), layer.neighbours(x))
    torch.testing.assert_close(layer(x), layer.own(x) + beside + in_time)


def test_pooling_is_the_mean_of_two_steps_and_of_a_group():
    x = torch.arange(12.0).reshape(1, 4, 3, 1)  # step t, joint j: 3 t + j
    pooled = skeletal.Pooled([(0, 1), (1, 2)])(x)
    assert pooled[0, :, :, 0].tolist() == [[2, 3], [8, 9]]


def test_unpooling_adds_the_groups_of_a_joint_and_interpolates_as_the_published_layer():
    x = torch.randn(2, 5, 2, 3)
    unpooled = skeletal.Unpooled([(0, 1), (1, 2)])(x)
    time = functional.interpolate(x.permute(0, 2, 3, 1).flatten(0, 1), scale_factor=2.0, mode="linear")
    wide = time.unflatten(0, (2, 2)).permute(0, 3, 1, 2)
    torch.testing.assert_close(unpooled, torch.stack([wide[:, :, 0], wide.sum(2), wide[:, :, 1]], dim=2))


@pytest.mark.parametrize(("width", "joints"), [(263, 22), (251, 21)])
def test_every_joint_is_in_a_region_and_every_region_is_connected(width, joints):
    near = skeletal.neighbourhoods(body_of(width).parents) > 0
    assert len(skeletal.REGIONS[joints]) == len(skeletal.REGION_PARENTS) == 12
    assert {joint for region in skeletal.REGIONS[joints] for joint in region} == set(range(joints))
    for region in skeletal.REGIONS[joints]:
        inside = near[list(region)][:, list(region)].float()
        reached = torch.linalg.matrix_power(inside, len(region))
        assert (reached > 0).all(), region
    assert {region for part in skeletal.PARTS for region in part} == set(range(12))


@pytest.mark.parametrize(("width", "left", "right"), [(263, (16, 18, 20), (17, 19, 21)), (251, (8, 9, 10), (5, 6, 7))])
def test_left_and_right_arm_are_parts_of_their_own(width, left, right):
    regions = skeletal.REGIONS[len(body_of(width).parents)]
    assert (regions[8], regions[10]) == (left, right)


def test_a_hand_is_far_from_the_other_leg():
    model = small().eval()
    x = torch.randn(1, 16, 263)
    changed = x.clone()
    changed[..., 4 + 3 * 19 : 4 + 3 * 20] += 1.0  # position of joint 20, the left wrist
    moved = (model.latents(changed) - model.latents(x)).abs().unflatten(-1, (7, 4)).amax((0, 1, 3))
    assert moved[4] > 0  # left upper limb
    assert moved[1] == moved[2] == 0  # lower limbs


def test_the_loss_is_the_published_sum():
    model = small().eval()
    x = torch.randn(2, 16, 263)
    loss = model.loss(Batch(x), torch.Generator().manual_seed(0))
    said = model.posterior(x)
    mean, log_variance = split(said)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    made = model.decoder((mean + (0.5 * log_variance).exp() * noise).unflatten(-1, (7, 4)))
    expected = (
        functional.smooth_l1_loss(made, x)
        + 0.5 * functional.smooth_l1_loss(made[..., 4:67], x[..., 4:67])
        + 0.5 * functional.smooth_l1_loss(made[..., 193:259], x[..., 193:259])
        + 0.02 * divergence(said).mean()
    )
    torch.testing.assert_close(loss.total, expected)
    assert set(loss.parts) == {"reconstruction", "positions", "speeds", "kl"}


@pytest.mark.parametrize("width", [263, 251])
def test_the_gradient_reaches_every_parameter(width):
    model = small(width)
    model.loss(Batch(torch.randn(2, 16, width)), torch.Generator()).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_training_and_use_compute_the_same():
    model = small()
    x = torch.randn(1, 16, 263)
    torch.testing.assert_close(model.train().latents(x), model.eval().latents(x))


def test_another_skeleton_is_refused():
    with pytest.raises(ValueError, match="rows of 275 features are of no known skeleton"):
        small(275)
