"""What is kept and what is written, joined: exact outside, smooth at the borders, and back in its place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motionlib.normalize import recover_root
from motionlib.promotion.seams import join, spans_of

FRAMES, WIDTH = 24, 263
NUMBERS = st.floats(-0.5, 0.5, width=32)
ROWS = arrays(np.float32, (FRAMES, WIDTH), elements=NUMBERS, fill=NUMBERS)
MASKS = arrays(bool, FRAMES)


@given(ROWS, ROWS, MASKS, st.integers(1, 12), st.sampled_from(["stay", "follow"]))
def test_rows_outside_the_mask_are_the_kept_ones_to_the_bit(kept, written, mask, seam, after):
    np.testing.assert_array_equal(join(kept, written, mask, seam, after).rows[~mask], kept[~mask])


@given(ROWS, ROWS, st.integers(2, 20), st.integers(2, 8), st.integers(1, 12))
def test_what_follows_stands_where_it_stood(kept, written, start, length, seam):
    mask = np.zeros(FRAMES, bool)
    mask[start : min(start + length, FRAMES - 1)] = True
    joined = join(kept, written, mask, seam, "stay")
    wanted, found = recover_root(kept), recover_root(joined.rows)
    np.testing.assert_allclose(found.position[~mask], wanted.position[~mask], atol=1e-4)
    turn = (found.heading - wanted.heading + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(turn[~mask], 0.0, atol=1e-5)


@given(ROWS, ROWS, st.integers(2, 10), st.integers(10, 13), st.integers(1, 8))
def test_velocity_changes_at_a_border_by_no_more_than_the_stated_bound(kept, written, start, length, seam):
    mask = np.zeros(FRAMES, bool)
    mask[start : start + length] = True
    pose = slice(3, 259)  # the root's way is led, the contacts are left alone
    rows = join(kept, written, mask, seam, "follow").rows[:, pose].astype(np.float64)
    kept, written = kept[:, pose].astype(np.float64), written[:, pose].astype(np.float64)
    e, s = kept - written, np.diff(kept - written, axis=0)
    size = min(seam, length + 1)

    def change(of, at):
        return of[at + 1] - 2 * of[at] + of[at - 1]

    ends = [(start - 1, s[start - 2])]
    if start + length + 1 < FRAMES:
        ends.append((start + length, -s[start + length]))
    for at, slope in ends:
        if size > 1:
            bound = np.abs(change(written, at)) + 3 * np.abs(e[at]) / size**2 + 2 * np.abs(slope) / size
            assert (np.abs(change(rows, at)) <= bound + 1e-5).all()


def test_a_model_that_writes_what_was_there_changes_nothing():
    rows = np.random.default_rng(0).normal(size=(FRAMES, WIDTH)).astype(np.float32) * 0.1
    mask = np.arange(FRAMES) % 7 > 2
    joined = join(rows, rows, mask, 4, "stay")
    np.testing.assert_allclose(joined.rows, rows, atol=1e-5)
    assert joined.led == pytest.approx(0.0, abs=1e-5)
    assert joined.turned == pytest.approx(0.0, abs=1e-5)


def test_runs_of_a_mask_are_told_with_their_ends():
    assert spans_of(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert spans_of(np.zeros(3, bool)) == []
