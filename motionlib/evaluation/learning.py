"""How an evaluator is trained: batches of captioned motions, the validation that chooses its weights, pre-training."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from motionlib.artifacts import FeatureSet, TextTable
from motionlib.evaluation import matching
from motionlib.evaluation.evaluator import Evaluator, PairBatch
from motionlib.evaluation.guo import Guo
from motionlib.evaluation.networks import UNIT, MovementDecoder
from motionlib.evaluation.pairs import Batches, Pairs, batch_of, read_pairs, to_device
from motionlib.params import Train
from motionlib.tracking import Log
from motionlib.training import History, Loss, fit

PRETRAIN_WINDOW = 40  # frames (Guo et al.)
SPARSITY, SMOOTHNESS = 0.001, 0.001  # weights of mean |latent| and of its mean step (Guo et al.)
FEWEST_VALIDATION = 8  # motions; with fewer the last weights are kept, as their loss would choose by chance


class WindowBatch(NamedTuple):
    """Windows of normalised features without contacts: (B, 40, D - 4)."""

    windows: Tensor


class MovementAutoEncoder(nn.Module):
    """Pre-training of an evaluator's movement encoder, in place: reconstruct windows of 40 frames."""

    def __init__(self, model: Guo) -> None:
        super().__init__()
        self.encoder = model.movement
        self.decoder = MovementDecoder(model.config.movement, model.config.movement_width, model.seen)

    def loss(self, batch: WindowBatch, generator: torch.Generator) -> Loss:  # noqa: ARG002
        """L1 reconstruction, small and smooth latents."""
        latent = self.encoder(batch.windows)
        reconstruction = (self.decoder(latent) - batch.windows).abs().mean()
        sparsity, smoothness = latent.abs().mean(), latent.diff(dim=1).abs().mean()
        parts = {"reconstruction": reconstruction, "sparsity": sparsity, "smoothness": smoothness}
        return Loss(reconstruction + SPARSITY * sparsity + SMOOTHNESS * smoothness, parts)

    def follow(self, seen: None, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """Nothing is learned but by gradient."""
        return {}


def learn(
    model: Evaluator, features: FeatureSet, text: TextTable, train: Train | None, log: Log, checkpoints: Path | None
) -> History:
    """Train an evaluator in place: pre-training if its settings ask for it, then motion and text together.

    The weights with the lowest validation loss are kept, where there are at least 8 motions to validate on. Without
    `train` nothing is done: the evaluator is a given one.

    Raises:
        BadArtifactError: If there is no captioned motion in train.
        FloatingPointError: If the loss is not finite.
    """
    if train is None:
        return History(total=0)
    if isinstance(model, Guo) and model.config.pretrain_steps:
        pretrain(model, features, train, log, checkpoints)
    pairs = read_pairs(features, "train", mirror=True)
    batches = Batches(pairs, text, model.config, train.batch_size, model.mean.device)
    validate = validation(model, features, text)
    return fit(
        model,
        batches.draw,
        train.model_copy(update={"batch_size": batches.size}),
        log,
        checkpoints=checkpoints,
        validate=validate,
        best="loss" if validate else "",
        items_per_pass=len(pairs),
        what="evaluator",
    )


def pretrain(model: Guo, features: FeatureSet, train: Train, log: Log, checkpoints: Path | None) -> None:
    """Train the movement encoder as an auto-encoder on all training clips; `freeze_movement` then keeps it as it is."""
    rows = [features.of(clip) for clip in features.split("train") if clip.frames >= PRETRAIN_WINDOW]
    settings = train.model_copy(update={"steps": model.config.pretrain_steps, "passes": 0.0, "patience": 0})
    folder = checkpoints / "movement" if checkpoints else None

    def draw(generator: torch.Generator) -> WindowBatch:
        place = generator.device
        chosen = torch.randint(len(rows), (train.batch_size,), generator=generator, device=place).tolist()
        places = torch.rand(train.batch_size, generator=generator, device=place).tolist()
        starts = [int(p * (len(rows[n]) - PRETRAIN_WINDOW + 1)) for n, p in zip(chosen, places, strict=True)]
        windows = np.stack([rows[n][s : s + PRETRAIN_WINDOW] for n, s in zip(chosen, starts, strict=True)])
        frames = torch.full((len(windows),), PRETRAIN_WINDOW, device=place)
        return WindowBatch(model.normalised(torch.from_numpy(windows).to(place), frames))

    fit(MovementAutoEncoder(model), draw, settings, log, checkpoints=folder, what="evaluator movements")
    model.movement.requires_grad_(not model.config.freeze_movement)


def validation(model: Evaluator, features: FeatureSet, text: TextTable) -> Callable[[], Mapping[str, float]] | None:
    """Loss and duplicate-aware top-1 hits over chance of all validation motions at once; None where there are few."""
    if sum(item.split == "val" for item in features.items) < FEWEST_VALIDATION:
        return None
    pairs = read_pairs(features, "val")
    if len(pairs) < FEWEST_VALIDATION:
        return None
    device = model.mean.device
    batch = to_device(_all_of(pairs, text, model), device)

    def validate() -> dict[str, float]:
        loss = model.loss(batch, torch.Generator(device).manual_seed(0)).total
        words = model.forward_text(batch.words, batch.tokens).cpu().numpy()
        distances = matching.distance_matrix(words, model.forward_motion(batch.motion, batch.frames).cpu().numpy())
        same = batch.same.cpu().numpy()
        hits = matching.top_k_hits(distances, same, 1).mean() / matching.chance_hits(same, 1).mean()
        return {"loss": float(loss), "times_chance": float(hits)}

    return validate


def _all_of(pairs: Pairs, text: TextTable, model: Evaluator) -> PairBatch:
    numbers = range(len(pairs))
    captions = [motion.captions[0] for motion in pairs.motions]
    motions = [pairs.rows(number, model.config.max_frames // UNIT * UNIT) for number in numbers]
    return batch_of(pairs, text, numbers, captions, motions, model.config.sentence)
