"""A tokenizer as plain functions of one clip, for evaluations, which know no tokenizer."""

from collections.abc import Callable
from functools import partial

from motionlib.artifacts import CodeShape, Float32, Int64
from motionlib.tokenizers.base import Tokenizer
from motionlib.tokenizers.clips import decode_codes, encode_clip


def doors(model: Tokenizer) -> tuple[Callable[[Float32], Int64], Callable[[Int64], Float32], CodeShape]:
    """Rows (T, D) to codes (L, Q), codes to rows (L * f, D), and the codes' shape."""
    return partial(encode_clip, model), partial(decode_codes, model), model.shape
