"""One tokenizer trained on given clips, as its entry in params.yaml says: for its own stage, and for hold-outs."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from motionlib import tokenizers, training
from motionlib.artifacts import FeatureClip, FeatureSet, Float32
from motionlib.params import TokenizerEntry
from motionlib.tokenizers.base import Tokenizer
from motionlib.tracking import Log
from motionlib.training.batches import Windows

PREPARE_WINDOWS = 3000  # shown to a model that starts from the data: more than 20 latents for each of 2,048 codes


class Fitted(NamedTuple):
    """A trained tokenizer, in eval mode on its device, and its curves."""

    model: Tokenizer
    history: training.History


def fit(
    entry: TokenizerEntry,
    features: FeatureSet,
    clips: Sequence[FeatureClip],
    log: Log,
    *,
    statistics: tuple[Float32, Float32] | None = None,
    checkpoints: Path | None = None,
    validate: Callable[[Tokenizer], Mapping[str, float]] | None = None,
    best: str = "",
    what: str = "training",
) -> Fitted:
    """Train a tokenizer on some clips. The result depends on the arguments only, not on what was trained before.

    Args:
        entry: Kind, settings, window and training, as under `tokenizers.<name>`.
        features: Where the clips' rows lie. clips: What is learned from.
        statistics: Mean and std (D,) by which features are normalised; None: those of `features`.
        checkpoints, best, what: As `training.fit`.
        validate: Values of the model as it is by then, for the curves.

    Raises:
        ValueError: If a setting is wrong, or no clip is as long as a window.
    """
    train = entry.train
    training.deterministic(train.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mean, std = statistics or (features.mean, features.std)
    made = tokenizers.build(
        entry.kind, entry.model, torch.from_numpy(mean), torch.from_numpy(std), features.fps, features.mode
    )
    model = made.to(device)
    windows = Windows([(clip.id, features.of(clip)) for clip in clips], entry.window_frames, device)
    model.prepare(windows.sample(PREPARE_WINDOWS, train.seed), train.seed)
    model.plan(training.total_steps(train, windows.items_per_pass))
    history = training.fit(
        model,
        partial(windows.draw, train.batch_size),
        train,
        log,
        checkpoints=checkpoints,
        validate=partial(validate, model) if validate else None,
        best=best,
        items_per_pass=windows.items_per_pass,
        what=what,
    )
    return Fitted(model, history)


def shortened(entry: TokenizerEntry, rows: int, share: float, most: int) -> TokenizerEntry:
    """The same tokenizer trained on `rows` rows for a share of its own steps, `most` at most; milestones move along."""
    own = training.total_steps(entry.train, max(1, rows // entry.window_frames))
    steps = max(1, min(most, round(share * own)))
    milestones = tuple(max(1, round(step * steps / own)) for step in entry.train.milestones)
    changes = {"steps": steps, "passes": 0.0, "milestones": milestones, "patience": 0}
    return entry.model_copy(update={"train": entry.train.model_copy(update=changes)})
