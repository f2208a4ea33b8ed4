"""Stage `evaluate@<prior>`: data, models/evaluators, a prior and its tokenizer -> reports/evaluate/<prior>."""

import argparse
import json
from pathlib import Path

from motionlib import params, priors, supervision, text, tokenizers, tracking, training
from motionlib.artifacts import Report, read_features, read_text, write_report
from motionlib.evaluation import evaluators, judged
from motionlib.evaluation.scores import Protocol
from motionlib.export import player
from motionlib.promotion import cycles
from motionlib.promotion.model import MotionModel

FEATURES, TEXT, EVALUATORS = Path("data/features"), Path("data/text"), Path("models/evaluators")
TOKENIZERS, PRIORS, REPORTS = Path("models/tokenizers"), Path("models/priors"), Path("reports/evaluate")


def main(name: str) -> None:
    """Reconstruct every test clip and generate every test caption, and score both against real motion."""
    settings = params.load()
    entry, protocol = settings.priors[name], Protocol.of(settings.evaluate)
    features, table = read_features(FEATURES), read_text(TEXT)
    training.deterministic(protocol.seed, threads=1)  # small models: a second thread costs more than it brings
    encoder = text.encoder(settings.text.encoder, settings.text.max_tokens)
    judges = {one: evaluators.load(EVALUATORS / one, table.encoder, features.mode) for one in settings.evaluators}
    prior = priors.load(PRIORS / name, table.encoder, features.mode)
    tokenizer = tokenizers.load(TOKENIZERS / entry.tokenizer, mode=features.mode)
    model = MotionModel(tokenizer, prior, encoder, entry.sampling)

    with tracking.run(f"evaluate@{name}", settings.evaluate.model_dump()) as log:
        log.dataset("features", FEATURES)
        found = judged.judged(
            judges, settings.evaluate.evaluator, features, table, model.reconstruct, model.rows, protocol,
            cycles.of(settings.evaluate, model),
        )  # fmt: skip
        numbers = {"prior": name, "tokenizer": entry.tokenizer, "per_clip": found.per_clip, **found.numbers}
        packed = [player.pack(shown.joints, features.fps, title=shown.title, text=shown.text) for shown in found.shown]
        pictures = {"motions.json": json.dumps(packed, sort_keys=True).encode(), "scores.png": judged.picture(numbers)}
        write_report(REPORTS / name, Report(numbers, pictures))
        log.metrics(judged.headline(numbers), 0)
        log.artifacts(REPORTS / name)


if __name__ == "__main__":
    supervision.watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `priors` in params.yaml")
    main(**vars(parser.parse_args()))
