"""Stage `train_tokenizer@<name>`: data/features -> models/tokenizers/<name>, reports/train_tokenizer/<name>."""

import argparse
from functools import partial
from pathlib import Path

from motionlib import params, tokenizers, tracking, training
from motionlib.artifacts import Report, read_features, write_report
from motionlib.evaluation import roundtrip
from motionlib.supervision import watch_supervisor
from motionlib.tokenizers import fitting
from motionlib.tokenizers.base import Tokenizer
from motionlib.tokenizers.clips import reconstruct_clip

FEATURES, REPORTS = Path("data/features"), Path("reports/train_tokenizer")


def main(name: str) -> None:
    """Train the tokenizer that params.yaml describes under `tokenizers.<name>`, and measure it on held-out clips."""
    entry, stage = params.load().tokenizers[name], f"train_tokenizer@{name}"
    features = read_features(FEATURES)
    training.deterministic(entry.train.seed)
    mark = training.fingerprint(stage, entry.model_dump(mode="json"), [FEATURES], [tokenizers, training])
    held_out = bool(features.split("val", mirror=False))

    def error(model: Tokenizer) -> dict[str, float]:
        watched = roundtrip.pieces(features, "val", model.shape.frames_per_step)
        return roundtrip.mean_error(watched, partial(reconstruct_clip, model))

    with tracking.run(stage, entry.model_dump(mode="json")) as log:
        log.dataset("features", FEATURES)
        model, history = fitting.fit(
            entry,
            features,
            features.split("train"),
            log,
            checkpoints=training.folder(stage, mark),
            validate=error if held_out else None,
            best="mpjpe_mm" if held_out else "",
            what=stage,
        )
        tokenizers.save(Path("models/tokenizers") / name, model)
        found = roundtrip.report(features, partial(reconstruct_clip, model), model.shape.frames_per_step)
        apart = roundtrip.apart(features, partial(reconstruct_clip, model), model.shape.frames_per_step, found)
        numbers = {"held_out": found, **apart, "history": history.numbers(), "parameters": model.parameter_count()}
        write_report(REPORTS / name, Report(numbers, {"curves.png": training.curves_png(history, stage)}))
        log.metrics(roundtrip.headline(found), history.steps)
        log.artifacts(REPORTS / name)
    training.forget(stage)


if __name__ == "__main__":
    watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `tokenizers` in params.yaml")
    main(**vars(parser.parse_args()))
