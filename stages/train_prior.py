"""Stage `train_prior@<name>`: data/codes/<tokenizer>, data/features, data/text -> models/priors, its report."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from motionlib import params, priors, supervision, tracking, training
from motionlib.artifacts import Report, read_codes, read_features, read_text, write_report
from motionlib.evaluation.intervals import Float64, ratio
from motionlib.params import Evaluate
from motionlib.priors import heldout
from motionlib.priors.data import NULL, Batches, splits

FEATURES, TEXT, CODES = Path("data/features"), Path("data/text"), Path("data/codes")
MODELS, REPORTS = Path("models/priors"), Path("reports/train_prior")


def main(name: str) -> None:
    """Train the prior that params.yaml describes under `priors.<name>`, and hold it against n-grams."""
    config = params.load()
    entry, stage = config.priors[name], f"train_prior@{name}"
    codes, features, text = read_codes(CODES / entry.tokenizer), read_features(FEATURES), read_text(TEXT)
    pieces = splits(codes, features, entry.data.untexted)
    training.deterministic(entry.train.seed, entry.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = priors.build(entry.kind, entry.model, codes.shape, text.encoder["dim"], features.mode).to(device)
    model.prepare(
        codes.vectors, sorted({text.captions[i] for piece in pieces.train for i in piece.captions if i != NULL})
    )
    batches = partial(Batches, text=text, max_steps=model.max_steps, settings=entry.data, device=device)
    inputs = [CODES / entry.tokenizer, FEATURES, TEXT]
    mark = training.fingerprint(stage, entry.model_dump(mode="json"), inputs, [priors, training])
    with tracking.run(stage, entry.model_dump(mode="json")) as log:
        for path in inputs:
            log.dataset(path.name, path)
        history = training.fit(
            model,
            partial(batches(pieces.train).draw, entry.train.batch_size),
            entry.train,
            log,
            checkpoints=training.folder(stage, mark),
            validate=partial(heldout.mean_nats, model, batches(pieces.val)) if pieces.val else None,
            best="nats_per_code" if pieces.val else "",
            items_per_pass=len(pieces.train),
            what=stage,
        )
        baselines = heldout.baselines(pieces.train, pieces.val or pieces.train, codes.shape)
        found = heldout.report(model, baselines, pieces.test, batches, partial(_interval, config.evaluate))
        parameters = sum(p.numel() for p in model.parameters())
        numbers = {"held_out": found, "history": history.numbers(), "parameters": parameters}
        priors.save(MODELS / name, model, text.encoder)
        write_report(REPORTS / name, Report(numbers, {"curves.png": training.curves_png(history, stage)}))
        log.metrics(heldout.headline(found), history.steps)
        log.artifacts(REPORTS / name)
    training.forget(stage)


def _interval(config: Evaluate, above: Float64, below: Float64, clips: Sequence[str]) -> dict[str, float]:
    return ratio(above, below, config.resamples, config.seed, groups=clips).report()


if __name__ == "__main__":
    supervision.watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `priors` in params.yaml")
    main(**vars(parser.parse_args()))
