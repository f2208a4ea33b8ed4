"""Convolutions over joints and time, and MoGenTS's two branches of codes: sizes, order of codes, loss, learning."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from motionlib import tokenizers, training
from motionlib.params import Train
from motionlib.tokenizers.joint_rvq import JointRvq, JointRvqConfig
from motionlib.tokenizers.planes import PlaneConv


class Batch(NamedTuple):
    x: Tensor


class Silent:
    def metrics(self, values, step): ...
    def dataset(self, name, path): ...
    def artifacts(self, folder): ...


def small(rows: int = 263, **settings) -> JointRvq:
    torch.manual_seed(0)
    made = {"width": 16, "code_width": 8, "codes": 16, "layers": 2, "joint_width": 8, "joint_code_width": 4}
    return tokenizers.build("joint_rvq", made | {"joint_dropout": 0.0, **settings}, torch.zeros(rows), torch.ones(rows))


def size(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_published_size_to_the_last_parameter():
    with torch.device("meta"):
        model = JointRvq(JointRvqConfig(), torch.zeros(263, device="cpu"), torch.ones(263, device="cpu"))
    first = 12 * 512 * 9 + 512
    halving = 512 * 512 * 16 + 512
    wide, point = 512 * 512 * 9 + 512, 512 * 512 + 512
    assert (size(model.encoder), size(model.decoder)) == (9_587_200, 9_849_607)
    assert size(model.joint_encoder) == first + 2 * (halving + 3 * (wide + point)) + 512 * 1024 * 9 + 1024
    assert (
        size(model.joint_decoder) == 1024 * 512 * 9 + 512 + 2 * (3 * (wide + point) + wide) + wide + 512 * 12 * 9 + 12
    )
    assert size(model.mix) == (6 * 1024) ** 2 + 6 * 1024
    assert size(model.merge) == 526 * 263 + 263
    assert model.parameter_count() == 113_818_748  # codebooks are no parameters: they follow by EMA
    assert model.shape == (256, 6 * 7, 4, 5.0)
    assert model.bits_per_second == 5 * 42 * 8


@pytest.mark.parametrize("dilation", [1, 3, 9])
@pytest.mark.parametrize("joints", [6, 12])
def test_a_kernel_that_reaches_over_all_joints_is_computed_in_its_middle_alone(dilation, joints):
    torch.manual_seed(0)
    layer = PlaneConv(3, 5, dilation=dilation)
    image = torch.randn(2, 3, 8, joints)
    whole = functional.conv2d(image, layer.weight, layer.bias, 1, dilation, dilation)
    torch.testing.assert_close(layer(image), whole)


def test_a_stride_halves_joints_and_time():
    layer = PlaneConv(3, 5, 4, 2)
    assert layer(torch.randn(2, 3, 16, 24)).shape == (2, 5, 8, 12)


@pytest.mark.parametrize("own_books", [False, True])
@pytest.mark.parametrize("rows", [263, 251])
def test_codes_are_ordered_by_layer_and_then_the_whole_before_the_rows_of_joints(own_books, rows):
    model = small(rows, own_books=own_books).eval()
    x = torch.randn(2, 8, rows)
    codes, latent = model.encode(x), model.latents(x)
    assert codes.shape == (2, 2, 2 * 7)
    whole = model.whole_books.nearest(latent[..., :8])
    assert torch.equal(codes[..., [0, 7]], whole)
    for row in range(6):
        book = model.row_books[row if own_books else 0]
        part = latent[..., 8 + 4 * row : 12 + 4 * row]
        assert torch.equal(codes[..., [1 + row, 8 + row]], book.nearest(part)), row
        said = model.lookup(codes)[..., 8 + 4 * row : 12 + 4 * row]
        torch.testing.assert_close(said, book.lookup(codes[..., [1 + row, 8 + row]]))
    torch.testing.assert_close(model.lookup(codes)[..., :8], model.whole_books.lookup(whole))


@pytest.mark.parametrize("own_books", [False, True])
def test_the_vector_of_a_code_is_found_at_its_place(own_books):
    model = small(own_books=own_books).eval()
    books, codes = model.code_vectors(), model.encode(torch.randn(1, 4, 263))[0, 0].numpy()
    latent = model.lookup(torch.from_numpy(codes)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(books[0][codes[0]] + books[7][codes[7]], latent[:8], rtol=1e-5, atol=1e-7)
    for row in range(6):
        part = books[1 + row][codes[1 + row]] + books[8 + row][codes[8 + row]]
        np.testing.assert_allclose(part, latent[8 + 4 * row : 12 + 4 * row], rtol=1e-5, atol=1e-7)


def test_a_hand_changes_the_latents_of_rows_near_its_own():
    model = small().eval()
    x = torch.randn(1, 16, 263)
    changed = x.clone()
    changed[..., 4 + 3 * 20 : 4 + 3 * 21] += 1.0  # joint 21 of 24 places: the last row
    moved = (model.latents(changed) - model.latents(x))[..., 8:].abs().unflatten(-1, (6, 4)).amax((0, 1, 3))
    assert moved[5] > 0


@pytest.mark.parametrize("own_books", [False, True])
def test_the_loss_holds_both_branches_and_what_they_make_together_to_the_motion(own_books):
    model = small(own_books=own_books).eval()
    x = torch.randn(2, 16, 263)
    loss = model.loss(Batch(x), torch.Generator())
    quantized = model.quantize(model.latents(x), torch.Generator())
    views = model.views(quantized.latent)
    expected = sum(
        functional.smooth_l1_loss(made, x) + 0.5 * functional.smooth_l1_loss(made[..., 4:67], x[..., 4:67])
        for made in views
    ) + 0.02 * 1.5 * (loss.parts["whole_commitment"] + loss.parts["joint_commitment"])
    torch.testing.assert_close(loss.total, expected)
    assert torch.equal(model.reconstruct(x), model.views(model.lookup(model.encode(x))).merged)


def test_the_gradient_passes_the_codes_once():
    # Known defect of the published code: as many times as there are layers.
    model = small(layers=3, layer_dropout=0.0)
    latent = torch.randn(1, 4, 8 + 24, requires_grad=True)
    model.quantize(latent, torch.Generator().manual_seed(0)).latent.sum().backward()
    assert torch.equal(latent.grad, torch.ones_like(latent))


@pytest.mark.parametrize("own_books", [False, True])
@pytest.mark.parametrize("mode", ["ema_reset", "naive"])
def test_the_gradient_reaches_every_parameter(own_books, mode):
    model = small(own_books=own_books, mode=mode, layer_dropout=0.0)
    model.loss(Batch(torch.randn(2, 16, 263)), torch.Generator().manual_seed(0)).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("own_books", [False, True])
def test_every_codebook_follows_what_it_coded(own_books):
    model = small(own_books=own_books, layer_dropout=0.0)
    seen = model.loss(Batch(torch.randn(4, 16, 263)), torch.Generator().manual_seed(0)).seen
    values = model.follow(seen, torch.Generator().manual_seed(0))
    books = [*model.whole_books.books, *(book for each in model.row_books for book in each.books)]
    assert len(books) == (2 * 7 if own_books else 2 * 2)
    assert all(bool(book.started) and int(book.step) == 1 for book in books)
    assert {"whole_usage_0", "row_5_usage_1" if own_books else "joint_usage_1"} <= set(values)


def test_a_start_from_the_data_begins_at_the_mean_of_both_branches():
    model = small(start="data").eval()
    causes = torch.randn(60, 16, 4).cumsum(1)
    windows = causes @ torch.randn(4, 263)
    model.prepare(windows, seed=1)
    views = model.views(model.latents(windows))
    torch.testing.assert_close(views.merged, (views.whole + views.joints) / 2)
    assert all(bool(book.started) for each in (model.whole_books, *model.row_books) for book in each.books)


@pytest.mark.parametrize("wrong", ["causal", "essential"])
def test_what_it_cannot_be_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=wrong):
        small(**{wrong: True})


def test_it_learns_eight_clips_by_heart():
    torch.manual_seed(0)
    time = torch.arange(16.0)[:, None]
    clips = torch.sin(torch.rand(8, 1, 1) * 0.3 * time + torch.rand(8, 1, 263) * 6.28)
    model = small(
        width=48, depth=1, code_width=16, codes=64, decay=0.9, temperature=0.0, kmeans=True, layer_dropout=0.0
    )
    config = Train(
        steps=150, batch_size=8, learning_rate=3e-3, warmup_steps=5, schedule="cosine", checkpoint_every=1000,
        validate_every=1000, seed=0,
    )  # fmt: skip
    before = (model.eval().reconstruct(clips) - clips).square().mean()
    training.fit(model, lambda _: Batch(clips), config, Silent())
    after = (model.reconstruct(clips) - clips).square().mean()
    assert after < 0.3 * before
