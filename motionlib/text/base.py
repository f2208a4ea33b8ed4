"""What a text encoder is, and what it gives."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from motionlib.artifacts import Float32, Int64


class BadEncoderError(ValueError):
    """A text encoder cannot be had as asked for: unknown, not installed, or not the one that a model learned with."""


class Encoded(NamedTuple):
    """Embeddings of N captions.

    Attributes:
        sentence: (N, E) float32, unit length where the encoder normalises.
        words: (sum of S, E) float32, the states of the word pieces without begin and end marks; caption i owns rows
            [offsets[i], offsets[i + 1]).
        offsets: (N + 1,) int64.
        spans: (sum of S, 2) int64, first character of each word piece in its caption, and the one behind its last.
    """

    sentence: Float32
    words: Float32
    offsets: Int64
    spans: Int64


class Embedded(NamedTuple):
    """One caption: `sentence` (E,), `words` (S, E), `spans` S pairs of characters."""

    sentence: Float32
    words: Float32
    spans: Sequence[tuple[int, int]]


class TextEncoder(Protocol):
    """Captions to vectors, with frozen weights that `digest` identifies."""

    @property
    def spec(self) -> str:
        """As written in params.yaml, such as `minilm` or `hash:384`; without the path of a local folder."""

    @property
    def digest(self) -> str:
        """sha256 of everything that decides the embedding; a model refuses the embeddings of another digest."""

    @property
    def dim(self) -> int:
        """E."""

    @property
    def max_tokens(self) -> int:
        """Word pieces kept of a caption."""

    def encode(self, captions: Sequence[str]) -> Encoded:
        """Embed captions, in the order given."""


def digest_of(facts: Mapping[str, object]) -> str:
    """Sha256 of what decides an embedding."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def join(captions: Sequence[Embedded], dim: int) -> Encoded:
    """Put captions that were embedded one by one into one table."""
    offsets = np.zeros(len(captions) + 1, dtype=np.int64)
    offsets[1:] = np.cumsum([len(one.words) for one in captions])
    return Encoded(
        sentence=np.array([one.sentence for one in captions], np.float32).reshape(-1, dim),
        words=np.concatenate([np.zeros((0, dim), np.float32), *(one.words for one in captions)]).astype(np.float32),
        offsets=offsets,
        spans=np.array([span for one in captions for span in one.spans], np.int64).reshape(-1, 2),
    )
