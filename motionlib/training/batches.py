"""Random windows out of clips that lie in memory as one tensor."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class WindowBatch(NamedTuple):
    """`x` (B, W, D) raw features of B windows; `ids` (B,) the clips they were cut from."""

    x: Tensor
    ids: tuple[str, ...]


class Windows:
    """Every window of every clip, each as likely as any other.

    A clip of T rows has T - W + 1 windows (one if T == W, none if shorter): the published samplers are off by one
    and leave a clip of exactly W rows out. Rows lie on the device once; a batch is one gather.

    Args:
        clips: Id and (T, D) raw features of each clip.
        window: W, rows in a window.

    Raises:
        ValueError: If no clip has W rows.
    """

    def __init__(self, clips: Sequence[tuple[str, NDArray[np.float32]]], window: int, device: str = "cpu") -> None:
        usable = [(name, rows) for name, rows in clips if len(rows) >= window]
        if not usable:
            longest = max((len(rows) for _, rows in clips), default=0)
            raise ValueError(f"none of {len(clips)} clips has {window} rows (window_frames); the longest has {longest}")
        self.window, self.left_out = window, len(clips) - len(usable)
        self.ids = [name for name, _ in usable]
        lengths = np.array([len(rows) for _, rows in usable])
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        starts = [begin + np.arange(length - window + 1) for begin, length in zip(begins, lengths, strict=True)]
        self.rows = torch.from_numpy(np.concatenate([rows for _, rows in usable])).to(device)
        self.starts = torch.from_numpy(np.concatenate(starts)).to(device)
        self.ends = torch.from_numpy(np.cumsum(lengths)).to(device)
        rows, width = self.rows.shape
        self.view = self.rows.as_strided((rows - window + 1, window, width), (width, width, 1))  # no copy

    def __len__(self) -> int:
        """Different windows."""
        return len(self.starts)

    @property
    def items_per_pass(self) -> int:
        """Windows that show as many rows as there are: one pass over the data."""
        return max(1, len(self.rows) // self.window)

    def draw(self, batch_size: int, generator: torch.Generator) -> WindowBatch:
        """`batch_size` windows, drawn with replacement."""
        chosen = torch.randint(len(self.starts), (batch_size,), generator=generator, device=self.rows.device)
        starts = self.starts[chosen]
        owners = torch.searchsorted(self.ends, starts, right=True).tolist()
        return WindowBatch(self.view[starts], tuple(self.ids[owner] for owner in owners))

    def sample(self, count: int, seed: int) -> Tensor:
        """(count, W, D) windows that depend on the seed only."""
        return self.draw(count, torch.Generator(self.rows.device).manual_seed(seed)).x
