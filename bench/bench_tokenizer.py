"""Milliseconds of one tokenizer training step, by width, precision and memory layout, and of encoding a clip.

Run: `.venv/bin/python -m bench.bench_tokenizer [threads]`.
"""

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from motionlib import tokenizers
from motionlib.tokenizers.clips import encode_clip
from motionlib.tokenizers.conv import Conv, to_image
from motionlib.training.batches import WindowBatch

BATCH, WINDOW, FEATURES = 64, 64, 263
REPEATS = 5
WIDTHS = (128, 256, 512)


def milliseconds(call: Callable[[], object]) -> float:
    """Median of a few calls after one that warms up."""
    call()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times))


def channels_first(self: Conv, image: Tensor) -> Tensor:
    """The layout of the published code, (B, C, T), for comparison."""
    rows = image.squeeze(2).contiguous()
    out = functional.conv1d(rows, self.weight, self.bias, self.stride, int(self.padding[0]), self.dilation)
    return to_image(out.transpose(1, 2))


def compiled_step(width: int) -> float:
    """The forward pass through torch.compile with everything else as it is; nan where there is no compiler."""
    model = new(width)
    model.encoder, model.decoder = torch.compile(model.encoder), torch.compile(model.decoder)
    try:
        return milliseconds(step(model, half=True))
    except Exception as error:
        print(f"torch.compile: {type(error).__name__}", file=sys.stderr)
        return float("nan")


def new(width: int) -> tokenizers.Tokenizer:
    """A tokenizer of this width with random weights."""
    return tokenizers.build("vqvae", {"width": width, "code_width": width}, torch.zeros(FEATURES), torch.ones(FEATURES))


def step(model: tokenizers.Tokenizer, *, half: bool) -> Callable[[], None]:
    """One training step: forward, backward, AdamW, codebook."""
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    batch = WindowBatch(torch.randn(BATCH, WINDOW, FEATURES, generator=generator), ())

    def run() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model.loss(batch, generator)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        model.follow(loss.seen, generator)

    return run


def encoding(width: int, *, training_path: bool) -> float:
    """Milliseconds per clip, over clips of 40 different lengths."""
    model = new(width).eval()
    if training_path:
        for module in model.modules():
            if isinstance(module, Conv):
                module.train()
    clips = [np.zeros((length, FEATURES), dtype=np.float32) for length in range(60, 220, 4)]
    began = time.perf_counter()
    for clip in clips:
        encode_clip(model, clip)
    return 1e3 * (time.perf_counter() - began) / len(clips)


def main(threads: int) -> None:
    """Print all of it as JSON."""
    torch.set_num_threads(threads)
    found: dict[str, float] = {}
    for width in WIDTHS:
        found[f"step width {width} fp32"] = milliseconds(step(new(width), half=False))
        found[f"step width {width} bf16"] = milliseconds(step(new(width), half=True))
    real = Conv.forward
    Conv.forward = channels_first
    for half in (False, True):
        found[f"step width 256 {'bf16' if half else 'fp32'}, channels first"] = milliseconds(step(new(256), half=half))
    Conv.forward = real
    found["step width 256 bf16, torch.compile"] = compiled_step(256)
    found["encode a clip, width 256, matrix product"] = encoding(256, training_path=False)
    found["encode a clip, width 256, oneDNN convolution"] = encoding(256, training_path=True)
    print(json.dumps({"threads": threads, "ms": {name: round(value, 1) for name, value in found.items()}}, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else len(os.sched_getaffinity(0)))
