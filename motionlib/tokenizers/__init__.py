"""Features <-> codes. A new tokenizer is one module here and one line in TOKENIZERS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from motionlib.artifacts import read_model, write_model
from motionlib.artifacts.modes import COMPAT, mode_of, require_mode
from motionlib.tokenizers.ae import Ae
from motionlib.tokenizers.base import FPS, Tokenizer, arrays, tensors
from motionlib.tokenizers.bsq import Bsq
from motionlib.tokenizers.fsq import Fsq
from motionlib.tokenizers.gan import Gan
from motionlib.tokenizers.joint_rvq import JointRvq
from motionlib.tokenizers.lfq import Lfq
from motionlib.tokenizers.multiscale_rvq import MultiscaleRvq
from motionlib.tokenizers.rvq import Rvq
from motionlib.tokenizers.skeletal_vae import SkeletalVae
from motionlib.tokenizers.vae import Vae
from motionlib.tokenizers.vqgan import VqGan
from motionlib.tokenizers.vqvae import VqVae

TOKENIZERS: dict[str, type[Tokenizer]] = {
    "ae": Ae,
    "bsq": Bsq,
    "fsq": Fsq,
    "gan": Gan,
    "joint_rvq": JointRvq,
    "lfq": Lfq,
    "multiscale_rvq": MultiscaleRvq,
    "rvq": Rvq,
    "skeletal_vae": SkeletalVae,
    "vae": Vae,
    "vqgan": VqGan,
    "vqvae": VqVae,
}

__all__ = ["TOKENIZERS", "Tokenizer", "build", "load", "save"]


def build(
    kind: str,
    settings: Mapping[str, Any],
    mean: torch.Tensor,
    std: torch.Tensor,
    fps: float = FPS,
    mode: str = COMPAT,
) -> Tokenizer:
    """A new tokenizer of a kind of TOKENIZERS, with random weights from torch's global generator.

    Args:
        settings: As under `tokenizers.<name>.model` in params.yaml.
        mean, std: (D,) of the training features. fps: Hz of the features. mode: Of the features.

    Raises:
        ValueError: If the kind is unknown or a setting is none of its Config.
    """
    if kind not in TOKENIZERS:
        raise ValueError(f"unknown tokenizer kind {kind!r}; known: {sorted(TOKENIZERS)}")
    made = TOKENIZERS[kind]
    model = made(made.Config.model_validate(dict(settings)), mean, std, fps)
    model.mode = mode
    return model


def save(folder: Path, model: Tokenizer) -> None:
    """Write a tokenizer as a model folder: weights with statistics inside, and a card that rebuilds it."""
    kind = next(kind for kind, known in TOKENIZERS.items() if type(model) is known)
    card = {
        "family": "tokenizer",
        "kind": kind,
        "config": model.config.model_dump(mode="json"),
        "features": model.width,
        "fps": model.fps,
        "mode": model.mode,
        "shape": model.shape._asdict(),
        "bits_per_second": model.bits_per_second,
        "parameters": model.parameter_count(),
    }
    write_model(folder, arrays(model), card)


def load(folder: Path, device: str = "cpu", mode: str | None = None) -> Tokenizer:
    """Read what `save` wrote, in eval mode.

    Args:
        mode: Of the features that it shall work on; it is checked.

    Raises:
        BadArtifactError: If the folder is not a finished model, or one of features of another mode.
        ValueError: If it is a model of an unknown kind.
    """
    weights, card = read_model(folder)
    require_mode(mode_of(card), mode, f"the tokenizer in {folder}")
    state = tensors(weights)
    with torch.random.fork_rng(devices=[]):  # the random start, soon overwritten, shall not disturb other draws
        model = build(card["kind"], card["config"], state["mean"], state["std"], card["fps"], mode_of(card))
    model.load_state_dict(state)
    return model.to(device).eval()
