"""What every evaluator is: motion and text in one space, where what belongs together is close.

Scores of two evaluators do not compare: `Evaluator.id` goes with every score.
"""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from motionlib.artifacts import Float32, TextTable
from motionlib.artifacts.modes import COMPAT, mode_of
from motionlib.evaluation.networks import UNIT
from motionlib.normalize.layout import CONTACTS, RIC
from motionlib.params import Section
from motionlib.training import Loss

TAIL = 4  # zero frames after every motion, more than the 3 that the convolutions see of them
EMBED_BATCH = 64  # motions embedded at once; bounds memory
ROOT = 4  # leading features of the root: turn, travel (2), height


class EvaluatorConfig(Section):
    """Settings that every kind of evaluator has."""

    embedding: PositiveInt = Field(default=512, description="E")
    features: Literal["full", "essential"] = Field(
        default="full",
        description="full: all but contacts; essential: root and positions, 67 numbers (Meng et al., arXiv:2411.16575)",
    )
    tags: NonNegativeInt = Field(default=0, description="parts of speech beside the words; 15 as published")
    sentence: bool = Field(default=False, description="put the sentence's embedding before its words")
    root_weight: PositiveFloat = Field(default=5.0, description="std of root and contact features is divided by it")
    temperature: PositiveFloat = Field(default=0.1, description="of the contrastive loss")
    max_frames: PositiveInt = Field(default=196, description="frames of a motion that count when it is judged")
    crop_frames: PositiveInt = Field(default=196, description="frames of a training motion at most")
    crop_min_frames: PositiveInt = Field(default=40, description="frames of a cropped training motion at least")


class PairBatch(NamedTuple):
    """Motions with their captions.

    Attributes:
        motion: (B, T, D) raw features, anything after the end. frames: (B,) multiples of 4.
        words: (B, S, E) with lengths tokens (B,). tags: (B, S, tags) or None.
        same: (B, B) bool, True where caption i also describes motion j; the diagonal is True.
        ids: Clip of each row.
    """

    motion: Tensor
    frames: Tensor
    words: Tensor
    tokens: Tensor
    tags: Tensor | None
    same: Tensor
    ids: tuple[str, ...]


class TextInputs(NamedTuple):
    """Captions as an evaluator reads them: `words` (B, S, text_dim), their number `tokens` (B,), `tags` or None."""

    words: Tensor
    tokens: Tensor
    tags: Tensor | None = None


class Evaluator(nn.Module):
    """An evaluator; it holds its own statistics, so it takes raw features. A kind adds its networks and its loss.

    Args:
        config: Of the kind.
        mean, std: (D,) of the training features; std of root and contacts is divided by `root_weight` here.
        text_dim: E of the word states.

    Attributes:
        seen: Leading features that it looks at. mode: Of the features, `compat` or `exact`.
        given: Whether it comes with weights and word vectors, so that nothing is trained and data/text gives its
            captions alone.
    """

    Config: ClassVar[type[Section]]
    given: ClassVar[bool] = False
    config: EvaluatorConfig
    mode: str = COMPAT
    mean: Tensor
    std: Tensor

    def __init__(self, config: EvaluatorConfig, mean: Float32, std: Float32, text_dim: int) -> None:
        super().__init__()
        self.config, self.text_dim = config, text_dim
        self.features = len(mean)
        weighted = np.array(std, dtype=np.float32)
        weighted[:ROOT] /= config.root_weight
        self.register_buffer("mean", torch.from_numpy(np.array(mean, dtype=np.float32)))
        self.register_buffer("std", torch.from_numpy(weighted))
        self.seen = RIC.stop if config.features == "essential" else self.features - (CONTACTS.stop - CONTACTS.start)

    @classmethod
    def begin(cls, settings: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int) -> "Evaluator":
        """As params.yaml describes it, with random weights; of a given one, with its own."""
        return cls.rebuilt(settings, mean, std, text_dim)

    @classmethod
    @abstractmethod
    def rebuilt(cls, config: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int) -> "Evaluator":
        """As its `config` describes it, with random weights."""

    @classmethod
    def read(cls, place: object, weights: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> Self:
        """From what was written of it, in eval mode.

        Raises:
            ValueError: Naming the place, if the weights are not those that the card's id names.
        """
        with torch.random.fork_rng(devices=[]):  # the random start, soon overwritten, shall not disturb other draws
            model = cls.rebuilt(card["config"], weights["mean"], weights["std"], card["text_dim"])
        model.mode = mode_of(card)
        model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
        if not isinstance(model, cls) or model.id != card["id"]:
            raise ValueError(f"{place}: weights are not those of evaluator {card['id']}")
        return model.eval()

    @property
    def id(self) -> str:
        """Sha256 over settings, weights and statistics: which evaluator a score is from."""
        digest = hashlib.sha256(json.dumps(self.config.model_dump(), sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
        return digest.hexdigest()

    def normalised(self, motion: Tensor, frames: Tensor) -> Tensor:
        """What its networks see: (B, T, D) raw -> (B, T, seen), exactly 0 after each motion's end."""
        seen = ((motion - self.mean) / self.std)[..., : self.seen]
        inside = torch.arange(motion.shape[1], device=motion.device) < frames[:, None]
        return torch.where(inside[..., None], seen, torch.zeros_like(seen))

    @abstractmethod
    def forward_motion(self, motion: Tensor, frames: Tensor) -> Tensor:
        """(B, T, D) raw features with (B,) frames -> (B, E)."""

    @abstractmethod
    def forward_text(self, words: Tensor, tokens: Tensor, tags: Tensor | None = None) -> Tensor:
        """(B, S, text_dim) with (B,) tokens -> (B, E)."""

    @abstractmethod
    def loss(self, batch: PairBatch, generator: torch.Generator) -> Loss:
        """How far matching pairs are apart and mismatched ones are not."""

    def follow(self, seen: None, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """Nothing is learned but by gradient."""
        return {}

    @torch.no_grad()
    def embed_motion(self, motions: Sequence[Float32]) -> Float32:
        """Embeddings of raw features, (T, D) each, cut to a multiple of 4 frames: -> (N, E), in the order given.

        Raises:
            ValueError: If a motion is shorter than 4 frames, of another width, or not finite; names its number.
        """
        for number, one in enumerate(motions):
            if one.ndim != 2 or one.shape[1] != self.features or len(one) < UNIT:
                raise ValueError(f"motion {number}: expected (T >= {UNIT}, {self.features}), got {one.shape}")
            if not np.isfinite(one).all():
                raise ValueError(f"motion {number} is not finite")
        by_length = sorted(range(len(motions)), key=lambda number: len(motions[number]))
        embeddings = np.zeros((len(motions), self.config.embedding), dtype=np.float32)
        for start in range(0, len(by_length), EMBED_BATCH):
            part = by_length[start : start + EMBED_BATCH]
            padded, frames = pad([motions[number] for number in part])
            embedded = self.forward_motion(padded.to(self.mean.device), frames.to(self.mean.device))
            embeddings[part] = embedded.cpu().numpy()
        return embeddings

    @torch.no_grad()
    def embed_text(self, table: TextTable, rows: Sequence[int]) -> Float32:
        """Embeddings of captions of data/text, by caption_id: -> (N, E), in the order given."""
        embeddings = np.zeros((len(rows), self.config.embedding), dtype=np.float32)
        for start in range(0, len(rows), EMBED_BATCH):
            read = self.text_inputs(table, rows[start : start + EMBED_BATCH])
            words, tokens = read.words.to(self.mean.device), read.tokens.to(self.mean.device)
            embedded = self.forward_text(words, tokens, None if read.tags is None else read.tags.to(self.mean.device))
            embeddings[start : start + EMBED_BATCH] = embedded.cpu().numpy()
        return embeddings

    def text_inputs(self, table: TextTable, rows: Sequence[int]) -> TextInputs:
        """What it reads of captions of data/text, by caption_id: their word states."""
        return TextInputs(*text_inputs(table, rows, self.config.sentence))


def pad(motions: Sequence[Float32]) -> tuple[Tensor, Tensor]:
    """Raw motions (T, D) as one (B, longest + 4, D) and their frames (B,), multiples of 4."""
    frames = [len(one) // UNIT * UNIT for one in motions]
    padded = np.zeros((len(motions), max(frames) + TAIL, motions[0].shape[1]), dtype=np.float32)
    for row, (one, count) in enumerate(zip(motions, frames, strict=True)):
        padded[row, :count] = one[:count]
    return torch.from_numpy(padded), torch.tensor(frames)


def text_inputs(table: TextTable, rows: Sequence[int], sentence: bool) -> tuple[Tensor, Tensor]:
    """Word states of captions as (B, S, E) and their lengths (B,); a caption without words gets one zero row."""
    states = [table.words_of(row) for row in rows]
    if sentence:
        states = [np.concatenate((table.sentence[row][None], one)) for row, one in zip(rows, states, strict=True)]
    words = np.zeros((len(rows), max(1, *(len(one) for one in states), 1), table.words.shape[1]), dtype=np.float32)
    for row, one in enumerate(states):
        words[row, : len(one)] = one
    return torch.from_numpy(words), torch.tensor([max(1, len(one)) for one in states])
