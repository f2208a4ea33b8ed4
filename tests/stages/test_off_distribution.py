"""The stage in an empty folder with tiny takes of two subjects: what it writes, again, resumed, and side by side."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from motionlib import params, training
from motionlib.artifacts import FeatureClip, read_report, write_features
from motionlib.evaluation.off_distribution import reference
from motionlib.training.batches import Windows
from stages import compare_tokenizers, encode_motion, off_distribution, train_tokenizer

ENTRY = {
    "kind": "vqvae",
    "model": {"width": 8, "code_width": 4, "codes": 8, "depth": 1, "start": "data"},
    "window_frames": 16,
    "train": {
        "steps": 6, "batch_size": 4, "learning_rate": 1.0e-3, "warmup_steps": 1, "schedule": "cosine",
        "checkpoint_every": 2, "validate_every": 3, "seed": 7,
    },
}  # fmt: skip
SETTINGS = {"hold_out": ["tiny"], "steps_share": 0.5, "clusters": 2, "resamples": 50, "windows": 100}
SPLITS = ("train", "train", "train", "test", "val")


def write_clips(folder: Path, golden: Path) -> None:
    """Pieces of five motions; subject and source change together."""
    clips, start = [], 0
    for number, name in enumerate(("walk_120", "squat_64", "circle_left_180", "still_60", "jump_41")):
        motion = np.load(golden / f"t2m_{name}.npz", allow_pickle=False)["features"].astype(np.float32)
        for piece, split in enumerate(SPLITS):
            rows = motion[piece : piece + 36]
            who = "ab"[number % 2]
            clip = FeatureClip(f"d/{who}/{name}/{piece}", start, len(rows), split, False, "d", who, "", "", "")
            clips.append((clip, rows))
            start += len(rows)
    whole = np.concatenate([rows for _, rows in clips])
    write_features(folder, clips, [], mean=whole.mean(0), std=whole.std(0) + 0.01, fps=20.0, mode="compat")


@pytest.fixture
def workplace(tmp_path, monkeypatch, golden):
    write_clips(tmp_path / "data" / "features", golden)
    plain = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    plain["tokenizers"] = {"tiny": ENTRY}
    plain["off_distribution"] |= SETTINGS
    for prior in plain["priors"].values():
        prior["tokenizer"] = "tiny"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(plain))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "deterministic", lambda seed, threads=0: torch.manual_seed(seed))
    train_tokenizer.main("tiny")
    encode_motion.main("tiny")
    return tmp_path


def contents(workplace: Path) -> dict[str, bytes]:
    folders = [workplace / "models/references", workplace / "reports/off_distribution"]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(workplace)): path.read_bytes() for path in files}


def test_it_says_what_is_lost_on_each_group_and_calibrates(workplace):
    off_distribution.main("tiny")
    numbers = read_report(workplace / "reports/off_distribution/tiny")
    assert set(numbers["folds"]) == {"source", "subject", "action"}
    assert numbers["steps"] == 3  # half of the tokenizer's own
    assert numbers["folds"]["subject"]["group"] == "b"  # two of five motions, nearer to a fifth than three are
    for fold in numbers["folds"].values():
        for part in ("held_out", "random"):
            error = fold[part]["mpjpe_mm"]
            assert error["low"] <= error["mean"] <= error["high"]
        assert fold["same_clips"]["clips"] >= 2
        assert sum(point["frames"] for point in fold["curve"]["held_out"]) > 0
    assert numbers["whole"]["clips"] == 10
    assert set(numbers["whole"]["slices"]["subject"]) == {"a", "b"}
    found = reference.read(workplace / "models/references/tiny")
    assert found.calibration is not None
    assert len(found.calibration.scores) == 10
    assert found.calibration.far is not None
    assert found.known.memory is not None
    assert 0 < len(found.known.windows.windows) <= 200
    assert (workplace / "reports/off_distribution/tiny/error_by_distance.png").read_bytes().startswith(b"\x89PNG")
    assert not (workplace / ".motionlib/checkpoints/off_distribution@tiny").exists()


def test_it_ends_with_the_same_bytes_every_time_also_when_it_was_stopped(workplace, monkeypatch):
    off_distribution.main("tiny")
    undisturbed = contents(workplace)
    drawn, draw = [], Windows.draw

    def stopping(self, *arguments):
        drawn.append(1)
        if len(drawn) == 8:
            raise KeyboardInterrupt
        return draw(self, *arguments)

    monkeypatch.setattr(Windows, "draw", stopping)
    with pytest.raises(KeyboardInterrupt):
        off_distribution.main("tiny")
    checkpoints = workplace / ".motionlib/checkpoints/off_distribution@tiny"
    assert {path.parent.name for path in checkpoints.rglob("*.safetensors")} == {"source-group", "source-random"}
    off_distribution.main("tiny")
    assert contents(workplace) == undisturbed


def test_all_tokenizers_stand_side_by_side(workplace):
    off_distribution.main("tiny")
    compare_tokenizers.main()
    rows = read_report(workplace / "reports/compare_tokenizers")["rows"]
    assert [(row["tokenizer"], row["criterion"]) for row in rows] == [
        ("tiny", "source"), ("tiny", "subject"), ("tiny", "action"),
    ]  # fmt: skip
    text = (workplace / "reports/compare_tokenizers/off_distribution.md").read_text()
    assert text.splitlines()[2].startswith("| tiny | source | b | ")
    for name in ("off_distribution", "error_by_distance"):
        assert (workplace / f"reports/compare_tokenizers/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_tokenizer_that_is_not_named_is_measured_without_a_training(workplace, monkeypatch):
    plain = yaml.safe_load((workplace / "params.yaml").read_text())
    plain["off_distribution"]["hold_out"] = []
    (workplace / "params.yaml").write_text(yaml.safe_dump(plain))
    monkeypatch.setattr(Windows, "draw", None)
    off_distribution.main("tiny")
    numbers = read_report(workplace / "reports/off_distribution/tiny")
    assert numbers["folds"] == {}
    assert set(numbers["whole"]["slices"]) == {"source", "subject", "action"}
    found = reference.read(workplace / "models/references/tiny")
    assert found.calibration is not None
    assert found.calibration.far is None
    compare_tokenizers.main()
    assert read_report(workplace / "reports/compare_tokenizers")["rows"] == []


def test_a_tokenizer_that_is_not_there_cannot_be_held_out(workplace):
    plain = yaml.safe_load((workplace / "params.yaml").read_text())
    plain["off_distribution"]["hold_out"] = ["other"]
    (workplace / "params.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(ValueError, match=r"off_distribution.hold_out names other; known: \['tiny'\]"):
        params.load()
