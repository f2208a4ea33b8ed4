"""A tokenizer, a prior and a text encoder as one: text in, motion out, and motion to codes and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from motionlib.artifacts import Float32, Int64
from motionlib.artifacts.modes import require_mode
from motionlib.priors.base import OPEN, Prior, TextFeatures, text_features, without_text
from motionlib.priors.windows import Sheet, fill
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
        chosen = self._sampling(sampling)
        generator = torch.Generator(self.device).manual_seed(seed)
        codes: list[Int64] = []
        for start in range(0, len(wanted), TEXTS_PER_BATCH):
            part = slice(start, start + TEXTS_PER_BATCH)
            text = self._features(wanted[part])
            with torch.inference_mode():
                made = self._drawn(text, None if steps is None else steps[part], chosen, generator)
            codes += [one.cpu().numpy().astype(np.int64) for one in made]
        return [Motion(text, self.decode(one), one, self.fps) for text, one in zip(wanted, codes, strict=True)]

    def in_a_row(
        self,
        texts: Sequence[str],
        seconds: float | Sequence[float] | None = None,
        count: int = 1,
        seed: int = 0,
        sampling: Mapping[str, Any] | None = None,
    ) -> list[Motion]:
        """`count` motions that show one text after the other; see `generate`.

        Without `seconds` each part is as long as the prior makes a motion of its text alone.
        """
        wanted = [_clean(text) for text in texts]
        if not wanted or count < 1:
            raise ValueError(f"nothing to generate: {len(texts)} texts, count {count}")
        steps = self._steps(seconds, len(texts), 1)
        if steps is None:
            steps = [len(motion.codes) for motion in self.generate(wanted, None, 1, seed, sampling)]
        which = torch.tensor([i for i, length in enumerate(steps) for _ in range(length)])
        blank = torch.full((len(which), self.tokenizer.shape.codes_per_step), OPEN)
        made = self.write([Sheet(blank, which)] * count, wanted, seed, sampling)
        return [Motion(", then ".join(wanted), self.decode(codes), codes, self.fps) for codes in made]

    def write(
        self, sheets: Sequence[Sheet], texts: Sequence[str], seed: int, sampling: Mapping[str, Any] | None = None
    ) -> list[Int64]:
        """Codes (L, Q) of partly written motions; "" among the texts that they name leaves it to the prior."""
        text = self._features([" ".join(text.lower().split()) for text in texts])
        empty = torch.tensor([not text for text in text.captions], device=self.device)
        generator = torch.Generator(self.device).manual_seed(seed)
        moved = [Sheet(sheet.codes.to(self.device), sheet.texts) for sheet in sheets]
        with torch.inference_mode():
            made = fill(self.prior, moved, without_text(text, empty), self._sampling(sampling), generator)
        return [one.cpu().numpy().astype(np.int64) for one in made]

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

    def _drawn(
        self, text: TextFeatures, steps: Sequence[int] | None, sampling: Any, generator: torch.Generator
    ) -> list[torch.Tensor]:
        """New codes; longer motions than the prior writes at once slide on."""
        if steps is None or max(steps) <= self.prior.max_steps:
            return self.prior.generate(text, steps, sampling, generator)
        blank = [
            torch.full((length, self.tokenizer.shape.codes_per_step), OPEN, device=self.device) for length in steps
        ]
        sheets = [Sheet(codes, torch.full((len(codes),), i)) for i, codes in enumerate(blank)]
        return fill(self.prior, sheets, text, sampling, generator)

    def _features(self, texts: Sequence[str]) -> TextFeatures:
        return text_features(self.encoder.encode(texts), texts, self.device)

    def _sampling(self, changed: Mapping[str, Any] | None) -> Any:
        return self.prior.Sampling.model_validate({**self.sampling, **(changed or {})})

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
