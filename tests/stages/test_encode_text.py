"""Stage `encode_text` in an empty folder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from motionlib.artifacts import FeatureClip, Item, read_features, read_text, write_features
from stages import encode_text

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two spans of one clip, captioned three times in two ways."""
    settings = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"text": {"encoder": "hash:32", "max_tokens": 8}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    clip = FeatureClip("a", 0, 40, "train", False, "made", "", "", "", "CC0")
    captions = (("a person walks", 0), ("jump", 1), ("a person walks", 0))
    items = [Item("a", 0, 20, caption, caption_id, "train", "x") for caption, caption_id in captions]
    rows, one = np.zeros((40, 263), np.float32), np.ones(263, np.float32)
    write_features(tmp_path / "data/features", [(clip, rows)], items, mean=one, std=one, fps=20.0, mode="compat")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_caption_is_embedded_once(folder):
    encode_text.main()
    table = read_text(folder / "data/text")
    assert table.captions == ["a person walks", "jump"]
    assert table.sentence.shape == (2, 32)
    assert [len(table.words_of(i)) for i in (0, 1)] == [3, 1]
    assert table.encoder["spec"] == "hash:32"
    assert table.encoder["max_tokens"] == 8


def test_tokens_of_captions_lie_beside_them_where_a_source_gives_any(folder):
    features = read_features(folder / "data/features")
    clips = [(clip, features.of(clip)) for clip in features.clips]
    items = [
        replace(item, tokens="a/DET person/NOUN walk/VERB" if i == 2 else "") for i, item in enumerate(features.items)
    ]
    one = np.ones(263, np.float32)
    write_features(folder / "data/features", clips, items, mean=one, std=one, fps=20.0, mode="compat")
    encode_text.main()
    table = read_text(folder / "data/text")
    assert [table.tokens_of(i) for i in (0, 1)] == ["a/DET person/NOUN walk/VERB", ""]


def test_captions_without_tokens_have_none(folder):
    encode_text.main()
    assert not (folder / "data/text/tokens.json").exists()
    assert read_text(folder / "data/text").tokens_of(1) == ""


def test_a_second_run_writes_the_same_bytes(folder):
    encode_text.main()
    before = {path: path.read_bytes() for path in (folder / "data/text").iterdir()}
    encode_text.main()
    assert before == {path: path.read_bytes() for path in (folder / "data/text").iterdir()}
    arrays = {"offsets.npy", "sentence.npy", "spans.npy", "words.npy"}
    assert {path.name for path in before} == {"captions.json", "manifest.json", *arrays}
