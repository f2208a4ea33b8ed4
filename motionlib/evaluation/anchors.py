"""What real motion scores under an evaluator: the yardstick that must be read before any model's score."""

from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from motionlib.artifacts import FeatureSet, TextTable
from motionlib.evaluation import likeness, scores
from motionlib.evaluation.embedded import Embedded
from motionlib.evaluation.evaluator import Evaluator
from motionlib.evaluation.scores import Protocol
from motionlib.figures import png

PUBLISHED_TOPS = ("top 1", "top 2", "top 3")


def anchors(model: Evaluator, features: FeatureSet, text: TextTable, protocol: Protocol) -> dict[str, Any]:
    """R-precision, gallery, halves and diversity of real test motion, and R-precision on training motion beside it.

    Raises:
        BadArtifactError: If no test motion has a caption.
    """
    test, train = (Embedded.of(model, features, text, split) for split in ("test", "train"))
    found = {
        "evaluator": model.id,
        "n": len(test.pairs),
        "captions": len(test.text),
        "protocol": protocol.facts(test.pairs),
        **scores.retrieval_report(scores.ask(test.pairs, test.text, test.real_cases, protocol), protocol),
        "diversity": likeness.likeness_report(test.pairs, test.real, test.real_cases, protocol)["diversity"],
        "halves": likeness.halves_report(test.real, protocol),
        "gallery": scores.gallery_report(test.pairs, test.text, test.real),
    }
    seen = scores.ask(train.pairs, train.text, train.real_cases, protocol._replace(repeats=1))
    found["train"] = scores.retrieval_report(seen, protocol)
    return found


def headline(found: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers that a run's page shows."""
    values = {f"r_precision_{k}": one["mean"] for k, one in enumerate(found["r_precision"], 1)}
    values |= {f"times_chance_aware_{k}": one["mean"] for k, one in enumerate(found["times_chance_aware"], 1)}
    return values | {"mm_dist": found["mm_dist"]["mean"], "diversity": found["diversity"]["mean"]}


def picture(found: Mapping[str, Any]) -> bytes:
    """PNG: how often real test motion is found, with intervals, against chance."""
    figure = Figure(figsize=(5.6, 3.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    tops = range(len(found["r_precision"]))
    for shift, key, label in ((-0.2, "r_precision", "own motion"), (0.2, "r_precision_aware", "any it describes")):
        rates = [100 * found[key][k]["mean"] for k in tops]
        low = [100 * (found[key][k]["mean"] - found[key][k]["low"]) for k in tops]
        high = [100 * (found[key][k]["high"] - found[key][k]["mean"]) for k in tops]
        axes.bar([k + shift for k in tops], rates, 0.38, yerr=(low, high), capsize=3, label=label)
    for k in tops:
        chance = 100 * found["chance_aware"][k]
        axes.plot([k - 0.4, k + 0.4], [chance, chance], "k--", linewidth=1, label="chance" if k == 0 else None)
    axes.set_xticks(list(tops), PUBLISHED_TOPS[: len(tops)])
    axes.set_ylim(0, 108)
    axes.set_ylabel("captions that find it, %")
    pool = min(found["protocol"]["pool"], found["n"])
    axes.set_title(f"Real test motion, {found['n']} motions, pools of {pool}", fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    return png(figure)
