"""An evaluator that somebody else trained: its weights, its statistics and its word vectors, as they were published.

Source: Guo et al., CVPR 2022, code (`text_mot_match`, `word_vectorizer.py`): a caption is `sos`, up to 20 words, `eos`;
each word a GloVe vector and the one-hot class of its part of speech; a word that is not known is `unk` of class OTHER.
`motionlib evaluator convert` makes the folder that it is read from.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from motionlib.artifacts import MANIFEST, Float32, TextTable, read_model
from motionlib.evaluation.evaluator import TextInputs
from motionlib.evaluation.guo import Guo, GuoConfig
from motionlib.params import Section
from motionlib.text import tags
from motionlib.text.tags import Token

KIND = "published"
START, END, UNKNOWN = (Token(word, tags.OTHER) for word in ("sos", "eos", "unk"))
MOST_WORDS = 20  # of a caption, between start and end


class PublishedSettings(Section):
    """What params.yaml says of it: where it lies, and which one is meant."""

    folder: str = Field(description="that `motionlib evaluator convert` wrote; it is read once, by train_evaluator")
    id: str = Field(pattern="^[0-9a-f]{64}$", description="the evaluator's id, as that command tells it")

    @field_validator("folder")
    @classmethod
    def _there(cls, folder: str) -> str:
        if not (Path(folder) / MANIFEST).is_file():
            raise ValueError(f"no evaluator in {folder!r}; `motionlib evaluator convert` makes one of published files")
        return folder


class PublishedConfig(GuoConfig):
    """Sizes and words of one; statistics are as published, hence not weighted again."""

    root_weight: float = Field(default=1.0, ge=1.0, le=1.0, description="its std holds the weight already")
    words: tuple[str, ...] = Field(min_length=1, description="the vocabulary; its vectors lie in the same order")


class Published(Guo):
    """Guo-type evaluator with word vectors of its own: nothing of it is trained here."""

    Config: ClassVar[type[Section]] = PublishedSettings
    given: ClassVar[bool] = True
    config: PublishedConfig
    vectors: Tensor

    def __init__(self, config: PublishedConfig, mean: Float32, std: Float32, text_dim: int) -> None:
        super().__init__(config, mean, std, text_dim)
        self.register_buffer("vectors", torch.zeros(len(config.words), text_dim))

    @classmethod
    def begin(cls, settings: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int) -> "Published":
        """The evaluator in a converted folder; of the data it is told the width alone.

        Raises:
            BadArtifactError: If the folder holds no finished model.
            ValueError: If it is another evaluator than the settings name, or one of features of another width.
        """
        del std, text_dim
        config = PublishedSettings.model_validate(dict(settings))
        weights, card = read_model(Path(config.folder))
        if card.get("kind") != KIND:
            raise ValueError(f"{config.folder}: holds a {card.get('kind')!r}, not a converted evaluator")
        model = cls.read(config.folder, weights, card)
        if model.id != config.id:
            raise ValueError(f"{config.folder}: holds evaluator {model.id}, params.yaml means {config.id}")
        if model.features != len(mean):
            raise ValueError(f"{config.folder}: judges {model.features} features, the data has {len(mean)}")
        return model

    @classmethod
    def rebuilt(cls, config: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int) -> "Published":
        """Before its weights are filled in."""
        return cls(PublishedConfig.model_validate(dict(config)), mean, std, text_dim)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each word's vector."""
        return {word: row for row, word in enumerate(self.config.words)}

    def text_inputs(self, table: TextTable, rows: Sequence[int]) -> TextInputs:
        """Word vectors of its own and classes; captions without tokens are tagged by rule."""
        said = [self.words_of(table.captions[row], table.tokens_of(row)) for row in rows]
        longest = max((len(one) for one in said), default=1)
        vectors = torch.zeros(len(said), longest, self.text_dim)
        classes = torch.zeros(len(said), longest, len(tags.CLASSES))
        for place, one in enumerate(said):
            numbers = torch.tensor([self.rows[token.word] for token in one])
            vectors[place, : len(one)] = self.vectors.cpu()[numbers]
            classes[place, torch.arange(len(one)), torch.tensor([tags.class_of(token) for token in one])] = 1.0
        return TextInputs(vectors, torch.tensor([len(one) for one in said]), classes)

    def words_of(self, caption: str, tokens: str = "") -> list[Token]:
        """What it reads of a caption: known words between start and end."""
        words = tags.parse(tokens) or tags.tag(caption, self.rows)
        known = [token if token.word in self.rows else UNKNOWN for token in words[:MOST_WORDS]]
        return [START, *known, END]
