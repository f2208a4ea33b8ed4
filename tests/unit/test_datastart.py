"""The start from the data: a linear map to principal components through the published layers."""

import pytest
import torch

from motionlib import tokenizers
from motionlib.tokenizers.datastart import feature_metres, start_encoder
from motionlib.training.batches import WindowBatch


def rows(windows: int = 60, frames: int = 16) -> torch.Tensor:
    """Features that few causes explain, as those of a body."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.randn(windows, frames, 4, generator=generator).cumsum(1)
    return causes @ torch.randn(4, 263, generator=generator)


def started(**settings) -> tokenizers.Tokenizer:
    torch.manual_seed(0)
    settings = {"width": 16, "code_width": 8, "codes": 16, "start": "data", **settings}
    model = tokenizers.build("vqvae", settings, torch.zeros(263), torch.ones(263))
    model.prepare(rows(), seed=1)
    return model


def test_the_encoder_starts_as_a_linear_map():
    encoder = started().encoder
    a, b = rows()[:2]
    zero = encoder(torch.zeros_like(a)[None])
    together = encoder((a + b)[None])
    torch.testing.assert_close(encoder(a[None]) + encoder(b[None]) - zero, together, atol=1e-3, rtol=1e-3)


def test_a_latent_sees_its_own_four_frames_only():
    encoder, x = started().encoder, rows()[:1]
    other = x.clone()
    other[:, 4:8] += 1.0
    changed = (encoder(other) - encoder(x)).abs().amax(-1)[0] > 1e-6
    assert changed.tolist() == [False, True, False, False]


def test_latents_are_uncorrelated_and_of_unit_variance_on_average():
    latent = started().encoder(rows()).flatten(0, 1)
    covariance = torch.cov(latent.T)
    variance = covariance.diagonal()
    assert variance.mean().item() == pytest.approx(1.0, rel=1e-3)
    assert (covariance - variance.diag()).abs().max() < 0.02 * variance.max()
    assert (variance.diff() <= 1e-3).all()  # most important first


def test_what_four_causes_explain_is_kept():
    # 4 causes in each of 4 frames: 16 numbers say all of a block, and all 16 channels are there to say it.
    model = started(code_width=16, width=32)
    x = rows() * feature_metres(263)
    latent, blocks = model.encoder(rows()).flatten(0, 1), x.reshape(-1, 4 * 263)
    solution = torch.linalg.lstsq(latent, blocks).solution
    assert (latent @ solution - blocks).square().mean() < 1e-3 * blocks.square().mean()


def test_every_code_is_used_at_the_start():
    model = started()
    codes = model.eval().encode(rows())
    assert len(codes.unique()) == 16


def test_the_same_seed_gives_the_same_start():
    first, second = started(), started()
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_without_it_nothing_is_prepared():
    model = started(start="torch")
    before = model.encoder.layers[0].weight.clone()
    model.prepare(rows(), seed=1)
    assert torch.equal(model.encoder.layers[0].weight, before)


def test_the_encoder_rests_while_the_decoder_learns():
    model = started(decoder_share=0.5)
    model.plan(2)
    batch = WindowBatch(rows()[:4], ())
    for rests in (True, False):
        loss = model.loss(batch, torch.Generator())
        model.zero_grad()
        loss.total.backward()
        assert (model.encoder.layers[0].weight.grad is None) == rests
        assert model.decoder.layers[0].weight.grad is not None
        model.follow(loss.seen, torch.Generator().manual_seed(0))


def test_joint_positions_count_in_metres():
    metres = feature_metres(263)
    assert metres[3:67].unique().tolist() == [1.0]
    assert metres[0] > metres[1] == metres[2] > 1.0
    assert metres[67:].max() < 1.0
    assert feature_metres(251)[-4:].tolist() == metres[-4:].tolist()


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="even width, got 15"):
        started(width=15)


def test_training_goes_on_from_there():
    encoder = started().encoder.train()
    start_encoder(encoder, rows(), torch.ones(263))
    encoder(rows()).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())
