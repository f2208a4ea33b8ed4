"""How far the challenger's codes are from the champion's: whether saved codes and priors still mean the same."""

from pathlib import Path
from typing import Any

from motionlib import tokenizers
from motionlib.artifacts import BadArtifactError, FeatureSet, read_codes
from motionlib.codebook.drift import Coded, drift
from motionlib.promotion import registry
from motionlib.promotion.listing import TOKENIZER
from motionlib.tokenizers.clips import encode_clip

CODES, SPLIT = Path("data/codes"), "test"
MOST_KEPT = 5  # changed codes of each codebook that go into the journal


def of_bundles(challenger: Path, champion: Path, features: FeatureSet) -> dict[str, Any]:
    """Drift from the champion's codes to the challenger's on the held-out clips, short enough for the journal.

    Returns:
        As `codebook.drift`, seen from the champion; {"why_not": ...} where its features were of another mode.
    """
    try:
        found = drift(coded(champion, features), coded(challenger, features))
    except BadArtifactError as error:
        return {"why_not": str(error)}
    for level in found["codebooks"]:
        level["changed"] = level["changed"][:MOST_KEPT]
    return found


def coded(bundle: Path, features: FeatureSet) -> Coded:
    """What a bundle's tokenizer says of the held-out clips, or of all where none is held out; mirror images left out.

    Raises:
        BadArtifactError: If it was made from features of another mode.
    """
    model = tokenizers.load(bundle / TOKENIZER, mode=features.mode)
    shortest = model.shape.frames_per_step
    clips = features.split(SPLIT, mirror=False) or features.split("train", "val", mirror=False)
    said = {clip.id: encode_clip(model, features.of(clip)) for clip in clips if clip.frames >= shortest}
    return Coded(said, shortest)


def named(name: str, features: FeatureSet) -> Coded:
    """The codes of a name: of a tokenizer in data/codes, else of the model `champion`, a version or a bundle's folder.

    Raises:
        UnknownModelError: If it is neither.
    """
    folder = CODES / name
    if not folder.is_dir():
        return coded(registry.folder_of(name), features)
    codes = read_codes(folder)
    return Coded({clip: codes.of(clip) for clip in codes.clips}, codes.shape.frames_per_step)
