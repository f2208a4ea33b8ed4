"""How much of a codebook is used, and how evenly.

Corpus-level statistics: perplexity of one batch is bounded by the batch and says little (T2M-GPT and MoMask log that).
Entropies are plug-in estimates in bits (Shannon 1948).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


class Usage(NamedTuple):
    """How one codebook of V codes is used.

    Attributes:
        counts: (V,) uses of each code.
        usage: Share of codes used at least once.
        perplexity: 2 to the entropy, between 1 and V.
        normalised_entropy: Entropy over log2 V, between 0 and 1.
        dead: Codes never used.
    """

    counts: Int64
    usage: float
    perplexity: float
    normalised_entropy: float
    dead: Int64


def usage(codes: Int64, size: int) -> Usage:
    """Usage of a codebook by codes of any shape.

    Raises:
        ValueError: If there is no code, or one is not in [0, size).
    """
    flat = np.asarray(codes).reshape(-1)
    if not len(flat) or flat.min() < 0 or flat.max() >= size:
        raise ValueError(f"expected codes in [0, {size}), got {len(flat)} codes" + _range(flat))
    counts = np.bincount(flat, minlength=size)
    bits = entropy(counts)
    return Usage(
        counts,
        float((counts > 0).mean()),
        float(2.0**bits),
        bits / float(np.log2(size)) if size > 1 else 1.0,
        np.flatnonzero(counts == 0),
    )


def _range(flat: Int64) -> str:
    return f" from {flat.min()} to {flat.max()}" if len(flat) else ""


def entropy(counts: Int64) -> float:
    """Entropy of counts in bits: -sum p log2 p; 0 if nothing was counted."""
    if not len(counts):
        return 0.0
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0
