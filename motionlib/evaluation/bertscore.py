"""BERTScore: how alike two captions are by the states of their word pieces, each matched with its likest one.

Source: Zhang et al., "BERTScore: Evaluating Text Generation with BERT", arXiv:1904.09675, sections 3 and 3.1, and code
(`bert_score`, `greedy_cos_idf`), not rescaled with a baseline. Marks of begin and end can be matched and weigh nothing;
of several references each number is the best one's.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from motionlib.artifacts import Float32
from motionlib.text.base import digest_of
from motionlib.text.local import digests, open_model

Float64 = NDArray[np.float64]
SETTING = "evaluate.bert_model:"
MODEL_CLASS = "AutoModel"
LONGEST = 512  # word pieces of a text


class Score(NamedTuple):
    """In -1..1, mostly high: numbers of two models do not compare."""

    precision: float
    recall: float
    f1: float


class Pieces(NamedTuple):
    """A text as word pieces: their ids, and states (S, E) of unit length."""

    ids: tuple[int, ...]
    states: Float32


Weigh = Callable[[int], float]


def greedy(said: Pieces, meant: Pieces, weigh: Weigh) -> Score:
    """Each piece of one text with the likest of the other, by cosine, weighted."""
    alike = said.states @ meant.states.T
    precision = _mean(alike.max(axis=1), said.ids, weigh)
    recall = _mean(alike.max(axis=0), meant.ids, weigh)
    total = precision + recall
    return Score(precision, recall, 2 * precision * recall / total if total else 0.0)


def _mean(values: Float32, ids: Sequence[int], weigh: Weigh) -> float:
    weights = np.array([weigh(number) for number in ids])
    total = float(weights.sum())
    return float(values @ weights) / total if total else 0.0


def rarity(texts: Sequence[Sequence[int]]) -> Weigh:
    """log((N + 1) / (n + 1)) of a piece that n of N texts hold (section 3, "Importance Weighting", and code)."""
    held = Counter(number for ids in texts for number in set(ids))
    return lambda number: log((len(texts) + 1) / (held[number] + 1))


def best(captions: Sequence[Pieces], references: Sequence[Sequence[Pieces]], weigh: Weigh) -> list[Score]:
    """Scores of each caption; of several references the best of each number."""
    found = []
    for said, own in zip(captions, references, strict=True):
        scores = [greedy(said, meant, weigh) for meant in own]
        found.append(Score(*(max(column) for column in zip(*scores, strict=True))))
    return found


class BertScorer:
    """A BERT-type model out of a folder of the user's.

    Args:
        folder: Weights in safetensors with their tokenizer. layer: Hidden layer whose states are compared; 0: the last.
        idf: Whether pieces weigh by their rarity among the references.

    Attributes:
        facts: What a score must say of its making: class, layer, idf, digest of the folder.

    Raises:
        BadEncoderError: If it cannot be had; the message says how.
    """

    def __init__(self, folder: str, layer: int = 0, idf: bool = False) -> None:
        self._tokenizer, self._model = open_model(folder, MODEL_CLASS, SETTING, "; or leave it empty")
        self._layer, self._idf = layer, idf
        self.facts: dict[str, Any] = {
            "layer": layer, "idf": idf, "rescaled": False, "model": digest_of({"files": digests(Path(folder))}),
        }  # fmt: skip

    def __call__(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[Score]:
        """Scores of each caption against its own references."""
        known = {text: self.pieces(text) for text in {*captions, *(one for own in references for one in own)}}
        meant = [[known[text] for text in own] for own in references]
        weigh = rarity([one.ids for own in meant for one in own]) if self._idf else self._plain
        return best([known[text] for text in captions], meant, weigh)

    @torch.inference_mode()
    def pieces(self, text: str) -> Pieces:
        """A text through the model, alone, so that no padding enters."""
        read = self._tokenizer(text.strip(), truncation=True, max_length=LONGEST, return_tensors="pt")
        states = self._model(**read, output_hidden_states=True).hidden_states[self._layer or -1][0]
        unit = torch.nn.functional.normalize(states, dim=-1)
        return Pieces(tuple(read.input_ids[0].tolist()), unit.numpy())

    def _plain(self, number: int) -> float:
        return 0.0 if number in (self._tokenizer.cls_token_id, self._tokenizer.sep_token_id) else 1.0
