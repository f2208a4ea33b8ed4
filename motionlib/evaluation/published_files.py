"""The files of a published evaluator -> a folder that `evaluators` can name; no pickle among them is run.

Source of the names: Guo et al., CVPR 2022, code: `text_mot_match/model/finest.tar`, `meta/mean.npy`, `meta/std.npy` of
the same training, and the GloVe folder of `word_vectorizer.py`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from motionlib.artifacts import Float32
from motionlib.evaluation import evaluators
from motionlib.evaluation.published import END, START, UNKNOWN, Published, PublishedConfig
from motionlib.ingest import torch_file, unpickle, vocabulary
from motionlib.normalize.layout import CONTACTS

NETWORKS = {"movement_encoder": "movement", "motion_encoder": "motion", "text_encoder": "text"}  # theirs -> ours
DECIDING = {  # size -> the weight that shows it, its axes, and which of them
    "movement_width": ("movement.main.0.weight", 3, 0),
    "movement": ("movement.out_net.weight", 2, 0),
    "motion_width": ("motion.input_emb.weight", 2, 0),
    "text_width": ("text.input_emb.weight", 2, 0),
    "embedding": ("motion.output_net.3.weight", 2, 0),
    "tags": ("text.pos_emb.weight", 2, 1),
}
VOCABULARY = ("our_vab_data.npy", "our_vab_words.pkl", "our_vab_idx.pkl")
AXES = {1: "a row", 2: "rows"}

Arrays = dict[str, NDArray[Any]]


def convert(checkpoint: Path, mean: Path, std: Path, words: Path, target: Path) -> Published:
    """Write the evaluator that these files are, and give it.

    Args:
        checkpoint: `finest.tar`, in either form of `torch.save`. mean, std: (D,) statistics of its own data, std with
            the weights of the root already in it. words: Folder of VOCABULARY.

    Raises:
        ValueError: Naming the file that is refused, or the weight that does not fit, with both shapes.
        OSError: If a file cannot be read or written.
    """
    weights = _networks(checkpoint)
    known, vectors = _vocabulary(words)
    statistics = [_numbers(path, 1) for path in (mean, std)]
    if statistics[0].shape != statistics[1].shape or not (statistics[1] > 0).all():
        raise ValueError(f"{mean}, {std}: expected as many means as positive deviations")
    config = PublishedConfig.model_validate({**_sizes(checkpoint, weights), "words": known})
    _suits(mean, len(statistics[0]), weights["movement.main.0.weight"].shape[1] + CONTACTS.stop - CONTACTS.start)
    _suits(words / VOCABULARY[0], vectors.shape[1], weights["text.pos_emb.weight"].shape[0])
    with torch.device("meta"):  # shapes alone: nothing is allocated before they are known to be those of the file
        expected = Published(config, statistics[0], statistics[1], vectors.shape[1]).state_dict()
    parts = weights | {"mean": statistics[0], "std": statistics[1], "vectors": vectors}
    _same_shapes(checkpoint, {name: tuple(one.shape) for name, one in expected.items()}, parts)
    model = Published(config, statistics[0], statistics[1], vectors.shape[1])
    model.load_state_dict({name: torch.from_numpy(array) for name, array in parts.items()})
    evaluators.save(target, model.eval(), {})
    return model


def _sizes(checkpoint: Path, weights: Arrays) -> dict[str, int]:
    """The widths of an evaluator, from the shapes of its weights."""
    sizes = {}
    for size, (name, axes, axis) in DECIDING.items():
        shape = weights[name].shape if name in weights else None
        if shape is None or len(shape) != axes:
            raise ValueError(f"{checkpoint}: {_theirs(name)}: expected an array of {axes} axes, found {_shown(shape)}")
        sizes[size] = shape[axis]
    return sizes


def _suits(file: Path, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"{file}: rows of {found} numbers, the networks read {expected}")


def _same_shapes(checkpoint: Path, expected: Mapping[str, tuple[int, ...]], parts: Arrays) -> None:
    for name in sorted({*expected, *parts}):
        wanted, shape = expected.get(name), parts[name].shape if name in parts else None
        if wanted != shape:
            raise ValueError(f"{checkpoint}: {_theirs(name)}: expected {_shown(wanted)}, found {_shown(shape)}")


def _shown(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else f"shape {shape}"


def _theirs(name: str) -> str:
    """A weight's name in the checkpoint."""
    network, _, rest = name.partition(".")
    return f"{next(theirs for theirs, ours in NETWORKS.items() if ours == network)}.{rest}"


def _networks(checkpoint: Path) -> Arrays:
    """Weights of the three networks under our names."""
    found = unpickle.arrays(checkpoint, torch_file.tensors).arrays()
    parts = {name.partition(".")[0] for name in found}
    missing = [name for name in NETWORKS if name not in parts]
    if missing:
        raise ValueError(f"{checkpoint}: holds no {', '.join(missing)}, but {', '.join(sorted(parts)) or 'nothing'}")
    chosen = {}
    for name, array in found.items():
        network, _, rest = name.partition(".")
        if network in NETWORKS:
            if array.dtype.kind != "f" or not array.size or not np.isfinite(array).all():
                raise ValueError(f"{checkpoint}: {name} is not finite numbers")
            chosen[f"{NETWORKS[network]}.{rest}"] = array.astype(np.float32)
    return chosen


def _vocabulary(folder: Path) -> tuple[list[str], Float32]:
    """Words in the order of their list, and a vector of each."""
    data, words, index = (folder / name for name in VOCABULARY)
    vectors = _numbers(data, 2)
    known = unpickle.arrays(words, vocabulary.word_list).arrays()["words"].tolist()
    numbered = unpickle.arrays(index, vocabulary.word_index).arrays()
    rows = dict(zip(numbered["words"].tolist(), numbered["rows"].tolist(), strict=True))
    lost = [
        word for word in (START.word, END.word, UNKNOWN.word, *known) if rows.get(word, len(vectors)) >= len(vectors)
    ]
    if lost:
        raise ValueError(f"{index}: {len(lost)} words have no vector in {data.name}, such as {lost[0]!r}")
    return known, vectors[[rows[word] for word in known]]


def _numbers(path: Path, axes: int) -> Float32:
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path}: not an array of numbers ({error})") from None
    if not isinstance(array, np.ndarray) or array.ndim != axes or array.dtype.kind != "f" or not array.size:
        raise ValueError(f"{path}: expected {AXES[axes]} of numbers")
    if not np.isfinite(array).all():
        raise ValueError(f"{path}: holds a number that is not finite")
    numbers: Float32 = array.astype(np.float32)
    return numbers
