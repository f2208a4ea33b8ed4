"""Convolutions along time as a few large matrix products, for training on a CPU.

Memory is time-major, (T, B, C): a shift in time is then a slice of whole rows, so no step is copied to stand beside its
neighbours and padding is not multiplied. Where few products suffice for what a convolution asks, they are all
that is done:

- two neighbouring steps of three taps: 4 products for 6 (Winograd, "Arithmetic Complexity of Computations", 1980;
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308, section 4.1, F(2, 3));
- two neighbouring steps of a stride of two: 3 products for 4 (F(2, 2) of the even and of the odd steps);
- three taps over steps that each come twice: 3 products for 6, as equal neighbours need one product.

Results differ from a convolution's by rounding alone.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

Terms = tuple[tuple[int, int], ...]  # (sign, where): a sum of what stands there, the first sign being +


class Recipe(NamedTuple):
    """A convolution of tiles that begin `taken` steps after each other and give `given` steps each.

    Attributes:
        inputs: Of each product and each part of its rows, (sign, step after the tile's first) of what is summed up.
        weights: Of each product and each part, the factor of each tap.
        outputs: Of each given step, (sign, product) of what is summed up.
        biased: The product that every given step has with a plus; the bias goes in there.
    """

    taken: int
    given: int
    inputs: tuple[tuple[Terms, ...], ...]
    weights: tuple[tuple[tuple[float, ...], ...], ...]
    outputs: tuple[Terms, ...]
    biased: int


@cache
def three_taps(before: int) -> Recipe:
    """Three neighbouring taps, the first `before` steps before the step itself; T steps to T."""
    a, b, c, d = (step - before for step in range(4))
    return Recipe(
        taken=2,
        given=2,
        inputs=(((((1, a), (-1, c)),)), (((1, b), (1, c)),), (((1, c), (-1, b)),), (((1, b), (-1, d)),)),
        weights=(((1, 0, 0),), ((0.5, 0.5, 0.5),), ((0.5, -0.5, 0.5),), ((0, 0, 1),)),
        outputs=(((1, 0), (1, 1), (1, 2)), ((1, 1), (-1, 2), (-1, 3))),
        biased=1,
    )


@cache
def halving(before: int) -> Recipe:
    """Four taps at a stride of two, the first `before` steps before; T steps to T / 2."""
    steps = [step - before for step in range(6)]

    def beside(sign_and_step: Sequence[tuple[int, int]]) -> tuple[Terms, ...]:
        return tuple(tuple((sign, steps[step + phase]) for sign, step in sign_and_step) for phase in range(2))

    return Recipe(
        taken=4,
        given=2,
        inputs=(beside([(1, 0), (-1, 2)]), beside([(1, 2)]), beside([(1, 4), (-1, 2)])),
        weights=(((1, 0, 0, 0), (0, 1, 0, 0)), ((1, 0, 1, 0), (0, 1, 0, 1)), ((0, 0, 1, 0), (0, 0, 0, 1))),
        outputs=(((1, 1), (1, 0)), ((1, 1), (1, 2))),
        biased=1,
    )


@cache
def doubling(before: int) -> Recipe:
    """Three neighbouring taps over every step twice, the first tap 1 or 2 steps before; T steps to 2 T."""
    here, change, coming = ((1, 0),), ((1, 0), (-1, -1)), ((1, 1), (-1, 0))
    causal = before == 2
    return Recipe(
        taken=1,
        given=2,
        inputs=((here,), (change,), (change if causal else coming,)),
        weights=(((1, 1, 1),), ((1, 1, 0) if causal else (1, 0, 0),), ((1, 0, 0) if causal else (0, 0, 1),)),
        outputs=(((1, 0), (-1, 1)), ((1, 0), (-1 if causal else 1, 2))),
        biased=0,
    )


def tiled(x: Tensor, weight: Tensor, bias: Tensor, recipe: Recipe) -> Tensor:
    """A convolution by a recipe: (T, B, C) and an `nn.Conv1d`'s weight (C', C, taps) -> (T', B, C') of x's kind."""
    factors = torch.tensor(recipe.weights, dtype=weight.dtype)  # (P, parts, taps)
    products, parts, taps = factors.shape
    out, width = weight.shape[:2]
    with torch.autocast(x.device.type, enabled=False):
        mixed = factors.reshape(-1, taps) @ weight.reshape(-1, taps).T  # (P parts, C' C)
        matrices = mixed.reshape(products, parts, out, width).transpose(1, 2).reshape(products, out, parts * width)
        made: Tensor = _Tiled.apply(x, matrices.to(x.dtype), bias.to(x.dtype), recipe)  # type: ignore[no-untyped-call]
    return made


def tapped(x: Tensor, weight: Tensor, bias: Tensor, offsets: tuple[int, ...]) -> Tensor:
    """A convolution tap by tap: (T, B, C) -> (T, B, C') of x's kind.

    Args:
        weight: (C', C, taps) of an `nn.Conv1d`. offsets: Where each tap looks, in steps from the step itself; one
            of them is 0.
    """
    taps = weight.permute(2, 0, 1).to(x.dtype, memory_format=torch.contiguous_format)
    with torch.autocast(x.device.type, enabled=False):
        made: Tensor = _Tapped.apply(x, taps, bias.to(x.dtype), offsets)  # type: ignore[no-untyped-call]
    return made


class Source(NamedTuple):
    """What is added to a sum: `sign` times `rows` (T, B, C), of which the one at `shift` meets the sum's first."""

    sign: int
    rows: Tensor
    shift: int


class _Tapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, bias: Tensor, offsets: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(x, taps)
        ctx.offsets = offsets
        steps, batch, _ = x.shape
        y: Tensor = torch.addmm(bias, x.flatten(0, 1), taps[offsets.index(0)].T).unflatten(0, (steps, batch))
        for tap, (given, taken) in _beside(offsets, steps):
            y[given].flatten(0, 1).addmm_(x[taken].flatten(0, 1), taps[tap].T)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, taps = ctx.saved_tensors
        dy, own, (steps, batch, _) = gradients[0].contiguous(), ctx.offsets.index(0), x.shape
        dx = (dy.flatten(0, 1) @ taps[own]).unflatten(0, (steps, batch)) if ctx.needs_input_grad[0] else None
        dtaps = torch.zeros_like(taps)
        torch.mm(dy.flatten(0, 1).T, x.flatten(0, 1), out=dtaps[own])
        for tap, (given, taken) in _beside(ctx.offsets, steps):
            rows = dy[given].flatten(0, 1)
            torch.mm(rows.T, x[taken].flatten(0, 1), out=dtaps[tap])
            if dx is not None:
                dx[taken].flatten(0, 1).addmm_(rows, taps[tap])
        return dx, dtaps, dy.sum((0, 1)), None


def _beside(offsets: Sequence[int], steps: int) -> list[tuple[int, tuple[slice, slice]]]:
    """Of each tap that looks elsewhere: which steps see something there, and what they see."""
    spans = [(max(0, -offset), min(steps, steps - offset), offset) for offset in offsets]
    return [
        (tap, (slice(begin, end), slice(begin + offset, end + offset)))
        for tap, (begin, end, offset) in enumerate(spans)
        if offset and begin < end
    ]


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrices: Tensor, bias: Tensor, recipe: Recipe) -> Tensor:
        steps, batch, width = x.shape
        tiles = -(-steps // recipe.taken)
        seen = x.new_empty(len(matrices), tiles, batch, matrices.shape[2])
        for rows, parts in zip(seen, recipe.inputs, strict=True):
            for part, terms in enumerate(parts):
                _sum(rows[..., part * width : (part + 1) * width], [_seen(x, *term, recipe.taken) for term in terms])
        ctx.save_for_backward(seen, matrices)
        ctx.recipe, ctx.steps = recipe, steps
        made = [
            torch.addmm(bias, rows.flatten(0, 1), matrix.T) if index == recipe.biased else rows.flatten(0, 1) @ matrix.T
            for index, (rows, matrix) in enumerate(zip(seen, matrices, strict=True))
        ]
        y = x.new_empty(steps * recipe.given // recipe.taken, batch, matrices.shape[1])
        for given, terms in enumerate(recipe.outputs):
            _sum(y[given :: recipe.given], [Source(s, made[p].unflatten(0, (tiles, batch)), 0) for s, p in terms])
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        (seen, matrices), recipe, dy = ctx.saved_tensors, ctx.recipe, gradients[0].contiguous()
        _, tiles, batch, _ = seen.shape
        dmatrices, dseen = torch.empty_like(matrices), []
        for product, matrix in enumerate(matrices):
            asked = [
                Source(sign, dy[given :: recipe.given], 0)
                for given, terms in enumerate(recipe.outputs)
                for sign, of in terms
                if of == product
            ]
            rows = _summed(dy.new_empty(tiles, batch, matrices.shape[1]), asked).flatten(0, 1)
            torch.mm(rows.T, seen[product].flatten(0, 1), out=dmatrices[product])
            if ctx.needs_input_grad[0]:
                dseen.append((rows @ matrix).unflatten(0, (tiles, batch)))
        dx = _back(dseen, recipe, ctx.steps) if dseen else None
        return dx, dmatrices, dy.sum((0, 1)), None


def _back(dseen: Sequence[Tensor], recipe: Recipe, steps: int) -> Tensor:
    """Gradient (T, B, C) of a tiled convolution's input, given that of the rows of its products."""
    width = dseen[0].shape[2] // len(recipe.inputs[0])
    dx = dseen[0].new_empty(steps, dseen[0].shape[1], width)
    wanted: list[list[Source]] = [[] for _ in range(recipe.taken)]
    for rows, parts in zip(dseen, recipe.inputs, strict=True):
        for part, terms in enumerate(parts):
            for sign, step in terms:
                shift, phase = divmod(step, recipe.taken)
                wanted[phase].append(Source(sign, rows[..., part * width : (part + 1) * width], -shift))
    for phase, sources in enumerate(wanted):
        _sum(dx[phase :: recipe.taken], sources)
    return dx


def _seen(x: Tensor, sign: int, step: int, taken: int) -> Source:
    """What tiles that begin `taken` steps after each other see of x at a step after their first."""
    shift, phase = divmod(step, taken)
    return Source(sign, x[phase::taken], shift)


def _sum(out: Tensor, sources: Sequence[Source]) -> None:
    """Write out[k] = sum of sign * rows[k + shift] over the sources, with zeros outside of their rows."""
    ordered = sorted(sources, key=lambda source: -source.sign)  # one with a plus first, if there is one
    spans = [(max(0, -shift), min(len(out), len(rows) - shift)) for _, rows, shift in ordered]
    (sign, rows, shift), (begin, end) = ordered[0], spans[0]
    if len(ordered) == 1:
        torch.mul(rows[begin + shift : end + shift], sign, out=out[begin:end])
        out[:begin], out[end:] = 0, 0
        return
    other, low, high = ordered[1], max(begin, spans[1][0]), min(end, spans[1][1])
    assert sign == 1
    within = rows[low + shift : high + shift], other.rows[low + other.shift : high + other.shift]
    torch.add(*within, alpha=other.sign, out=out[low:high])  # both at once, but for the few steps where only one is
    out[:low], out[high:] = 0, 0
    edges = [
        (source, span) for source, (b, e) in zip(ordered[:2], spans[:2], strict=True) for span in ((b, low), (high, e))
    ]
    for source, (first, last) in edges + list(zip(ordered[2:], spans[2:], strict=True)):
        if first < last:
            out[first:last].add_(source.rows[first + source.shift : last + source.shift], alpha=source.sign)


def _summed(out: Tensor, sources: Sequence[Source]) -> Tensor:
    _sum(out, sources)
    return out
