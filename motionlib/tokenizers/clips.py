"""Whole clips through a tokenizer: numpy in and out, one clip at a time.

One at a time, so that a clip's codes do not depend on what it is encoded beside: sums in a batch round differently.
"""

import numpy as np
import torch

from motionlib.artifacts import Float32, Int64
from motionlib.tokenizers.base import Tokenizer


def encode_clip(model: Tokenizer, rows: Float32) -> Int64:
    """Codes (L, Q) of one clip's raw features (T, D), whole and unpadded; L = T // frames per step.

    Raises:
        ValueError: If D is wrong or the clip is shorter than one step.
    """
    with torch.inference_mode():
        codes = model.encode(torch.from_numpy(np.array(rows, dtype=np.float32))[None].to(model.mean.device))
    result: Int64 = codes[0].cpu().numpy()
    return result


def decode_codes(model: Tokenizer, codes: Int64) -> Float32:
    """Raw features (L * frames per step, D) of codes (L, Q).

    Raises:
        ValueError: If the codes are not (L, Q) or not of this codebook.
    """
    with torch.inference_mode():
        rows = model.decode(torch.from_numpy(np.array(codes, dtype=np.int64))[None].to(model.mean.device))
    result: Float32 = rows[0].cpu().numpy()
    return result


def reconstruct_clip(model: Tokenizer, rows: Float32) -> Float32:
    """What is left of a clip after its codes: (T, D) -> (T // frames per step * frames per step, D).

    Raises:
        ValueError: If D is wrong or the clip is shorter than one step.
    """
    return decode_codes(model, encode_clip(model, rows))
