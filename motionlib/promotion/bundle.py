"""A bundle: all that is promoted, as one folder of safetensors, `.npy` and JSON, every file with its sha256.

`bundle.json` is written last; its own sha256 is the bundle's id. There is no time, host or path in it, so the same
models on the same data are the same bundle.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from motionlib import priors, text, tokenizers
from motionlib.artifacts import BadArtifactError, FeatureSet, read_json, write_json
from motionlib.artifacts.modes import mode_of, require_mode
from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_LENGTHS, CANONICAL_NAMES, CANONICAL_PARENTS
from motionlib.promotion.listing import FORMAT, LISTING, bundle_id, check, sha256
from motionlib.promotion.model import MotionModel

CARD = "MODEL_CARD.md"
REFERENCE = "reference"  # what a delivery is held against


@dataclass(frozen=True, eq=False)
class Parts:
    """What goes into a bundle.

    Attributes:
        tokenizer, prior: Model folders. sampling: Settings of generation.
        text_encoder: {"spec", "digest", "dim"} that the prior learned with. max_tokens: Word pieces kept of a text.
        evaluator: Id of the evaluator that judged it.
        reports: Numbers of the reports by name, such as `evaluate`; kept, for the gate and for whoever asks.
        card: The model card, markdown.
        names: Of tokenizer and prior in params.yaml.
        reference: Folder of what deliveries are held against, as `off_distribution` writes it; None: they cannot be.
    """

    features: FeatureSet
    tokenizer: Path
    prior: Path
    sampling: Mapping[str, Any]
    text_encoder: Mapping[str, Any]
    max_tokens: int
    evaluator: str
    reports: Mapping[str, Mapping[str, Any]]
    card: str
    names: Mapping[str, str]
    reference: Path | None = None


def write_bundle(folder: Path, parts: Parts) -> str:
    """Write a bundle into an empty or missing folder and give its id.

    Raises:
        BadArtifactError: If the folder holds something already, or a part was made from features of another mode.
    """
    folders = {"tokenizer": parts.tokenizer, "prior": parts.prior}
    if parts.reference is not None:
        folders[REFERENCE] = parts.reference
    for name, source in folders.items():
        require_mode(mode_of(read_json(source / "model.json")), parts.features.mode, f"the {name} in {source}")
    if folder.exists() and any(folder.iterdir()):
        raise BadArtifactError(f"{folder} is not empty; a bundle is never written over another")
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in folders.items():
        shutil.copytree(source, folder / name, copy_function=shutil.copyfile)
    for name, row in (("mean", parts.features.mean), ("std", parts.features.std)):
        np.save(folder / f"{name}.npy", np.asarray(row, dtype="<f4"), allow_pickle=False)
    write_json(folder / "skeleton.json", canonical_skeleton())
    write_json(folder / "licences.json", {clip.id: clip.licence for clip in parts.features.clips if not clip.mirror})
    for name, numbers in parts.reports.items():
        write_json(folder / "reports" / f"{name}.json", numbers)
    (folder / CARD).write_text(parts.card, encoding="utf-8")
    write_json(folder / LISTING, _facts(parts) | {"files": _files(folder)})
    return bundle_id(folder)


def canonical_skeleton() -> dict[str, Any]:
    """The 22-joint body: names, parents, and rest offsets in metres."""
    offsets = CANONICAL_DIRECTIONS * CANONICAL_LENGTHS[:, None]
    return {"names": list(CANONICAL_NAMES), "parents": list(CANONICAL_PARENTS), "offsets": offsets.tolist()}


def licences(features: FeatureSet) -> dict[str, int]:
    """How many of the library's clips stand under each licence; "" where none is stated."""
    stated = [clip.licence for clip in features.clips if not clip.mirror]
    return {licence: stated.count(licence) for licence in sorted(set(stated))}


class Bundle(MotionModel):
    """A bundle that was checked and can `generate`, `encode`, `decode` and `reconstruct`.

    Attributes:
        folder: Where it lies. id: sha256 of its `bundle.json`. facts: What `bundle.json` says.
    """

    folder: Path
    id: str
    facts: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Self:
        """Read a bundle.

        Raises:
            BadArtifactError: If a file is missing or was changed, or its parts are of different modes.
            BadEncoderError: If its text encoder is not installed, or is another one by its digest.
        """
        facts = check(folder)
        wanted = facts["text_encoder"]
        encoder = text.encoder(wanted["spec"], facts["max_tokens"])
        text.require(text.describe(encoder), wanted, f"the bundle in {folder}")
        mode = facts["features"]["mode"]
        prior = priors.load(folder / "prior", text.describe(encoder), mode).to(device)
        tokenizer = tokenizers.load(folder / "tokenizer", mode=mode).to(device)
        model = cls(tokenizer, prior, encoder, facts["sampling"])
        model.folder, model.id, model.facts = folder, bundle_id(folder), facts
        return model


def _facts(parts: Parts) -> dict[str, Any]:
    features = parts.features
    return {
        "format": FORMAT,
        "features": {"mode": features.mode, "fps": features.fps, "dimensions": len(features.mean)},
        "names": dict(parts.names),
        "sampling": dict(parts.sampling),
        "text_encoder": dict(parts.text_encoder),
        "max_tokens": parts.max_tokens,
        "evaluator": parts.evaluator,
        "licences": licences(features),
    }


def _files(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != LISTING)
    return {str(path.relative_to(folder)): sha256(path) for path in paths}
