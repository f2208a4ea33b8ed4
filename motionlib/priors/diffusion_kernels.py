"""How a discrete diffusion changes codes step by step, and what a changed code says of the one before.

Sources: Austin et al., "Structured Denoising Diffusion Models in Discrete State-Spaces" (D3PM), arXiv:2107.03006,
sections 3 and 3.1, appendix A.2; Gu et al., "VQ-Diffusion", arXiv:2111.14822, section 4.1 (mask and replace). Moments
are 0 (nothing has changed) to `last`; states are the codes 0..V - 1 and the mask, V.

The share of codes that are still themselves, a(t), is the schedule of all kernels; m of what has changed is masked,
the rest is any code: q(x_t = j | x_0 = i) = a [i = j] + (1 - m)(1 - a) / V, and m (1 - a) for the mask. The paper of
VQ-Diffusion has m = 0.9; its released code has, by its numbers, m = 1.
"""

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.priors.masking import cosine
from motionlib.priors.sampling import pick

TINY = 1e-30  # below a probability, so that its logarithm is finite (VQ-Diffusion: exp(-70))
LEAK = 0.05  # of the jumps to near codes: as many again to any code, so that every code is reached from every other
LEAST = 1e-5  # share of codes that are still themselves at the last moment, where it cannot be zero
HALVINGS = 100  # of the interval that a time is looked for in


def kept_shares(last: int, schedule: Literal["linear", "cosine"]) -> Tensor:
    """Share of codes (last + 1,) float64 that have never changed: from 1 at moment 0 to 0."""
    moments = torch.arange(last + 1, dtype=torch.float64) / last
    return 1 - moments if schedule == "linear" else cosine(moments).clamp_min(0.0)


class Kernel(nn.Module, ABC):
    """A chain of states; `size` is V, `last` the last moment. All moments are (N,) int64, one for each code."""

    def __init__(self, size: int, last: int) -> None:
        super().__init__()
        self.size, self.last = size, last

    @abstractmethod
    def forward(self, codes: Tensor, moment: Tensor) -> Tensor:
        """q(x_t | x_0): codes (N,) -> (N, V + 1)."""

    @abstractmethod
    def noisy(self, codes: Tensor, moment: Tensor, generator: torch.Generator) -> Tensor:
        """Draw x_t (N,) of codes (N,)."""

    @abstractmethod
    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count,) states of the last moment, whatever they come from."""

    @abstractmethod
    def prior_gap(self, codes: Tensor) -> Tensor:
        """KL divergence (N,) in nats of x_last of codes (N,) from what `start` draws."""

    @abstractmethod
    def posterior(self, guess: Tensor, noisy: Tensor, moment: Tensor, before: Tensor) -> Tensor:
        """The state at moment `before` < `moment`: sum over x_0 of q(x_s | x_t, x_0) p(x_0).

        Args:
            guess: p(x_0), (N, V); one-hot rows give q(x_s | x_t, x_0) itself.
            noisy: x_t, (N,).

        Returns:
            (N, V + 1), rows sum to 1; of a guess that cannot be true only what can is left, or else x_t stays.
        """

    def gap(self, codes: Tensor, log_guess: Tensor, noisy: Tensor, moment: Tensor) -> Tensor:
        """KL divergence (N,) in nats of the step before x_t, given the true codes (N,), from that given log p(x_0).

        At moment 1 it is -log p(x_0 | x_1).
        """
        guess = log_guess.exp()
        true = functional.one_hot(codes, self.size).to(guess.dtype)
        with torch.no_grad():
            wanted = self.posterior(true, noisy, moment, moment - 1)
        found = self.posterior(guess, noisy, moment, moment - 1)
        return (wanted * (wanted.clamp_min(TINY).log() - found.clamp_min(TINY).log())).sum(dim=-1)


class Shares(NamedTuple):
    """Of codes between two moments: that `stay`, that jump to each code (also themselves), that are masked; (N,)."""

    stay: Tensor
    jump: Tensor
    mask: Tensor


class Jumps(Kernel):
    """A code stays, jumps to any code, or is masked for good; every step costs V per code.

    Args:
        size: V.
        kept: a(t), (last + 1,) float64.
        masked: m; 0: uniform.
    """

    def __init__(self, size: int, kept: Tensor, masked: float) -> None:
        super().__init__(size, len(kept) - 1)
        self.masked = masked
        self.register_buffer("kept", kept, persistent=False)
        self.register_buffer("codes_left", (1 - masked) + masked * kept, persistent=False)
        self.kept: Tensor
        self.codes_left: Tensor

    def between(self, moment: Tensor, before: Tensor) -> Shares:
        """Of what is a code at moment `before`, at `moment`."""
        stay = self.kept[moment] / self.kept[before]
        left = self.codes_left[moment] / self.codes_left[before]
        return Shares(*(part.float() for part in (stay, (left - stay) / self.size, 1 - left)))

    def forward(self, codes: Tensor, moment: Tensor) -> Tensor:
        """See `Kernel`."""
        stay, jump, mask = (part[:, None] for part in self.between(moment, torch.zeros_like(moment)))
        return torch.cat((stay * functional.one_hot(codes, self.size) + jump, mask), dim=1)

    def noisy(self, codes: Tensor, moment: Tensor, generator: torch.Generator) -> Tensor:
        """See `Kernel`."""
        chance = torch.rand(codes.shape, generator=generator, device=codes.device, dtype=torch.float64)
        return torch.where(chance < self.kept[moment], codes, self.start(len(codes), generator))

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """See `Kernel`; any code that has changed is as likely this."""
        chance = torch.rand(count, generator=generator, device=self.kept.device)
        jumped = torch.randint(self.size, (count,), generator=generator, device=self.kept.device)
        return torch.where(chance < self.masked, self.size, jumped)

    def prior_gap(self, codes: Tensor) -> Tensor:
        """See `Kernel`; zero, as at the last moment no code is itself but by chance."""
        return torch.zeros_like(codes, dtype=torch.float64)

    def posterior(self, guess: Tensor, noisy: Tensor, moment: Tensor, before: Tensor) -> Tensor:
        """See `Kernel`."""
        own, begin = noisy[:, None] == torch.arange(self.size + 1, device=noisy.device), torch.zeros_like(before)
        reached = self._told(own, self.between(moment, begin))
        weight = torch.where(reached > 0, guess / reached.clamp_min(TINY), 0.0)
        whole = weight.sum(dim=1, keepdim=True)
        stay, jump, mask = (part[:, None] for part in self.between(before, begin))
        codes = self._told(own, self.between(moment, before)) * (stay * weight + jump * whole)
        both = torch.cat((codes, own[:, -1:] * mask * whole), dim=1)
        total = both.sum(dim=1, keepdim=True)
        return torch.where(total > 0, both / total.clamp_min(TINY), own.to(both.dtype))

    def _told(self, own: Tensor, shares: Shares) -> Tensor:
        """Probability (N, V) of the state that `own` (N, V + 1) marks, after each code."""
        stay, jump, mask = (part[:, None] for part in shares)
        return torch.where(own[:, -1:], mask, own[:, :-1] * stay + jump)


class Absorb(Jumps):
    """A code stays or is masked: only the codes behind masks are to be found, and nothing is summed over V."""

    def __init__(self, size: int, kept: Tensor) -> None:
        super().__init__(size, kept, masked=1.0)

    def gap(self, codes: Tensor, log_guess: Tensor, noisy: Tensor, moment: Tensor) -> Tensor:
        """See `Kernel`: the surprise of the code, as often as this step back shows it."""
        shown = (self.kept[moment - 1] - self.kept[moment]) / (1 - self.kept[moment])
        surprise = -log_guess.gather(1, codes[:, None]).squeeze(1)
        return torch.where(noisy == self.size, shown.float() * surprise, 0.0)


class Near(Kernel):
    """A code jumps to near codes first, and ever farther; every step costs V squared per code.

    D3PM's nearest-neighbour kernel (appendix A.2.3): codes change in continuous time at rates between neighbours, so
    that moments are matrix exponentials of one symmetric matrix, kept by its eigenvectors. Departures: rates fall with
    the squared distance as in a Gaussian; the times are such that the mean share that has not changed follows the same
    schedule as that of the other kernels.

    Args:
        size: V. kept: a(t), (last + 1,) float64.
    """

    def __init__(self, size: int, kept: Tensor) -> None:
        super().__init__(size, len(kept) - 1)
        self.register_buffer("kept", kept, persistent=False)
        self.register_buffer("basis", torch.eye(size, dtype=torch.float64))
        self.register_buffer("rates", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("times", torch.zeros(len(kept), dtype=torch.float64))
        self.kept: Tensor
        self.basis: Tensor
        self.rates: Tensor
        self.times: Tensor

    def learn(self, vectors: Tensor, neighbours: int) -> None:
        """Take the codes' vectors (V, C); jumps go between each code and its `neighbours` nearest."""
        rates, basis = torch.linalg.eigh(jump_rates(vectors.double(), neighbours))
        self.rates.copy_(rates.clamp_max(0.0))
        self.basis.copy_(basis)
        self.times.copy_(self._times())

    def _times(self) -> Tensor:
        """Times (last + 1,) at which a mean share a(t), (tr Q - 1) / (V - 1), has not changed; found by halving."""
        slowest = self.rates[:-1]  # in rising order; the last is 0, of what never changes
        low = torch.zeros_like(self.kept)
        high = torch.full_like(low, float(torch.log(torch.tensor(LEAST)) / slowest[-1]))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            early = (middle[:, None] * slowest).exp().mean(dim=1) > self.kept.clamp_min(LEAST)
            low, high = torch.where(early, middle, low), torch.where(early, high, middle)
        return torch.where(self.kept == 1, 0.0, high)

    def _rows(self, codes: Tensor, time: Tensor) -> Tensor:
        """Probabilities (N, V) of all codes after a time (N,) from codes (N,); as many to them."""
        return self._spread(self.basis[codes], time)

    def _spread(self, parts: Tensor, time: Tensor) -> Tensor:
        """Distributions (N, V), given in the eigenvectors' terms, after a time (N,)."""
        return ((parts * (time[:, None] * self.rates).exp()) @ self.basis.T).clamp_min(0.0)

    def forward(self, codes: Tensor, moment: Tensor) -> Tensor:
        """See `Kernel`."""
        return functional.pad(self._rows(codes, self.times[moment]), (0, 1))

    def noisy(self, codes: Tensor, moment: Tensor, generator: torch.Generator) -> Tensor:
        """See `Kernel`."""
        return pick(self._rows(codes, self.times[moment]), generator)

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """See `Kernel`."""
        return torch.randint(self.size, (count,), generator=generator, device=self.kept.device)

    def prior_gap(self, codes: Tensor) -> Tensor:
        """See `Kernel`."""
        rows = self._rows(codes, self.times[-1].expand(len(codes)))
        return (rows * (rows.clamp_min(TINY) * self.size).log()).sum(dim=1)

    def posterior(self, guess: Tensor, noisy: Tensor, moment: Tensor, before: Tensor) -> Tensor:
        """See `Kernel`."""
        time, earlier = self.times[moment], self.times[before]
        reached = self._rows(noisy, time).clamp_min(TINY)
        codes = self._spread((guess.double() / reached) @ self.basis, earlier) * self._rows(noisy, time - earlier)
        return functional.pad(codes / codes.sum(dim=1, keepdim=True), (0, 1)).to(guess.dtype)


def jump_rates(vectors: Tensor, neighbours: int) -> Tensor:
    """Symmetric rates (V, V) of jumps between codes, rows of which sum to 0, from their vectors (V, C) float64."""
    size = len(vectors)
    distance = torch.cdist(vectors, vectors)
    distance.fill_diagonal_(torch.inf)
    near, which = distance.topk(min(neighbours, size - 1), largest=False)
    width = near.square().mean().clamp_min(TINY)
    weight = torch.zeros_like(distance).scatter(1, which, (-near.square() / (2 * width)).exp())
    weight = weight + weight.T
    weight = weight + LEAK * weight.sum() / size**2
    weight.fill_diagonal_(0.0)
    return weight - torch.diag(weight.sum(dim=1))
