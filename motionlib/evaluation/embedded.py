"""Held-out captions and real motions in an evaluator's space, which every score of a model is held against."""

from dataclasses import dataclass

from motionlib.artifacts import FeatureSet, Float32, TextTable
from motionlib.evaluation.evaluator import Evaluator
from motionlib.evaluation.pairs import Pairs, read_pairs


@dataclass(frozen=True, eq=False)
class Embedded:
    """Captioned motions of one split, embedded.

    Attributes:
        pairs: The motions and their captions, mirrored ones left out.
        text: (E,) embedding of each caption_id.
        real: (motions, E) embeddings of the real motions.
    """

    pairs: Pairs
    text: dict[int, Float32]
    real: Float32

    @property
    def real_cases(self) -> Float32:
        """(cases, E): each case's real motion."""
        return self.of_cases(self.real)

    def of_cases(self, motions: Float32) -> Float32:
        """(motions, E) -> (cases, E): a motion stands at each of its captions."""
        return motions[[number for number, _ in self.pairs.cases]]

    @classmethod
    def of(cls, model: Evaluator, features: FeatureSet, table: TextTable, split: str) -> "Embedded":
        """Embed one split; motions are cut to the evaluator's `max_frames`.

        Raises:
            BadArtifactError: If no motion of the split has a caption.
        """
        pairs = read_pairs(features, split)
        captions = sorted({caption for _, caption in pairs.cases})
        text = dict(zip(captions, model.embed_text(table, captions), strict=True))
        motions = [pairs.rows(number, model.config.max_frames) for number in range(len(pairs))]
        return cls(pairs, text, model.embed_motion(motions))
