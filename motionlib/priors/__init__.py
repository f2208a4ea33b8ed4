"""Text -> codes. A new prior is one module here and one line in PRIORS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from motionlib.artifacts import CodeShape, read_model, write_model
from motionlib.artifacts.modes import COMPAT, mode_of, require_mode
from motionlib.priors.base import Prior, PriorBatch, Score, TextFeatures, text_features
from motionlib.priors.d3pm import D3pm
from motionlib.priors.gated_conv import GatedConv
from motionlib.priors.gpt import Gpt
from motionlib.priors.masked import Masked
from motionlib.priors.nmt import Nmt
from motionlib.text import require

PRIORS: dict[str, type[Prior[Any, Any]]] = {
    "d3pm": D3pm,
    "gated_conv": GatedConv,
    "gpt": Gpt,
    "masked": Masked,
    "nmt": Nmt,
}


def build(kind: str, config: Mapping[str, Any], codes: CodeShape, text_dim: int, mode: str = COMPAT) -> Prior[Any, Any]:
    """A new prior with the weights that the global seed gives it.

    Args:
        kind: A key of PRIORS.
        config: Settings of that kind (`priors.<name>.model`).
        text_dim: E, width of the text embeddings.
        mode: Of the features behind the codes.

    Raises:
        ValueError: If the kind is unknown, or a setting is (pydantic.ValidationError).
    """
    if kind not in PRIORS:
        raise ValueError(f"unknown kind of prior {kind!r}; known: {sorted(PRIORS)}")
    model = PRIORS[kind](PRIORS[kind].Config.model_validate(dict(config)), codes, text_dim)
    model.mode = mode
    return model


def save(folder: Path, model: Prior[Any, Any], text_encoder: Mapping[str, Any]) -> None:
    """Write a trained prior with all that rebuilds it.

    Args:
        text_encoder: {"spec", "digest", "dim"} of the encoder it learned with.
    """
    kinds = {prior: kind for kind, prior in PRIORS.items()}
    card = {
        "kind": kinds[type(model)],
        "config": model.config.model_dump(mode="json"),
        "codes": model.codes._asdict(),
        "text_encoder": dict(text_encoder),
        "mode": model.mode,
        "likelihood": model.likelihood,
        "facts": dict(model.facts()),
    }
    write_model(folder, {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}, card)


def load(folder: Path, text_encoder: Mapping[str, Any] | None = None, mode: str | None = None) -> Prior[Any, Any]:
    """A trained prior in eval mode, on the CPU.

    Args:
        text_encoder: {"spec", "digest", "dim"} of the encoder that its texts will come from; it is checked.
        mode: Of the features that its codes shall become; it is checked.

    Raises:
        BadArtifactError: If the folder is not a finished model, or one of features of another mode.
        BadEncoderError: If the prior learned with another text encoder.
    """
    weights, card = read_model(folder)
    require_mode(mode_of(card), mode, f"the prior in {folder}")
    if text_encoder is not None:
        require(text_encoder, card["text_encoder"], f"the prior in {folder}")
    codes, text_dim = CodeShape(**card["codes"]), card["text_encoder"]["dim"]
    model = build(card["kind"], card["config"], codes, text_dim, mode_of(card))
    model.recall(card["facts"])
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model.eval()


__all__ = [
    "PRIORS",
    "Prior",
    "PriorBatch",
    "Score",
    "TextFeatures",
    "build",
    "load",
    "save",
    "text_features",
]
