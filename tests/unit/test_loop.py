"""The training loop: learns, stops, keeps the best, and resumes without a trace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from motionlib.params import Train
from motionlib.training import Loss, curves_png, fit
from motionlib.training.optimiser import learning_rate, total_steps


class Silent:
    def __init__(self):
        self.noted = []

    def metrics(self, values, step):
        self.noted.append((step, dict(values)))

    def dataset(self, name, path): ...

    def artifacts(self, folder): ...


def settings(**changes) -> Train:
    plain: dict[str, Any] = {
        "steps": 20,
        "batch_size": 4,
        "learning_rate": 0.05,
        "warmup_steps": 2,
        "schedule": "cosine",
        "checkpoint_every": 5,
        "validate_every": 5,
        "seed": 3,
    }
    return Train(**(plain | changes))


class Batch(NamedTuple):
    x: Tensor
    ids: tuple[str, ...] = ("clip_a", "clip_b")


class Line(nn.Module):
    """y = w x with dropout, a running mean as buffer, and noise: everything a resume could get wrong."""

    def __init__(self, dropout: float = 0.2):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.drop = nn.Dropout(dropout)
        self.register_buffer("running", torch.zeros(3))
        self.running: Tensor

    def loss(self, batch: Batch, generator: torch.Generator) -> Loss:
        noise = 0.01 * torch.randn(batch.x.shape, generator=generator)
        error = (self.layer(self.drop(batch.x + noise)) - batch.x.sum(-1, keepdim=True)).square().mean()
        return Loss(error, {"error": error}, batch.x)

    def follow(self, seen: Tensor, generator: torch.Generator) -> Mapping[str, float]:
        jitter = 1e-3 * torch.randn(3, generator=generator)
        self.running.mul_(0.9).add_(seen.mean(0) + jitter, alpha=0.1)
        return {"running": float(self.running[0])}


def draw(generator: torch.Generator) -> Batch:
    return Batch(torch.randn(4, 3, generator=generator))


def new_line(seed: int = 0, dropout: float = 0.2) -> Line:
    torch.manual_seed(seed)
    return Line(dropout)


def bytes_of(model: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def test_it_learns_a_line():
    model = new_line(dropout=0.0)
    history = fit(model, draw, settings(steps=300), Silent())
    torch.testing.assert_close(model.layer.weight.detach(), torch.ones(1, 3), atol=0.05, rtol=0)
    assert history.training[-1].values["error"] < 0.01 < history.training[0].values["error"]
    assert history.steps == 300
    assert not model.training


def test_the_same_seed_gives_the_same_bytes():
    first, second = new_line(), new_line()
    fit(first, draw, settings(), Silent())
    fit(second, draw, settings(), Silent())
    assert bytes_of(first) == bytes_of(second)


class Stopped(Exception):
    pass


def stopping_after(steps: int):
    count = 0

    def stopping(generator):
        nonlocal count
        count += 1
        if count > steps:
            raise Stopped
        return draw(generator)

    return stopping


@pytest.mark.parametrize("killed_after", [3, 5, 13, 20])
@pytest.mark.parametrize("extra", [{}, {"ema_decay": 0.9}, {"clip_norm": 0.1, "weight_decay": 0.01}])
def test_resuming_gives_the_same_bytes_as_never_having_stopped(tmp_path, killed_after, extra):
    validate_model: list[Line] = []

    def validate():
        return {"norm": float(validate_model[0].layer.weight.norm()), "noise": float(torch.randn(()))}

    def train(folder: Path, drawing) -> tuple[Line, Any]:
        model = new_line()
        validate_model[:] = [model]
        return model, fit(
            model, drawing, settings(**extra), Silent(), checkpoints=folder, validate=validate, best="norm"
        )

    undisturbed, whole = train(tmp_path / "a", draw)
    try:
        train(tmp_path / "b", stopping_after(killed_after))
    except Stopped:
        torch.randn(7)  # whatever a new process has drawn before
    resumed, parts = train(tmp_path / "b", draw)

    assert bytes_of(resumed) == bytes_of(undisturbed)
    assert parts == whole


def test_a_finished_training_is_not_repeated(tmp_path):
    first = new_line()
    fit(first, draw, settings(), Silent(), checkpoints=tmp_path)
    again = new_line(seed=1)
    fit(again, stopping_after(0), settings(), Silent(), checkpoints=tmp_path)
    assert bytes_of(again) == bytes_of(first)


def test_a_resumed_run_logs_the_whole_curve(tmp_path):
    with pytest.raises(Stopped):
        fit(new_line(), stopping_after(12), settings(), Silent(), checkpoints=tmp_path)
    log = Silent()
    fit(new_line(), draw, settings(), log, checkpoints=tmp_path)
    assert [step for step, _ in log.noted] == list(range(1, 21))


def test_validation_does_not_disturb_training():
    quiet, noisy = new_line(), new_line()
    fit(quiet, draw, settings(), Silent())
    fit(noisy, draw, settings(), Silent(), validate=lambda: {"x": float(torch.randn(100).sum())})
    assert bytes_of(quiet) == bytes_of(noisy)


def test_the_weights_of_the_best_validation_are_kept():
    model = new_line()
    seen = []

    def validate():
        seen.append(model.layer.weight.detach().clone())
        return {"score": [3.0, 1.0, 2.0, 4.0][len(seen) - 1]}

    history = fit(model, draw, settings(), Silent(), validate=validate, best="score")
    assert (history.best_step, history.best_value) == (10, 1.0)
    assert torch.equal(model.layer.weight.detach(), seen[1])


def test_it_stops_when_validation_gains_nothing():
    values = iter([2.0, 1.0, 1.5, 1.2, 0.1])
    history = fit(
        new_line(),
        draw,
        settings(steps=100, patience=2),
        Silent(),
        validate=lambda: {"score": next(values)},
        best="score",
    )
    assert history.stopped_early
    assert history.validation[-1].step == 20


def test_the_result_is_the_slow_average_of_the_weights():
    start, fast, slow = new_line(), new_line(), new_line()
    fit(fast, draw, settings(steps=1), Silent())
    fit(slow, draw, settings(steps=1, ema_decay=0.999), Silent())
    # The decay ramps up as (1 + step) / (10 + step): 1 / 10 at the first step.
    expected = 0.1 * start.layer.weight + 0.9 * fast.layer.weight
    torch.testing.assert_close(slow.layer.weight, expected)


def test_a_loss_that_is_not_finite_names_step_part_and_clips():
    class Broken(Line):
        def loss(self, batch, generator):
            good = super().loss(batch, generator)
            bad = good.total * float("nan")
            return Loss(bad, {"error": good.total, "rhythm": bad}, batch.x)

    with pytest.raises(FloatingPointError, match=r"nan at step 0: rhythm; clips \['clip_a', 'clip_b'\]"):
        fit(Broken(), draw, settings(), Silent())


def test_an_unknown_best_key_is_named():
    with pytest.raises(ValueError, match=r"best='mpjpe' .*\['nll'\]"):
        fit(new_line(), draw, settings(steps=5), Silent(), validate=lambda: {"nll": 1.0}, best="mpjpe")


def test_learning_rate_warms_up_and_falls_to_zero():
    config = settings(steps=102, learning_rate=1.0)
    assert learning_rate(config, 0, 102) == 0.5
    assert learning_rate(config, 2, 102) == 1.0
    assert learning_rate(config, 52, 102) == pytest.approx(0.5)
    assert learning_rate(config, 102, 102) == pytest.approx(0.0)


def test_a_step_schedule_multiplies_at_each_milestone():
    config = settings(schedule="step", milestones=(10, 20), gamma=0.1, learning_rate=1.0)
    assert [learning_rate(config, s, 30) for s in (9, 10, 19)] == pytest.approx([1.0, 0.1, 0.1])
    assert learning_rate(config, 25, 30) == pytest.approx(0.01)


def test_passes_limit_the_steps_of_a_small_set():
    config = settings(steps=1000, passes=3.0, batch_size=4)
    assert total_steps(config, 40) == 30  # 3 passes of 40 items in batches of 4
    assert total_steps(config, 4000) == 1000
    assert total_steps(config, 0) == 1000


def test_the_picture_of_a_history_is_always_the_same():
    history = fit(new_line(), draw, settings(), Silent(), validate=lambda: {"error": 1.0})
    assert curves_png(history, "line") == curves_png(history, "line")
    assert curves_png(history).startswith(b"\x89PNG")


SCRIPT = """
import sys, time, torch
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_loop import Silent, draw, new_line, settings
from motionlib.training import fit
torch.set_num_threads(1)
model = new_line()
def slow_draw(generator):
    time.sleep(float(sys.argv[3]))
    return draw(generator)
fit(model, slow_draw, settings(steps=200), Silent(), checkpoints=Path(sys.argv[1]))
torch.save(model.state_dict(), sys.argv[1] + "/result")
"""


@pytest.mark.slow
def test_a_real_kill_leaves_no_trace_in_the_result(tmp_path):
    def start(folder: Path, pause: float) -> subprocess.Popen:
        arguments = [sys.executable, "-c", SCRIPT, str(folder), str(Path(__file__).parent), str(pause)]
        return subprocess.Popen(arguments, env=os.environ | {"PYTHONPATH": "."})

    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
    assert start(tmp_path / "undisturbed", 0.0).wait() == 0
    victim = start(tmp_path / "killed", 0.02)
    while not (tmp_path / "killed" / "checkpoint.safetensors").exists():
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "result").exists()
    assert start(tmp_path / "killed", 0.0).wait() == 0
    first, second = (torch.load(tmp_path / name / "result", weights_only=True) for name in ("undisturbed", "killed"))
    assert all(first[name].numpy().tobytes() == second[name].numpy().tobytes() for name in first)
