"""A text encoder without weights: words, word pairs and letter groups hashed into signed buckets.

Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206; letter groups as in
Bojanowski et al., "Enriching Word Vectors with Subword Information", arXiv:1607.04606. It knows no synonyms.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from motionlib.artifacts import Float32
from motionlib.text.base import BadEncoderError, Embedded, Encoded, digest_of, join

VERSION = 1
SEED = b"motionlib-hash-1"
BUCKETS = 4  # signed buckets per feature: fewer collide, more blur
LETTERS = (3, 4)  # sizes of the letter groups, with the word's ends marked
LETTER_WEIGHT = 2.0  # of all letter groups of a word together, against the word itself
PAIR_WEIGHT = 0.5  # of a word pair, against a word
# Words that nearly every caption holds and that say little about the motion; they keep a tenth of their weight.
COMMON = frozenset(
    {"a", "an", "the", "and", "then", "is", "are", "of", "to", "his", "her", "its", "their"}
    | {"he", "she", "they", "it", "person", "man", "woman", "someone"}
)
COMMON_WEIGHT = 0.1
SMALLEST_DIM = 16
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class HashEncoder:
    """Hashed n-grams: the same bytes on every machine, no package, no file.

    Args:
        argument: E, the width, at least 16 (`hash:384`).
        max_tokens: Words kept of a caption.

    Raises:
        BadEncoderError: If the width is not a whole number of at least 16.
    """

    def __init__(self, argument: str, max_tokens: int) -> None:
        if not argument.isdecimal() or int(argument) < SMALLEST_DIM:
            raise BadEncoderError(
                f"text.encoder: hash:<dim> needs a width of at least {SMALLEST_DIM}, got {argument!r}"
            )
        self.dim = int(argument)
        self.max_tokens = max_tokens

    @property
    def spec(self) -> str:
        """As in params.yaml."""
        return f"hash:{self.dim}"

    @cached_property
    def digest(self) -> str:
        """Of the rules above and the width."""
        return digest_of({"hash": VERSION, "dim": self.dim, "max_tokens": self.max_tokens})

    def encode(self, captions: Sequence[str]) -> Encoded:
        """Embed captions, in the order given."""
        memory: dict[str, Float32] = {}
        return join([self._one(caption, memory) for caption in captions], self.dim)

    def _one(self, caption: str, memory: dict[str, Float32]) -> Embedded:
        found = list(_WORD.finditer(caption.lower()))[: self.max_tokens]
        words = [match.group() for match in found]
        for word in words:
            if word not in memory:
                memory[word] = _unit(self._word(word))
        states = np.array([memory[word] for word in words], dtype=np.float32).reshape(-1, self.dim)
        weights = np.array([COMMON_WEIGHT if word in COMMON else 1.0 for word in words], dtype=np.float32)
        pairs = [
            min(weights[i], weights[i + 1]) * PAIR_WEIGHT * self._buckets(f"{words[i]} {words[i + 1]}")
            for i in range(len(words) - 1)
        ]
        sentence = np.sum([np.zeros(self.dim, np.float32), *(weights[:, None] * states), *pairs], axis=0)
        return Embedded(_unit(sentence), states, [match.span() for match in found])

    def _word(self, word: str) -> Float32:
        marked = f"<{word}>"
        groups = [marked[i : i + size] for size in LETTERS for i in range(len(marked) - size + 1)]
        letters = np.sum([np.zeros(self.dim, np.float32), *map(self._buckets, groups)], axis=0)
        return self._buckets(marked + "=") + LETTER_WEIGHT * _unit(letters)

    def _buckets(self, feature: str) -> Float32:
        """(E,) of unit length: the feature's signed buckets."""
        digest = hashlib.blake2b(feature.encode(), key=SEED, digest_size=5 * BUCKETS).digest()
        vector = np.zeros(self.dim, dtype=np.float32)
        for bucket in range(BUCKETS):
            part = digest[5 * bucket : 5 * bucket + 5]
            vector[int.from_bytes(part[:4], "little") % self.dim] += 1.0 if part[4] & 1 else -1.0
        return _unit(vector)


def _unit(vector: Float32) -> Float32:
    """The vector at length 1; zero stays zero."""
    length = float(np.sqrt(np.sum(np.square(vector, dtype=np.float64))))
    scaled: Float32 = (vector / (length or 1.0)).astype(np.float32)
    return scaled
