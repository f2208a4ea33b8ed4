"""Stage `analyze_codebook@<name>`: data/codes/<name> -> reports/codebook/<name>."""

import argparse
from pathlib import Path

from motionlib import codebook, tracking
from motionlib.artifacts import Report, read_codes, write_report
from motionlib.supervision import watch_supervisor


def main(name: str) -> None:
    """Say how much of the codebook is used, how evenly and in which order."""
    codes = read_codes(Path("data/codes") / name)
    sequences = [codes.of(clip) for clip in codes.clips]
    numbers = codebook.analyse(sequences, codes.shape)
    pictures = {}
    for level, found in enumerate(numbers["codebooks"]):
        title = f"{name}, codebook {level}"
        one = [sequence[:, level] for sequence in sequences]
        pictures[f"usage_{level}.png"] = codebook.usage_png(found["counts"], title)
        pictures[f"transitions_{level}.png"] = codebook.transitions_png(one, codes.shape.codebook_size, title)
    folder = Path("reports/codebook") / name
    write_report(folder, Report(numbers, pictures))
    with tracking.run(f"analyze_codebook@{name}", {}) as log:
        log.dataset("codes", Path("data/codes") / name)
        log.metrics(codebook.headline(numbers), step=0)
        log.artifacts(folder)


if __name__ == "__main__":
    watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `tokenizers` in params.yaml")
    main(**vars(parser.parse_args()))
