"""Numbers as text: the quick way and the strict one agree on every layout."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from motionlib.ingest import text_numbers
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.text_numbers import CHUNK, MAX_COMMENTS, read_rows, without_comments

ODD = ["+1", ".5", "5.", "1e5", "1E-7", "-0", "1e", "--1", "1.2.3", "e", ".", "-", "1e999", "1e-999", "0" * 30 + "1"]
words = st.one_of(
    st.floats(-1e6, 1e6).map(repr), st.integers(-999, 999).map(str), st.decimals(-400, 400, places=6).map(str)
)
odd_words = st.one_of(words, st.sampled_from(ODD), st.text("0123456789+-.eE", min_size=1, max_size=12))
blanks = st.sampled_from([" ", " ", " ", "  ", "\t", "\f "])
line_ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", " \n", "\n\n", "\n ", "\n \n"])


@st.composite
def blocks(draw: st.DrawFn, word: st.SearchStrategy[str]) -> tuple[bytes, int]:
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(word, min_size=width, max_size=width), min_size=1, max_size=5))
    blank, line_end = draw(blanks), draw(line_ends)
    return line_end.join(blank.join(row) for row in rows).encode() + draw(st.sampled_from([b"", b"\n", b" "])), width


@given(blocks(words))
def test_every_layout_gives_what_float_gives(block: tuple[bytes, int]):
    data, width = block
    values, rest = read_rows(data, width)
    expected = np.array([float(token) for token in data.split()]).reshape(-1, width)
    assert rest == 0
    np.testing.assert_array_equal(values, expected)


@given(blocks(odd_words))
@example((b"1 2\n3\t4\n", 2))
@example((b"1e999\n", 1))
@example((b"0.1\n1e-310\n", 1))
@example((b"0." + b"1" * 300 + b"\n" + b"0" * 300 + b"2\n", 1))
def test_the_quick_way_and_the_strict_one_agree(block: tuple[bytes, int]):
    data, width = block
    quick = text_numbers._converted(data)
    if quick is not None:
        np.testing.assert_array_equal(quick, text_numbers._by_token(data, width, 0))


def test_plain_numbers_take_the_quick_way_in_any_layout():
    for block in (b"1 2\n3 4\n", b"1 2 \n3 4 \n", b"1\t2\r\n3\t4", b" 1  2\n\n 3  4\n", b"1\f2\v3\r4"):
        numbers = text_numbers._converted(block)
        assert numbers is not None, block
        np.testing.assert_array_equal(numbers, [1, 2, 3, 4])


@pytest.mark.parametrize(
    "word", ["nan", "-inf", "1e999", "x", "1,2", "0x10", "1_0", "\0", "1d5", '"1"', "#N/A", "null"]
)
def test_what_is_no_plain_number_never_takes_it(word: str):
    assert text_numbers._converted(f"1 2 {word} 3\n".encode()) is None


def test_blanks_of_any_length_hide_no_number():
    far = b" " * (3 * CHUNK)
    for block in (far + b"1 2", b"1" + far + b"2", b"1 2" + far):
        np.testing.assert_array_equal(read_rows(block, 2).values, [[1, 2]])


def test_rows_broken_over_lines_are_put_together_and_what_is_over_is_counted():
    values, rest = read_rows(b"1 2\n3\n4 5 6 7 8", 3)
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])
    assert rest == 2


def test_a_block_of_several_chunks_is_read_like_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text_numbers, "CHUNK", 7)
    for read in (text_numbers._converted, lambda block: text_numbers._by_token(block, 2, 0)):
        np.testing.assert_array_equal(read(b"1 22 333\n4444 5555 6"), [1, 22, 333, 4444, 5555, 6])


@pytest.mark.parametrize(
    ("block", "reason", "where"),
    [
        (b"1 2\n3 x4\n", "bad_number", "frame 1, value 1: 'x4'"),
        (b"1 2\n3 -nan(ind)\n", "not_finite", "frame 1, value 1"),
        (b"1 2\n3 1e300\n", "not_finite", "frame 1"),
        (b"1 2\n3 " + b"4" * 2 * CHUNK, "bad_number", "frame 1, value 1: '444"),
        (b"1 2\n0x10 4", "bad_number", "frame 1, value 0: '0x10'"),
        (b"1 2\n1_0 4", "bad_number", "frame 1, value 0: '1_0'"),
    ],
)
def test_the_first_bad_number_is_named_by_its_place(block: bytes, reason: str, where: str):
    with pytest.raises(BadMotionError) as error:
        read_rows(block, 2)
    assert error.value.reason == reason
    assert str(error.value).startswith(where)


def test_comments_go_and_numbers_stay():
    assert without_comments(b"1 2 # three\n// four\n5") == b"1 2 \n\n5"
    assert without_comments(b"-1.#IND") == b"-1.#IND"
    with pytest.raises(BadMotionError, match="comments"):
        without_comments(b"#\n" * (MAX_COMMENTS + 1))
