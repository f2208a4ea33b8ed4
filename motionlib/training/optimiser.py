"""AdamW and its learning rate as a plain function of the step."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from motionlib.params import Train


def adamw(parameters: Iterable[nn.Parameter], config: Train) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, arXiv:1711.05101) in its fused form."""
    return torch.optim.AdamW(
        [p for p in parameters if p.requires_grad],
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=True,
    )


def total_steps(config: Train, items_per_pass: int = 0) -> int:
    """Optimiser steps of a training: `steps`, or fewer where `passes` over `items_per_pass` items are done before."""
    if not config.passes or not items_per_pass:
        return config.steps
    return min(config.steps, max(1, math.ceil(config.passes * items_per_pass / config.batch_size)))


def learning_rate(config: Train, step: int, total: int) -> float:
    """Learning rate of step `step` (0-based) of `total`: linear warm-up, then the schedule.

    `cosine` falls to 0 at `total`; `step` multiplies by gamma at each milestone (steps, counted from 0).
    """
    warmup = min(config.warmup_steps, max(total // 2, 1))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "cosine":
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))
    if config.schedule == "step":
        passed = sum(step >= milestone for milestone in config.milestones)
        return float(config.learning_rate * config.gamma**passed)
    return config.learning_rate


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Give every parameter group this learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = value
