"""The words of a published vocabulary: lists and numberings of words out of pickles, which `ingest.unpickle` reads."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest.opcodes import RefusedPickleError
from motionlib.ingest.pickled import load

LONGEST_WORD = 256  # letters
MOST_WORDS = 1 << 20  # a list of GloVe has 400,000


def word_list(data: bytes) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """`words` (N,) of a pickled list.

    Raises:
        RefusedPickleError: If it is refused or no list of words.
    """
    found = load(data)
    if not isinstance(found, list | tuple):
        raise RefusedPickleError("it holds no list of words")
    return {"words": _words(list(found))}, []


def word_index(data: bytes) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """`words` (N,) and their numbers `rows` (N,) int64 of a pickled dictionary.

    Raises:
        RefusedPickleError: If it is refused or no numbering of words.
    """
    found = load(data)
    if not isinstance(found, dict) or not all(type(row) is int and 0 <= row < MOST_WORDS for row in found.values()):
        raise RefusedPickleError("it holds no numbers of words")
    return {"words": _words(list(found)), "rows": np.array(list(found.values()), np.int64)}, []


def _words(words: list[Any]) -> NDArray[Any]:
    sound = all(isinstance(word, str) and 0 < len(word) <= LONGEST_WORD for word in words)
    if not words or len(words) > MOST_WORDS or not sound or len(set(words)) != len(words):
        raise RefusedPickleError(f"its {len(words)} words are not distinct words of at most {LONGEST_WORD} letters")
    return np.array(words, dtype=np.str_)
