"""Stage `train_tokenizer@<name>`: data/features -> models/tokenizers/<name>, reports/train_tokenizer/<name>."""

import argparse
from functools import partial
from pathlib import Path

import torch

from motionlib import params, tokenizers, tracking, training
from motionlib.artifacts import Report, read_features, write_report
from motionlib.evaluation import roundtrip
from motionlib.supervision import watch_supervisor
from motionlib.tokenizers.clips import reconstruct_clip
from motionlib.training.batches import Windows

FEATURES, REPORTS = Path("data/features"), Path("reports/train_tokenizer")
PREPARE_WINDOWS = 3000  # shown to a model that starts from the data: more than 20 latents for each of 2,048 codes


def main(name: str) -> None:
    """Train the tokenizer that params.yaml describes under `tokenizers.<name>`, and measure it on held-out clips."""
    entry, stage = params.load().tokenizers[name], f"train_tokenizer@{name}"
    features, train = read_features(FEATURES), entry.train
    training.deterministic(train.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    statistics = torch.from_numpy(features.mean), torch.from_numpy(features.std)
    model = tokenizers.build(entry.kind, entry.model, *statistics, features.fps, features.mode).to(device)
    windows = Windows([(c.id, features.of(c)) for c in features.split("train")], entry.window_frames, device)
    model.prepare(windows.sample(PREPARE_WINDOWS, train.seed), train.seed)
    model.plan(training.total_steps(train, windows.items_per_pass))
    mark = training.fingerprint(stage, entry.model_dump(mode="json"), [FEATURES], [tokenizers, training])
    there_and_back, step = partial(reconstruct_clip, model), model.shape.frames_per_step
    watched = roundtrip.pieces(features, "val", step)

    with tracking.run(stage, entry.model_dump(mode="json")) as log:
        log.dataset("features", FEATURES)
        history = training.fit(
            model,
            partial(windows.draw, train.batch_size),
            train,
            log,
            checkpoints=training.folder(stage, mark),
            validate=partial(roundtrip.mean_error, watched, there_and_back) if watched else None,
            best="mpjpe_mm" if watched else "",
            items_per_pass=windows.items_per_pass,
            what=stage,
        )
        tokenizers.save(Path("models/tokenizers") / name, model)
        found = roundtrip.report(features, there_and_back, step)
        numbers = {"held_out": found, "history": history.numbers(), "parameters": model.parameter_count()}
        write_report(REPORTS / name, Report(numbers, {"curves.png": training.curves_png(history, stage)}))
        log.metrics(roundtrip.headline(found), history.steps)
        log.artifacts(REPORTS / name)
    training.forget(stage)


if __name__ == "__main__":
    watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `tokenizers` in params.yaml")
    main(**vars(parser.parse_args()))
