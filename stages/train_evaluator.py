"""Stage `train_evaluator`: data/features, data/text -> models/evaluator, reports/train_evaluator."""

from pathlib import Path

import torch

from motionlib import evaluation, params, supervision, tracking, training
from motionlib.artifacts import Report, read_features, read_text, write_report
from motionlib.evaluation import anchors, evaluators, learning
from motionlib.evaluation.scores import Protocol
from motionlib.training import checkpoint

STAGE = "train_evaluator"
FEATURES, TEXT = Path("data/features"), Path("data/text")
MODEL, REPORT = Path("models/evaluator"), Path("reports/train_evaluator")


def main() -> None:
    """Train the evaluator and print what real motion scores under it, before anything else is scored."""
    settings = params.load()
    config, protocol = settings.train_evaluator, Protocol.of(settings.evaluate)
    features, text = read_features(FEATURES), read_text(TEXT)
    training.deterministic(config.train.seed, threads=1)  # GRU steps are too small to share
    model = evaluators.make(config.kind, config.model, features.mean, features.std, text.encoder["dim"])
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    mark = checkpoint.fingerprint(STAGE, config.model_dump(mode="json"), [FEATURES, TEXT], [evaluation, training])

    with tracking.run(STAGE, config.model_dump(mode="json")) as log:
        log.dataset("features", FEATURES)
        log.dataset("text", TEXT)
        history = learning.learn(model, features, text, config.train, log, checkpoint.folder(STAGE, mark))
        found = anchors.anchors(model, features, text, protocol)
        evaluators.save(MODEL, model, text.encoder)
        numbers = {"evaluator": model.id, "kind": config.kind, "anchors": found, "history": history.numbers()}
        pictures = {"curves.png": training.curves_png(history, STAGE), "retrieval.png": anchors.picture(found)}
        write_report(REPORT, Report(numbers, pictures))
        log.metrics(anchors.headline(found), history.steps)
        log.artifacts(REPORT)
    checkpoint.forget(STAGE)


if __name__ == "__main__":
    supervision.watch_supervisor()
    main()
