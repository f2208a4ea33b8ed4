"""Checkpoints: one safetensors file with weights, optimiser, generators and progress, replaced atomically.

They lie outside a stage's outputs, in a folder keyed by everything that decides the result, so that a stage
that is run again goes on where it was killed and ends with the same bytes as an undisturbed run.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from motionlib import sources

ROOT = Path(".motionlib/checkpoints")
FILE = "checkpoint.safetensors"
BLOCK = 1 << 22  # bytes hashed at a time


def folder(stage: str, fingerprint: str) -> Path:
    """Where the checkpoints of this very training lie, relative to the repository root."""
    return ROOT / stage / fingerprint


def fingerprint(
    stage: str, params: Mapping[str, Any], inputs: Sequence[Path] = (), code: Sequence[ModuleType] = ()
) -> str:
    """Hash of all that decides a training's result: stage, params, bytes of the inputs, code, torch and threads.

    Args:
        params: JSON-ready settings, such as `entry.model_dump(mode="json")`.
        inputs: Files or folders the training reads; every byte counts.
        code: Modules or packages; comments, docstrings and layout do not count.
    """
    threads = torch.get_num_threads()
    parts = [stage, json.dumps(params, sort_keys=True), str(torch.__version__), str(threads)]
    for path in inputs:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        parts += [f"{file.relative_to(path)} {_digest(file)}" for file in files]
    for module in code:
        parts += [sources.digest(path) for path in _sources(module)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _sources(module: ModuleType) -> list[Path]:
    path = Path(str(module.__file__))
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def save(where: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Replace the checkpoint in folder `where`; a kill at any moment leaves the old or the new one, whole."""
    where.mkdir(parents=True, exist_ok=True)
    temporary = where / f"{FILE}.{os.getpid()}.tmp"
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(_unshared(whole), temporary, metadata={"facts": json.dumps(facts, sort_keys=True)})
    temporary.replace(where / FILE)


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Safetensors refuses tensors that share memory (tied weights); give each its own."""
    seen: set[int] = set()
    for name, tensor in tensors.items():
        if tensor.data_ptr() in seen:
            tensors[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    return tensors


def load(where: Path, device: str = "cpu") -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and facts of the checkpoint in folder `where`; None if there is none that can be read."""
    path = where / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt", device=device) as file:
            facts: dict[str, Any] = json.loads(file.metadata()["facts"])
            return {name: file.get_tensor(name).clone() for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError):
        return None  # of another version or a broken disk: training starts over, which is always right


def forget(stage: str, root: Path = ROOT) -> None:
    """Remove all checkpoints of a stage; called after it has written its output."""
    shutil.rmtree(root / stage, ignore_errors=True)


def pack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with `prefix.` before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def unpack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `pack` put under this prefix."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as flat tensors named `<parameter index>.<key>`."""
    return dict(_flat(optimiser.state_dict()["state"]))


def _flat(state: Mapping[int, Mapping[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    for index, values in state.items():
        for key, value in values.items():
            yield f"{index}.{key}", value


def restore_optimiser(optimiser: torch.optim.Optimizer, flat: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_state` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in flat.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
