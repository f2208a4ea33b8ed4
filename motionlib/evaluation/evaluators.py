"""The kinds of evaluator, and how one is made, written and read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from motionlib.artifacts import Float32, read_model, write_model
from motionlib.artifacts.modes import COMPAT, mode_of, require_mode
from motionlib.evaluation.evaluator import Evaluator
from motionlib.evaluation.guo import Guo
from motionlib.evaluation.tmr import TMR
from motionlib.text import require

EVALUATORS: dict[str, type[Evaluator]] = {"guo": Guo, "tmr": TMR}


def make(
    kind: str, settings: Mapping[str, Any], mean: Float32, std: Float32, text_dim: int, mode: str = COMPAT
) -> Evaluator:
    """An untrained evaluator of a kind of EVALUATORS with the weights that torch's global seed gives it.

    Args:
        settings: `train_evaluator.model` of params.yaml.
        mean, std: (D,) of the training features. text_dim: E of data/text. mode: Of the features.

    Raises:
        ValueError: If the kind is unknown or a setting is none of its Config.
    """
    if kind not in EVALUATORS:
        raise ValueError(f"unknown kind of evaluator {kind!r}; known: {sorted(EVALUATORS)}")
    made = EVALUATORS[kind]
    model = made(made.Config.model_validate(dict(settings)), mean, std, text_dim)
    model.mode = mode
    return model


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
    require_mode(mode_of(card), mode, f"the evaluator in {folder}")
    if text_encoder is not None:
        require(text_encoder, card["text_encoder"], f"the evaluator in {folder}")
    with torch.random.fork_rng(devices=[]):  # the random start, soon overwritten, shall not disturb other draws
        statistics = weights["mean"], weights["std"]
        model = make(card["kind"], card["config"], *statistics, card["text_dim"], mode_of(card))
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    if model.id != card["id"]:
        raise ValueError(f"{folder}: weights are not those of evaluator {card['id']}")
    return model.eval()
