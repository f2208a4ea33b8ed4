"""Captions as items: what is said of which rows of features, and what it becomes in the mirror."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from motionlib.artifacts import Caption

MOST_PIECES = 4  # training items that one caption of a long span becomes

_OPPOSITE = {
    "left": "right",
    "right": "left",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
    "counter clockwise": "clockwise",
    "counter-clockwise": "clockwise",
    "anticlockwise": "clockwise",
    "anti clockwise": "clockwise",
    "anti-clockwise": "clockwise",
}
# A side, also in leftward(s) and right-handed; not in "right away" and the like, nor after "all".
_SIDED = re.compile(
    r"\b(?:(?:counter|anti)[ -]?)?clockwise\b"
    r"|\bleft(?=\b|wards?\b)"
    r"|(?<!\ball )\bright(?=\b|wards?\b)(?! (?:away|now|before|after|afterwards?)\b)",
    re.IGNORECASE,
)


class Span(NamedTuple):
    """A caption of the rows [start, end) of a clip; `tokens` as in `Caption`."""

    start: int
    end: int
    caption: str
    source: str
    tokens: str = ""


class Spans(NamedTuple):
    """What becomes of a clip's captions: `kept`, and how many were left out by reason."""

    kept: list[Span]
    left_out: dict[str, int]


def cleaned(text: str) -> str:
    """Lower case, single blanks, none at the ends; may be empty."""
    return " ".join(text.lower().split())


def mirrored_text(text: str) -> str:
    """The sentence of the mirrored motion: left and right, clockwise and counterclockwise exchanged."""
    return _SIDED.sub(_opposite, text)


def mirrored_tokens(tokens: str) -> str:
    """`word/POS` tokens of the mirrored sentence; "" where it has another number of words."""
    words, classes = [], []
    for token in tokens.split():
        word, _, kind = token.rpartition("/")
        words.append(word)
        classes.append(kind)
    mirrored = mirrored_text(" ".join(words)).split()
    if len(mirrored) != len(words):
        return ""
    return " ".join(f"{word}/{kind}" for word, kind in zip(mirrored, classes, strict=True))


def _opposite(match: re.Match[str]) -> str:
    word = match[0]
    other = _OPPOSITE[word.lower()]
    return other.capitalize() if word[0].isupper() else other


def spans(captions: Sequence[Caption], rows: int, fps: float, split: str, min_frames: int, max_frames: int) -> Spans:
    """Captioned spans of a clip of `rows` rows, each min_frames to max_frames rows long.

    Seconds become rows as published: int(seconds * fps), end not included. A longer span is cut: for training into
    equal pieces (at most MOST_PIECES, evenly spread, each with the caption), otherwise to its middle. Equal captions of
    one span count once.
    """
    kept: dict[Span, str] = {}
    left_out = {"empty": 0, "outside": 0, "short": 0}
    for caption in captions:
        text = cleaned(caption.text)
        whole = caption.start_s == caption.end_s == 0.0
        start = 0 if whole else max(int(caption.start_s * fps), 0)
        end = rows if whole else min(int(caption.end_s * fps), rows)
        reason = "empty" if not text else "outside" if start >= end else "short" if end - start < min_frames else ""
        if reason:
            left_out[reason] += 1
            continue
        for first, last in _pieces(start, end, max_frames, split == "train"):
            span = Span(first, last, text, caption.source)
            kept[span] = kept.get(span) or caption.tokens
    return Spans([span._replace(tokens=tokens) for span, tokens in kept.items()], left_out)


def _pieces(start: int, end: int, longest: int, several: bool) -> list[tuple[int, int]]:
    rows = end - start
    if rows <= longest:
        return [(start, end)]
    if not several:
        first = start + (rows - longest) // 2
        return [(first, first + longest)]
    count = -(-rows // longest)
    if count <= MOST_PIECES:
        edges = [start + rows * i // count for i in range(count + 1)]
        return list(pairwise(edges))
    firsts = [start + (rows - longest) * i // (MOST_PIECES - 1) for i in range(MOST_PIECES)]
    return [(first, first + longest) for first in firsts]
