"""The same sentences to every prior: what each makes of them, beside the motion that training would have to copy."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from motionlib.artifacts import FeatureSet, Float32, TextTable
from motionlib.evaluation import physics
from motionlib.normalize.humanml263 import recover
from motionlib.text import TextEncoder

NEAREST = "nearest training motion"
DIGITS = 4


class Nearest(NamedTuple):
    """The training motion whose caption is nearest to a prompt.

    Attributes:
        rows: (T, D) raw features. likeness: Cosine of the sentences' embeddings, 1 if they say the same.
    """

    prompt: str
    clip: str
    caption: str
    likeness: float
    rows: Float32


class Shown(NamedTuple):
    """What one prior (`title`) made of a prompt, raw features (T, D)."""

    title: str
    prompt: str
    rows: Float32

    @property
    def joints(self) -> Float32:
        """(T, 22, 3) metres."""
        return recover(self.rows)


def nearest(prompts: Sequence[str], encoder: TextEncoder, features: FeatureSet, table: TextTable) -> list[Nearest]:
    """The training motion of the nearest caption for each prompt; of several with one caption the first.

    Raises:
        ValueError: If no training clip has a caption.
    """
    known = {clip.id for clip in features.split("train", mirror=False)}
    items = [item for item in features.items if item.clip in known]
    if not items:
        raise ValueError("no training clip has a caption, hence none is nearest to a prompt")
    captions = _unit(table.sentence[[item.caption_id for item in items]])
    asked = _unit(encoder.encode(list(prompts)).sentence)
    likeness = asked @ captions.T
    found = []
    for prompt, row in zip(prompts, likeness, strict=True):
        best = int(row.argmax())
        item = items[best]
        rows = np.array(features.of(features.by_id[item.clip])[item.start : item.end], dtype=np.float32)
        found.append(Nearest(prompt, item.clip, item.caption, float(row[best]), rows))
    return found


def by_prompt(shown: Sequence[Shown], prompts: Sequence[str]) -> list[Shown]:
    """All that was made of the first prompt, then of the second: as a page shows them."""
    return [one for prompt in prompts for one in shown if one.prompt == prompt]


def numbers(told: Sequence[Nearest], shown: Sequence[Shown], fps: float) -> dict[str, Any]:
    """Per prompt the nearest caption, and how long and how physical every motion is."""
    return {
        "prompts": [
            {
                "prompt": one.prompt,
                "nearest": {"clip": one.clip, "caption": one.caption, "likeness": round(one.likeness, DIGITS)},
                "motions": {made.title: _facts(made, fps) for made in shown if made.prompt == one.prompt},
            }
            for one in told
        ]
    }


def _facts(made: Shown, fps: float) -> Mapping[str, float]:
    return {"seconds": len(made.rows) / fps, "skate_ratio": round(float(physics.skate_ratio(made.joints, fps)), DIGITS)}


def _unit(rows: Float32) -> Float32:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float32 = (rows / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return unit
