"""Residual codebooks: what a layer is given, one straight-through, dropped and drawn layers, coarse layers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from motionlib.tokenizers.quantizers import passed
from motionlib.tokenizers.residual import DROPPED, ResidualConfig, ResidualQuantizer, grown, shrunk


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quantizer(scales=(1, 1, 1), width: int = 2, spread: float = 1.0, **settings) -> ResidualQuantizer:
    """Started codebooks of random vectors; nothing drawn or dropped unless settings say so."""
    torch.manual_seed(0)
    chosen = {"codes": 8, "layer_dropout": 0.0, "temperature": 0.0} | settings
    made = ResidualQuantizer(ResidualConfig(**chosen), width, scales)
    for layer in range(len(made.books)):
        set_book(made, layer, torch.randn(chosen["codes"], width) * spread)
    return made


def set_book(made: ResidualQuantizer, layer: int, book: Tensor) -> None:
    with torch.no_grad():
        made.book(layer).codebook.copy_(book)
        made.book(layer).sums.copy_(book)
        made.book(layer).counts.fill_(1.0)
        made.book(layer).started.fill_(True)


def line(*numbers: float) -> Tensor:
    """A clip (1, L, 1) of a latent of one number."""
    return torch.tensor(numbers, dtype=torch.float32).reshape(1, -1, 1)


def state(made: ResidualQuantizer) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in made.state_dict().items()}


@given(seed=st.integers(0, 2**16), layers=st.integers(1, 4))
def test_each_layer_takes_the_nearest_of_what_is_left_by_brute_force(seed, layers):
    made = quantizer((1,) * layers, width=3)
    latent = torch.randn(2, 5, 3, generator=generator(seed))
    codes = made.nearest(latent)
    left = latent
    for layer in range(layers):
        distance = (left[:, :, None] - made.book(layer).codebook).norm(dim=-1)
        found = distance.gather(-1, codes[..., layer, None])[..., 0]
        torch.testing.assert_close(found, distance.min(-1).values, atol=1e-4, rtol=1e-4)
        left = left - made.book(layer).codebook[codes[..., layer]]
    torch.testing.assert_close(made.lookup(codes), latent - left, atol=1e-5, rtol=1e-5)


def test_layers_agree_with_vector_quantize_pytorch():
    reference = pytest.importorskip("vector_quantize_pytorch").ResidualVQ(
        dim=3, codebook_size=8, num_quantizers=3, kmeans_init=False, rotation_trick=False
    )
    made = quantizer(width=3)
    for layer, other in enumerate(reference.layers):
        other._codebook.embed.data.copy_(made.book(layer).codebook[None])
    latent = torch.randn(2, 40, 3, generator=generator())
    snapped, codes, _ = reference.eval()(latent)
    assert torch.equal(codes, made.nearest(latent))
    torch.testing.assert_close(snapped, made.lookup(codes))


@pytest.mark.parametrize("layers", [1, 2, 6])
def test_the_gradient_goes_through_once_however_many_layers_there_are(layers):
    # Known defect elsewhere (MoMask): the gradient of the encoder was as many times too large as there are layers.
    made = quantizer((1,) * layers)
    latent = torch.randn(2, generator=generator())
    jacobian = torch.autograd.functional.jacobian(lambda z: made(z.reshape(1, 1, 2), generator()).latent[0, 0], latent)
    torch.testing.assert_close(jacobian, torch.eye(2))


def test_a_rotated_gradient_is_that_of_the_sum_of_all_layers():
    made = quantizer(gradient="rotation")
    latent = torch.randn(1, 4, 2, requires_grad=True)
    out = made(latent, generator())
    assert torch.equal(out.latent, made.lookup(out.codes))
    (gradient,) = torch.autograd.grad(out.latent, latent, torch.ones(1, 4, 2))
    (expected,) = torch.autograd.grad(passed(latent, out.latent.detach(), "rotation"), latent, torch.ones(1, 4, 2))
    torch.testing.assert_close(gradient, expected)


def test_the_commitment_of_every_layer_reaches_the_encoder():
    # Known defect elsewhere (encodec, issue 25): layers after the first got a zero gradient.
    made = quantizer((1,) * 3)
    latent = torch.randn(1, 4, 2, requires_grad=True)
    for number, layer in enumerate(made._layers(latent, 3)):
        commitment, _ = made.book(number).pulls(layer.residual, layer.vectors)
        (gradient,) = torch.autograd.grad(commitment, latent, retain_graph=True)
        assert gradient.norm() > 0, f"layer {number}"


def test_the_commitment_is_the_mean_over_layers():
    made = quantizer((1, 1), width=1, codes=2, commitment=0.5)
    set_book(made, 0, torch.tensor([[0.0], [10.0]]))
    set_book(made, 1, torch.tensor([[0.0], [-2.0]]))
    weight, value = made(line(7.0), generator()).terms["commitment"]  # 7 - 10 = -3 is left, then -3 + 2 = -1
    assert weight == 0.5
    assert value.item() == pytest.approx((9.0 + 1.0) / 2)


def test_what_the_decoder_sees_is_what_the_codes_say():
    made = quantizer()
    out = made(torch.randn(2, 5, 2), generator())
    torch.testing.assert_close(made.lookup(out.codes), out.latent)


def test_a_forward_pass_changes_no_state():
    made = quantizer(layer_dropout=0.5, temperature=0.5).train()
    before = state(made)
    made(torch.randn(2, 5, 2), generator())
    assert state(made) == before


def test_in_a_fifth_of_the_steps_layers_are_dropped_from_the_end():
    made, random = quantizer(layer_dropout=0.2).train(), generator()
    latent = torch.randn(1, 2, 2)
    used = []
    for _ in range(600):
        codes = made(latent, random).codes[0, 0]
        used.append(int((codes != DROPPED).sum()))
        assert (codes[: used[-1]] >= 0).all()
        assert (codes[used[-1] :] == DROPPED).all()
    shares = np.bincount(used, minlength=4) / 600
    np.testing.assert_allclose(shares, [0, 0.2 / 3, 0.2 / 3, 0.8 + 0.2 / 3], atol=0.03)


def test_what_dropped_layers_leave_is_what_the_first_codes_say():
    made, random = quantizer(layer_dropout=1.0).train(), generator()
    latent = torch.randn(1, 6, 2)
    seen = set()
    for _ in range(20):
        out = made(latent, random)
        used = int((out.codes[0, 0] != DROPPED).sum())
        torch.testing.assert_close(made.lookup(out.codes), out.latent)
        torch.testing.assert_close(made.lookup(made.nearest(latent)[..., :used]), out.latent)
        seen.add(used)
    assert seen == {1, 2, 3}


def test_in_eval_mode_nothing_is_drawn_or_dropped():
    made = quantizer(layer_dropout=1.0, temperature=100.0).eval()
    latent = torch.randn(1, 6, 2)
    assert torch.equal(made(latent, generator()).codes, made.nearest(latent))


def test_codes_are_drawn_by_their_squared_distance():
    made = quantizer((1,), width=1, codes=2, temperature=0.5).train()
    set_book(made, 0, torch.tensor([[0.0], [1.0]]))
    out = made(torch.zeros(1, 20_000, 1), generator())
    expected = np.exp(-1 / 0.5) / (1 + np.exp(-1 / 0.5))  # 0.119
    assert out.codes.float().mean().item() == pytest.approx(expected, abs=0.01)
    weight, share = out.terms["drawn_share"]
    assert weight == 0.0
    assert share.item() == pytest.approx(expected, abs=0.01)


def test_latents_pass_unchanged_until_codes_come_in():
    made = quantizer(continuous_share=0.5).train()
    made.plan(2)
    latent = torch.randn(1, 3, 2)
    for expected in (True, False):
        out = made(latent, generator())
        assert torch.equal(out.latent, latent) == expected
        made.follow(latent, out.codes, generator())


def test_a_step_moves_each_codebook_to_what_it_was_given():
    made = quantizer((1, 1), width=1, codes=2, decay=0.5, mode="ema")
    set_book(made, 0, torch.tensor([[0.0], [10.0]]))
    set_book(made, 1, torch.tensor([[1.0], [-1.0]]))
    latent = line(2.0, 9.0)
    made.follow(latent, made.nearest(latent), generator())  # 2 and -1 are left: codes 0 and 1
    assert made.book(0).codebook.flatten().tolist() == pytest.approx([1.0, 9.5])  # (0 + 2) / 2, (10 + 9) / 2
    assert made.book(1).codebook.flatten().tolist() == pytest.approx([1.5, -1.0])  # (1 + 2) / 2, (-1 - 1) / 2


def test_a_dropped_layer_stays_but_counts_the_step():
    made = quantizer((1, 1))
    before = made.book(1).codebook.clone()
    latent = torch.randn(1, 20, 2)
    codes = made.nearest(latent)
    codes[..., 1] = DROPPED
    values = made.follow(latent, codes, generator())
    assert torch.equal(made.book(1).codebook, before)
    assert [int(made.book(layer).step) for layer in (0, 1)] == [1, 1]
    assert set(values) == {"resets", "perplexity_0", "usage_0"}


def test_the_first_batch_starts_each_layer_from_what_the_one_before_left():
    torch.manual_seed(0)
    made = ResidualQuantizer(ResidualConfig(codes=4, decay=0.999), 1, (1, 1))
    latent = line(0.0, 10.0, 20.0, 30.0, 0.5, 10.5, 20.5, 30.5)
    made.follow(latent, torch.zeros(1, 8, 2, dtype=torch.int64), generator())
    assert made.book(0).codebook.flatten().tolist() == pytest.approx([0, 10, 20, 30], abs=0.1)
    assert made.book(1).codebook.abs().max() < 0.6


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("scales", [(1, 1, 1, 1), (4, 2, 1)])
def test_what_is_left_gets_smaller_with_every_layer_of_trained_codebooks(shared, scales):
    torch.manual_seed(0)
    made = ResidualQuantizer(ResidualConfig(codes=32, shared=shared, decay=0.9), 2, scales)
    latent = torch.randn(40, 16, 2, generator=generator()).cumsum(1) / 4
    made.cluster(latent, generator())
    for step in range(20):
        made.follow(latent, made.nearest(latent), generator(step))
    codes = made.nearest(latent)
    left = [(latent - made.lookup(codes[..., :used])).square().mean().item() for used in range(1, len(scales) + 1)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.1 * latent.square().mean().item()


def test_a_reloaded_quantizer_goes_on_with_the_same_bytes():
    # Known defect elsewhere (MoMask): sums, counts and the start flags are not saved.
    settings = {"layer_dropout": 0.5, "temperature": 0.5, "decay": 0.9}
    first, second = quantizer(**settings).train(), quantizer(**settings).train()
    latents = torch.randn(6, 2, 10, 2, generator=generator())

    def go_on(made: ResidualQuantizer, steps: range) -> None:
        for step in steps:
            random = generator(step)
            made.follow(latents[step], made(latents[step], random).codes, random)

    go_on(first, range(3))
    second.load_state_dict(first.state_dict())
    go_on(first, range(3, 6))
    go_on(second, range(3, 6))
    assert state(first) == state(second)


def test_a_shared_codebook_is_there_once_and_sees_all_layers():
    made = quantizer((2, 1), width=1, codes=2, shared=True, decay=0.5, mode="ema")
    set_book(made, 0, torch.tensor([[0.0], [10.0]]))
    assert len(made.books) == 1
    assert len(made.vectors()) == 2
    latent = line(9.0, 11.0)  # their mean is 10, and -1 and 1 are left
    made.follow(latent, made.nearest(latent), generator())
    assert made.book(0).counts.tolist() == [1.5, 1.0]  # (1 + 2) / 2, (1 + 1) / 2


def test_blocks_are_means_and_the_last_one_of_what_is_left():
    assert shrunk(line(1, 3, 5, 7, 10), 2).flatten().tolist() == [2, 6, 10]
    assert shrunk(line(1, 2, 6), 8).flatten().tolist() == [3]


def test_between_the_middles_of_blocks_lies_a_straight_line():
    # middles at steps 0.5 and 2.5
    assert grown(line(0, 8), 2, 4).flatten().tolist() == [0, 2, 6, 8]
    assert grown(line(0, 8), 2, 3).flatten().tolist() == [0, 2, 6]
    assert grown(line(5), 8, 3).flatten().tolist() == [5, 5, 5]


@given(steps=st.integers(1, 20))
def test_a_coarse_code_is_repeated_over_its_steps(steps):
    made = quantizer((8, 4, 2, 1))
    latent = torch.randn(2, steps, 2, generator=generator(steps))
    codes = made.nearest(latent)
    assert codes.shape == (2, steps, 4)
    for layer, scale in enumerate((8, 4, 2, 1)):
        for block in codes[..., layer].split(scale, dim=1):
            assert (block == block[:, :1]).all()
    torch.testing.assert_close(made.lookup(codes), made(latent, generator()).latent)
