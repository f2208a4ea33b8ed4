import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.evaluation.captioning import captioning, published_references

GOLDEN = Path(__file__).parent.parent / "golden" / "metric_nlg.json"
SENTENCES = ["a person walks forward slowly", "someone jumps up twice now", "the man turns to the left"]


def test_bleu_rouge_and_cider_are_those_of_the_published_code():
    golden = json.loads(GOLDEN.read_text())
    found = captioning(golden["hypotheses"], golden["references"])
    assert found.bleu == pytest.approx(golden["expected"]["bleu"], rel=1e-9)
    assert found.rouge_l == pytest.approx(golden["expected"]["rouge_l"], rel=1e-9)
    assert found.cider == pytest.approx(golden["expected"]["cider"], rel=1e-9)


def test_captions_that_equal_their_references_are_perfect_and_strangers_worth_nothing():
    perfect = captioning(SENTENCES, [[sentence] for sentence in SENTENCES])
    assert perfect.bleu == pytest.approx((1.0, 1.0, 1.0, 1.0))
    assert perfect.rouge_l == pytest.approx(1.0)
    assert perfect.cider == pytest.approx(10.0)
    strange = captioning(["completely different words here"] * 3, [[sentence] for sentence in SENTENCES])
    assert strange.bleu[0] < 1e-6
    assert (strange.rouge_l, strange.cider) == (0.0, 0.0)


@given(order=st.permutations(range(3)))
def test_the_order_of_clips_does_not_matter(order):
    said = ["a person walks", "someone jumps twice", "a man turns left"]
    there = captioning(said, [[sentence] for sentence in SENTENCES])
    again = captioning([said[i] for i in order], [[SENTENCES[i]] for i in order])
    assert again.cider == pytest.approx(there.cider)
    assert again.bleu == pytest.approx(there.bleu)


def test_a_clip_without_reference_is_named():
    with pytest.raises(ValueError, match="clip 1 has no reference"):
        captioning(["a", "b"], [["a"], [" "]])


def test_two_references_are_filled_up_with_the_first():
    assert published_references(["a", "b"]) == ["a", "b", "a"]
    assert published_references(["a"]) == ["a", "a", "a"]
    assert published_references(["a", "b", "c", "d"]) == ["a", "b", "c"]
