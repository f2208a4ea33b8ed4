"""Commands about codes: what they look up is what the index holds, and wrong requests are named."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from motionlib import tokenizers
from motionlib.artifacts import CodeSet, FeatureClip, Report, read_features, write_codes, write_features, write_report
from motionlib.cli import main
from motionlib.export import codes as told
from motionlib.tokenizers.clips import encode_clip

SIZES = {"width": 8, "depth": 1, "code_width": 4, "codes": 16}


@pytest.fixture(scope="module")
def checkout(golden, tmp_path_factory):
    """Features of three real motions, two tokenizers, their codes, and the report of the first."""
    folder = tmp_path_factory.mktemp("checkout")
    pieces = {}
    for name in ("t2m_walk_120", "t2m_jump_41", "t2m_circle_left_180"):
        with np.load(golden / f"{name}.npz") as file:
            pieces[name] = file["features"].astype(np.float32)
    starts = np.cumsum([0, *map(len, pieces.values())])
    rows = np.concatenate(list(pieces.values()))
    mean, std = rows.mean(0), rows.std(0) + 0.01
    clips = [
        (FeatureClip(name, int(start), len(piece), "train", False, "monday", "", "", "", "CC0-1.0"), piece)
        for (name, piece), start in zip(pieces.items(), starts, strict=False)
    ]
    write_features(folder / "data/features", clips, [], mean=mean, std=std, fps=20.0, mode="compat")
    features = read_features(folder / "data/features")
    for seed, name in enumerate(("old", "new")):
        torch.manual_seed(seed)
        model = tokenizers.build("vqvae", SIZES, torch.from_numpy(mean), torch.from_numpy(std)).eval()
        model.quantizer.codebook.normal_(generator=torch.Generator().manual_seed(seed)).mul_(0.3)
        tokenizers.save(folder / "models/tokenizers" / name, model)
        said = [encode_clip(model, features.of(clip)) for clip in features.clips]
        offsets = np.cumsum([0, *map(len, said)])
        codes = CodeSet(np.concatenate(said), offsets, list(pieces), model.shape, model.code_vectors())
        write_codes(folder / "data/codes" / name, codes)
        if name == "old":
            write_report(
                folder / "reports/codebook/old", Report(*_parts(told.report(name, codes, features, model, {})))
            )
            np.save(folder / "jump.npy", pieces["t2m_jump_41"])
    return folder, codes, said


def _parts(report):
    return report.numbers, report.pictures, report.tables


@pytest.fixture(autouse=True)
def _in_the_checkout(checkout, monkeypatch):
    monkeypatch.chdir(checkout[0])
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def run(*arguments, code=0):
    """stdout and stderr of a command, after checking its exit code."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def _most_used(name):
    codes = np.load(f"data/codes/{name}/codes.npy")[:, 0]
    return int(np.bincount(codes).argmax()), codes


def test_a_code_is_shown_with_every_span_its_licence_and_delivery():
    code, codes = _most_used("old")
    found = json.loads(run("codebook", "show", "old", str(code), "--count", "0", "--json")[0])
    frames = 4 * int((codes == code).sum())
    assert found["count"] == (codes == code).sum()
    assert sum(span["end"] - span["start"] for span in found["spans"]) == frames
    assert found["frames_by_licence"] == {"CC0-1.0": frames}
    assert found["frames_by_delivery"] == {"monday": frames}
    assert {span["delivery"] for span in found["spans"]} == {"monday"}
    assert found["near"][0]["code"] != code


def test_for_a_person_the_list_is_cut_and_says_how_many_are_left():
    code, _ = _most_used("old")
    text, _ = run("codebook", "show", "old", str(code), "--count", "1")
    total = json.loads(run("codebook", "show", "old", str(code), "--json")[0])["spans_total"]
    assert f"and {total - 1} more" in text
    assert "moves like: " in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("old", "16"), "old has codes 0 to 15; there is no code 16"),
        (("old", "1", "--level", "3"), "old lists codebooks 0; there is no list of 3"),
        (("none", "1"), "no reports/codebook/none/manifest.json"),
    ],
)
def test_what_there_is_not_is_named(arguments, words):
    assert words in run("codebook", "show", *arguments, code=2)[1]


def test_drift_between_two_tokenizers_is_told():
    found = json.loads(run("codebook", "drift", "old", "new", "--json")[0])
    assert found["clips"] == 3
    (level,) = found["codebooks"]
    assert level["chance"] <= level["agree"] < 1.0
    assert "codebook 0: " in run("codebook", "drift", "old", "new")[0]
    same, _ = run("codebook", "drift", "old", "old")
    assert "the codes are the same" in same
    assert "100.0% of the steps agree" in same


def test_a_name_that_is_neither_a_tokenizer_nor_a_model_is_refused():
    assert "nobody" in run("codebook", "drift", "nobody", "old", code=2)[1]


def test_a_motion_of_the_library_is_found_whole():
    found = json.loads(run("search", "jump.npy", "--tokenizer", "old", "--json")[0])["spans"]
    assert found[0]["clip"] == "t2m_jump_41"
    assert (found[0]["start"], found[0]["query_start"]) == (0, 0)
    assert found[0]["score"] == pytest.approx(1.0)
    assert found[0]["licence"] == "CC0-1.0"
