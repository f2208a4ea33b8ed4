"""How fast the GPT prior writes 128 motions of 49 steps: with its cache, and asking the network anew for every step.

Run: .venv/bin/python bench/bench_prior.py [--published]
"""

import argparse
import json
import time
from collections.abc import Callable

import torch

from motionlib import params, priors
from motionlib.artifacts import CodeShape
from motionlib.priors.base import TextFeatures
from motionlib.priors.gpt import Gpt
from motionlib.priors.sampling import TokenSampling, draw

TEXTS, STEPS = 128, 49  # a batch of an evaluation; the longest HumanML3D motion, 196 frames
SHAPE = CodeShape(codebook_size=512, codes_per_step=1, frames_per_step=4, steps_per_second=5.0)
TEXT_DIM = 384
PUBLISHED = {"layers": 18, "width": 1024, "heads": 16, "position": "learned"}


@torch.no_grad()
def without_cache(model: Gpt, text: TextFeatures, generator: torch.Generator) -> torch.Tensor:
    """The published loop: every step runs the network over all steps before."""
    tokens = torch.zeros(len(text.sentence), 0, dtype=torch.long)
    for _ in range(STEPS):
        logits = model._logits(tokens, text)[:, -1]
        logits[:, model.end_id] = -torch.inf
        tokens = torch.cat((tokens, draw(logits, TokenSampling(), generator)[:, None]), dim=1)
    return tokens


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call, after one to warm up."""
    work()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(published: bool) -> None:
    """Print seconds of both ways, and whether they wrote the same."""
    torch.manual_seed(0)
    settings = PUBLISHED if published else params.load().priors["gpt"].model
    model = priors.build("gpt", settings, SHAPE, TEXT_DIM).eval()
    assert isinstance(model, Gpt)
    mask = torch.ones(TEXTS, 8, dtype=torch.bool)
    spans = torch.zeros(TEXTS, 8, 2, dtype=torch.int64)
    words = torch.randn(TEXTS, 8, TEXT_DIM)
    text = TextFeatures(torch.randn(TEXTS, TEXT_DIM), words, mask, spans, ("a walk",) * TEXTS)

    def cached() -> list[torch.Tensor]:
        return model.generate(text, [STEPS] * TEXTS, TokenSampling(), torch.Generator().manual_seed(1))

    def plain() -> torch.Tensor:
        return without_cache(model, text, torch.Generator().manual_seed(1))

    same = float((torch.stack(cached())[..., 0] == plain()).float().mean())
    found = {"texts": TEXTS, "steps": STEPS, "parameters": sum(p.numel() for p in model.parameters())}
    times = {"cached_s": round(seconds(cached), 3), "without_cache_s": round(seconds(plain), 3)}
    print(json.dumps(found | times | {"equal_codes": same, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", action="store_true", help="T2M-GPT's size instead of params.yaml's")
    main(**vars(parser.parse_args()))
