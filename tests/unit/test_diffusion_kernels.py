"""Kernels of a discrete diffusion against explicit matrices and Bayes' rule."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib.priors.diffusion_kernels import Absorb, Jumps, Near, jump_rates, kept_shares

SIZE, LAST = 5, 8
LINE = torch.tensor([[0.0], [1.0], [2.0], [3.0], [10.0]])  # the vectors of five codes


def near(schedule="linear"):
    kernel = Near(SIZE, kept_shares(LAST, schedule))
    kernel.learn(LINE, neighbours=2)
    return kernel


def jumps(masked, schedule="linear"):
    return Jumps(SIZE, kept_shares(LAST, schedule), masked)


KERNELS = {
    "mask and replace": lambda: jumps(0.9),
    "absorb": lambda: Absorb(SIZE, kept_shares(LAST, "linear")),
    "uniform": lambda: jumps(0.0, "cosine"),
    "near": near,
}


@pytest.fixture(params=KERNELS)
def kernel(request):
    return KERNELS[request.param]()


def steps_of(kernel):
    """The matrices (V + 1, V + 1) of each single step, float64, written down entry by entry."""
    found = []
    for t in range(1, LAST + 1):
        step = torch.zeros(SIZE + 1, SIZE + 1, dtype=torch.float64)
        step[SIZE, SIZE] = 1.0
        if isinstance(kernel, Near):
            step[:SIZE, :SIZE] = torch.linalg.matrix_exp(
                (kernel.times[t] - kernel.times[t - 1]) * jump_rates(LINE.double(), 2)
            )
        else:
            kept, m = kernel.kept, kernel.masked
            stay = kept[t] / kept[t - 1]
            mask = 1 - (1 - m * (1 - kept[t])) / (1 - m * (1 - kept[t - 1]))
            step[:SIZE, :SIZE] = (1 - stay - mask) / SIZE + stay * torch.eye(SIZE)
            step[:SIZE, SIZE] = mask
        found.append(step)
    return found


def product(steps):
    whole = torch.eye(SIZE + 1, dtype=torch.float64)
    for step in steps:
        whole = whole @ step
    return whole


def all_codes(moment):
    return torch.arange(SIZE), torch.full((SIZE,), moment)


def test_rows_sum_to_one_and_are_the_products_of_single_steps(kernel):
    steps = steps_of(kernel)
    for step in steps:
        torch.testing.assert_close(step.sum(dim=1), torch.ones(SIZE + 1, dtype=torch.float64))
        assert (step > -1e-12).all()
    for moment in range(LAST + 1):
        found = kernel(*all_codes(moment)).double()
        torch.testing.assert_close(found.sum(dim=1), torch.ones(SIZE, dtype=torch.float64))
        torch.testing.assert_close(found, product(steps[:moment])[:SIZE], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("before", ["one step", "a stride", "the beginning"])
def test_the_posterior_is_that_of_bayes_rule(kernel, before):
    steps = steps_of(kernel)
    for t in range(1, LAST + 1):
        s = {"one step": t - 1, "a stride": max(0, t - 3), "the beginning": 0}[before]
        early, late = product(steps[:s]), product(steps[s:t])
        for code in range(SIZE):
            joint = early[code][:, None] * late  # p(x_s, x_t | x_0)
            for noisy in range(SIZE + 1):
                if joint[:, noisy].sum() < 1e-9:  # such a state cannot be seen
                    continue
                expected = joint[:, noisy] / joint[:, noisy].sum()
                guess = torch.eye(SIZE)[code][None]
                found = kernel.posterior(guess, *(torch.tensor([each]) for each in (noisy, t, s)))[0]
                torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)


@given(
    seed=st.integers(0, 2**16), name=st.sampled_from(sorted(KERNELS)), t=st.integers(1, LAST), back=st.integers(1, 8)
)
def test_of_a_guess_the_posterior_is_the_mean_over_what_it_guesses(seed, name, t, back):
    kernel, s = KERNELS[name](), max(0, t - back)
    guess = torch.rand(1, SIZE, generator=torch.Generator().manual_seed(seed)).softmax(dim=1)
    noisy = kernel.noisy(torch.tensor([seed % SIZE]), torch.tensor([t]), torch.Generator().manual_seed(seed))
    each = kernel.posterior(torch.eye(SIZE), noisy.repeat(SIZE), torch.full((SIZE,), t), torch.full((SIZE,), s))
    possible = (kernel(torch.arange(SIZE), torch.full((SIZE,), t))[:, noisy] > 0).squeeze(1) * guess[0]
    found = kernel.posterior(guess, noisy, torch.tensor([t]), torch.tensor([s]))
    torch.testing.assert_close(found.sum(), torch.tensor(1.0))
    torch.testing.assert_close(found[0], (possible[:, None] * each).sum(dim=0) / possible.sum(), atol=1e-4, rtol=1e-3)


def test_a_right_and_certain_guess_costs_nothing(kernel):
    codes = torch.arange(SIZE).repeat(LAST)
    moment = torch.arange(1, LAST + 1).repeat_interleave(SIZE)
    noisy = kernel.noisy(codes, moment, torch.Generator().manual_seed(0))
    gap = kernel.gap(codes, torch.eye(SIZE)[codes].clamp_min(1e-30).log(), noisy, moment)
    torch.testing.assert_close(gap, torch.zeros_like(gap))


def test_the_last_step_back_costs_the_surprise_of_the_code(kernel):
    codes, first = all_codes(1)
    guess = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    noisy = (codes + 1) % SIZE if not isinstance(kernel, Near) and kernel.masked < 1 else torch.full((SIZE,), SIZE)
    noisy = (codes + 1) % SIZE if isinstance(kernel, Near) else noisy
    expected = -kernel.posterior(guess, noisy, first, first - 1).gather(1, codes[:, None]).squeeze(1).log()
    torch.testing.assert_close(kernel.gap(codes, guess.log(), noisy, first), expected, atol=1e-4, rtol=1e-4)


def test_where_codes_are_only_masked_the_short_way_gives_the_same_gap():
    absorb, codes = KERNELS["absorb"](), torch.arange(SIZE).repeat(LAST)
    moment = torch.arange(1, LAST + 1).repeat_interleave(SIZE)
    noisy = absorb.noisy(codes, moment, torch.Generator().manual_seed(4))
    assert 0 < (noisy == SIZE).sum() < len(noisy)
    log = torch.randn(len(codes), SIZE, generator=torch.Generator().manual_seed(5)).log_softmax(dim=1)
    torch.testing.assert_close(absorb.gap(codes, log, noisy, moment), jumps(1.0).gap(codes, log, noisy, moment))


def test_what_is_drawn_follows_the_kernel(kernel):
    count, moment = 40_000, 3
    drawn = kernel.noisy(torch.full((count,), 1), torch.full((count,), moment), torch.Generator().manual_seed(2))
    expected = kernel(torch.tensor([1]), torch.tensor([moment]))[0].double()
    found = torch.bincount(drawn, minlength=SIZE + 1) / count
    torch.testing.assert_close(found.double(), expected, atol=0.01, rtol=0.0)


def test_the_chain_ends_where_generation_starts(kernel):
    started = torch.bincount(kernel.start(40_000, torch.Generator().manual_seed(3)), minlength=SIZE + 1) / 40_000
    for row in kernel(*all_codes(LAST)):
        torch.testing.assert_close(row.double(), started.double(), atol=0.01, rtol=0.0)
    gap = kernel.prior_gap(torch.arange(SIZE))
    assert ((gap >= 0) & (gap < 1e-6)).all()


def test_all_is_masked_in_the_end_when_masks_absorb():
    assert (KERNELS["absorb"]().start(100, torch.Generator().manual_seed(0)) == SIZE).all()


def test_mask_and_replace_ends_with_nine_masks_of_ten_and_any_code_for_the_rest():
    last = jumps(0.9)(torch.tensor([2]), torch.tensor([LAST]))[0]
    torch.testing.assert_close(last, torch.tensor([0.02] * 5 + [0.9]))


def test_halfway_down_a_line_half_of_the_codes_are_themselves():
    middle = jumps(0.9)(torch.tensor([2]), torch.tensor([LAST // 2]))[0]
    torch.testing.assert_close(middle, torch.tensor([0.01, 0.01, 0.51, 0.01, 0.01, 0.45]))


def test_schedules_fall_from_all_to_nothing():
    torch.testing.assert_close(kept_shares(4, "linear"), torch.tensor([1, 0.75, 0.5, 0.25, 0], dtype=torch.float64))
    torch.testing.assert_close(kept_shares(2, "cosine")[1], torch.tensor(math.sqrt(0.5), dtype=torch.float64))
    assert kept_shares(9, "cosine")[-1] < 1e-15


def test_near_codes_change_into_each_other_first_and_equally_often_both_ways():
    early = near()(*all_codes(1))[:, :SIZE]
    assert early[0, 1] > early[0, 3] > early[0, 4]
    torch.testing.assert_close(early, early.T)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_near_kernels_mean_code_keeps_to_the_schedule(schedule):
    kernel = near(schedule)
    for moment, kept in enumerate(kept_shares(LAST, schedule).tolist()[:-1]):
        trace = kernel(*all_codes(moment))[:, :SIZE].trace()
        assert (trace.item() - 1) / (SIZE - 1) == pytest.approx(kept, abs=1e-6)


def test_with_one_weight_for_all_pairs_near_codes_are_any_codes():
    kernel = Near(SIZE, kept_shares(LAST, "linear"))
    kernel.learn(torch.eye(SIZE), neighbours=SIZE)  # all as far from each other
    torch.testing.assert_close(kernel(*all_codes(3)), jumps(0.0)(*all_codes(3)).double(), atol=1e-6, rtol=1e-6)
