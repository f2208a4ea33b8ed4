"""The nearest vector of a codebook, a drawn one, and clusters for its start: what codebooks are made of.

All vectors are (N, C) float32 on one device; codes (N,) int64.
"""

import math

import torch
from torch import Tensor

TILE_NOISE = 0.01  # of T2M-GPT's `_tile`, divided by sqrt(C): spread of repeated latents
KMEANS_STEPS = 20
BLOCK = 8192  # latents compared with all codes at once; bounds memory
EPSILON = torch.finfo(torch.float32).eps  # below a uniform number's resolution, noise would be infinite


def nearest_codes(flat: Tensor, book: Tensor) -> Tensor:
    """Code of the vector of a book (V, C) that is nearest to each latent; the lowest of equals."""
    size = book.square().sum(1)
    with torch.autocast(flat.device.type, enabled=False):  # half precision would snap to other codes
        # |z|^2 is the same for all codes and left out
        return torch.cat([(size - 2 * (part @ book.T)).argmin(1) for part in torch.split(flat, BLOCK)])


def drawn_codes(flat: Tensor, book: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """A code for each latent, with probability in proportion to exp(-squared distance / temperature)."""
    size = book.square().sum(1)
    found = []
    with torch.autocast(flat.device.type, enabled=False):
        for part in torch.split(flat, BLOCK):
            logits = (2 * (part @ book.T) - size) / temperature
            noise = torch.empty_like(logits).exponential_(generator=generator).clamp_min(EPSILON)
            found.append((logits - noise.log()).argmax(1))  # Gumbel's trick: -log of an exponential is Gumbel
    return torch.cat(found)


def totals(flat: Tensor, codes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Sum (V, C) and number (V,) of the latents of each code."""
    sums: Tensor = torch.zeros(size, flat.shape[1], device=flat.device)
    sums.index_add_(0, codes, flat)
    return sums, torch.bincount(codes, minlength=size).to(flat.dtype)


def shuffled(size: int, generator: torch.Generator) -> Tensor:
    """0 to size - 1 in random order."""
    return torch.randperm(size, generator=generator, device=generator.device)


def tiled(flat: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """The first `size` latents, repeated with a little noise where there are fewer (T2M-GPT's `_tile`)."""
    if len(flat) >= size:
        return flat[:size]
    repeats = -(-size // len(flat))
    noise = torch.randn(len(flat) * repeats, flat.shape[1], generator=generator, device=generator.device)
    spread = TILE_NOISE / math.sqrt(flat.shape[1])
    return (flat.repeat(repeats, 1) + noise * spread)[:size]


def kmeans(flat: Tensor, book: Tensor) -> Tensor:
    """Lloyd's algorithm from `book`; a cluster that nothing falls to stays where it is."""
    for _ in range(KMEANS_STEPS):
        codes = nearest_codes(flat, book)
        sums, counts = totals(flat, codes, len(book))
        means = sums / counts.clamp_min(1).unsqueeze(1)
        book = torch.where(counts.unsqueeze(1) > 0, means, book)
    return book
