"""Windows: every one of them, each as likely, none across two clips."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib.training.batches import Windows


def clip(name: str, first: int, length: int) -> tuple[str, np.ndarray]:
    """Rows that count up from `first`, two numbers wide."""
    return name, np.stack([np.arange(first, first + length)] * 2, axis=1).astype(np.float32)


def test_a_clip_of_exactly_one_window_gives_one():
    # Known defect elsewhere (T2M-GPT, MoMask): randint(0, len - window) leaves such clips out.
    windows = Windows([clip("a", 0, 4)], 4)
    assert len(windows) == 1
    assert windows.draw(3, torch.Generator().manual_seed(0)).x[:, :, 0].tolist() == [[0, 1, 2, 3]] * 3


def test_the_last_window_of_a_clip_is_drawn():
    windows = Windows([clip("a", 0, 5)], 4)
    firsts = windows.draw(64, torch.Generator().manual_seed(0)).x[:, 0, 0]
    assert set(firsts.tolist()) == {0.0, 1.0}


def test_windows_come_from_clips_in_proportion_to_their_windows():
    windows = Windows([clip("long", 0, 12), clip("short", 100, 4)], 4)  # 9 windows and 1
    drawn = windows.draw(4000, torch.Generator().manual_seed(0))
    assert np.mean([name == "short" for name in drawn.ids]) == pytest.approx(0.1, abs=0.02)


@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6), window=st.integers(1, 6), seed=st.integers(0, 99))
def test_no_window_reaches_into_another_clip(lengths, window, seed):
    clips = [clip(str(i), 100 * i, length) for i, length in enumerate(lengths)]
    if max(lengths) < window:
        with pytest.raises(ValueError, match=f"has {window} rows"):
            Windows(clips, window)
        return
    windows = Windows(clips, window)
    drawn = windows.draw(20, torch.Generator().manual_seed(seed))
    for rows, name in zip(drawn.x[:, :, 0].numpy(), drawn.ids, strict=True):
        offset = rows - 100 * int(name)
        assert np.array_equal(np.diff(rows), np.ones(window - 1))
        assert offset[0] >= 0
        assert offset[-1] < lengths[int(name)]
    assert windows.left_out == sum(length < window for length in lengths)
    assert len(windows) == sum(max(length - window + 1, 0) for length in lengths)


def test_the_same_generator_draws_the_same_windows():
    windows = Windows([clip("a", 0, 50)], 4)
    first, second = (windows.draw(8, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first.x, second.x)
    assert first.ids == second.ids


def test_a_pass_shows_as_many_rows_as_there_are():
    assert Windows([clip("a", 0, 50), clip("b", 0, 30)], 8).items_per_pass == 10
