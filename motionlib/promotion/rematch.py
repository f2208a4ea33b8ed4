"""The champion on the challenger's clips: when the library has grown, both are judged on the same ones.

`python -m motionlib.promotion.rematch BUNDLE OUT` judges a bundle on data/features with the leading evaluator of
params.yaml and writes what the gate needs of it. The flow runs it where the champion's own report is not enough.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from motionlib import params, training
from motionlib.artifacts import read_features, read_text, write_json
from motionlib.evaluation import evaluators, generated
from motionlib.evaluation.embedded import Embedded
from motionlib.evaluation.rebuilt import rebuilt
from motionlib.evaluation.scores import Protocol
from motionlib.promotion import drift
from motionlib.promotion.bundle import Bundle

FEATURES, TEXT, EVALUATORS = Path("data/features"), Path("data/text"), Path("models/evaluators")
TIMED_TEXTS = ("a person walks forward", "someone jumps", "a person turns to the left")
TIMED_SECONDS = 4.0  # length of each motion whose making is timed


def rematch(bundle: Path) -> dict[str, Any]:
    """What the gate needs of a bundle, measured on the clips of today: `evaluator` and `per_clip`.

    Raises:
        ValueError: If the bundle's features are of another mode than data/features.
    """
    settings = params.load()
    features, table, protocol = read_features(FEATURES), read_text(TEXT), Protocol.of(settings.evaluate)
    training.deterministic(protocol.seed, threads=1)
    model = Bundle.load(bundle)
    mode = model.facts["features"]["mode"]
    if mode != features.mode:
        raise ValueError(f"{bundle}: its features are {mode}, those of {FEATURES} are {features.mode}")
    judge = evaluators.load(EVALUATORS / settings.evaluate.evaluator, table.encoder, features.mode)
    test, longest = Embedded.of(judge, features, table, "test"), judge.config.max_frames

    texts = [table.captions[caption] for _, caption in test.pairs.cases]
    made = model.rows(texts, generated.true_seconds(test, features, longest), protocol.seed)
    kept = rebuilt(features, model.reconstruct, longest, protocol)
    distances = generated.distances(judge, test, made)
    return {"evaluator": judge.id, "per_clip": generated.with_distances(kept.per_clip, distances)}


def costs(bundle: Path) -> dict[str, float]:
    """What a bundle costs here and now: `megabytes` on disk, `seconds_per_motion` of four seconds' length."""
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    model = Bundle.load(bundle)
    model.generate(TIMED_TEXTS[:1], TIMED_SECONDS)
    start = time.perf_counter()
    for text in TIMED_TEXTS:
        model.generate([text], TIMED_SECONDS)
    return {"megabytes": size / 1e6, "seconds_per_motion": (time.perf_counter() - start) / len(TIMED_TEXTS)}


def main(challenger: Path, champion: Path | None, out: Path, codes_of: Path | None = None) -> None:
    """Measure the challenger's costs, a champion anew if one is named, and what became of another bundle's codes."""
    found: dict[str, Any] = {"costs": costs(challenger)}
    if champion:
        found["champion"] = rematch(champion)
    if codes_of:
        found["codes"] = drift.of_bundles(challenger, codes_of, read_features(FEATURES))
    write_json(out, found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("challenger", type=Path, help="folder of its bundle")
    parser.add_argument("out", type=Path, help="where the numbers go, as JSON")
    parser.add_argument("--champion", type=Path, help="folder of the champion's bundle, to be judged anew")
    parser.add_argument(
        "--codes-of", type=Path, help="folder of the bundle whose codes the challenger's are held against"
    )
    main(**vars(parser.parse_args()))
