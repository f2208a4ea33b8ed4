"""Training step of the published-size VQ-VAE on one core, beside a plain fp32 eager one of the same network.

Run: `.venv/bin/python -m bench.bench_step [repeats]`. It prints, as JSON, seconds per step of both, their ratio, and
how that stands to the roof: the rate at which this core multiplies bf16 matrices of the network's size. FLOP are those
of the plain convolutions; ours does with fewer (`motionlib.tokenizers.products`), so its share may exceed 1.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib import tokenizers
from motionlib.tokenizers.vqvae import VqVae
from motionlib.training.batches import WindowBatch

BATCH, WINDOW, FEATURES, WIDTH, CODES = 256, 64, 263, 512, 512
MFLOP_PER_FRAME = 51.5  # forward and backward, multiplications and additions
SMALL = {"width": 128, "code_width": 64}  # the size of our own recipes
SMALL_BATCH = 32
LIKENESS = 1e-3  # relative difference of the two losses in fp32


class Sample(NamedTuple):
    """The batch and what both start from."""

    batch: WindowBatch
    model: VqVae


class PlainBlock(nn.Module):
    """T2M-GPT's residual block as published."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.point = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> the same."""
        inner: Tensor = self.point(torch.relu(self.wide(torch.relu(x))))
        return x + inner


class Plain(nn.Module):
    """T2M-GPT's VQ-VAE in plain PyTorch: `nn.Conv1d` over (B, C, T), layers numbered as ours."""

    def __init__(self, width: int, code_width: int, rows: int = FEATURES) -> None:
        super().__init__()

        def same(before: int, after: int) -> nn.Module:
            return nn.Conv1d(before, after, 3, padding=1)

        def half() -> list[nn.Module]:
            return [nn.Conv1d(width, width, 4, stride=2, padding=1), stack()]

        def double() -> list[nn.Module]:
            return [stack(), nn.Upsample(scale_factor=2), same(width, width)]

        def stack() -> nn.Module:
            return nn.Sequential(*(PlainBlock(width, dilation) for dilation in (9, 3, 1)))

        down = [same(rows, width), nn.ReLU(), *half(), *half(), same(width, code_width)]
        up = [same(code_width, width), nn.ReLU(), *double(), *double(), same(width, width), nn.ReLU()]
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up, same(width, rows))

    def loss(self, x: Tensor, book: Tensor) -> Tensor:
        """T2M-GPT's loss of normalised (B, T, D) with a codebook (V, C) at rest."""
        latent = self.encoder(x.transpose(1, 2)).transpose(1, 2)
        flat = latent.reshape(-1, latent.shape[-1])
        distance = flat.square().sum(1, keepdim=True) - 2 * flat @ book.T + book.square().sum(1)
        snapped = book[distance.argmin(1)].view_as(latent)
        passed = latent + (snapped - latent).detach()
        made, at = self.decoder(passed.transpose(1, 2)).transpose(1, 2), slice(4, 4 + 21 * 3)
        terms = functional.smooth_l1_loss(made, x) + 0.5 * functional.smooth_l1_loss(made[..., at], x[..., at])
        return terms + 0.02 * functional.mse_loss(latent, snapped.detach())

    def take(self, model: VqVae) -> None:
        """The weights of ours."""
        self.load_state_dict({k.replace(".layers", ""): v for k, v in model.state_dict().items() if ".layers" in k})


def sample(size: dict[str, int], batch: int) -> Sample:
    """A model of this size and windows of noise; the codebook lies where the latents are."""
    generator = torch.Generator().manual_seed(0)
    windows = WindowBatch(torch.randn(batch, WINDOW, FEATURES, generator=generator), ())
    torch.manual_seed(0)
    model = tokenizers.build("vqvae", size, torch.zeros(FEATURES), torch.ones(FEATURES))
    assert isinstance(model, VqVae)
    with torch.no_grad():
        model.quantizer.start(model.latents(windows.x), generator)
    return Sample(windows, model)


def plain_step(given: Sample) -> Callable[[], float]:
    """One fp32 step of the plain network with the default AdamW; gives the loss."""
    config = given.model.config
    model, book = Plain(config.width, config.code_width), given.model.quantizer.vectors.clone()
    model.take(given.model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.0)

    def run() -> float:
        loss = model.loss(given.batch.x, book)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return run


def our_step(given: Sample, *, half: bool) -> Callable[[], float]:
    """One step as `training.fit` takes it, the codebook's own step included; gives the loss."""
    model, generator = given.model, torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.0, fused=True)

    def run() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model.loss(given.batch, generator)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        model.follow(loss.seen, generator)
        return float(loss.total.detach())

    return run


def seconds(calls: Sequence[Callable[[], float]], repeats: int) -> list[float]:
    """Shortest of a few rounds of each call, in turns, after one that warms up: what the machine can do."""
    found = [[_timed(call) for call in calls] for _ in range(repeats + 1)]
    return [min(times) for times in zip(*found[1:], strict=True)]


def _timed(call: Callable[[], float]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def roof(dtype: torch.dtype) -> float:
    """GFLOP/s of one core for matrices as large as the network's."""
    rows, matrix = torch.randn(BATCH * WINDOW, WIDTH).to(dtype), torch.randn(WIDTH, WIDTH).to(dtype)
    (best,) = seconds([lambda: float((rows @ matrix)[0, 0])], 5)
    return 2 * BATCH * WINDOW * WIDTH * WIDTH / best / 1e9


def compared(size: dict[str, int], batch: int, repeats: int) -> dict[str, float]:
    """Both at this size.

    Raises:
        AssertionError: If they do not compute the same loss, so that they are not the same network.
    """
    given = sample(size, batch)
    plain, exact, half = plain_step(given), our_step(given, half=False), our_step(given, half=True)
    wanted, got = plain(), exact()
    assert abs(wanted - got) < LIKENESS * wanted, f"plain loss {wanted}, ours {got}"
    found = seconds([plain, exact, half], repeats)
    return {"plain fp32 s": found[0], "ours fp32 s": found[1], "ours bf16 s": found[2], "ratio": found[0] / found[2]}


def main(repeats: int) -> None:
    """Print all of it as JSON."""
    torch.set_num_threads(1)
    published = compared({"width": WIDTH, "code_width": WIDTH, "codes": CODES}, BATCH, repeats)
    rates = {"fp32 matmul GFLOP/s": roof(torch.float32), "bf16 matmul GFLOP/s": roof(torch.bfloat16)}
    done = MFLOP_PER_FRAME * BATCH * WINDOW / 1e3  # GFLOP of a step
    published["frames/s"] = BATCH * WINDOW / published["ours bf16 s"]
    published["share of the bf16 roof"] = done / published["ours bf16 s"] / rates["bf16 matmul GFLOP/s"]
    published["ratio at the roof"] = published["plain fp32 s"] * rates["bf16 matmul GFLOP/s"] / done
    found = {"roof": rates, "published size": published, "recipe size": compared(SMALL, SMALL_BATCH, 10 * repeats)}
    rounded = {part: {name: round(value, 3) for name, value in each.items()} for part, each in found.items()}
    print(json.dumps({"threads": 1, "cpu": torch.backends.cpu.get_cpu_capability()} | rounded, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
