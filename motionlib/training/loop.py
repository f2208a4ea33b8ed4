"""The one training loop: tokenizers, priors and evaluators all go through `fit`."""

import contextlib
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from motionlib.params import Train
from motionlib.progress import track
from motionlib.tracking import Log
from motionlib.training import checkpoint
from motionlib.training.history import History, Point
from motionlib.training.optimiser import adamw, learning_rate, set_learning_rate, total_steps
from motionlib.training.types import Loss, Trainable

CURVE_POINTS = 200  # points in a curve at most
Draw = Callable[[torch.Generator], Any]
Validate = Callable[[], Mapping[str, float]]


def deterministic(seed: int, threads: int = 0) -> None:
    """Seed torch and allow only operations that give the same bytes every time.

    Args:
        threads: Of torch's operations, as results may depend on their number; 0: one per usable core.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it (CUDA programming guide)
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
    torch.set_deterministic_debug_mode("error")  # as use_deterministic_algorithms, without importing the compiler (3 s)
    torch.manual_seed(seed)


def fit(
    model: Trainable,
    draw: Draw,
    config: Train,
    log: Log,
    *,
    checkpoints: Path | None = None,
    validate: Validate | None = None,
    best: str = "",
    items_per_pass: int = 0,
    what: str = "training",
) -> History:
    """Train `model` in place, from its checkpoint if there is one.

    Every step: `batch = draw(generator)`, `model.loss(batch, generator)`, AdamW, `model.follow(seen, generator)`.
    Resuming gives the same bytes as never having stopped: weights, buffers, optimiser, generators and curves
    are all in the checkpoint. Call `deterministic(seed)` before the model is made.

    Args:
        model: A torch module with `loss` and `follow` (`training.Trainable`), on the device it shall stay on.
        draw: Makes one batch; all randomness from the generator it is given. If the batch has `ids`, they are
            named when the loss is not finite.
        checkpoints: Folder of this very training (`checkpoint.folder(stage, checkpoint.fingerprint(...))`).
        validate: Called every `config.validate_every` steps and after the last, in eval mode without gradients;
            must not draw from the global generator's future (it is put back afterwards). Values are for the curves.
        best: Key of `validate`'s values; the weights of its lowest value are the result. "": the last weights.
        items_per_pass: Batch rows that make one pass over the data, for `config.passes`.
        what: Name on the progress bar.

    Returns:
        The curves. `model` is left in eval mode.

    Raises:
        FloatingPointError: If the loss is not finite; names step, part and, if known, clips.
        ValueError: If `best` is not among the values that `validate` returns.
    """
    run = _Run(model, config, total_steps(config, items_per_pass), best, checkpoints)
    run.resume(log)
    for _ in track(range(run.step, run.history.total), what, run.history.total, run.step):
        run.take_step(draw, log)
        last = run.step == run.history.total
        if validate is not None and (last or run.step % config.validate_every == 0):
            run.validate(validate, log)
        if last or run.history.stopped_early or run.step % config.checkpoint_every == 0:
            run.save()
        if run.history.stopped_early:
            break
    run.finish()
    return run.history


class _Run:
    """The state of one training; everything in it is in its checkpoint."""

    def __init__(self, model: Trainable, config: Train, total: int, best: str, checkpoints: Path | None) -> None:
        self.model, self.config, self.best, self.checkpoints = model, config, best, checkpoints
        self.device = next(model.parameters()).device
        self.optimiser = adamw(model.parameters(), config)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        self.history = History(total)
        self.curve_every = max(1, total // CURVE_POINTS)
        self.step = 0
        self.without_gain = 0
        self.sums: dict[str, list[float]] = {}
        self.kept: dict[str, Tensor] = {}
        self.slow = {n: p.detach().clone() for n, p in model.named_parameters()} if config.ema_decay else {}
        torch.manual_seed(config.seed)  # dropout draws from the global generator
        model.train()

    def take_step(self, draw: Draw, log: Log) -> None:
        set_learning_rate(self.optimiser, learning_rate(self.config, self.step, self.history.total))
        batch = draw(self.generator)
        half = self.config.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            loss = self.model.loss(batch, self.generator)
        _check_finite(loss, batch, self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.total.backward()
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimiser.step()
        with torch.no_grad():
            followed = self.model.follow(loss.seen, self.generator)
            self._follow_weights()
        self.step += 1
        self._note(loss, followed, log)

    def _follow_weights(self) -> None:
        if not self.slow:
            return
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))  # quick at first (Adam-style ramp)
        for name, parameter in self.model.named_parameters():
            self.slow[name].lerp_(parameter.detach(), 1 - decay)

    def _note(self, loss: Loss, followed: Mapping[str, float], log: Log) -> None:
        rate = float(self.optimiser.param_groups[0]["lr"])
        values = {name: float(part.detach()) for name, part in loss.parts.items()} | dict(followed)
        for name, value in (values | {"loss": float(loss.total.detach()), "learning_rate": rate}).items():
            entry = self.sums.setdefault(name, [0.0, 0.0])
            entry[0] += value
            entry[1] += 1
        if self.step % self.curve_every == 0 or self.step == self.history.total:
            point = Point(self.step, {name: total / count for name, (total, count) in sorted(self.sums.items())})
            self.history.training.append(point)
            self.sums = {}
            log.metrics(point.values, self.step)

    def validate(self, validate: Validate, log: Log) -> None:
        devices = [self.device] if self.device.type == "cuda" else []
        self.model.train(False)
        with torch.no_grad(), torch.random.fork_rng(devices=devices), self._slow_weights():
            values = {name: float(value) for name, value in sorted(validate().items())}
            self._keep_best(values)
        self.model.train()
        self.history.validation.append(Point(self.step, values))
        log.metrics({f"val_{name}": value for name, value in values.items()}, self.step)

    def _keep_best(self, values: Mapping[str, float]) -> None:
        if not self.best:
            return
        if self.best not in values:
            raise ValueError(f"best={self.best!r} is not among the validation's values: {sorted(values)}")
        value = values[self.best]
        if self.history.best_value is None or value < self.history.best_value:
            self.history.best_value, self.history.best_step, self.without_gain = value, self.step, 0
            self.kept = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
            return
        self.without_gain += 1
        self.history.stopped_early = 0 < self.config.patience <= self.without_gain

    @contextlib.contextmanager
    def _slow_weights(self) -> Any:
        fast = {name: p.detach().clone() for name, p in self.model.named_parameters()} if self.slow else {}
        _copy(self.slow, dict(self.model.named_parameters()))
        yield
        _copy(fast, dict(self.model.named_parameters()))

    def save(self) -> None:
        if self.checkpoints is None:
            return
        tensors = {
            **checkpoint.pack("model", self.model.state_dict()),
            **checkpoint.pack("optimiser", checkpoint.optimiser_state(self.optimiser)),
            **checkpoint.pack("slow", self.slow),
            **checkpoint.pack("kept", self.kept),
            "rng.generator": self.generator.get_state(),
            "rng.torch": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            tensors["rng.cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {"step": self.step, "sums": self.sums, "without_gain": self.without_gain}
        checkpoint.save(self.checkpoints, tensors, facts | {"history": self.history.numbers()})

    def resume(self, log: Log) -> None:
        found = checkpoint.load(self.checkpoints) if self.checkpoints else None
        if found is None:
            return
        tensors, facts = found
        _copy(checkpoint.unpack("model", tensors), self.model.state_dict())
        checkpoint.restore_optimiser(self.optimiser, checkpoint.unpack("optimiser", tensors))
        self.slow = {n: t.to(self.device) for n, t in checkpoint.unpack("slow", tensors).items()}
        self.kept = {n: t.to(self.device) for n, t in checkpoint.unpack("kept", tensors).items()}
        self.generator.set_state(tensors["rng.generator"])
        torch.set_rng_state(tensors["rng.torch"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["rng.cuda"], self.device)
        self.step, self.sums, self.without_gain = facts["step"], facts["sums"], facts["without_gain"]
        self.history = History.of(facts["history"])
        for point in self.history.training:  # so that the run that ends the training shows all of it
            log.metrics(point.values, point.step)

    def finish(self) -> None:
        """Leave the chosen weights in the model: the best, else the slow ones, else the last."""
        _copy(self.slow, dict(self.model.named_parameters()))
        _copy(self.kept, self.model.state_dict())
        self.model.train(False)


def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in source.items():
            target[name].copy_(tensor)


def _check_finite(loss: Loss, batch: Any, step: int) -> None:
    value = float(loss.total.detach())
    if math.isfinite(value):
        return
    bad = sorted(name for name, part in loss.parts.items() if not math.isfinite(float(part.detach()))) or ["loss"]
    ids = getattr(batch, "ids", None)
    clips = f"; clips {list(ids)[:8]}" if ids is not None else ""
    raise FloatingPointError(f"loss is {value} at step {step}: {', '.join(bad)}{clips}")
