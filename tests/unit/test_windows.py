"""Motions longer than a prior writes at once, gaps, and texts in a row."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import CodeShape
from motionlib.priors.base import OPEN, Prior, TextFeatures
from motionlib.priors.windows import Sheet, fill, window_of


def texts(count: int) -> TextFeatures:
    sentence = torch.arange(1.0, count + 1)[:, None]
    nothing = torch.zeros(count, 1, 1)
    return TextFeatures(sentence, nothing, nothing[..., 0] > 0, torch.zeros(count, 1, 2).long(), ("",) * count)


class Parrot(Prior):
    """Writes the number of the text into every open code, and keeps what it was asked."""

    def __init__(self, longest: int) -> None:
        super().__init__(None, CodeShape(9, 2, 4, 5.0), 1)
        self.longest, self.asked = longest, []

    @property
    def max_steps(self) -> int:
        return self.longest

    def loss(self, batch, generator):
        raise NotImplementedError

    def score(self, batch):
        raise NotImplementedError

    def generate(self, text, steps, sampling, generator, given=None):
        self.asked += [one.clone() for one in given]
        assert [len(one) for one in given] == list(steps)
        numbers = text.sentence[:, 0].long()
        return [torch.where(one == OPEN, number, one) for one, number in zip(given, numbers, strict=True)]


@st.composite
def sheets(draw):
    """A motion of up to 40 steps, each given (as 0) or open under one of three texts."""
    kinds = draw(st.lists(st.integers(-1, 2), min_size=1, max_size=40))
    codes = torch.tensor([[0, 0] if kind < 0 else [OPEN, draw(st.sampled_from([OPEN, 0]))] for kind in kinds])
    return Sheet(codes, torch.tensor([max(kind, 0) for kind in kinds]))


@given(st.lists(sheets(), min_size=1, max_size=3), st.integers(1, 12))
def test_everything_open_is_written_with_its_own_text_and_what_is_given_stays(motions, longest):
    prior = Parrot(longest)
    made = fill(prior, motions, texts(3), None, torch.Generator())
    for sheet, codes in zip(motions, made, strict=True):
        expected = torch.where(sheet.codes == OPEN, (sheet.texts + 1)[:, None], sheet.codes)
        assert torch.equal(codes, expected)
    assert all(1 <= len(asked) <= longest for asked in prior.asked)


def test_a_longer_motion_slides_on_over_a_quarter_of_what_the_prior_sees():
    prior = Parrot(8)
    fill(prior, [Sheet(torch.full((20, 2), OPEN), torch.zeros(20).long())], texts(1), None, torch.Generator())
    assert [len(asked) for asked in prior.asked] == [8, 8, 8]
    assert [int((asked[:, 0] == OPEN).sum()) for asked in prior.asked] == [8, 6, 6]


def test_a_gap_sees_both_of_its_sides():
    codes = torch.zeros(20, 2).long()
    codes[8:12] = OPEN
    assert window_of(Sheet(codes, torch.zeros(20).long()), 8) == (6, 8, 12, 14)
    assert window_of(Sheet(codes, torch.zeros(20).long()), 100) == (0, 8, 12, 20)
    codes[:8] = OPEN
    assert window_of(Sheet(codes, torch.zeros(20).long()), 16) == (0, 0, 12, 16)


def test_a_code_that_is_none_is_refused():
    from motionlib import priors

    torch.manual_seed(0)
    prior = priors.build("gpt", {"layers": 1, "width": 8, "heads": 2, "max_steps": 4}, CodeShape(3, 2, 4, 5.0), 1)
    sheet = Sheet(torch.tensor([[5, 0], [OPEN, OPEN]]), torch.zeros(2).long())
    with pytest.raises(ValueError, match="reach from -1 to 5"):
        fill(prior, [sheet], texts(1), prior.Sampling(), torch.Generator())
