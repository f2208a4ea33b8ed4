"""The files of a small published evaluator, as somebody else would have them on disk."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

GOLDEN = Path(__file__).parent / "golden" / "evaluator_small.npz"
NETWORKS = {"movement_encoder": "movement", "motion_encoder": "motion", "text_encoder": "text"}
WORDS = ["sos", "eos", "unk", "a", "person", "walk", "leg", "slowly", "jump", "in", "circle", "man", "squat", "still"]


def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def checkpoint() -> dict[str, Any]:
    """State dictionaries with the weights of the golden, and what a training leaves beside them."""
    arrays = golden()
    state: dict[str, Any] = {
        theirs: {
            name.removeprefix(f"w_{ours}."): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith(f"w_{ours}.")
        }
        for theirs, ours in NETWORKS.items()
    }
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.Adam([weight], 1e-3)
    weight.sum().backward()
    optimiser.step()
    return state | {"opt_text_encoder": optimiser.state_dict(), "epoch": 42, "iter": 31337}


def statistics() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=263).astype(np.float32), rng.uniform(0.5, 2.0, 263).astype(np.float32)


def vectors() -> np.ndarray:
    """(N, 20) of WORDS, in the order of their index, which is not that of the list."""
    return np.random.default_rng(2).normal(size=(len(WORDS), 20)).astype(np.float32)


def write_published(folder: Path, *, zipped: bool = True) -> dict[str, Path]:
    """All files, by the names of `convert`'s arguments."""
    (folder / "glove").mkdir(parents=True)
    paths = {"checkpoint": "finest.tar", "mean": "mean.npy", "std": "std.npy", "words": "glove"}
    places = {name: folder / path for name, path in paths.items()}
    torch.save(checkpoint(), places["checkpoint"], _use_new_zipfile_serialization=zipped)
    for name, array in zip(("mean", "std"), statistics(), strict=True):
        np.save(places[name], array)
    np.save(folder / "glove" / "our_vab_data.npy", vectors())
    (folder / "glove" / "our_vab_words.pkl").write_bytes(pickle.dumps(WORDS[::-1], 3))
    index = {word: row for row, word in enumerate(WORDS)}
    (folder / "glove" / "our_vab_idx.pkl").write_bytes(pickle.dumps(index, 3))
    return places
