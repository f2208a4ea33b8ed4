"""Tiny made-up body models and motion files for tests: random numbers from a seed, nothing of anybody's body."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from motionlib.body.smpl import Kind

VERTICES = 120


def model_arrays(kind: Kind, betas: int, seed: int = 0) -> dict[str, Any]:
    """The arrays of a body-model file as `smplx` reads them."""
    rng = np.random.default_rng(seed)
    joints = len(kind.joints)
    regressor = rng.random((joints, VERTICES))
    weights = rng.random((VERTICES, joints))
    table = np.array([[2**32 - 1, *kind.parents[1:]], range(joints)], dtype=np.uint32)
    arrays: dict[str, Any] = {
        "v_template": rng.normal(size=(VERTICES, 3)),
        "shapedirs": rng.normal(size=(VERTICES, 3, betas)) * 0.1,
        "posedirs": rng.normal(size=(VERTICES, 3, 9 * (joints - 1))) * 0.01,
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": table,
        "f": np.array([[0, 1, 2], [1, 2, 3]], dtype=np.uint32),
    }
    if kind.name != "smpl":
        for side in "lr":
            arrays[f"hands_components{side}"] = np.eye(45)
            arrays[f"hands_mean{side}"] = np.zeros(45)
    if kind.name == "smplx":
        arrays |= {"lmk_faces_idx": np.zeros(51, dtype=int), "lmk_bary_coords": np.full((51, 3), 1 / 3)}
    return arrays


def write_model(
    folder: Path, kind: Kind, betas: int, gender: str = "NEUTRAL", seed: int = 0, pkl: bool = False
) -> Path:
    """A body-model file where `smplx` looks for it."""
    path = folder / kind.name / f"{kind.name.upper()}_{gender}.{'pkl' if pkl else 'npz'}"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = model_arrays(kind, betas, seed)
    if pkl:
        path.write_bytes(pickle.dumps(arrays, protocol=2))
    else:
        np.savez(path, **arrays)
    return path


def motion(kind: Kind, frames: int = 8, seed: int = 1, **members: Any) -> bytes:
    """An npz of random poses as AMASS names its parts; members replace parts or leave them out (None)."""
    rng = np.random.default_rng(seed)
    parts: dict[str, Any] = {
        "poses": rng.normal(size=(frames, 3 * len(kind.joints))) * 0.3,
        "trans": rng.normal(size=(frames, 3)),
        "betas": rng.normal(size=16),
        "gender": np.array("neutral"),
        "mocap_framerate": np.array(60.0),
    }
    stream = io.BytesIO()
    np.savez(stream, **{name: value for name, value in (parts | members).items() if value is not None})
    return stream.getvalue()
