"""Stage `analyze_codebook@<name>`: data/codes/<name>, data/features, its tokenizer -> reports/codebook/<name>."""

import argparse
from pathlib import Path

from motionlib import codebook, tokenizers, tracking, training
from motionlib.artifacts import read_codes, read_features, read_report, write_report
from motionlib.export import codes as told
from motionlib.supervision import watch_supervisor


def main(name: str) -> None:
    """Say what the codes are used for: how much of them, in which order, for which motion; with a dictionary."""
    training.deterministic(seed=0)
    codes, features = read_codes(Path("data/codes") / name), read_features(Path("data/features"))
    model = tokenizers.load(Path("models/tokenizers") / name, mode=features.mode)
    trained = read_report(Path("reports/train_tokenizer") / name)
    folder = Path("reports/codebook") / name
    with tracking.run(f"analyze_codebook@{name}", {}) as log:
        log.dataset("codes", Path("data/codes") / name)
        report = told.report(name, codes, features, model, trained)
        write_report(folder, report)
        log.metrics(codebook.headline(report.numbers), step=0)
        log.artifacts(folder)


if __name__ == "__main__":
    watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `tokenizers` in params.yaml")
    main(**vars(parser.parse_args()))
