"""Stage `encode_motion@<name>`: data/features, models/tokenizers/<name> -> data/codes/<name>."""

import argparse
from pathlib import Path

import numpy as np

from motionlib import tokenizers, tracking, training
from motionlib.artifacts import CodeSet, read_features, write_codes
from motionlib.progress import track
from motionlib.supervision import watch_supervisor
from motionlib.tokenizers.clips import encode_clip


def main(name: str) -> None:
    """Encode every clip of data/features, whole and unpadded."""
    training.deterministic(seed=0)
    features = read_features(Path("data/features"))
    model = tokenizers.load(Path("models/tokenizers") / name, mode=features.mode)
    with tracking.run(f"encode_motion@{name}", {}) as log:
        log.dataset("features", Path("data/features"))
        clips = track(features.clips, f"encode_motion@{name}", len(features.clips))
        codes = [encode_clip(model, features.of(clip)) for clip in clips]
        log.metrics({"steps": float(sum(map(len, codes)))}, step=0)

    offsets = np.cumsum([0, *map(len, codes)])
    ids = [clip.id for clip in features.clips]
    write_codes(
        Path("data/codes") / name, CodeSet(np.concatenate(codes), offsets, ids, model.shape, model.code_vectors())
    )


if __name__ == "__main__":
    watch_supervisor()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a key of `tokenizers` in params.yaml")
    main(**vars(parser.parse_args()))
