"""The evaluator: motion and text in one space, where what belongs together is close.

Source: Guo et al., CVPR 2022, section 5 and code (`text_mot_match`); sizes in `PUBLISHED`. Departures: text comes as
word states of the pipeline's own text encoder (GloVe vectors may not be shipped); a rolled negative is never the
positive (published: about one step in 31); every mismatched pair of a batch can serve as negative, and the loss may be
the contrastive one of CLIP (Radford et al., arXiv:2103.00020), which is much better on small data.
Scores of two evaluators do not compare: `Evaluator.id` goes with every score.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from motionlib.artifacts import Float32, TextTable, read_model, write_model
from motionlib.evaluation.losses import contrastive, margin_negative, margin_positive
from motionlib.evaluation.networks import UNIT, MotionEncoder, MovementEncoder, TextEncoder
from motionlib.normalize.layout import CONTACTS
from motionlib.params import Section
from motionlib.text import require
from motionlib.training import Loss

TAIL = 4  # zero frames after every motion, more than the 3 that the convolutions see of them
EMBED_BATCH = 64  # motions embedded at once; bounds memory
ROOT = 4  # leading features of the root: turn, travel (2), height


class EvaluatorConfig(Section):
    """Settings of the Guo-type evaluator."""

    movement_width: PositiveInt = Field(default=512, description="channels of the first convolution")
    movement: PositiveInt = Field(default=512, description="width of one movement (4 frames)")
    motion_width: PositiveInt = Field(default=1024, description="state of the motion GRU, each direction")
    text_width: PositiveInt = Field(default=512, description="state of the text GRU, each direction")
    embedding: PositiveInt = Field(default=512, description="E")
    tags: NonNegativeInt = Field(default=0, description="parts of speech beside the words; 15 as published")
    sentence: bool = Field(default=False, description="put the sentence's embedding before its words")
    dropout: NonNegativeFloat = Field(default=0.2, lt=1.0, description="in the movement encoder")
    input_dropout: NonNegativeFloat = Field(default=0.0, lt=1.0, description="of movements and words; published: none")
    root_weight: PositiveFloat = Field(default=5.0, description="std of root and contact features is divided by it")
    loss: Literal["margin", "contrastive"] = Field(default="margin", description="margin: as published")
    negatives: Literal["roll", "all"] = Field(default="roll", description="roll: one per motion, as published")
    margin: PositiveFloat = Field(default=10.0, description="distance that mismatched pairs shall keep")
    temperature: PositiveFloat = Field(default=0.1, description="of the contrastive loss")
    max_frames: PositiveInt = Field(default=196, description="frames of a motion that count when it is judged")
    crop_frames: PositiveInt = Field(default=196, description="frames of a training motion at most")
    crop_min_frames: PositiveInt = Field(default=40, description="frames of a cropped training motion at least")
    pretrain_steps: NonNegativeInt = Field(default=0, description="of the movement encoder as auto-encoder first")
    freeze_movement: bool = Field(default=False, description="keep the pre-trained movement encoder, as published")


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


class Evaluator(nn.Module):
    """Guo-type evaluator; it holds its own statistics, so it takes raw features.

    Args:
        config: Sizes and loss.
        mean, std: (D,) of the training features; std of root and contacts is divided by `root_weight` here.
        text_dim: E of the word states.
    """

    Config: ClassVar[type[EvaluatorConfig]] = EvaluatorConfig
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
        seen = self.features - (CONTACTS.stop - CONTACTS.start)
        self.movement = MovementEncoder(seen, config.movement_width, config.movement, config.dropout)
        self.motion = MotionEncoder(config.movement, config.motion_width, config.embedding, config.input_dropout)
        self.text = TextEncoder(text_dim, config.text_width, config.embedding, config.tags, config.input_dropout)

    def train(self, mode: bool = True) -> "Evaluator":
        """As every nn.Module, but a frozen movement encoder stays in eval mode, as published."""
        super().train(mode)
        if not self.movement.out_net.weight.requires_grad:
            self.movement.eval()
        return self

    @property
    def id(self) -> str:
        """Sha256 over settings, weights and statistics: which evaluator a score is from."""
        digest = hashlib.sha256(json.dumps(self.config.model_dump(), sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
        return digest.hexdigest()

    def normalised(self, motion: Tensor, frames: Tensor) -> Tensor:
        """What the movement encoder sees: (B, T, D) raw -> (B, T, D - 4), exactly 0 after each motion's end."""
        seen = ((motion - self.mean) / self.std)[..., : self.movement.main[0].in_channels]
        inside = torch.arange(motion.shape[1], device=motion.device) < frames[:, None]
        return torch.where(inside[..., None], seen, torch.zeros_like(seen))

    def forward_motion(self, motion: Tensor, frames: Tensor) -> Tensor:
        """(B, T, D) raw features with (B,) frames -> (B, E)."""
        movements = self.movement(self.normalised(motion, frames))
        embedding: Tensor = self.motion(movements, frames // UNIT)
        return self._placed(embedding)

    def forward_text(self, words: Tensor, tokens: Tensor, tags: Tensor | None = None) -> Tensor:
        """(B, S, text_dim) with (B,) tokens -> (B, E)."""
        embedding: Tensor = self.text(words, tokens, tags)
        return self._placed(embedding)

    def _placed(self, embedding: Tensor) -> Tensor:
        """The contrastive loss compares directions, so there every embedding has length 1."""
        return nn.functional.normalize(embedding, dim=-1) if self.config.loss == "contrastive" else embedding

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Loss:
        """How far matching pairs are apart and mismatched ones are not."""
        motion = self.forward_motion(batch.motion, batch.frames)
        text = self.forward_text(batch.words, batch.tokens, batch.tags)
        if self.config.loss == "contrastive":
            total = contrastive(text, motion, batch.same, self.config.temperature)
            return Loss(total, {"contrastive": total})
        near = margin_positive(text, motion)
        far = self._far(text, motion, batch.same, generator)
        return Loss(near + far, {"near": near, "far": far})

    def _far(self, text: Tensor, motion: Tensor, same: Tensor, generator: torch.Generator) -> Tensor:
        count = len(text)
        if self.config.negatives == "roll":
            shift = int(torch.randint(1, count, (), generator=generator, device=generator.device))
            return margin_negative(text, motion.roll(shift, 0), self.config.margin)
        rows, columns = torch.nonzero(~same, as_tuple=True)
        return margin_negative(text[rows], motion[columns], self.config.margin)

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
            words, tokens = text_inputs(table, rows[start : start + EMBED_BATCH], self.config.sentence)
            embedded = self.forward_text(words.to(self.mean.device), tokens.to(self.mean.device))
            embeddings[start : start + EMBED_BATCH] = embedded.cpu().numpy()
        return embeddings


EVALUATORS: dict[str, type[Evaluator]] = {"guo": Evaluator}


def make(kind: str, settings: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int) -> Evaluator:
    """An untrained evaluator of a kind of EVALUATORS with the weights that torch's global seed gives it.

    Args:
        settings: `train_evaluator.model` of params.yaml.
        mean, std: (D,) of the training features. text_dim: E of data/text.

    Raises:
        ValueError: If the kind is unknown or a setting is none of its Config.
    """
    if kind not in EVALUATORS:
        raise ValueError(f"unknown kind of evaluator {kind!r}; known: {sorted(EVALUATORS)}")
    made = EVALUATORS[kind]
    return made(made.Config.model_validate(dict(settings)), mean, std, text_dim)


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


def save(folder: Path, model: Evaluator, text_encoder: Mapping[str, Any]) -> None:
    """Write models/evaluator with all that rebuilds it.

    Args:
        text_encoder: {"spec", "digest", "dim"} of the encoder it learned with.
    """
    card = {
        "kind": next(name for name, known in EVALUATORS.items() if type(model) is known),
        "config": model.config.model_dump(),
        "text_dim": model.text_dim,
        "text_encoder": dict(text_encoder),
        "parameters": sum(p.numel() for p in model.parameters()),
        "id": model.id,
    }
    write_model(folder, {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}, card)


def load(folder: Path, text_encoder: Mapping[str, Any] | None = None) -> Evaluator:
    """Read models/evaluator, in eval mode.

    Args:
        text_encoder: {"spec", "digest", "dim"} of the encoder that its texts will come from; it is checked.

    Raises:
        BadArtifactError: If the folder is not a finished model.
        BadEncoderError: If the evaluator learned with another text encoder.
        ValueError: If its kind is unknown or its weights are not those its id names.
    """
    weights, card = read_model(folder)
    if text_encoder is not None:
        require(text_encoder, card["text_encoder"], f"the evaluator in {folder}")
    with torch.random.fork_rng(devices=[]):  # the random start, soon overwritten, shall not disturb other draws
        model = make(card["kind"], card["config"], weights["mean"], weights["std"], card["text_dim"])
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    if model.id != card["id"]:
        raise ValueError(f"{folder}: weights are not those of evaluator {card['id']}")
    return model.eval()
