"""A tokenizer, a prior and a text encoder as one: text in, motion out, and motion to codes and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from motionlib.artifacts import Float32, Int64
from motionlib.artifacts.modes import require_mode
from motionlib.priors.base import Prior, text_features
from motionlib.text import TextEncoder
from motionlib.tokenizers.base import Tokenizer

TEXTS_PER_BATCH = 64  # bounds memory; a motion depends on its seed and its batch, so this is part of the result


@dataclass(frozen=True, eq=False)
class Motion:
    """A generated motion.

    Attributes:
        text: What it was asked to show.
        features: (T, D) float32 raw features, T = L * frames per step.
        codes: (L, Q) int64.
        fps: Hz.
    """

    text: str
    features: Float32
    codes: Int64
    fps: float


class MotionModel:
    """What a bundle does: `generate`, `encode`, `decode`, `reconstruct`; raw features outside, codes inside.

    Attributes:
        fps: Hz of the features. mode: Of the features, `compat` or `exact`.

    Raises:
        MixedModesError: If tokenizer and prior were made from features of different modes.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prior: Prior[Any, Any],
        encoder: TextEncoder,
        sampling: Mapping[str, Any] | None = None,
    ) -> None:
        require_mode(prior.mode, tokenizer.mode, "the prior")
        self.mode = tokenizer.mode
        self.tokenizer = tokenizer.eval()
        self.prior = prior.eval()
        self.encoder = encoder
        self.sampling = dict(sampling or {})
        self.device = next(prior.parameters()).device
        self.fps = tokenizer.shape.frames_per_step * tokenizer.shape.steps_per_second

    def generate(
        self,
        texts: Sequence[str],
        seconds: float | Sequence[float] | None = None,
        count: int = 1,
        seed: int = 0,
        sampling: Mapping[str, Any] | None = None,
    ) -> list[Motion]:
        """Motions that show `texts`: `count` of the first text, then of the second, and so on.

        Args:
            texts: Sentences; they are lower-cased and stripped as captions are.
            seconds: Length, one for all or one per text; None: the prior decides when a motion ends.
            count: Motions per text.
            seed: Same seed, same texts, same bytes (on one machine).
            sampling: Settings that replace those of the bundle, such as {"temperature": 0.8}.

        Raises:
            ValueError: If there is no text, a text is empty, or a length or setting is impossible.
        """
        wanted = [text for text in map(_clean, texts) for _ in range(count)]
        if not wanted or count < 1:
            raise ValueError(f"nothing to generate: {len(texts)} texts, count {count}")
        steps = self._steps(seconds, len(texts), count)
        chosen = self.prior.Sampling.model_validate({**self.sampling, **(sampling or {})})
        generator = torch.Generator(self.device).manual_seed(seed)
        codes: list[Int64] = []
        for start in range(0, len(wanted), TEXTS_PER_BATCH):
            part = slice(start, start + TEXTS_PER_BATCH)
            text = text_features(self.encoder.encode(wanted[part]), wanted[part], self.device)
            with torch.inference_mode():
                made = self.prior.generate(text, None if steps is None else steps[part], chosen, generator)
            codes += [one.cpu().numpy().astype(np.int64) for one in made]
        return [Motion(text, self.decode(one), one, self.fps) for text, one in zip(wanted, codes, strict=True)]

    def rows(self, texts: Sequence[str], seconds: Sequence[float] | None, seed: int) -> list[Float32]:
        """Raw features (T, D) of one motion per text: `generate` as an evaluation asks for it."""
        return [motion.features for motion in self.generate(texts, seconds, seed=seed)]

    def encode(self, features: Float32) -> Int64:
        """Codes of one clip: (T, D) raw features -> (L, Q) int64."""
        with torch.inference_mode():
            codes = self.tokenizer.encode(torch.from_numpy(np.array(features, dtype=np.float32))[None].to(self.device))
        result: Int64 = codes[0].cpu().numpy().astype(np.int64)
        return result

    def decode(self, codes: Int64) -> Float32:
        """Raw features that codes stand for: (L, Q) -> (L * frames per step, D) float32.

        Raises:
            ValueError: If a code is none of the codebook's, or the shape is not (L, Q).
        """
        shape = self.tokenizer.shape
        if codes.ndim != 2 or codes.shape[1] != shape.codes_per_step or not len(codes):
            raise ValueError(f"codes: expected (L, {shape.codes_per_step}) with L > 0, got {codes.shape}")
        if codes.min() < 0 or codes.max() >= shape.codebook_size:
            raise ValueError(f"codes reach from {codes.min()} to {codes.max()}; the codebook has {shape.codebook_size}")
        with torch.inference_mode():
            features = self.tokenizer.decode(torch.from_numpy(np.array(codes, dtype=np.int64))[None].to(self.device))
        result: Float32 = features[0].cpu().numpy()
        return result

    def reconstruct(self, features: Float32) -> Float32:
        """What is left of a clip after its codes: (T, D) -> (T // frames per step * frames per step, D)."""
        return self.decode(self.encode(features))

    def _steps(self, seconds: float | Sequence[float] | None, texts: int, count: int) -> list[int] | None:
        if seconds is None:
            return None
        each = [seconds] * texts if isinstance(seconds, int | float) else list(seconds)
        if len(each) != texts or min(each) <= 0:
            raise ValueError(f"seconds: expected a positive length, one or {texts}, got {seconds}")
        steps = [max(1, round(length * self.tokenizer.shape.steps_per_second)) for length in each]
        return [number for number in steps for _ in range(count)]


def _clean(text: str) -> str:
    """A text as `normalize` writes captions."""
    cleaned = " ".join(text.lower().split())
    if not cleaned:
        raise ValueError("a text is empty")
    return cleaned
