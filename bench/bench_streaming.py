"""Milliseconds per step of a causal tokenizer that works while the motion goes on, beside encoding again what was seen.

Run: `.venv/bin/python -m bench.bench_streaming [threads]`.
"""

import json
import sys
import time

import numpy as np
import torch

from motionlib import tokenizers
from motionlib.tokenizers.clips import encode_clip
from motionlib.tokenizers.streaming import StreamDecoder, StreamEncoder

FEATURES = 263
STEPS = 100  # code steps of the measured stream, 20 s of motion
WARM = 10  # of them before measuring
WIDTHS = (128, 512)


def causal(width: int) -> tokenizers.Tokenizer:
    """A causal tokenizer of this width with random weights."""
    settings = {"width": width, "code_width": width, "causal": True}
    return tokenizers.build("vqvae", settings, torch.zeros(FEATURES), torch.ones(FEATURES)).eval()


def measured(width: int) -> dict[str, float]:
    """Medians over the steps of a stream, ms, and of encoding all of it again at its last step."""
    model = causal(width)
    frames = model.shape.frames_per_step
    rows = np.random.default_rng(0).normal(size=(STEPS * frames, FEATURES)).astype(np.float32)
    coder, decoder = StreamEncoder(model), StreamDecoder(model)
    times = []
    for step in range(STEPS):
        began = time.perf_counter()
        codes = coder.push(rows[step * frames : (step + 1) * frames])
        middle = time.perf_counter()
        decoder.push(codes)
        times.append((middle - began, time.perf_counter() - middle))
    began = time.perf_counter()
    encode_clip(model, rows)
    again = time.perf_counter() - began
    encode, decode = np.median(np.array(times[WARM:]), axis=0)
    found = {"encode_step": encode, "decode_step": decode, "encode_all_again": again}
    return {name: round(1e3 * float(value), 2) for name, value in found.items()}


def main() -> None:
    """Print a JSON object: width -> milliseconds; a step of four frames lasts 200."""
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(json.dumps({str(width): measured(width) for width in WIDTHS}, indent=1))


if __name__ == "__main__":
    main()
