"""How many code steps a text asks for."""

import pytest
import torch

from motionlib.priors.base import PriorBatch, TextFeatures
from motionlib.priors.length import LengthEstimator


def texts(sentences):
    count = len(sentences)
    mask = torch.ones(count, 1, dtype=torch.bool)
    spans = torch.zeros(count, 1, 2, dtype=torch.int64)
    return TextFeatures(sentences, sentences[:, None], mask, spans, ("walk",) * count)


def test_the_published_size():
    assert sum(p.numel() for p in LengthEstimator(512, 50).parameters()) == 435_122


def test_it_learns_that_one_text_is_short_and_another_long():
    torch.manual_seed(0)
    model, sentences = LengthEstimator(4, 10), torch.eye(4)[[0, 1] * 8]
    lengths = torch.tensor([2, 9] * 8)
    batch = PriorBatch(torch.zeros(16, 9, 1), lengths, torch.ones(16, dtype=torch.bool), texts(sentences))
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(100):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
    drawn = model.eval().draw(texts(sentences), torch.Generator().manual_seed(0))
    assert drawn == lengths.tolist()


def test_crops_and_motion_without_text_teach_no_length():
    model, sentences = LengthEstimator(4, 10).eval(), torch.eye(4)[:2]
    batch = PriorBatch(torch.zeros(2, 5, 1), torch.tensor([5, 5]), torch.tensor([False, True]), texts(sentences))
    untexted = batch.text._replace(word_mask=torch.zeros(2, 1, dtype=torch.bool))
    torch.testing.assert_close(model.loss(batch), -model(sentences).log_softmax(-1)[1, 4])
    assert model.loss(batch._replace(text=untexted)) == 0


def test_lengths_that_are_asked_for_are_kept_and_checked():
    model, text = LengthEstimator(4, 10).eval(), texts(torch.eye(4)[:2])
    assert model.lengths(text, [3, 10], torch.Generator()) == [3, 10]
    assert all(1 <= length <= 10 for length in model.lengths(text, None, torch.Generator()))
    with pytest.raises(ValueError, match="text 1: 11 code steps asked for; this prior generates 1 to 10"):
        model.lengths(text, [3, 11], torch.Generator())
