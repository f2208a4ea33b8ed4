"""The stage in an empty folder with a few tiny clips: it writes all it says, twice the same, and resumes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from motionlib import tokenizers, training
from motionlib.artifacts import FeatureClip, Item, read_report, write_features
from motionlib.training.batches import Windows
from stages import train_tokenizer

ENTRY = {
    "kind": "vqvae",
    "model": {"width": 8, "code_width": 4, "codes": 8, "depth": 1, "start": "data"},
    "window_frames": 16,
    "train": {
        "steps": 6, "batch_size": 4, "learning_rate": 1.0e-3, "warmup_steps": 1, "schedule": "cosine",
        "checkpoint_every": 2, "validate_every": 3, "seed": 7,
    },
}  # fmt: skip
SPLITS = ("train", "train", "val", "test", "test")


def write_clips(folder: Path, splits: Sequence[str] = SPLITS) -> None:
    rng = np.random.default_rng(0)
    clips, start = [], 0
    for index, split in enumerate(splits):
        rows = (0.1 * rng.standard_normal((30 + index, 263))).astype(np.float32)
        clips.append((FeatureClip(f"c{index}", start, len(rows), split, False, "d", "", "", "", ""), rows))
        start += len(rows)
    items = [Item("c0", 0, 20, "a person walks", 0, "train", "label")]
    zero = np.zeros(263, dtype=np.float32)
    write_features(folder, clips, items, mean=zero, std=zero + 0.1, fps=20.0, mode="compat")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with features, and params.yaml of which only the tokenizer is read."""
    write_clips(tmp_path / "data" / "features")
    plain = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    plain["tokenizers"] = {"tiny": ENTRY}
    plain["off_distribution"]["hold_out"] = ["tiny"]
    for prior in plain["priors"].values():
        prior["tokenizer"] = "tiny"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(plain))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "deterministic", lambda seed, threads=0: torch.manual_seed(seed))
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_it_writes_a_tokenizer_and_says_how_good_it_is(workplace):
    train_tokenizer.main("tiny")
    model = tokenizers.load(workplace / "models/tokenizers/tiny")
    assert model.shape == (8, 1, 4, 5.0)
    numbers = read_report(workplace / "reports/train_tokenizer/tiny")
    held_out = numbers["held_out"]
    assert held_out["clips"] == 2
    assert held_out["frames"] == 32 + 32  # 33 and 34 rows, in whole steps of 4
    for name in ("mpjpe_mm", "mean_pose_mm", "nearest_training_frame_mm", "pa_mpjpe_mm"):
        assert held_out[name]["low"] <= held_out[name]["mean"] <= held_out[name]["high"]
    assert held_out["ratio"] == pytest.approx(held_out["mpjpe_mm"]["mean"] / held_out["mean_pose_mm"]["mean"])
    assert [point["step"] for point in numbers["history"]["validation"]] == [3, 6]
    assert {"usage", "perplexity", "reconstruction"} <= set(numbers["history"]["training"][0]["values"])
    assert (workplace / "reports/train_tokenizer/tiny/curves.png").read_bytes().startswith(b"\x89PNG")
    assert not (workplace / ".motionlib/checkpoints/train_tokenizer@tiny").exists()


def test_takes_kept_from_training_are_measured_apart(workplace):
    write_clips(workplace / "data/features", (*SPLITS, "unseen"))
    train_tokenizer.main("tiny")
    numbers = read_report(workplace / "reports/train_tokenizer/tiny")
    unseen = numbers["unseen"]
    assert (unseen["clips"], unseen["frames"]) == (1, 32)  # 35 rows, in whole steps of 4
    ratio = unseen["mpjpe_mm"]["mean"] / numbers["held_out"]["mpjpe_mm"]["mean"]
    assert unseen["over_held_out"] == pytest.approx(ratio)


def test_a_second_run_gives_the_same_bytes(workplace):
    train_tokenizer.main("tiny")
    first = contents(workplace / "models"), contents(workplace / "reports")
    train_tokenizer.main("tiny")
    assert (contents(workplace / "models"), contents(workplace / "reports")) == first


def test_a_run_that_was_stopped_ends_with_the_same_bytes(workplace, monkeypatch):
    train_tokenizer.main("tiny")
    undisturbed = contents(workplace / "models"), contents(workplace / "reports")

    drawn, draw = [], Windows.draw

    def stopping(self, *arguments):
        drawn.append(1)
        if len(drawn) == 4:
            raise KeyboardInterrupt
        return draw(self, *arguments)

    monkeypatch.setattr(Windows, "draw", stopping)
    with pytest.raises(KeyboardInterrupt):
        train_tokenizer.main("tiny")
    assert list((workplace / ".motionlib/checkpoints/train_tokenizer@tiny").rglob("*.safetensors"))
    train_tokenizer.main("tiny")
    assert len(drawn) == 4 + 1 + 4  # one draw is the sample for the start; 2 steps were in the checkpoint, 4 are left
    assert (contents(workplace / "models"), contents(workplace / "reports")) == undisturbed


def test_an_unknown_name_is_an_error(workplace):
    with pytest.raises(KeyError, match="nobody"):
        train_tokenizer.main("nobody")
