"""Changing a motion by text, with a contract: frames outside what is asked for come back exactly."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from motionlib.artifacts import Float32, Int64
from motionlib.normalize import recover
from motionlib.priors.base import OPEN
from motionlib.priors.windows import Sheet
from motionlib.promotion.seams import After, join, spans_of

if TYPE_CHECKING:
    from motionlib.promotion.model import MotionModel

SEAM = 0.4  # s over which a difference between what is kept and what is written is let go
LEAST = 2  # frames of a part that is written


class Change(NamedTuple):
    """From `start` to `end` (s) the motion shall show `text`; "" leaves it to the model."""

    start: float
    end: float
    text: str


class Edited(NamedTuple):
    """An edited motion.

    Attributes:
        features: (T, D) float32. joints: (T, 22, 3) metres. codes: (L, Q) int64, as the prior wrote and saw them.
        mask: (T,) True where frames were written; all others are the source's, to the bit (with `follow`, joints
            after a written part are the source's but for the place and the heading from which they go on).
        seam_jump: m/s, the largest change of a joint's velocity at a border of the mask.
        own_jump: m/s, the largest change of a joint's velocity from frame to frame in the source.
        led, turned: Metres and radians by which the root was led so that what follows stays in its place.
    """

    features: Float32
    joints: Float32
    codes: Int64
    mask: NDArray[np.bool_]
    seam_jump: float
    own_jump: float
    led: float
    turned: float


def edit(
    model: "MotionModel",
    rows: Float32,
    changes: Sequence[Change],
    count: int = 1,
    seed: int = 0,
    sampling: Mapping[str, Any] | None = None,
    seam: float = SEAM,
    after: After = "stay",
) -> list[Edited]:
    """Write parts of a motion anew, or go on beyond its end.

    Args:
        rows: (T, D) raw features of the motion.
        changes: What is asked for; one that ends behind the motion makes it longer.
        count: How many different results. seed, sampling: See `MotionModel.generate`.
        seam: Seconds inside each written part over which it leaves what is kept.
        after: `stay`: what follows a written part stands where it stood; `follow`: it goes on from where that ended.

    Raises:
        ValueError: If a change is empty or too short, overlaps another, or begins behind the end of the motion.
    """
    which = _which(changes, len(rows), model.fps)
    mask, size = which >= 0, model.tokenizer.shape.frames_per_step
    texts = [change.text for change in changes]
    sheets = [_sheet(model, rows, which, size)] * count
    edited = []
    for codes in model.write(sheets, texts, seed, sampling):
        written = model.decode(codes)[: len(which)]
        kept = np.concatenate([rows, written[len(rows) :]]).astype(np.float32)
        edited.append(_edited(model, rows, kept, written, mask, codes, max(1, round(seam * model.fps)), after))
    return edited


def go_on(
    model: "MotionModel",
    rows: Float32,
    texts: Sequence[str],
    seconds: Sequence[float] | None,
    count: int = 1,
    seed: int = 0,
    sampling: Mapping[str, Any] | None = None,
) -> list[Edited]:
    """Motions that begin with `rows` (T, D) exactly and go on with one text after the other; see `edit`.

    Without `seconds` each part is as long as the prior makes a motion of its text alone.
    """
    lengths = seconds or [len(motion.features) / model.fps for motion in model.generate(texts, None, 1, seed, sampling)]
    ends = np.cumsum([len(rows) / model.fps, *lengths]).tolist()
    changes = [Change(*span, text) for span, text in zip(pairwise(ends), texts, strict=True)]
    return edit(model, rows, changes, count, seed, sampling)


def _which(changes: Sequence[Change], frames: int, fps: float) -> NDArray[np.int64]:
    """Which change writes each frame, -1: none; as long as the result."""
    ends = [round(change.end * fps) for change in changes]
    which = np.full(max([frames, *ends]), -1)
    for i, change in enumerate(changes):
        start = round(change.start * fps)
        told = f"the change from {change.start:g} s to {change.end:g} s"
        if change.start < 0 or ends[i] - start < LEAST:
            raise ValueError(f"{told} is shorter than {LEAST} frames at {fps:g} Hz, or begins before the motion")
        if (which[start : ends[i]] >= 0).any():
            raise ValueError(f"{told} overlaps another one")
        which[start : ends[i]] = i
    if not changes:
        raise ValueError("nothing is to be changed")
    if (which[frames:] < 0).any():
        hole = frames + int(np.argmax(which[frames:] < 0))
        raise ValueError(f"the motion ends at {frames / fps:g} s and nothing says what comes at {hole / fps:g} s")
    return which


def _sheet(model: "MotionModel", rows: Float32, which: NDArray[np.int64], size: int) -> Sheet:
    """Codes of what is kept; a step that is partly written is open, under the first text in it."""
    steps, known = math.ceil(len(which) / size), math.ceil(len(rows) / size)
    padded = np.concatenate([rows, np.repeat(rows[-1:], known * size - len(rows), axis=0)])
    codes = np.full((steps, model.tokenizer.shape.codes_per_step), OPEN)
    codes[:known] = model.encode(padded)
    each = np.pad(which, (0, steps * size - len(which)), constant_values=-1).reshape(steps, size)
    open_steps = (each >= 0).any(axis=1)
    codes[open_steps] = OPEN
    first = np.take_along_axis(each, (each >= 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    return Sheet(torch.from_numpy(codes), torch.from_numpy(np.maximum(first, 0)))


def _edited(
    model: "MotionModel",
    rows: Float32,
    kept: Float32,
    written: Float32,
    mask: NDArray[np.bool_],
    codes: Int64,
    seam: int,
    after: After,
) -> Edited:
    joined = join(kept, written, mask, seam, after)
    joints = recover(joined.rows)
    source = recover(rows)
    same = ~mask[: len(rows)]
    if after == "follow":
        same &= np.cumsum(mask[: len(rows)]) == 0
    joints[: len(rows)][same] = source[same]
    borders = sorted({edge for span in spans_of(mask) for edge in span})
    jumps = _jumps(joints, model.fps)
    near = [jump for edge in borders for jump in jumps[max(0, edge - 2) : edge].tolist() if 0 < edge < len(joints)]
    own = _jumps(source, model.fps)
    return Edited(
        joined.rows, joints, codes, mask, max(near, default=0.0), float(own.max(initial=0.0)), joined.led, joined.turned
    )


def _jumps(joints: Float32, fps: float) -> NDArray[np.float64]:
    """(T - 2,) m/s, the largest change of a joint's velocity at each inner frame."""
    change: NDArray[np.float64] = np.linalg.norm(np.diff(joints.astype(np.float64), n=2, axis=0), axis=-1).max(axis=-1)
    return change * fps
