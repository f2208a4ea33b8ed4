"""What more data would give an evaluator: retrieval on the same held-out motions after training on 25, 50 and 100 %.

    .venv/bin/python bench/evaluator_curve.py [NAME ...]

trains the evaluators of params.yaml on parts of data/features (whole clips, chosen by the hash of their id, the smaller
part inside the larger one) and prints R-precision with 95 % intervals over clips, and how many times chance that is.
"""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from motionlib import params, training
from motionlib.artifacts import FeatureSet, TextTable, read_features, read_text
from motionlib.evaluation import anchors, evaluators, learning
from motionlib.evaluation.scores import Protocol
from motionlib.tracking import run

SHARES = (0.25, 0.5, 1.0)
SEEDS = 3
DIGITS = 8  # hexadecimal, of a clip's place


def part(features: FeatureSet, share: float) -> FeatureSet:
    """The library with that share of its training clips (a mirrored clip goes with its original)."""

    def kept(clip: str) -> bool:
        digest = hashlib.sha256(clip.removeprefix("M:").encode()).hexdigest()
        return int(digest[:DIGITS], 16) < share * 16**DIGITS

    clips = [clip for clip in features.clips if clip.split != "train" or kept(clip.id)]
    ids = {clip.id for clip in clips}
    return replace(features, clips=clips, items=[item for item in features.items if item.clip in ids])


def measure(name: str, share: float, seed: int, features: FeatureSet, text: TextTable) -> dict[str, Any]:
    """Train one evaluator on a part and give its anchors."""
    settings = params.load()
    entry = settings.evaluators[name]
    training.deterministic(seed, threads=1)
    some = part(features, share)
    model = evaluators.make(entry.kind, entry.model, features.mean, features.std, text.encoder["dim"])
    train = entry.train.model_copy(update={"seed": seed})
    with run("evaluator_curve", {}) as log:
        learning.learn(model, some, text, train, log, None)
    found = anchors.anchors(model.eval(), some, text, Protocol.of(settings.evaluate))
    return found | {"clips": len(some.split("train", mirror=False))}


def main() -> None:
    """Print a line per evaluator, share and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="keys of `evaluators` in params.yaml; all of them if none is named")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    arguments = parser.parse_args()
    features, text = read_features(Path("data/features")), read_text(Path("data/text"))
    print("evaluator | share | training clips | seed | top 1, % | times chance | top 3, %")
    entries = params.load().evaluators
    for name in arguments.names or [name for name, entry in entries.items() if entry.train]:
        for share in SHARES:
            for seed in range(arguments.seeds):
                found = measure(name, share, seed, features, text)
                first, third = (found["r_precision_aware"][k] for k in (0, 2))
                times = found["times_chance_aware"][0]
                print(
                    f"{name} | {share:.0%} | {found['clips']} | {seed} | "
                    f"{100 * first['mean']:.0f} ({100 * first['low']:.0f} to {100 * first['high']:.0f}) | "
                    f"{times['mean']:.1f} ({times['low']:.1f} to {times['high']:.1f}) | {100 * third['mean']:.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
