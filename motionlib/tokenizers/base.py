"""What every tokenizer promises, and how it lies on disk."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from motionlib.artifacts import CodeShape, Float32
from motionlib.artifacts.modes import COMPAT
from motionlib.training import Loss

FPS = 20.0  # Hz of HumanML3D features
STD_FLOOR = 1e-5  # of a feature that never changes, so that it is not divided by zero
JOINTS_OF_WIDTH = {263: 22, 251: 21}  # HumanML3D and KIT-ML; D = 12 J - 1


class Settings(BaseModel):
    """Settings of one kind of tokenizer: complete, without unknown keys, unchangeable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def position_slice(width: int) -> slice:
    """Where the joint positions ("ric", metres) lie in a feature row of D = 12 J - 1 numbers.

    Raises:
        ValueError: If no skeleton gives such a width.
    """
    joints, rest = divmod(width + 1, 12)
    if rest or joints < 2:
        raise ValueError(f"feature rows of {width} numbers fit no skeleton: D must be 12 J - 1, such as 263 or 251")
    return slice(4, 4 + 3 * (joints - 1))


class Tokenizer(nn.Module, ABC):
    """Features <-> codes. All doors take and give raw (not normalised) features.

    Args:
        config: An instance of this class's `Config`.
        mean, std: (D,) of the training features.
        fps: Hz of the features.

    Attributes:
        mode: Of the features it was made from, `compat` or `exact`.

    Raises:
        ValueError: If mean and std are not two (D,) of finite numbers.
    """

    Config: ClassVar[type[Settings]]
    mode: str = COMPAT
    mean: Tensor
    std: Tensor

    def __init__(self, config: Settings, mean: Tensor, std: Tensor, fps: float = FPS) -> None:
        super().__init__()
        if mean.ndim != 1 or mean.shape != std.shape or not bool(torch.isfinite(mean + std).all()):
            raise ValueError(f"mean {tuple(mean.shape)} and std {tuple(std.shape)} must be two finite (D,)")
        self.config, self.fps = config, fps
        self.register_buffer("mean", mean.detach().clone().float())
        self.register_buffer("std", std.detach().clone().float().clamp_min(STD_FLOOR))

    @property
    def width(self) -> int:
        """D, numbers in a feature row."""
        return len(self.mean)

    @property
    @abstractmethod
    def shape(self) -> CodeShape:
        """V, Q, frames per step and steps per second."""

    @abstractmethod
    def encode(self, features: Tensor) -> Tensor:
        """Codes of raw features: (B, T, D) -> (B, T // frames per step, Q) int64; rows that fill no step are left out.

        Raises:
            ValueError: If D is wrong or T is shorter than one step.
        """

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Raw features that codes stand for: (B, L, Q) -> (B, L * frames per step, D)."""

    @abstractmethod
    def loss(self, batch: Any, generator: torch.Generator) -> Loss:
        """Loss of a batch whose `x` is (B, T, D) raw features; changes no state."""

    def follow(self, seen: Any, generator: torch.Generator) -> Mapping[str, float]:  # noqa: ARG002
        """Update what is not learned by gradient; values for the curves."""
        return {}

    def prepare(self, features: Tensor, seed: int) -> None:
        """Shown windows (N, T, D) of raw training features before training, for a start that knows the data."""

    def plan(self, steps: int) -> None:
        """Told before training how many steps it will take, for what changes on the way."""

    def code_vectors(self) -> list[Float32]:
        """(V, C) vector of each code of each of the Q codebooks; empty where codes are no vectors."""
        return []

    @property
    def bits_per_second(self) -> float:
        """What the codes of a second take, all codes being equally likely."""
        shape = self.shape
        return shape.steps_per_second * shape.codes_per_step * math.log2(shape.codebook_size)

    def reconstruct(self, features: Tensor) -> Tensor:
        """What is left of features after their codes: decode of encode, (B, T, D) -> (B, T // f * f, D)."""
        return self.decode(self.encode(features))

    def cropped(self, features: Tensor) -> Tensor:
        """Features without the last rows that fill no step.

        Raises:
            ValueError: If D is wrong or T is shorter than one step.
        """
        step = self.shape.frames_per_step
        if features.ndim != 3 or features.shape[-1] != self.width:
            raise ValueError(f"expected features (B, T, {self.width}), got {tuple(features.shape)}")
        if features.shape[1] < step:
            raise ValueError(f"a clip of {features.shape[1]} rows is shorter than one step of {step}")
        return features[:, : features.shape[1] // step * step]

    def checked_codes(self, codes: Tensor) -> Tensor:
        """Codes, if they are (B, L, Q) and all in [0, V).

        Raises:
            ValueError: If not.
        """
        size, per_step = self.shape[:2]
        if codes.ndim != 3 or codes.shape[-1] != per_step:
            raise ValueError(f"expected codes (B, L, {per_step}), got {tuple(codes.shape)}")
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < size:
            raise ValueError(f"codes reach from {int(codes.min())} to {int(codes.max())}; expected 0 to {size - 1}")
        return codes

    def parameter_count(self) -> int:
        """Numbers learned by gradient."""
        return sum(math.prod(p.shape) for p in self.parameters() if p.requires_grad)


def arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """A model's weights and buffers as numpy arrays."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}


def tensors(weights: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """What `arrays` gave, as tensors of their own."""
    return {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
