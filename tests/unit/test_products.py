"""Convolutions by matrix products: what `nn.Conv1d` gives, forward and backward, with fewer multiplications."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from motionlib import tokenizers
from motionlib.tokenizers import products
from motionlib.tokenizers.conv import WIDE, Conv, Decoder, Doubled, DoublingConv, Sizes, to_image, to_rows
from motionlib.training.batches import WindowBatch

WIDTH = 256  # channels from which a layer takes matrix products
assert WIDTH * WIDTH == WIDE
HALF = 2**-8  # largest relative rounding error of bf16
LAYERS = {  # kernel, stride, padding, dilation
    "three taps": (3, 1, 1, 1),
    "wide reach": (3, 1, 9, 9),
    "one tap": (1, 1, 0, 1),
    "halving": (4, 2, 1, 1),
}


def gradients(call, *inputs):
    """The output of a call, and the gradients of its squared sum."""
    leaves = [each.detach().clone().requires_grad_() for each in inputs]
    out = call(*leaves)
    out.float().square().sum().backward()
    return [out.detach().float(), *(leaf.grad.float() for leaf in leaves)]


def convolved(rows, weight, bias, kernel, stride, padding, dilation, causal):
    around = (2 * padding, 0) if causal else (padding, padding)
    return functional.conv1d(functional.pad(rows.transpose(1, 2), around), weight, bias, stride, 0, dilation).mT


def by_products(rows, weight, bias, kernel, stride, padding, dilation, causal):
    before, steps = (2 * padding if causal else padding), rows.transpose(0, 1).contiguous()
    if stride == 2:
        return products.tiled(steps, weight, bias, products.halving(before)).transpose(0, 1)
    if (kernel, dilation) == (3, 1):
        return products.tiled(steps, weight, bias, products.three_taps(before)).transpose(0, 1)
    offsets = tuple(tap * dilation - before for tap in range(kernel))
    return products.tapped(steps, weight, bias, offsets).transpose(0, 1)


@settings(max_examples=60, deadline=None)
@given(
    layer=st.sampled_from(sorted(LAYERS)),
    causal=st.booleans(),
    size=st.tuples(st.integers(1, 3), st.integers(2, 23), st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 99),
)
def test_it_is_the_convolution_with_its_gradients(layer, causal, size, seed):
    batch, steps, width, out = size
    random = torch.Generator().manual_seed(seed)
    kernel = LAYERS[layer][0]
    shapes = (batch, steps, width), (out, width, kernel), (out,)
    inputs = [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]
    real = gradients(lambda *x: convolved(*x, *LAYERS[layer], causal), *inputs)
    made = gradients(lambda *x: by_products(*x, *LAYERS[layer], causal), *inputs)
    for one, other in zip(real, made, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(causal=st.booleans(), steps=st.integers(1, 9), seed=st.integers(0, 99))
def test_doubling_and_convolving_are_one(causal, steps, seed):
    random = torch.Generator().manual_seed(seed)
    shapes = (2, steps, 3), (4, 3, 3), (4,)
    inputs = [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]
    recipe = products.doubling(2 if causal else 1)

    def real(rows, weight, bias):
        twice = to_rows(Doubled()(to_image(rows)))
        return convolved(twice, weight, bias, *LAYERS["three taps"], causal)

    def made(rows, weight, bias):
        return products.tiled(rows.transpose(0, 1).contiguous(), weight, bias, recipe).transpose(0, 1)

    for one, other in zip(gradients(real, *inputs), gradients(made, *inputs), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_half_precision_is_as_near_as_its_rounding(layer, causal):
    torch.manual_seed(0)
    kernel, stride, padding, dilation = LAYERS[layer]
    conv = Conv(WIDTH, WIDTH, kernel, stride, padding, dilation, causal)
    rows = torch.randn(4, 32, WIDTH)
    assert conv.by_products(to_image(rows))
    inputs = rows, conv.weight, conv.bias
    with torch.autocast("cpu", torch.bfloat16):
        made = gradients(lambda *x: to_rows(torch.func.functional_call(conv, wrapped(*x[1:]), to_image(x[0]))), *inputs)
    real = gradients(lambda *x: convolved(*x, kernel, stride, padding, dilation, causal), *inputs)
    for one, other in zip(real, made, strict=True):
        assert (other - one).norm() < 2 * HALF * one.norm()


def wrapped(weight, bias):
    return {"weight": weight, "bias": bias}


def test_narrow_layers_keep_to_the_library():
    narrow, rows = Conv(128, 128, 3, padding=1), to_image(torch.zeros(1, 8, 128))
    assert not narrow.by_products(rows)
    assert not Conv(WIDTH, WIDTH, 3, padding=1).eval().by_products(to_image(torch.zeros(1, 8, WIDTH)))


def test_training_and_using_a_wide_decoder_give_the_same():
    torch.manual_seed(0)
    decoder, latent = Decoder(8, Sizes(WIDTH, WIDTH, 2, 2, 3, "relu")), torch.randn(2, 5, WIDTH)
    assert sum(isinstance(module, DoublingConv) for module in decoder.modules()) == 2
    torch.testing.assert_close(decoder.train()(latent), decoder.eval()(latent), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_same_step_gives_the_same_bytes(precision):
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    model = tokenizers.build("vqvae", {"width": WIDTH, "code_width": 16, "depth": 2}, torch.zeros(263), torch.ones(263))
    batch, found = WindowBatch(torch.randn(3, 16, 263), ("a", "b", "c")), []
    for _ in range(2):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            loss = model.train().loss(batch, torch.Generator())
        loss.total.backward()
        found.append([p.grad.clone() for p in model.parameters()])
    torch.use_deterministic_algorithms(False)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
