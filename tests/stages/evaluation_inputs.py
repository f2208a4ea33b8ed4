"""A small library of held-out and training motion for the stages that evaluate: pieces of golden clips, captioned."""

from pathlib import Path

import numpy as np
import yaml

from motionlib import text
from motionlib.artifacts import FeatureClip, Item, TextTable, read_captions, write_features, write_text

ROOT = Path(__file__).parents[2]
FRAMES = 40
CAPTIONS = {
    "t2m_walk_120": ("a person walks", "someone walks forward"),
    "t2m_jump_41": ("a person jumps",),
    "t2m_squat_64": ("a person squats",),
    "t2m_circle_left_180": ("a person walks in a circle",),
    "t2m_still_60": ("a person stands still",),
}
SPLITS = ("train", "train", "train", "test", "val", "test")  # of the pieces of each motion
EVALUATOR = {
    "kind": "guo",
    "model": {
        "movement_width": 16, "movement": 16, "motion_width": 16, "text_width": 16, "embedding": 8,
        "loss": "contrastive", "crop_min_frames": 24,
    },
    "train": {
        "steps": 60, "batch_size": 16, "learning_rate": 5.0e-3, "warmup_steps": 5, "schedule": "cosine",
        "checkpoint_every": 20, "validate_every": 20, "seed": 1,
    },
}  # fmt: skip
TMR = {
    "kind": "tmr",
    "model": {"embedding": 8, "layers": 1, "width": 16, "heads": 2, "hidden": 16, "crop_min_frames": 24},
    "train": EVALUATOR["train"] | {"steps": 20},
}


def write_inputs(folder: Path, **sections: object) -> None:
    """data/features, data/text and params.yaml, whose evaluator is tiny."""
    rng = np.random.default_rng(0)
    clips, items, rows, known = [], [], [], {}
    for name, captions in CAPTIONS.items():
        features = np.load(ROOT / "tests/golden" / f"{name}.npz", allow_pickle=False)["features"]
        for number, split in enumerate(SPLITS):
            start = int(rng.integers(0, max(1, len(features) - FRAMES)))
            piece = features[start : start + FRAMES].astype(np.float32)
            piece = piece + 0.01 * rng.normal(size=piece.shape).astype(np.float32) * (features.std(0) + 0.01)
            clip = FeatureClip(
                f"{name}/{number}", sum(map(len, rows)), len(piece), split, False, "made", "", "", "", ""
            )
            clips.append(clip)
            rows.append(piece.astype(np.float32))
            for caption in captions:
                caption_id = known.setdefault(caption, len(known))
                items.append(Item(clip.id, 0, len(piece), caption, caption_id, split, "made"))
    whole = np.concatenate(rows)
    pairs = zip(clips, rows, strict=True)
    statistics = {"mean": whole.mean(axis=0), "std": whole.std(axis=0) + 0.01}
    write_features(folder / "data/features", pairs, items, **statistics, fps=20.0, mode="compat")
    captions, encoder = read_captions(folder / "data/features"), text.encoder("hash:32", 8)
    write_text(folder / "data/text", TextTable(captions, *encoder.encode(captions), text.describe(encoder)))
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    settings |= {"text": {"encoder": "hash:32", "max_tokens": 8}, "evaluators": {"guo": EVALUATOR, "tmr": TMR}}
    settings["evaluate"] = {
        "evaluator": "guo",
        "protocol": "sound",
        "repeats": 3,
        "resamples": 200,
        "batch": 8,
        "seed": 5,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(settings | sections))


def outputs(folder: Path) -> dict[str, bytes]:
    """Every file of models and reports."""
    found = [path for part in ("models", "reports") for path in sorted((folder / part).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
