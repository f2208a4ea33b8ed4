"""Words of a caption with their parts of speech, as the published evaluator reads them.

Source: HumanML3D (Guo et al., CVPR 2022), `text_process.py`: hyphens fall away, words of letters alone are kept, verbs
and nouns become lemmas (spaCy's tags). Captions that bring such tokens need nothing of this; for the others there are
rules here, which know no grammar but lists of words, endings and the word before. Departure: those rules.
"""

import re
from collections.abc import Container, Iterable
from typing import NamedTuple

from motionlib.ingest.words import FORMS, forms_of

CLASSES = (
    "VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV",
    "Loc_VIP", "Body_VIP", "Obj_VIP", "Act_VIP", "Desc_VIP", "OTHER",
)  # fmt: skip
OTHER = "OTHER"


class Token(NamedTuple):
    """A word, lower case, with its part of speech (a name of Universal Dependencies)."""

    word: str
    kind: str


def _each(words: str, kind: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), kind)


# Words that the evaluator knows by what they are about, whatever their part of speech (`word_vectorizer.py`).
SPECIAL = (
    _each("left right clockwise counterclockwise anticlockwise forward back backward up down straight curve", "Loc_VIP")
    | _each("arm chin foot feet face hand mouth leg waist eye knee shoulder thigh", "Body_VIP")
    | _each("stair dumbbell chair window floor car ball handrail baseball basketball", "Obj_VIP")
    | _each(
        "walk run swing pick bring kick put squat throw hop dance jump turn stumble stop sit lift lower raise wash "
        "stand kneel stroll rub bend balance flap jog shuffle lean rotate spin spread climb",
        "Act_VIP",
    )
    | _each("slowly carefully fast careful slow quickly happy angry sad happily angrily sadly", "Desc_VIP")
)
_CLOSED = (
    _each("a an the this these those each every both all some any no another his her their its my your our", "DET")
    | _each(
        "in on at of with by from to into onto over under above below across through along between behind beside "
        "against before after during until for up down off out about near toward towards like without within upon than",
        "ADP",
    )
    | _each("one two three four five six seven eight nine ten", "NUM")
    | _each("is are was were be been being am can could will would may might should must", "AUX")
    | _each(
        "he she it they him them himself herself itself themselves someone somebody something anyone anything "
        "who which what nothing everything that i you we me us",
        "PRON",
    )
    | _each(
        "then forward forwards foward backward backwards back again around away together slightly sideways sideway "
        "upward upwards downward downwards clockwise counterclockwise anticlockwise once twice fast almost very just "
        "still also there here diagonally forth when how inward inwards outward outwards overhead apart too quite only "
        "repeatedly first next finally afterwards aside ahead instead somewhat",
        "ADV",
    )
    | _each(
        "left right small large big same other opposite several few many more little multiple front slow quick "
        "straight high low long short full half different careful happy sad angry upper old young wide deep original "
        "imaginary circular normal open quick light heavy tall second third invisible drunk tired proud upright "
        "diagonal slight uneven human",
        "ADJ",
    )
    | _each("and or but nor so not as if while whilst though because where", OTHER)
)
# Verbs that captions are full of and that say little about the motion.
_PLAIN_VERBS = (
    "do have make go come take get use give keep begin start continue bring look try seem appear let move grab find "
    "return perform remain stay extend open close switch touch check shift pretend set show repeat pause bend"
)
_IRREGULAR_VERBS = {
    "does": "do", "did": "do", "has": "have", "had": "have", "made": "make", "goes": "go", "went": "go", "came": "come",
    "took": "take", "got": "get", "gave": "give", "kept": "keep", "began": "begin", "beginning": "begin",
    "brought": "bring", "bent": "bend", "getting": "get", "letting": "let",
}  # fmt: skip
_VERB_FORMS = {form: verb for verb in _PLAIN_VERBS.split() for form in forms_of(verb)} | _IRREGULAR_VERBS | FORMS
_IRREGULAR_NOUNS = {"feet": "foot", "men": "man", "women": "woman", "children": "child", "knives": "knife"}
_NOUN_BEFORE = {"DET", "ADJ", "NUM"}  # kinds after which a word that may be a verb is a noun
_WORD = re.compile(r"[a-z]+")
_CLITIC = re.compile(r"n't\b|'(?:s|re|ve|ll|d|m)\b")


def parse(tokens: str) -> list[Token]:
    """The words of `word/POS word/POS ...` as HumanML3D writes them."""
    pairs = (token.rpartition("/") for token in tokens.split())
    return [Token(word.lower(), kind) for word, _, kind in pairs if word]


def tag(caption: str, known: Container[str] = ()) -> list[Token]:
    """The words of a caption by the rules above.

    Args:
        known: A vocabulary; of several lemmas that endings allow, one of it is taken.
    """
    words = _WORD.findall(_CLITIC.sub("", caption.lower().replace("-", "").replace("’", "'")))
    tokens: list[Token] = []
    for place, word in enumerate(words):
        before = tokens[-1] if tokens else Token("", "")
        after = words[place + 1] if place + 1 < len(words) else ""
        kind = _kind(word, before, after)
        tokens.append(Token(_lemma(word, kind, known), kind))
    return tokens


def class_of(token: Token) -> int:
    """Place among CLASSES: what the word is about where SPECIAL says so, else its part of speech, else OTHER."""
    kind = SPECIAL.get(token.word, token.kind)
    return CLASSES.index(kind if kind in CLASSES else OTHER)


def _kind(word: str, before: Token, after: str) -> str:
    noun_follows = bool(after) and _CLOSED.get(after, "NOUN") in ("NOUN", "ADJ") and not after.endswith("ly")
    if word in ("left", "right"):
        return "ADJ" if noun_follows and after not in _VERB_FORMS else "NOUN" if before.kind in _NOUN_BEFORE else "ADV"
    if word in ("back", "front") and before.kind in (*_NOUN_BEFORE, "ADP"):
        return "NOUN"
    if word == "to" and (after in _VERB_FORMS or after == "be"):
        return OTHER  # the particle of an infinitive
    if word in ("up", "down", "off", "over") and not noun_follows and _CLOSED.get(after) != "DET":
        return "ADP" if before.kind == "VERB" else "ADV"
    if word in _CLOSED:
        return _CLOSED[word]
    if word.endswith("ly"):
        return "ADV"
    if word in _VERB_FORMS:
        return "NOUN" if before.kind in _NOUN_BEFORE and not word.endswith("ing") else "VERB"
    if word.endswith(("ing", "ed")) and len(word) > len("sting"):
        return "VERB"
    return "ADJ" if word.endswith(("ful", "ous", "less", "ish", "ward")) else "NOUN"


def _lemma(word: str, kind: str, known: Container[str]) -> str:
    if kind not in ("VERB", "NOUN") or word == "left":
        return word
    candidates = [one for one in _lemmas(word, kind) if one]
    return next((one for one in candidates if one in known), candidates[0])


def _lemmas(word: str, kind: str) -> Iterable[str]:
    """What a word may be a form of, likeliest first; the word itself last."""
    if kind == "VERB" and word in _VERB_FORMS:
        yield _VERB_FORMS[word]
    if word in _IRREGULAR_NOUNS:
        yield _IRREGULAR_NOUNS[word]
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes")):
        yield word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        yield word[:-1]
    if word.endswith(("ses", "zes")):
        yield word[:-2]
    for ending in ("ing", "ed") if kind == "VERB" else ():
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1:
            yield from ((stem[:-1], stem) if stem[-1] == stem[-2] and stem[-1] not in "ls" else (stem + "e", stem))
    yield word
