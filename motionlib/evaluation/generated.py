"""How well text becomes motion: every test caption is generated, embedded and held against real motion."""

from collections.abc import Mapping, Sequence
from typing import Any
from typing import Protocol as Shape

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import FeatureSet, Float32
from motionlib.evaluation import distribution, intervals, likeness, scores
from motionlib.evaluation.embedded import Embedded
from motionlib.evaluation.evaluator import Evaluator
from motionlib.evaluation.physics import (
    Physics,
    contact_consistency,
    horizontal_speed,
    physics,
    root_height_range,
)
from motionlib.evaluation.scores import DIGITS, Protocol
from motionlib.normalize.humanml263 import recover
from motionlib.normalize.layout import CONTACTS, HUMANML3D

Float64 = NDArray[np.float64]
MANY_TEXTS, MANY_REPEATS = 8, 10  # of MultiModality; published 100 x 30, which costs 3,000 motions
CONTRAST = ("a person walks", "a person jumps")
CONTRAST_COUNT, CONTRAST_SECONDS = 64, 4.0  # motions per text and their length
POLICIES = {
    "true_length": "each motion is as long as the real one, as MDM and MoMask are evaluated",
    "own_length": "each motion ends where the prior ends it, as T2M-GPT is evaluated",
}


class Generate(Shape):
    """Texts -> raw features (T, D), one per text; `seconds` one per text, or None: as long as the model says."""

    def __call__(self, texts: Sequence[str], seconds: Sequence[float] | None, seed: int) -> list[Float32]:
        """In the order of the texts."""


def score(
    model: Evaluator, test: Embedded, motions: Sequence[Float32], fps: float, protocol: Protocol
) -> dict[str, Any]:
    """All scores of one motion per case of `test.pairs`: retrieval, distribution, physics.

    Args:
        motions: (T, D) raw features, one per case.
    """
    longest = model.config.max_frames
    embedded = model.embed_motion([motion[:longest] for motion in motions])
    return {
        "n": len(test.pairs),
        "cases": len(motions),
        "seconds": round(float(np.mean([len(motion) for motion in motions])) / fps, DIGITS),
        **scores.retrieval_report(scores.ask(test.pairs, test.text, embedded, protocol), protocol),
        **likeness.likeness_report(test.pairs, test.real, embedded, protocol),
        "physics": physics_report(motions, fps, protocol),
    }


def distances(model: Evaluator, test: Embedded, motions: Sequence[Float32]) -> dict[str, float]:
    """Mean distance of each clip's texts and the motions generated for them: {clip id: value}, less is better."""
    embedded = model.embed_motion([motion[: model.config.max_frames] for motion in motions])
    texts = np.stack([test.text[caption] for _, caption in test.pairs.cases])
    found: dict[str, list[float]] = {}
    for (number, _), distance in zip(test.pairs.cases, np.linalg.norm(embedded - texts, axis=1), strict=True):
        found.setdefault(test.pairs.clips[number], []).append(float(distance))
    return {clip: round(float(np.mean(values)), DIGITS) for clip, values in found.items()}


def with_distances(
    per_clip: Mapping[str, Mapping[str, float]], distances: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Per-clip errors of reconstruction with `mm_dist_generated` beside them, where a clip has captions."""
    return {
        clip: {**values, **({"mm_dist_generated": distances[clip]} if clip in distances else {})}
        for clip, values in per_clip.items()
    }


def physics_report(motions: Sequence[Float32], fps: float, protocol: Protocol) -> dict[str, Any]:
    """Mean of `physics` over motions with 95 % intervals."""
    joints = [recover(motion) for motion in motions]
    table = np.array(
        [(*physics(one, fps), _consistent(motion, one)) for motion, one in zip(motions, joints, strict=True)]
    )
    found = intervals.bootstrap_table(table, protocol.resamples, protocol.seed)
    names = (*Physics._fields, "contact_consistency")
    return {name: one.report(DIGITS) for name, one in zip(names, found, strict=True)}


def length_report(
    motions: Sequence[Float32], real: Sequence[Float32], fps: float, protocol: Protocol
) -> dict[str, Any]:
    """By how many seconds motions are longer or shorter than the real ones of their texts, on average."""
    apart = np.array([abs(len(a) - len(b)) / fps for a, b in zip(motions, real, strict=True)])
    return intervals.bootstrap(apart, protocol.resamples, protocol.seed).report(DIGITS)


def _consistent(motion: Float32, joints: NDArray[np.floating[Any]]) -> float:
    return contact_consistency(motion[:, CONTACTS], joints[:, list(HUMANML3D.feet)], HUMANML3D.contact_threshold)


def many_of_each(texts: Sequence[str], generate: Generate, protocol: Protocol) -> list[Float32]:
    """MANY_REPEATS motions for each of a few texts spread over those given, one text after the other."""
    chosen = [texts[place] for place in spread(len(texts), MANY_TEXTS)]
    return generate([text for text in chosen for _ in range(MANY_REPEATS)], None, protocol.seed + 1)


def multimodality(model: Evaluator, motions: Sequence[Float32], protocol: Protocol) -> dict[str, Any]:
    """Mean distance between motions of one text, of what `many_of_each` made."""
    embedded = model.embed_motion([motion[: model.config.max_frames] for motion in motions])
    first, second = distribution.multimodality_pairs(MANY_REPEATS, protocol.seed)
    grid = embedded.reshape(len(motions) // MANY_REPEATS, MANY_REPEATS, -1)
    each = np.array([distribution.multimodality(one[None], first, second) for one in grid])
    mean = intervals.bootstrap(each, protocol.resamples, protocol.seed).report(DIGITS)
    return {"texts": len(grid), "repeats": MANY_REPEATS, "pairs": len(first), "multimodality": mean}


def contrast(generate: Generate, fps: float, protocol: Protocol) -> dict[str, Any]:
    """Whether `walk` and `jump` give different motion: pelvis height range (m) and horizontal speed (m/s) of both.

    The effect is Cohen's d; `difference` is second text minus first, its interval over motions drawn again.
    """
    texts = [text for text in CONTRAST for _ in range(CONTRAST_COUNT)]
    motions = generate(texts, [CONTRAST_SECONDS] * len(texts), protocol.seed + 2)
    joints = [recover(motion) for motion in motions]
    measured = {
        "root_height_range_m": np.array([root_height_range(one) for one in joints]),
        "horizontal_speed_mps": np.array([horizontal_speed(one, fps) for one in joints]),
    }
    report: dict[str, Any] = {"texts": list(CONTRAST), "count": CONTRAST_COUNT, "seconds": CONTRAST_SECONDS}
    for name, values in measured.items():
        report[name] = _contrast(values[:CONTRAST_COUNT], values[CONTRAST_COUNT:], protocol)
    return report


def _contrast(first: Float64, second: Float64, protocol: Protocol) -> dict[str, Any]:
    seed, resamples = protocol.seed, protocol.resamples
    return {
        "first": intervals.bootstrap(first, resamples, seed).report(DIGITS),
        "second": intervals.bootstrap(second, resamples, seed).report(DIGITS),
        "difference": intervals.difference(second, first, resamples, seed).report(DIGITS),
        "effect": round(intervals.effect_size(second, first), DIGITS),
    }


def true_seconds(test: Embedded, features: FeatureSet, longest: int) -> list[float]:
    """Length of each case's real motion, cut to `longest` frames."""
    lengths = [min(motion.end - motion.start, longest) for motion in test.pairs.motions]
    return [lengths[number] / features.fps for number, _ in test.pairs.cases]


def spread(count: int, wanted: int) -> list[int]:
    """At most `wanted` places spread evenly over range(count)."""
    return sorted({int(place) for place in np.linspace(0, count - 1, min(wanted, count))})
