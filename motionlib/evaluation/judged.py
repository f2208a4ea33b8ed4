"""All that is measured of a tokenizer and a prior on held-out clips: the numbers of reports/evaluate."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlib.artifacts import FeatureSet, Float32, TextTable
from motionlib.evaluation import cycle, generated, likeness
from motionlib.evaluation.cycle import Cycle
from motionlib.evaluation.embedded import Embedded
from motionlib.evaluation.evaluator import Evaluator
from motionlib.evaluation.generated import Generate
from motionlib.evaluation.rebuilt import Reconstruct, rebuilt
from motionlib.evaluation.scores import Protocol
from motionlib.evaluation.slices import slices
from motionlib.figures import png
from motionlib.normalize.humanml263 import recover

SHOWN_CLIPS = 6  # held-out motions on the run's page
GENERATED_EACH = 3  # motions generated for each of their captions
THOUSAND = 1000.0  # by which KID is shown
SETS = {"real": "real", "reconstruction": "reconstructed", "generation": "generated"}


class Shown(NamedTuple):
    """A motion for the run's page: `joints` (T, 22, 3) metres; `title` says which of its text's motions it is."""

    title: str
    text: str
    joints: NDArray[np.float32]


class Judged(NamedTuple):
    """`numbers` for the report, `per_clip` for the gate, `shown` to be looked at."""

    numbers: dict[str, Any]
    per_clip: dict[str, dict[str, float]]
    shown: list[Shown]


def judged(
    models: Mapping[str, Evaluator],
    leading: str,
    features: FeatureSet,
    table: TextTable,
    reconstruct: Reconstruct,
    generate: Generate,
    protocol: Protocol,
    again_in_words: Cycle | None = None,
) -> Judged:
    """Measure reconstruction and generation on the test split.

    Args:
        models: Evaluators by name. leading: Whose scores lead; the others' stand under `others`, never beside them.
        again_in_words: Who tells the generated motions in words, if anybody does.

    Raises:
        BadArtifactError: If there is no test clip, or none with a caption.
    """
    test = Embedded.of(models[leading], features, table, "test")
    longest, fps = models[leading].config.max_frames, features.fps
    real = [np.array(test.pairs.rows(number, longest)) for number in range(len(test.pairs))]
    of_cases = [number for number, _ in test.pairs.cases]
    texts = [table.captions[caption] for _, caption in test.pairs.cases]
    again = [reconstruct(motion) for motion in real]
    made = _Made(
        real=[real[n] for n in of_cases],
        reconstructed=[again[n] for n in of_cases],
        true_length=generate(texts, generated.true_seconds(test, features, longest), protocol.seed),
        own_length=generate(texts, None, protocol.seed),
        many=generated.many_of_each(sorted(set(texts)), generate, protocol),
    )
    kept = rebuilt(features, reconstruct, longest, protocol)
    numbers = _scored(models[leading], test, made, fps, protocol)
    numbers["reconstruction"] = {**kept.numbers, **numbers["reconstruction"]}
    numbers["generation"]["contrast"] = generated.contrast(generate, fps, protocol)
    numbers["protocol"] = protocol.facts(test.pairs)
    numbers["others"] = {
        name: _scored(model, Embedded.of(model, features, table, "test"), made, fps, protocol)
        for name, model in sorted(models.items())
        if name != leading
    }
    distances = generated.distances(models[leading], test, made.true_length)
    numbers["slices"] = slices(features, features.split("test", mirror=False))
    per_clip = generated.with_distances(kept.per_clip, distances)
    cycled = cycle.measured(again_in_words, models, leading, test, table, made.true_length, made.real, protocol)
    numbers["cycle"] = cycled.numbers
    for name, found in cycled.others.items():
        numbers["others"][name]["cycle"] = found
    per_clip = {clip: {**values, **cycled.per_clip.get(clip, {})} for clip, values in per_clip.items()}
    return Judged(numbers, per_clip, _shown(test, table, real, again, generate, fps, protocol))


class _Made(NamedTuple):
    """Motions, raw features (T, D), one per case of the test; `many`: several of a few texts."""

    real: list[Float32]
    reconstructed: list[Float32]
    true_length: list[Float32]
    own_length: list[Float32]
    many: list[Float32]


def _scored(model: Evaluator, test: Embedded, made: _Made, fps: float, protocol: Protocol) -> dict[str, Any]:
    """All that one evaluator says of the motions."""

    def score(motions: list[Float32]) -> dict[str, Any]:
        return generated.score(model, test, motions, fps, protocol)

    return {
        "evaluator": model.id,
        "real": {**score(made.real), "halves": likeness.halves_report(test.real, protocol)},
        "reconstruction": score(made.reconstructed),
        "generation": {
            "true_length": score(made.true_length) | {"policy": generated.POLICIES["true_length"]},
            "own_length": score(made.own_length)
            | {
                "policy": generated.POLICIES["own_length"],
                "length_error_s": generated.length_report(made.own_length, made.real, fps, protocol),
            },
            "multimodality": generated.multimodality(model, made.many, protocol),
        },
    }


def _shown(
    test: Embedded,
    table: TextTable,
    real: list[Float32],
    again: list[Float32],
    generate: Generate,
    fps: float,
    protocol: Protocol,
) -> list[Shown]:
    chosen = generated.spread(len(test.pairs), SHOWN_CLIPS)
    texts = [table.captions[test.pairs.motions[number].captions[0]] for number in chosen]
    each = [text for text in texts for _ in range(GENERATED_EACH)]
    lengths = [len(real[number]) / fps for number in chosen for _ in range(GENERATED_EACH)]
    made = generate(each, lengths, protocol.seed + 3)
    shown = []
    for place, (number, text) in enumerate(zip(chosen, texts, strict=True)):
        shown += [Shown("original", text, recover(real[number])), Shown("reconstruction", text, recover(again[number]))]
        own = made[place * GENERATED_EACH : (place + 1) * GENERATED_EACH]
        shown += [Shown(f"generated {count}", text, recover(motion)) for count, motion in enumerate(own, 1)]
    return shown


def headline(numbers: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers that a run's page shows."""
    kept, made = numbers["reconstruction"], numbers["generation"]["true_length"]
    return {
        "mpjpe_mm": kept["mpjpe_mm"]["mean"],
        "mpjpe_over_mean_pose": kept["mpjpe_over_mean_pose"]["mean"],
        **{
            f"{name}_{score}": numbers[score]["mean"]
            for name, numbers in (("reconstruction", kept), ("generation", made))
            for score in ("kid", "fid")
            if score in numbers
        },
        "generation_r_precision_1": made["r_precision"][0]["mean"],
        "generation_times_chance_aware_1": made["times_chance_aware"][0]["mean"],
        "real_r_precision_1": numbers["real"]["r_precision"][0]["mean"],
        **({"cycle_distance": told["distance"]["mean"]} if (told := numbers["cycle"].get("generated")) else {}),
    }


def _sets(numbers: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = {label: numbers[key] for key, label in SETS.items()}
    return found | {SETS["generation"]: numbers["generation"]["true_length"]}


def picture(numbers: Mapping[str, Any]) -> bytes:
    """PNG: R-precision and FID of real, reconstructed and generated motion, and the errors of reconstruction."""
    figure = Figure(figsize=(10.5, 3.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    sets, kept = _sets(numbers), numbers["reconstruction"]
    _bars(panels[0], {label: one["r_precision_aware"][0] for label, one in sets.items()}, 100.0)
    panels[0].axhline(100 * sets["real"]["chance_aware"][0], color="k", linestyle="--", linewidth=1)
    panels[0].set_title("Captions that find the motion first, %\n(duplicates counted right; dashed: chance)")
    far = {"real halves": numbers["real"]["halves"]} | {label: one for label, one in sets.items() if label != "real"}
    _bars(panels[1], {label: one["kid"] for label, one in far.items() if "kid" in one}, THOUSAND)
    panels[1].set_title(f"KID x 1000, {numbers['real']['n']} motions (halves: half as many)")
    errors = {"mean pose": "mean_pose_mm", "nearest training frame": "nearest_frame_mm", "tokenizer": "mpjpe_mm"}
    _bars(panels[2], {label: kept[key] for label, key in errors.items()})
    panels[2].set_title("Joint error on held-out clips, mm")
    for axes in panels:
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
    return png(figure)


def _bars(axes: Any, values: Mapping[str, Mapping[str, float]], scale: float = 1.0) -> None:
    for place, interval in enumerate(values.values()):
        mean, low, high = (scale * interval[key] for key in ("mean", "low", "high"))
        axes.bar(place, mean, 0.6, yerr=[[max(mean - low, 0)], [max(high - mean, 0)]], capsize=3)
        axes.annotate(f"{mean:.3g}", (place, high), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(values)), list(values))
    axes.margins(y=0.15)
