"""models/: weights and the card that rebuilds them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from motionlib.artifacts.files import read_json, seal, unseal, write_json


def write_model(folder: Path, weights: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> None:
    """Write a trained model: `weights.safetensors`, and `model.json` with all that rebuilds it (kind, sizes ...)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: np.ascontiguousarray(weights[name]) for name in sorted(weights)},
        folder / "weights.safetensors",
    )
    write_json(folder / "model.json", dict(card))
    seal(folder, "model")


def read_model(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Weights and card of a trained model.

    Raises:
        BadArtifactError: If the folder is not a finished model.
    """
    unseal(folder, "model")
    return load_file(folder / "weights.safetensors"), read_json(folder / "model.json")
