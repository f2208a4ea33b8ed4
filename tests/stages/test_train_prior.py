"""Stage `train_prior` in an empty folder: motion whose codes follow from the caption."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from motionlib import priors, text
from motionlib.artifacts import (
    CodeSet,
    CodeShape,
    FeatureClip,
    Item,
    TextTable,
    read_captions,
    write_codes,
    write_features,
    write_text,
)
from stages import train_prior

ROOT = Path(__file__).parents[2]
CLIPS, STEPS, CODES = 24, 6, 8
SHAPE = CodeShape(codebook_size=CODES, codes_per_step=1, frames_per_step=4, steps_per_second=5.0)
ENTRY = {
    "kind": "gpt",
    "tokenizer": "vq",
    "model": {"layers": 1, "width": 32, "heads": 2, "dropout": 0.0, "max_steps": 8},
    "sampling": {},
    "train": {
        "steps": 60, "batch_size": 16, "learning_rate": 5.0e-3, "warmup_steps": 5, "schedule": "cosine",
        "checkpoint_every": 20, "validate_every": 20, "seed": 1,
    },
}  # fmt: skip


def split_of(clip):
    return {0: "test", 1: "val"}.get(clip % 4, "train")


def write_inputs(folder, splits):
    """Clips that walk have even codes, clips that jump odd ones, at random."""
    rng = np.random.default_rng(0)
    rows = STEPS * SHAPE.frames_per_step
    clips = [FeatureClip(f"{i:02}", i * rows, rows, splits(i), False, "made", "", "", "", "") for i in range(CLIPS)]
    items = [
        Item(clip.id, 0, rows, ("a person walks", "someone jumps")[i // 4 % 2], i // 4 % 2, clip.split, "x")
        for i, clip in enumerate(clips)
    ]
    one, nothing = np.ones(263, np.float32), np.zeros((rows, 263), np.float32)
    write_features(
        folder / "data/features", ((clip, nothing) for clip in clips), items, mean=one, std=one, fps=20.0, mode="compat"
    )
    codes = np.concatenate([2 * rng.integers(0, CODES // 2, (STEPS, 1)) + i // 4 % 2 for i in range(CLIPS)])
    offsets = np.arange(CLIPS + 1) * STEPS
    write_codes(folder / "data/codes/vq", CodeSet(codes, offsets, [clip.id for clip in clips], SHAPE))
    captions, encoder = read_captions(folder / "data/features"), text.encoder("hash:32", 8)
    write_text(folder / "data/text", TextTable(captions, *encoder.encode(captions), text.describe(encoder)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings | {"priors": {"tiny": ENTRY}}))
    write_inputs(tmp_path, split_of)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})  # one thread: other tests run beside this one
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outputs(folder):
    found = [p for part in ("models", "reports") for p in sorted((folder / part).rglob("*")) if p.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_it_learns_what_the_caption_says_and_reports_it_against_baselines(folder):
    train_prior.main("tiny")
    report = json.loads((folder / "reports/train_prior/tiny/report.json").read_text())
    held_out = report["held_out"]
    assert (held_out["clips"], held_out["captions"], held_out["codes_and_ends"]) == (6, 6, 42)
    assert held_out["prior_over"]["bigram"]["mean"] < 0.9
    assert held_out["captions_worth"]["over_wrong_caption"]["low"] > 0.5  # a wrong caption names impossible codes
    nats = held_out["nats_per_code"]
    assert nats["prior"]["mean"] < nats["bigram"]["mean"]
    assert nats["prior"]["low"] <= nats["prior"]["mean"] <= nats["prior"]["high"]
    assert report["history"]["best_step"] > 0
    assert (folder / "reports/train_prior/tiny/curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_model_is_loaded_with_the_text_encoder_it_learned_with(folder):
    train_prior.main("tiny")
    encoder = text.encoder("hash:32", 8)
    model = priors.load(folder / "models/priors/tiny", text.describe(encoder))
    drawn = model.generate(
        priors.text_features(encoder.encode(["a person walks"] * 20), ["a person walks"] * 20),
        [STEPS] * 20,
        model.Sampling(),
        torch.Generator().manual_seed(0),
    )
    assert np.mean([codes.numpy() % 2 == 0 for codes in drawn]) > 0.9


def test_a_second_run_writes_the_same_bytes_and_leaves_no_checkpoint(folder):
    train_prior.main("tiny")
    before = outputs(folder)
    train_prior.main("tiny")
    assert outputs(folder) == before
    assert not list((folder / ".motionlib").rglob("*.safetensors"))


def test_without_held_out_captions_it_trains_and_reports_none(folder):
    write_inputs(folder, lambda _: "train")
    train_prior.main("tiny")
    report = json.loads((folder / "reports/train_prior/tiny/report.json").read_text())
    assert report["held_out"] == {}
    assert report["history"]["best_step"] == -1
