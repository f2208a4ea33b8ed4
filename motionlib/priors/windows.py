"""Motions of any length out of a prior that writes a bounded number of steps, and motions that are partly written.

What is open is written window by window, each with as much of what stands around it as the prior can see: a longer
motion slides on over its own past, a gap sees both of its sides, and the next text begins where the one before ended.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from motionlib.priors.base import OPEN, Prior, TextFeatures

PAST = 4  # of the steps that a prior sees at once, one in so many is kept for the past of what it writes


class Sheet(NamedTuple):
    """A motion, written or not: `codes` (L, Q) int64, -1 where open; `texts` (L,) int64, which text says so there."""

    codes: Tensor
    texts: Tensor


class Window(NamedTuple):
    """Steps [start, end) that a prior sees; [first, last) of them are open and of one text."""

    start: int
    first: int
    last: int
    end: int


def fill(
    prior: Prior[Any, Any], sheets: Sequence[Sheet], text: TextFeatures, sampling: Any, generator: torch.Generator
) -> list[Tensor]:
    """Write what is open, and nothing else.

    Args:
        prior: Any of PRIORS.
        sheets: N motions of any length.
        text: The texts that `sheets` name.
        sampling: Of the prior. generator: All randomness; on the prior's device.

    Returns:
        N int64 tensors (L, Q).

    Raises:
        ValueError: If a code is none of the codebook's.
    """
    pages = [sheet.codes.clone() for sheet in sheets]
    while todo := _todo(pages, sheets, prior.max_steps):
        made = prior.generate(
            text.rows([int(sheets[i].texts[window.first]) for i, window in todo]),
            [window.end - window.start for _, window in todo],
            sampling,
            generator,
            [pages[i][window.start : window.end] for i, window in todo],
        )
        for (i, window), codes in zip(todo, made, strict=True):
            pages[i][window.first : window.last] = codes[window.first - window.start : window.last - window.start]
    return pages


def window_of(sheet: Sheet, longest: int) -> Window | None:
    """Where the first open steps of a motion are written next, seeing at most `longest` steps; None if none is open."""
    open_steps = (sheet.codes == OPEN).any(dim=1)
    if not bool(open_steps.any()):
        return None
    first = int(open_steps.to(torch.uint8).argmax())
    same = open_steps & (sheet.texts == sheet.texts[first])
    end = first + _run(same[first:])
    last = min(end, first + longest - min(first, longest // PAST))
    future = _run(~open_steps[last:]) if last == end else 0
    spare = longest - (last - first)
    after = min(future, max(spare // 2, spare - first))
    return Window(max(0, first - (spare - after)), first, last, last + after)


def _todo(pages: Sequence[Tensor], sheets: Sequence[Sheet], longest: int) -> list[tuple[int, Window]]:
    found = [window_of(Sheet(page, sheet.texts), longest) for page, sheet in zip(pages, sheets, strict=True)]
    return [(i, window) for i, window in enumerate(found) if window is not None]


def _run(flags: Tensor) -> int:
    """How many leading flags are True."""
    return int(flags.to(torch.int64).cumprod(dim=0).sum())
