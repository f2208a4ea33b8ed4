"""Drawing one code per row from logits: guidance, temperature, top-k, top-p; and the likeliest rows, by beams."""

from collections.abc import Callable

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from motionlib.params import Section

COLDEST = 1e-4  # a lower temperature than this is 0: float32 could not divide by it


class TokenSampling(Section):
    """How codes are drawn; the defaults draw from the model's own distribution."""

    temperature: NonNegativeFloat = Field(default=1.0, description="logits are divided by it; 0: the most likely code")
    top_k: NonNegativeInt = Field(default=0, description="only the k most likely codes; 0: all")
    top_p: PositiveFloat = Field(default=1.0, le=1.0, description="smallest set of codes with this much probability")
    guidance: NonNegativeFloat = Field(default=1.0, description="scale of classifier-free guidance; 1: off")


def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Logits (N, V) moved away from those without text.

    Source: Ho and Salimans, "Classifier-Free Diffusion Guidance", arXiv:2207.12598, on logits as in MoMask.
    """
    return unconditional + scale * (conditional - unconditional)


def probabilities(logits: Tensor, sampling: TokenSampling) -> Tensor:
    """Distribution (N, V) that is drawn from; every row sums to 1 and keeps at least one code.

    Source of top-p: Holtzman et al., "The Curious Case of Neural Text Degeneration", arXiv:1904.09751.
    """
    if sampling.temperature < COLDEST:
        return torch.zeros_like(logits).scatter(-1, logits.argmax(dim=-1, keepdim=True), 1.0)
    ordered, order = (logits / sampling.temperature).sort(dim=-1, descending=True, stable=True)
    p = ordered.softmax(dim=-1)
    drop = p.cumsum(dim=-1) - p >= sampling.top_p
    if sampling.top_k:
        drop[:, sampling.top_k :] = True
    drop[:, 0] = False
    p = p.masked_fill(drop, 0.0)
    return torch.zeros_like(p).scatter(-1, order, p / p.sum(dim=-1, keepdim=True))


def draw(logits: Tensor, sampling: TokenSampling, generator: torch.Generator) -> Tensor:
    """One code per row: logits (N, V) -> (N,) int64. Draws exactly N uniform numbers, whatever the settings."""
    return pick(probabilities(logits, sampling), generator)


def pick(p: Tensor, generator: torch.Generator) -> Tensor:
    """One column (N,) int64 per row of probabilities (N, V). Draws exactly N uniform numbers."""
    uniform = torch.rand(len(p), 1, generator=generator, device=p.device, dtype=torch.float64)
    below = p.double().cumsum(dim=-1)
    drawn = torch.searchsorted(below, uniform * below[:, -1:], right=True).squeeze(-1)
    return drawn.clamp(max=p.shape[-1] - 1)


class Beams(Section):
    """How many rows a beam search keeps, and what it prefers."""

    width: PositiveInt = Field(default=4, description="rows kept after each word (TM2T: 2)")
    length_power: NonNegativeFloat = Field(
        default=0.7, description="log p is divided by the number of words to this power; 0: short rows win (TM2T: 0.7)"
    )


def beam_search(
    following: Callable[[Tensor], Tensor], start: int, end: int, longest: int, beams: Beams, device: torch.device
) -> list[tuple[list[int], float]]:
    """The best rows of ids that were found, and their score, the best first; at most `width` of them.

    Source: Wu et al., "Google's Neural Machine Translation System", arXiv:1609.08144, section 7, with n^power as TM2T.

    Args:
        following: Log probabilities (N, V) of the id behind each of N rows (N, S), which all begin with `start`.
        longest: Ids of a row at most, start and end left out.
    """
    rows, total = torch.full((1, 1), start, device=device), torch.zeros(1, dtype=torch.float64, device=device)
    done: list[tuple[list[int], float]] = []
    for count in range(1, longest + 2):
        each = total[:, None] + following(rows).double()
        if count > longest:
            each = each[:, end, None]
            ids = torch.full((len(rows),), end, device=device)
            best, where = each[:, 0], torch.arange(len(rows), device=device)
        else:
            best, at = each.flatten().topk(min(2 * beams.width, each.numel()))
            where, ids = at // each.shape[1], at % each.shape[1]
        possible = best > -torch.inf
        best, where, ids = best[possible], where[possible], ids[possible]
        ended = ids == end
        for row, value in zip(where[ended].tolist(), best[ended].tolist(), strict=True):
            done.append((rows[row, 1:].tolist(), value / count**beams.length_power))
        going = torch.nonzero(~ended)[: beams.width, 0]
        if not len(going) or _settled(done, float(best[going].max()), longest + 1, beams):
            break
        rows, total = torch.cat((rows[where[going]], ids[going, None]), dim=1), best[going]
    return sorted(done, key=lambda one: (-one[1], one[0]))[: beams.width]


def _settled(done: list[tuple[list[int], float]], best: float, most: int, beams: Beams) -> bool:
    """Whether no row that goes on can come among the best: log p only falls, and is divided by `most` at best."""
    if len(done) < beams.width:
        return False
    last = sorted((score for _, score in done), reverse=True)[beams.width - 1]
    return best / float(most**beams.length_power) <= last
