"""The multi-scale RVQ-VAE: how many codes there really are, one codebook, any length."""

import pytest
import torch

from motionlib import tokenizers
from motionlib.tokenizers.multiscale_rvq import MultiscaleRvq, MultiscaleRvqConfig
from motionlib.training.batches import WindowBatch


def small(**settings) -> MultiscaleRvq:
    torch.manual_seed(0)
    chosen = {"width": 16, "code_width": 8, "codes": 16, **settings}
    return tokenizers.build("multiscale_rvq", chosen, torch.zeros(263), torch.ones(263))


def test_the_published_rate_is_nine_codes_a_second():
    model = MultiscaleRvq(MultiscaleRvqConfig(), torch.zeros(263), torch.ones(263))
    assert model.shape == (512, 4, 4, 5.0)
    assert model.bits_per_second == pytest.approx(5 * (1 / 8 + 1 / 4 + 1 / 2 + 1) * 9)  # 84.4
    assert model.parameter_count() == 19_436_807
    assert len(model.quantizer.books) == 1


@pytest.mark.parametrize("steps", [8, 16, 24])
def test_the_rate_counts_the_codes_that_can_differ(steps):
    model = small().eval()
    every = torch.stack([torch.randperm(16)[torch.arange(steps) // scale % 16] for scale in (8, 4, 2, 1)], -1)[None]
    changes = (every.diff(dim=1) != 0).sum() + 4  # codes that differ from the one before, and the first of each layer
    seconds = steps / 5
    assert model.bits_per_second * seconds == pytest.approx(4 * changes.item())  # 4 bits each
    assert torch.equal(model.checked_codes(every), every)


@pytest.mark.parametrize("steps", [1, 7, 8, 13])
def test_of_a_coarse_block_the_first_code_counts(steps):
    model = small().eval()
    codes = model.encode(torch.randn(1, 4 * steps, 263))
    assert codes.shape == (1, steps, 4)
    changed = codes.clone()
    changed[:, 1:8, 0] = (changed[:, 1:8, 0] + 1) % 16
    assert torch.equal(model.decode(changed), model.decode(codes))


def test_the_coarse_layers_alone_can_be_decoded():
    model = small().eval()
    codes = model.encode(torch.randn(1, 44, 263))
    assert model.decode(codes[..., :2]).shape == (1, 44, 263)


def test_every_layer_moves_the_one_codebook():
    model = small(start="data", decay=0.5).train()
    model.prepare(torch.randn(60, 32, 263).cumsum(1) / 4, seed=0)
    before = model.quantizer.book(0).codebook.clone()
    loss = model.loss(WindowBatch(torch.randn(4, 32, 263), ("a",)), torch.Generator())
    values = model.follow(loss.seen, torch.Generator())
    assert set(values) == {"perplexity", "usage", "resets"}
    assert not torch.equal(model.quantizer.book(0).codebook, before)


def test_it_cannot_be_causal_and_says_so():
    with pytest.raises(ValueError, match="causal"):
        small(causal=True)
