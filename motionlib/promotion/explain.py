"""Where a bundle's motion comes from: its codes held against those of the training motions that its prior learned."""

from pathlib import Path
from typing import Any

import numpy as np

from motionlib.artifacts import CodeSet, FeatureSet, Int64, read_codes, read_features
from motionlib.codebook.provenance import Provenance, provenance
from motionlib.promotion.model import MotionModel
from motionlib.tokenizers.clips import encode_clip

CODES, FEATURES = Path("data/codes"), Path("data/features")
TRAINED_ON = ("train",)
SHOWN = 3  # spans that are listed of each motion
DIGITS = 4


class Library:
    """The library whose codes a model's motions are held against.

    Raises:
        ValueError: If the codes were made by another tokenizer, or of other features.
    """

    def __init__(self, model: MotionModel, codes: CodeSet, features: FeatureSet) -> None:
        self._codes, self._features = codes, features
        clips = [features.by_id.get(clip) for clip in codes.clips]
        known = [clip for clip in clips if clip is not None]
        if len(known) < len(clips):
            raise ValueError(
                f"{len(clips) - len(known)} clips of the codes are not among the features: encode them anew"
            )
        first = known[0]
        if codes.shape != model.tokenizer.shape or not np.array_equal(
            encode_clip(model.tokenizer, features.of(first)), codes.of(first.id)
        ):
            raise ValueError(
                f"the codes of {first.id} are not what the model's tokenizer says: encode the library anew"
            )
        self._allowed = np.array([clip.split in TRAINED_ON for clip in known])

    @classmethod
    def read(cls, model: MotionModel, tokenizer: str) -> "Library":
        """The library in data/features, as the tokenizer of a name has encoded it in data/codes."""
        return cls(model, read_codes(CODES / tokenizer), read_features(FEATURES))

    def explain(self, said: Int64) -> dict[str, Any]:
        """Where a motion's codes (L, Q) come from, as numbers and names."""
        found = provenance(said, self._codes, self._allowed, SHOWN)
        shares = {name: round(getattr(found, name), DIGITS) for name in ("overlap", "single")}
        rate = self._codes.shape.steps_per_second
        seconds = {"longest_s": round(found.longest / rate, DIGITS), "gram_s": round(found.steps / rate, DIGITS)}
        return {"verdict": found.verdict, **shares, **seconds, "spans": self._spans(found)}

    def _spans(self, found: Provenance) -> list[dict[str, Any]]:
        frames = self._codes.shape.frames_per_step
        told = []
        for span in found.spans:
            clip = self._features.by_id[self._codes.clips[span.clip]]
            place = {"clip": clip.id, "start": span.start * frames, "end": span.end * frames}
            told.append(
                place | {"score": round(span.score, DIGITS), "licence": clip.licence, "delivery": clip.delivery}
            )
        return told


def sentence(told: dict[str, Any]) -> str:
    """What `Library.explain` found, for a person."""
    words = {"memorised": "memorised", "new": "new", "pieced": "pieced together from training motions"}
    said = (
        f"{words[told['verdict']]}: {told['overlap']:.0%} of it stands in training motions for {told['gram_s']:g} s or "
        f"more, {told['single']:.0%} in one of them; longest {told['longest_s']:g} s"
    )
    near = [
        f"  {one['score']:6.1%}  {one['clip']}  frames {one['start']} to {one['end'] - 1}  "
        f"{one['licence'] or 'unknown'}"
        for one in told["spans"]
    ]
    return "\n".join([said, *near])
