"""Parts of speech of captions: as published where they are given, by rule where they are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.text.tags import CLASSES, OTHER, SPECIAL, Token, class_of, parse, tag


def written(caption: str, known=()) -> str:
    return " ".join(f"{token.word}/{token.kind}" for token in tag(caption, known))


def test_the_fifteen_classes_stand_in_the_published_order():
    assert len(CLASSES) == 15
    assert [CLASSES.index(name) for name in ("VERB", "ADV", "Loc_VIP", "Desc_VIP", "OTHER")] == [0, 8, 9, 13, 14]


def test_tokens_are_read_as_humanml3d_writes_them():
    assert parse("A/DET man/NOUN kick/VERB and/CCONJ 1/2/NUM") == [
        Token("a", "DET"), Token("man", "NOUN"), Token("kick", "VERB"), Token("and", "CCONJ"), Token("1/2", "NUM"),
    ]  # fmt: skip
    assert parse("") == []


@pytest.mark.parametrize(
    ("token", "name"),
    [
        (Token("person", "NOUN"), "NOUN"),
        (Token("leg", "NOUN"), "Body_VIP"),
        (Token("left", "ADJ"), "Loc_VIP"),
        (Token("walk", "NOUN"), "Act_VIP"),
        (Token("slowly", "ADV"), "Desc_VIP"),
        (Token("chair", "NOUN"), "Obj_VIP"),
        (Token("and", "CCONJ"), "OTHER"),
        (Token("unk", OTHER), "OTHER"),
    ],
)
def test_what_a_word_is_about_outweighs_its_part_of_speech(token, name):
    assert CLASSES[class_of(token)] == name


def test_the_lists_of_special_words_are_the_published_ones():
    sizes = [sum(kind == name for kind in SPECIAL.values()) for name in CLASSES[9:14]]
    assert sizes == [12, 13, 10, 34, 12]


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("A man walks forward slowly.", "a/DET man/NOUN walk/VERB forward/ADV slowly/ADV"),
        ("someone's turning to the left", "someone/PRON turn/VERB to/ADP the/DET left/NOUN"),
        ("he raises his left leg", "he/PRON raise/VERB his/DET left/ADJ leg/NOUN"),
        ("a slow walk in a circle", "a/DET slow/ADJ walk/NOUN in/ADP a/DET circle/NOUN"),
        ("they start to run", "they/PRON start/VERB to/OTHER run/VERB"),
        ("both feet, half-turn", "both/DET foot/NOUN halfturn/NOUN"),
        ("she is hopping and bending her knees", "she/PRON is/AUX hop/VERB and/OTHER bend/VERB her/DET knee/NOUN"),
        ("", ""),
    ],
)
def test_captions_without_tokens_are_tagged_by_rule(caption, tokens):
    assert written(caption) == tokens


def test_of_several_lemmas_one_of_the_vocabulary_is_taken():
    assert written("she poses with glasses", {"pose", "glass"}) == "she/PRON pose/VERB with/ADP glass/NOUN"
    assert written("the sliding doors", {"slide", "door"}).endswith("door/NOUN")


@given(st.text(max_size=60))
def test_any_text_gives_lower_case_words_of_letters_with_a_class(text):
    for token in tag(text):
        assert token.word.isalpha()
        assert token.word == token.word.lower()
        assert 0 <= class_of(token) < len(CLASSES)
