"""Encoding in an empty folder: every clip, whole, in order, twice the same."""

import numpy as np
import pytest
import torch

from motionlib import tokenizers, training
from motionlib.artifacts import FeatureClip, Item, read_codes, write_features
from stages import encode_motion

LENGTHS = (24, 31, 4)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    starts = np.cumsum([0, *LENGTHS])
    clips = [
        (
            FeatureClip(f"c{i}", int(starts[i]), length, "train", False, "d", "", "", "", ""),
            rng.standard_normal((length, 263)).astype(np.float32),
        )
        for i, length in enumerate(LENGTHS)
    ]
    zero = np.zeros(263, dtype=np.float32)
    items = [Item("c0", 0, 20, "a person walks", 0, "train", "label")]
    write_features(tmp_path / "data/features", clips, items, mean=zero, std=zero + 1, fps=20.0, mode="compat")
    torch.manual_seed(0)
    model = tokenizers.build("vqvae", {"width": 8, "code_width": 4, "codes": 8}, torch.zeros(263), torch.ones(263))
    tokenizers.save(tmp_path / "models/tokenizers/tiny", model)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "deterministic", lambda seed, threads=0: torch.manual_seed(seed))
    return tmp_path, clips, model.eval()


def test_every_clip_is_encoded_whole_and_in_order(workplace):
    folder, clips, model = workplace
    encode_motion.main("tiny")
    codes = read_codes(folder / "data/codes/tiny")
    assert codes.clips == ["c0", "c1", "c2"]
    assert np.diff(codes.offsets).tolist() == [6, 7, 1]
    assert codes.shape == (8, 1, 4, 5.0)
    for clip, rows in clips:
        assert np.array_equal(codes.of(clip.id), model.encode(torch.from_numpy(rows)[None])[0].numpy())


def test_a_second_run_gives_the_same_bytes(workplace):
    folder, _, _ = workplace

    def written():
        encode_motion.main("tiny")
        return [path.read_bytes() for path in sorted((folder / "data/codes/tiny").iterdir())]

    assert written() == written()
