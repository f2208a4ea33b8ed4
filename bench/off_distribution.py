"""Tokenizers on motion from elsewhere, such as other skeletons, beside their own held-out clips: Markdown and JSON.

    .venv/bin/python bench/off_distribution.py FEATURES MODEL [MODEL ...] [--training data/features] [--out FOLDER]

measures every unmirrored clip of FEATURES, whatever its split, in all and by source, with each tokenizer, and holds it
against the test split of the features that the tokenizers were trained on. Intervals are 95 % over clips.
"""

import argparse
import math
from pathlib import Path
from typing import Any

from motionlib import tokenizers
from motionlib.artifacts import FeatureSet, read_features, write_json
from motionlib.evaluation.off_distribution import contrast, protocol, table
from motionlib.evaluation.off_distribution.contrast import Draws
from motionlib.evaluation.off_distribution.groups import groups
from motionlib.evaluation.off_distribution.measures import Coder, Measured, measure_all
from motionlib.params import OffDistribution
from motionlib.progress import track
from motionlib.tokenizers.doors import doors

CONFIG = OffDistribution()
DRAWS = Draws(CONFIG.resamples, CONFIG.seed)
ALL = "all"
HEADS = {
    "tokenizer": "tokenizer",
    "source": "clips from",
    "clips": "clips",
    "bits_per_second": "bits/s",
    "mpjpe_mm": "MPJPE, mm",
    "held_out_mpjpe_mm": "MPJPE of own held-out clips, mm",
    "ratio": "ratio",
    "pose_mm": "pose error, mm",
    "window_mm": "nearest training window, mm",
    "usage_divergence": "usage apart, bits",
    "unseen_pairs": "unseen pairs of codes",
}


def measure(folder: Path, elsewhere: FeatureSet, training: FeatureSet) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of the table for one tokenizer, and its curves."""
    model = tokenizers.load(folder, mode=training.mode)
    coder = Coder(*doors(model))
    trained = protocol.remember(training, training.split("train"), coder, CONFIG)
    own = measure_all(training, training.split("test", mirror=False), coder, trained.known)
    clips = [clip for clip in elsewhere.clips if not clip.mirror]
    found = measure_all(elsewhere, track(clips, folder.name, len(clips)), coder, trained.known)
    group_of = groups(elsewhere, "source", CONFIG.clusters, CONFIG.seed)
    sources = {ALL: found} | {
        source: [one for one in found if group_of[one.clip] == source] for source in sorted(set(group_of.values()))
    }
    rows = [_row(folder.name, coder, source, some, own, trained) for source, some in sources.items()]
    edges = protocol.edges_of(training)
    curves = {"elsewhere": contrast.curve(found, edges, DRAWS), "own": contrast.curve(own, edges, DRAWS)}
    return rows, curves


def _row(
    name: str, coder: Coder, source: str, some: list[Measured], own: list[Measured], trained: protocol.Trained
) -> dict[str, Any]:
    apart = contrast.apart(contrast.values(some, "mpjpe_mm"), contrast.values(own, "mpjpe_mm"), DRAWS)
    shape = coder.shape
    bits = shape.steps_per_second * shape.codes_per_step * math.log2(shape.codebook_size)
    return {
        "tokenizer": name,
        "source": source,
        "bits_per_second": bits,
        "held_out_mpjpe_mm": contrast.interval(contrast.values(own, "mpjpe_mm"), DRAWS),
        "ratio": apart.get("ratio"),
        **contrast.report(some, trained.usage, DRAWS),
    }


def main(features: Path, models: list[Path], training: Path, out: Path | None) -> None:
    """Print the table, and write it with everything else if a folder is named."""
    elsewhere, known = read_features(features), read_features(training)
    if elsewhere.mode != known.mode:
        raise SystemExit(f"{features} holds {elsewhere.mode} features, {training} {known.mode} ones")
    rows, curves = [], {}
    for folder in models:
        made, curves[folder.name] = measure(folder, elsewhere, known)
        rows += made
    text = table.markdown(rows, HEADS)
    print(text, end="")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "off_distribution.md").write_text(text, encoding="utf-8")
        write_json(out / "off_distribution.json", {"rows": rows, "curves": curves})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path, help="folder as the `normalize` stage writes it")
    parser.add_argument("models", type=Path, nargs="+", help="folders of tokenizers")
    parser.add_argument("--training", type=Path, default=Path("data/features"), help="what they were trained on")
    parser.add_argument("--out", type=Path, help="folder for off_distribution.md and .json")
    main(**vars(parser.parse_args()))
