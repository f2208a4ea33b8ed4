"""Captions become items of rows; sentences are mirrored with the motion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Caption
from motionlib.normalize.captions import MOST_PIECES, Span, cleaned, mirrored_text, mirrored_tokens, spans

FPS, LEAST, MOST = 20.0, 24, 196


def of(captions, rows, split="train"):
    return spans(captions, rows, FPS, split, LEAST, MOST)


@pytest.mark.parametrize(
    ("said", "mirrored"),
    [
        ("he turns left, then right.", "he turns right, then left."),
        ("a left-handed throw leftwards", "a right-handed throw rightwards"),
        ("walks clockwise", "walks counterclockwise"),
        ("a counter-clockwise circle", "a clockwise circle"),
        ("runs anti clockwise", "runs clockwise"),
        ("Left foot first", "Right foot first"),
        ("stops right away, all right", "stops right away, all right"),
        ("right after the jump", "right after the jump"),
        ("stands upright, bright lights, cleft", "stands upright, bright lights, cleft"),
        ("raises the right arm right away", "raises the left arm right away"),
    ],
)
def test_sides_are_exchanged_as_words(said, mirrored):
    assert mirrored_text(said) == mirrored


@given(words=st.lists(st.sampled_from(["left", "right", "clockwise", "counterclockwise", "a", "man,", "turns"])))
def test_mirroring_a_sentence_twice_gives_it_back(words):
    sentence = " ".join(words)
    assert mirrored_text(mirrored_text(sentence)) == sentence


def test_tokens_are_mirrored_word_by_word_and_given_up_where_words_become_fewer():
    assert mirrored_tokens("turn/VERB left/ADV then/ADV right/ADV away/ADV") == (
        "turn/VERB right/ADV then/ADV right/ADV away/ADV"
    )
    assert mirrored_tokens("walk/VERB counter/NOUN clockwise/ADV") == ""
    assert mirrored_tokens("") == ""


def test_a_span_takes_the_tokens_of_whichever_caption_gives_them():
    given, bare = Caption("Walks", tokens="walk/VERB"), Caption("walks ")
    for captions in ([given, bare], [bare, given]):
        assert of(captions, 100).kept == [Span(0, 100, "walks", "", "walk/VERB")]


def test_captions_are_lower_case_with_single_blanks():
    assert cleaned("  A man\twalks \n slowly ") == "a man walks slowly"


def test_a_caption_without_times_is_of_the_whole_clip():
    assert of([Caption("Walks", source="lab")], 100).kept == [Span(0, 100, "walks", "lab")]


def test_seconds_become_rows_as_published():
    assert of([Caption("walks", 1.0, 3.99)], 100).kept == [Span(20, 79, "walks", "")]
    assert of([Caption("walks", 1.0, 99.0)], 100).kept == [Span(20, 100, "walks", "")]


def test_what_is_left_out_is_counted_by_reason():
    found = of([Caption("  "), Caption("late", 9.0, 12.0), Caption("quick", 1.0, 2.0), Caption("good")], 100)
    assert [span.caption for span in found.kept] == ["good"]
    assert found.left_out == {"empty": 1, "outside": 1, "short": 1}


def test_the_same_caption_of_the_same_rows_counts_once():
    assert len(of([Caption("walks"), Caption("Walks ")], 100).kept) == 1


def test_a_long_training_span_becomes_consecutive_pieces():
    rows = [(span.start, span.end) for span in of([Caption("walks")], 400).kept]
    assert rows == [(0, 133), (133, 266), (266, 400)]


def test_a_long_held_out_span_is_its_middle():
    for split in ("val", "test"):
        assert of([Caption("walks")], 400, split).kept == [Span(102, 298, "walks", "")]


@given(
    rows=st.integers(0, 5000),
    start=st.floats(0, 20),
    seconds=st.floats(0, 200),
    split=st.sampled_from(["train", "test"]),
)
def test_every_item_lies_in_its_clip_and_has_a_length_that_is_allowed(rows, start, seconds, split):
    found = of([Caption("walks", start, start + seconds)], rows, split).kept
    assert len(found) <= (MOST_PIECES if split == "train" else 1)
    for span in found:
        assert 0 <= span.start < span.end <= rows
        assert LEAST <= span.end - span.start <= MOST
