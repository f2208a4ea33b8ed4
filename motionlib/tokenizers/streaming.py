"""Motion to codes and codes to motion while either is still going on, for tokenizers whose settings say `causal: true`.

Every causal convolution keeps the last inputs that its next output needs, and nothing is computed twice: work and
memory per frame do not grow with the stream. The codes of a step are there with its last frame, the frames of a code
with the code. Results are those of the whole clip up to the rounding of matrix products of other sizes (1e-5 of a
normalised feature); a code differs only where its latent lies that close to the border between two.
"""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from motionlib.artifacts import Float32, Int64
from motionlib.tokenizers.base import Tokenizer
from motionlib.tokenizers.clips import decode_codes, encode_clip
from motionlib.tokenizers.conv import Conv


class StreamEncoder:
    """Codes of rows as they come; one object for each stream.

    Args:
        model: A causal tokenizer in eval mode; it is left as it is, and its weights are not copied.

    Raises:
        ValueError: If the tokenizer is not causal or in training.
    """

    def __init__(self, model: Tokenizer) -> None:
        self._model, self._step = _remembering(model), model.shape.frames_per_step
        self._per_step = model.shape.codes_per_step
        self._waiting = np.zeros((0, model.width), dtype=np.float32)

    def push(self, rows: Float32) -> Int64:
        """Raw features (T, D) of the next T frames, any T -> codes (L, Q) of the L steps that they complete.

        Raises:
            ValueError: If D is wrong.
        """
        if rows.ndim != 2 or rows.shape[1] != self._waiting.shape[1]:
            raise ValueError(f"expected rows (T, {self._waiting.shape[1]}), got {rows.shape}")
        there = np.concatenate([self._waiting, rows.astype(np.float32, copy=False)])
        whole = len(there) // self._step * self._step
        self._waiting = there[whole:].copy()  # a view would keep all of a long chunk alive
        return encode_clip(self._model, there[:whole]) if whole else np.zeros((0, self._per_step), dtype=np.int64)


class StreamDecoder:
    """Rows of codes as they come; one object for each stream. Arguments and errors as `StreamEncoder`."""

    def __init__(self, model: Tokenizer) -> None:
        self._model = _remembering(model)

    def push(self, codes: Int64) -> Float32:
        """Codes (L, Q) of the next L steps, any L -> their raw features (L * frames per step, D).

        Raises:
            ValueError: If the codes are not (L, Q) or not of this codebook.
        """
        if codes.shape == (0, self._model.shape.codes_per_step):
            return np.zeros((0, self._model.width), dtype=np.float32)
        return decode_codes(self._model, codes)


class _Past(nn.Module):
    """What stands before the rows of a causal convolution: the last rows of before; at first zeros, as in a clip."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.rows: Tensor | None = None

    def forward(self, rows: Tensor) -> Tensor:
        """(B, T, C) -> (B, steps + T, C)."""
        past = rows.new_zeros(len(rows), self.steps, rows.shape[2]) if self.rows is None else self.rows
        seen = torch.cat([past, rows], dim=1)
        self.rows = seen[:, seen.shape[1] - self.steps :].clone()
        return seen


def _remembering(model: Tokenizer) -> Tokenizer:
    """A model on the same weights whose convolutions go on where they stopped."""
    if not getattr(model.config, "causal", False):
        raise ValueError(
            f"{type(model).__name__} is not causal, so that its codes depend on later frames: only a tokenizer that "
            "was trained with `causal: true` can stream"
        )
    if model.training:
        raise ValueError("a tokenizer in training cannot stream; call .eval() first")
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    own = copy.deepcopy(model, dict[int, object](shared))
    for module in list(own.modules()):
        if isinstance(module, Conv) and module.before:
            module.edges = _Past(module.before)
    return own
