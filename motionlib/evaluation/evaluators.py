"""The kinds of evaluator, and how one is made, written and read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motionlib.artifacts import Float32, read_model, write_model
from motionlib.artifacts.modes import COMPAT, mode_of, require_mode
from motionlib.evaluation.evaluator import Evaluator
from motionlib.evaluation.guo import Guo
from motionlib.evaluation.published import Published
from motionlib.evaluation.tmr import TMR
from motionlib.text import require

EVALUATORS: dict[str, type[Evaluator]] = {"guo": Guo, "tmr": TMR, "published": Published}


def make(
    kind: str, settings: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int, mode: str = COMPAT
) -> Evaluator:
    """An evaluator of a kind of EVALUATORS: untrained with weights of torch's global seed, or a given one.

    Args:
        settings: `evaluators.<name>.model` of params.yaml.
        mean, std: (D,) of the training features. text_dim: E of data/text. mode: Of the features.

    Raises:
        ValueError: If the kind is unknown, a setting is none of its Config, or a given one does not fit the features.
    """
    model = _kind(kind).begin(settings, mean, std, text_dim)
    if model.given:
        require_mode(model.mode, mode, f"the evaluator in {settings['folder']}")
    model.mode = mode
    return model


def save(folder: Path, model: Evaluator, text_encoder: Mapping[str, Any]) -> None:
    """Write models/evaluator with all that rebuilds it.

    Args:
        text_encoder: {"spec", "digest", "dim"} of the encoder it learned with; a given one has words of its own.
    """
    card = {
        "kind": next(name for name, known in EVALUATORS.items() if type(model) is known),
        "config": model.config.model_dump(),
        "text_dim": model.text_dim,
        "text_encoder": None if model.given else dict(text_encoder),
        "parameters": sum(p.numel() for p in model.parameters()),
        "id": model.id,
        "mode": model.mode,
    }
    write_model(folder, {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}, card)


def load(folder: Path, text_encoder: Mapping[str, Any] | None = None, mode: str | None = None) -> Evaluator:
    """Read models/evaluator, in eval mode.

    Args:
        text_encoder: {"spec", "digest", "dim"} of the encoder that its texts will come from; it is checked.
        mode: Of the features that it shall judge; it is checked.

    Raises:
        BadArtifactError: If the folder is not a finished model, or one of features of another mode.
        BadEncoderError: If the evaluator learned with another text encoder.
        ValueError: If its kind is unknown or its weights are not those its id names.
    """
    weights, card = read_model(folder)
    kind = _kind(card["kind"])
    require_mode(mode_of(card), mode, f"the evaluator in {folder}")
    if text_encoder is not None and not kind.given:
        require(text_encoder, card["text_encoder"], f"the evaluator in {folder}")
    return kind.read(folder, weights, card)


def _kind(name: str) -> type[Evaluator]:
    if name not in EVALUATORS:
        raise ValueError(f"unknown kind of evaluator {name!r}; known: {sorted(EVALUATORS)}")
    return EVALUATORS[name]
