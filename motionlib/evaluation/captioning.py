"""How well generated captions say what the references say: BLEU, ROUGE-L and CIDEr.

Source: TM2T (Guo et al., ECCV 2022) evaluates with nlg-eval, METEOR and embeddings off; `pycocoevalcap` gives the same
numbers to the last digit. Its tokens are those between spaces: no other tokeniser runs. Papers mix two conventions,
words as written (`raw`) and lemmas without punctuation (`lemmatised`): every score says which.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Convention = Literal["raw", "lemmatised"]
MOST_REFERENCES = 3  # TM2T keeps three captions of a clip and repeats the first where there are fewer


class Captioning(NamedTuple):
    """Corpus scores.

    Attributes:
        bleu: BLEU-1 to BLEU-4, in 0..1.
        rouge_l: F with beta 1.2 over the references, in 0..1, averaged.
        cider: CIDEr-D, in 0..10, averaged; its word weights come from these references.
        convention: What was compared.
        each: Scores of single clips (N,) by name, as far as they mean something alone: `rouge_l`, `cider`.
    """

    bleu: tuple[float, float, float, float]
    rouge_l: float
    cider: float
    convention: Convention
    each: Mapping[str, Float64]


def captioning(
    captions: Sequence[str], references: Sequence[Sequence[str]], convention: Convention = "raw"
) -> Captioning:
    """Score one generated caption per clip against its references, words divided by spaces.

    Raises:
        ValueError: If a clip has no reference, or the two do not have the same length.
        ImportError: If the extra `captioning` is not installed.
    """
    if len(captions) != len(references) or not captions:
        raise ValueError(f"{len(captions)} captions but references of {len(references)} clips")
    for clip, own in enumerate(references):
        if not any(reference.split() for reference in own):
            raise ValueError(f"clip {clip} has no reference caption")
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.rouge.rouge import Rouge
    except ImportError as error:
        raise ImportError("captioning scores need the extra: pip install motionlib[captioning]") from error
    truth = {clip: list(own) for clip, own in enumerate(references)}
    said = {clip: [caption] for clip, caption in enumerate(captions)}
    bleu, _ = Bleu(4).compute_score(truth, said, verbose=0)
    rouge, rouges = Rouge().compute_score(truth, said)
    cider, ciders = Cider().compute_score(truth, said)
    first, second, third, fourth = (float(value) for value in bleu)
    each = {"rouge_l": np.asarray(rouges, dtype=np.float64), "cider": np.asarray(ciders, dtype=np.float64)}
    return Captioning((first, second, third, fourth), float(rouge), float(cider), convention, each)


def published_references(captions: Sequence[str]) -> list[str]:
    """Three references of one clip, as TM2T: the first three, or the first again where there are fewer.

    Raises:
        ValueError: If there is none.
    """
    if not captions:
        raise ValueError("a clip without a caption has no references")
    return [captions[place] if place < len(captions) else captions[0] for place in range(MOST_REFERENCES)]
