"""Discrete diffusion over codes: a chain that masks or changes codes is learned backwards, given a caption.

Sources: Chemburkar, Lu and Feng, "Discrete Diffusion for Text-to-Motion" (MoDDM), BMVC 2023, of which only the idea was
to be had: the model is Austin et al., D3PM, arXiv:2107.03006, equations 3 to 5 (the network says the clean codes), with
what Gu et al., VQ-Diffusion, arXiv:2111.14822, sections 4.1 to 4.3, and Tang et al., "Improved Vector Quantized
Diffusion Models", arXiv:2205.16007, sections 3.1 and 3.2, add: masks and replacements, an auxiliary loss, guidance of
the clean codes, order by certainty. Departures: the caption's sentence stands before the steps; the null text is the
one vector that is learned for it, not 77; blocks are gated (adaLN-Zero), so that each starts as the identity.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from motionlib.artifacts import CodeShape, Float32
from motionlib.params import Section
from motionlib.priors.at_once import AtOnce, AtOnceConfig, AtOnceSampling, Learned, dropped, summed
from motionlib.priors.base import OPEN, PriorBatch, TextFeatures, row_generator, with_null
from motionlib.priors.diffusion_kernels import TINY, Absorb, Jumps, Kernel, Near, kept_shares
from motionlib.priors.masking import gumbel, least_certain
from motionlib.priors.sampling import guide, pick, probabilities
from motionlib.priors.text_trunk import TextTrunk
from motionlib.priors.transformer import embedded_time

LOWEST = -70.0  # nats; log probabilities are cut there (VQ-Diffusion)
SEEN_OFTEN = 10  # losses of a moment before moments are drawn by them (VQ-Diffusion; Nichol and Dhariwal, 2021)
SLOW = 0.9  # what stays of the mean square loss of a moment when a new one is seen (VQ-Diffusion)


class D3pmConfig(AtOnceConfig):
    """Settings of the discrete diffusion."""

    kernel: Literal["mask_replace", "absorb", "uniform", "near"] = Field(
        default="mask_replace", description="what becomes of codes: a mask or any code, a mask, any code, a near code"
    )
    mask_share: NonNegativeFloat = Field(
        default=0.9, le=1.0, description="of what has changed under mask_replace: is masked (VQ-Diffusion: 0.9)"
    )
    neighbours: PositiveInt = Field(default=16, description="near: codes that a code jumps to at first")
    timesteps: PositiveInt = Field(default=100, description="steps of the chain")
    schedule: Literal["linear", "cosine"] = Field(default="linear", description="share of codes that have not changed")
    auxiliary: NonNegativeFloat = Field(
        default=5e-4, description="weight of the clean codes' cross entropy at the chain's end; twice at its beginning"
    )
    moments: Literal["importance", "uniform"] = Field(
        default="importance",
        description="how training draws steps of the chain: by the size of their loss, or all alike",
    )
    tied: bool = Field(default=False, description="the output layer is the token table")
    score_draws: NonNegativeInt = Field(
        default=16, description="steps of the chain that a bound is estimated from; 0: all of them"
    )


class D3pmSampling(AtOnceSampling):
    """How codes are drawn; temperature, top_k and top_p act on the guess of the clean codes."""

    stride: PositiveInt = Field(default=1, description="steps of the chain that each pass goes back")
    order: Literal["random", "certain"] = Field(
        default="random", description="which masks become codes first: as the chain says, or the most certain ones"
    )
    noise: NonNegativeFloat = Field(
        default=0.0, description="of certainty, in nats, less with each pass; much: a random order"
    )


class D3pm(AtOnce[D3pmConfig, D3pmSampling]):
    """Walks a chain of ever more changed codes back to a motion; its likelihood is the variational bound."""

    Config: ClassVar[type[Section]] = D3pmConfig
    Sampling: ClassVar[type[Section]] = D3pmSampling

    def __init__(self, config: D3pmConfig, codes: CodeShape, text_dim: int) -> None:
        super().__init__(config, codes, text_dim)
        size, width = codes.codebook_size, config.width
        self.kernel = _kernel(config, size)
        self.token = nn.Embedding(size + 1, width)
        self.moment = nn.Linear(width, width)
        self.mixer = TextTrunk(config, text_dim, config.max_steps, conditioned=True)
        if not config.tied:
            self.head = nn.Linear(width, size)
        self._finish(width)
        self.mixer.trunk.start_conditions()
        self.register_buffer("squares", torch.zeros(config.timesteps))
        self.register_buffer("counts", torch.zeros(config.timesteps, dtype=torch.int64))
        self.squares: Tensor
        self.counts: Tensor

    def prepare(self, vectors: Sequence[Float32], captions: Sequence[str]) -> None:  # noqa: ARG002
        """Learn which codes are near each other, if the kernel is to know.

        Raises:
            ValueError: If it is, and codes are no vectors.
        """
        if isinstance(self.kernel, Near):
            if not len(vectors):
                raise ValueError("kernel: near needs a tokenizer whose codes are vectors; this one's are not")
            device = self.kernel.basis.device
            self.kernel.learn(torch.as_tensor(vectors[0], device=device), self.config.neighbours)

    def follow(self, seen: Any, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """Note how large the loss of which moment was."""
        moments, losses = seen
        for moment, loss in zip((moments - 1).tolist(), losses.tolist(), strict=True):
            slow = SLOW if self.counts[moment] else 0.0
            self.squares[moment] = slow * self.squares[moment] + (1 - slow) * loss**2
            self.counts[moment] += 1
        return {}

    def chances(self) -> Tensor:
        """Probability (timesteps,) of each moment to be drawn in training, from 1 on."""
        if self.config.moments == "uniform" or bool((self.counts <= SEEN_OFTEN).any()):
            return torch.full_like(self.squares, 1 / len(self.squares))
        weights = self.squares.sqrt() + 1e-4 * self.squares.sqrt().max().clamp_min(TINY)
        return weights / weights.sum()

    def _first_loss(self, batch: PriorBatch, generator: torch.Generator) -> Learned:
        """The bound's terms of one moment per sequence, and the auxiliary loss; each per code.

        Weighted by the chance of the moment, so that their mean is the whole bound of a code.
        """
        inside, first, chances = batch.inside, batch.codes[..., 0], self.chances()
        moments = pick(chances.expand(len(first), -1), generator) + 1
        at, true = moments[:, None].expand_as(first)[inside], first[inside]
        noisy = self.kernel.noisy(true, at, generator)
        text = dropped(batch.text, self.config.text_drop, generator)
        log = self._guess(first.masked_scatter(inside, noisy), inside, text, moments)
        gap = self.kernel.gap(true, log, noisy, at)
        plain = functional.nll_loss(log, true, reduction="none")
        weight = self.config.auxiliary * (2 - at / self.config.timesteps)
        total = ((gap + weight * plain) / chances[at - 1]).mean()
        each = summed(gap.detach(), inside) / batch.lengths
        parts = {"bound": (gap / chances[at - 1]).mean(), "clean": plain.mean()}
        return Learned(total, parts, (moments, each))

    def _first_score(self, batch: PriorBatch) -> tuple[Tensor, Tensor]:
        """The variational bound: the sum over `score_draws` steps of the chain, one in each equal part of it.

        Guesses are those of codes that have changed.
        """
        inside, first = batch.inside, batch.codes[..., 0]
        true = first[inside]
        nats, hits = summed(self.kernel.prior_gap(true).double(), inside), torch.zeros_like(batch.lengths).double()
        draws = self._score_draws(batch)
        for moments, seen in draws:
            at, noisy = moments[:, None].expand_as(first)[inside], seen[inside]
            log = self._guess(seen, inside, batch.text, moments)
            gap = self.kernel.gap(true, log, noisy, at)
            nats = nats + summed(gap.double(), inside) * (self.config.timesteps / len(draws))
            changed = noisy != true
            right = summed(((log.argmax(dim=-1) == true) & changed).double(), inside)
            share = right / summed(changed.double(), inside).clamp_min(1)
            hits = hits + share * batch.lengths / len(draws)
        return nats, hits

    def _score_draws(self, batch: PriorBatch) -> list[tuple[Tensor, Tensor]]:
        """Moments (B,) and noisy first codes (B, L), as often as a bound needs; they depend on the sequence alone."""
        last = self.config.timesteps
        draws = self.config.score_draws or last
        moments = torch.zeros(draws, len(batch.codes), dtype=torch.int64, device=batch.codes.device)
        seen = batch.codes[..., 0].expand(draws, -1, -1).clone()
        for i, length in enumerate(batch.lengths.tolist()):
            generator = row_generator(batch.codes[i, :length])
            part = torch.rand(draws, generator=generator, device=moments.device, dtype=torch.float64)
            part = (torch.arange(draws, device=moments.device) + part) / draws
            moments[:, i] = (part * last).long().clamp(max=last - 1) + 1
            noisy = self.kernel.noisy(seen[:, i, :length].flatten(), moments[:, i].repeat_interleave(length), generator)
            seen[:, i, :length] = noisy.reshape(draws, length)
        return list(zip(moments, seen, strict=True))

    def _written(
        self, codes: Tensor, inside: Tensor, text: TextFeatures, sampling: D3pmSampling, generator: torch.Generator
    ) -> Tensor:
        """See `AtOnce`."""
        first = codes[..., 0]
        wanted = inside & (first == OPEN)
        first = first.masked_scatter(wanted, self.kernel.start(int(wanted.sum()), generator))
        for moment in range(self.config.timesteps, 0, -sampling.stride):
            if not bool(wanted.any()):
                break
            guess = self._guided(first, inside, text, moment, sampling)[wanted[inside]]
            before = max(0, moment - sampling.stride)
            first = self._step(first, wanted, probabilities(guess, sampling), (moment, before), sampling, generator)
        return torch.cat((first[..., None], codes[..., 1:]), dim=-1)

    def _step(
        self,
        first: Tensor,
        wanted: Tensor,
        guess: Tensor,
        moments: tuple[int, int],
        sampling: D3pmSampling,
        generator: torch.Generator,
    ) -> Tensor:
        """First codes (N, L) at the second of two moments, from those at the first and guesses (M, V) of the wanted."""
        size, noisy = self.codes.codebook_size, first[wanted]
        moment, before = (torch.full_like(noisy, each) for each in moments)
        p = self.kernel.posterior(guess, noisy, moment, before)
        if sampling.order == "random":
            return first.masked_scatter(wanted, pick(p, generator))
        drawn = pick(p[:, :size], generator)
        sure = guess.gather(1, drawn[:, None]).squeeze(1).double().clamp_min(TINY).log()
        sure = sure + sampling.noise * (moments[1] / self.config.timesteps) * gumbel(sure, generator)
        certainty = torch.zeros(first.shape, dtype=torch.float64, device=first.device).masked_scatter(wanted, sure)
        hidden = wanted & (first == size)
        masked = summed((self.kernel(drawn, before)[:, size]).double(), wanted).round().long()
        return first.masked_scatter(wanted, drawn).masked_fill(least_certain(hidden, certainty, masked), size)

    def _guided(self, seen: Tensor, inside: Tensor, text: TextFeatures, moment: int, sampling: D3pmSampling) -> Tensor:
        """Log probabilities (M, V) of the clean codes that are inside, moved away from those without text."""
        at = torch.full((len(seen),), moment, device=seen.device)
        if sampling.guidance == 1.0:
            return self._guess(seen, inside, text, at)
        both = self._guess(seen.repeat(2, 1), inside.repeat(2, 1), with_null(text), at.repeat(2))
        with_text, without = both.chunk(2)
        return guide(with_text, without, sampling.guidance)

    def _guess(self, seen: Tensor, inside: Tensor, text: TextFeatures, moments: Tensor) -> Tensor:
        """Log probabilities (M, V) of the M clean codes that are inside, from codes (B, L) at moments (B,)."""
        condition = self.moment(embedded_time(moments / self.config.timesteps, self.config.width))
        ids = torch.where(inside, seen, self.codes.codebook_size)
        mixed = self.mixer(self.token(ids), inside, text, condition=condition)[inside]
        logits = functional.linear(mixed, self.token.weight[:-1]) if self.config.tied else self.head(mixed)
        return logits.float().log_softmax(dim=-1).clamp_min(LOWEST)


def _kernel(config: D3pmConfig, size: int) -> Kernel:
    kept = kept_shares(config.timesteps, config.schedule)
    if config.kernel == "near":
        return Near(size, kept)
    if config.kernel == "absorb":
        return Absorb(size, kept)
    return Jumps(size, kept, config.mask_share if config.kernel == "mask_replace" else 0.0)
