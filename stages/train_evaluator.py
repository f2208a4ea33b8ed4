"""Stage `train_evaluator@<name>`: data/features, data/text -> models/evaluators/<name>, its report."""

import argparse
from pathlib import Path

import torch

from motionlib import evaluation, params, supervision, tracking, training
from motionlib.artifacts import Report, read_features, read_text, write_report
from motionlib.evaluation import anchors, evaluators, learning
from motionlib.evaluation.scores import Protocol
from motionlib.training import checkpoint

FEATURES, TEXT = Path("data/features"), Path("data/text")
MODELS, REPORTS = Path("models/evaluators"), Path("reports/train_evaluator")


def main(name: str) -> None:
    """Train or take `evaluators.<name>` of params.yaml, and score real motion with it before any model is scored."""
    settings, stage = params.load(), f"train_evaluator@{name}"
    config, protocol = settings.evaluators[name], Protocol.of(settings.evaluate)
    features, text = read_features(FEATURES), read_text(TEXT)
    training.deterministic(config.seed, threads=1)  # GRU steps are too small to share
    sizes = features.mean, features.std, text.encoder["dim"], features.mode
    model = evaluators.make(config.kind, config.model, *sizes)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    mark = checkpoint.fingerprint(stage, config.model_dump(mode="json"), [FEATURES, TEXT], [evaluation, training])

    with tracking.run(stage, config.model_dump(mode="json")) as log:
        log.dataset("features", FEATURES)
        log.dataset("text", TEXT)
        history = learning.learn(model, features, text, config.train, log, checkpoint.folder(stage, mark))
        found = anchors.anchors(model, features, text, protocol)
        evaluators.save(MODELS / name, model, text.encoder)
        numbers = {"evaluator": model.id, "kind": config.kind, "anchors": found, "history": history.numbers()}
        curves = {"curves.png": training.curves_png(history, stage)} if history.training else {}
        pictures = {"retrieval.png": anchors.picture(found), **curves}
        write_report(REPORTS / name, Report(numbers, pictures))
        log.metrics(anchors.headline(found), history.steps)
        log.artifacts(REPORTS / name)
    checkpoint.forget(stage)


if __name__ == "__main__":
    supervision.watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `evaluators` in params.yaml")
    main(**vars(parser.parse_args()))
