"""Codes as one row of tokens: several codes of a step one after the other, each with its own part of the vocabulary.

Sequences of L steps are L * Q tokens; token i is code i % Q of step i // Q and has id (i % Q) * V + code. Behind the
codes of all levels comes the end of the motion.
"""

import torch
from torch import Tensor
from torch.nn import functional

from motionlib.artifacts import CodeShape
from motionlib.priors.base import OPEN, PriorBatch, Score

IGNORE = -100  # a target that is not learned
MARKS = 2  # ids after the codes: end of the motion, and padding


def end_of(codes: CodeShape) -> int:
    """Id of the end of a motion; padding is the next one."""
    return codes.codebook_size * codes.codes_per_step


def tokens(batch: PriorBatch, codes: CodeShape) -> tuple[Tensor, Tensor]:
    """Input ids (B, L * Q), and the targets (B, L * Q + 1): each of them, and the end behind the last."""
    levels, size, end_id = codes.codes_per_step, codes.codebook_size, end_of(codes)
    ids = (batch.codes + size * torch.arange(levels, device=batch.codes.device)).flatten(1)
    lengths = (batch.lengths * levels)[:, None]
    inside = torch.arange(ids.shape[1], device=ids.device) < lengths
    targets = functional.pad(ids.masked_fill(~inside, IGNORE), (0, 1), value=IGNORE)
    end = torch.where(batch.ends, end_id, IGNORE)[:, None]
    return ids.masked_fill(~inside, end_id + 1), targets.scatter(1, lengths, end)


def score(logits: Tensor, targets: Tensor) -> Score:
    """Exact likelihood of targets (B, N) under logits (B, N, ids), per sequence."""
    each = functional.cross_entropy(logits.transpose(1, 2).double(), targets, ignore_index=IGNORE, reduction="none")
    hits = (logits.argmax(dim=-1) == targets).sum(dim=1)
    return Score(each.sum(dim=1), (targets != IGNORE).sum(dim=1), hits)


def allowed(codes: CodeShape) -> Tensor:
    """(Q, ids) bool: a level's own codes, and the end where a step begins."""
    found = torch.zeros(codes.codes_per_step, end_of(codes) + 1, dtype=torch.bool)
    for level in range(codes.codes_per_step):
        found[level, level * codes.codebook_size : (level + 1) * codes.codebook_size] = True
    found[0, -1] = True
    return found


def kept(drawn: Tensor, fixed: Tensor | None, position: int, codes: CodeShape) -> Tensor:
    """The drawn ids (N,) of a token, or those that `fixed` (N, L, Q) gives instead."""
    if fixed is None:
        return drawn
    level = position % codes.codes_per_step
    code = fixed[:, position // codes.codes_per_step, level]
    return torch.where(code != OPEN, code + level * codes.codebook_size, drawn)
