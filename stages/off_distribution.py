"""Stage `off_distribution@<name>`: data/features, data/codes/<name>, model -> models/references/<name>, its report."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from motionlib import params, tokenizers, tracking, training
from motionlib.artifacts import FeatureClip, Report, read_codes, read_features, write_report
from motionlib.evaluation.off_distribution import bands, pictures, protocol, reference
from motionlib.evaluation.off_distribution.folds import folds
from motionlib.evaluation.off_distribution.measures import Coder
from motionlib.normalize.statistics import moments_of, statistics
from motionlib.supervision import watch_supervisor
from motionlib.tokenizers import fitting
from motionlib.tokenizers.doors import doors

FEATURES, REPORTS, REFERENCES = Path("data/features"), Path("reports/off_distribution"), Path("models/references")


def main(name: str) -> None:
    """Hold out a source, a subject and an action, measure what that costs a tokenizer, and calibrate its bands."""
    settings, stage = params.load(), f"off_distribution@{name}"
    config, entry = settings.off_distribution, settings.tokenizers[name]
    features, codes = read_features(FEATURES), read_codes(Path("data/codes") / name)
    training.deterministic(entry.train.seed)
    asked = {"entry": entry.model_dump(mode="json"), "off_distribution": config.model_dump(mode="json")}
    mark = training.fingerprint(stage, asked, [FEATURES], [tokenizers, training])
    known = features.split("train")
    short = fitting.shortened(entry, sum(clip.frames for clip in known), config.steps_share, config.most_steps)

    with tracking.run(stage, asked) as log:
        log.dataset("features", FEATURES)

        def train(clips: Sequence[FeatureClip], side: str) -> Coder:
            own = statistics(moments_of(features.of(clip) for clip in clips))
            place = training.folder(stage, mark) / side
            quiet = tracking.prefixed(log, f"{side}.")
            made = fitting.fit(short, features, clips, quiet, statistics=own, checkpoints=place, what=f"{stage} {side}")
            return Coder(*doors(made.model))

        edges = protocol.edges_of(features)
        model = Coder(*doors(tokenizers.load(Path("models/tokenizers") / name, mode=features.mode)))
        trained = protocol.remember(features, known, model, config, {clip.id: codes.of(clip.id) for clip in known})
        held_out, whole = protocol.whole(features, trained, config, edges)
        held = name in config.hold_out
        chosen, missing = folds(features, config, entry.window_frames) if held else ([], {})
        done = [protocol.run_fold(features, fold, train, config, edges) for fold in chosen]
        calibration = bands.calibrate(held_out, {one.fold.criterion: (one.group, one.random) for one in done})
        reference.write(REFERENCES / name, reference.Reference(trained.known, calibration), features.mode)
        numbers = protocol.numbers(short.train.steps, whole, done, missing, calibration)
        write_report(REPORTS / name, Report(numbers, pictures.of_tokenizer(numbers, name)))
        log.metrics(protocol.headline(numbers), step=short.train.steps)
        log.artifacts(REPORTS / name)
    training.forget(stage)


if __name__ == "__main__":
    watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `tokenizers` in params.yaml")
    main(**vars(parser.parse_args()))
