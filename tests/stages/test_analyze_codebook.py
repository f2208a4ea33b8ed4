"""The report of a codebook, in an empty folder."""

import pytest
import torch
from evaluation_inputs import write_inputs

from motionlib import tokenizers, training
from motionlib.artifacts import Report, read_codes, read_features, read_report, read_report_table, write_report
from stages import analyze_codebook, encode_motion

HISTORY = {"training": [{"step": step, "values": {"perplexity": 3.0, "usage": 0.5}} for step in (1, 2)]}
TRAINED = {"held_out": {"mpjpe_mm": {"mean": 80.0, "low": 70.0, "high": 90.0}}, "history": HISTORY}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Pieces of real motion, a tokenizer that has learned nothing, and its codes."""
    folder = tmp_path_factory.mktemp("codebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(training, "deterministic", lambda seed, threads=0: torch.manual_seed(seed))
        write_inputs(folder)
        features = read_features(folder / "data/features")
        torch.manual_seed(0)
        statistics = torch.from_numpy(features.mean), torch.from_numpy(features.std)
        model = tokenizers.build("vqvae", {"width": 8, "depth": 1, "code_width": 4, "codes": 16}, *statistics)
        model.quantizer.codebook.normal_(generator=torch.Generator().manual_seed(0)).mul_(0.3)
        tokenizers.save(folder / "models/tokenizers/tiny", model)
        write_report(folder / "reports/train_tokenizer/tiny", Report(TRAINED))
        encode_motion.main("tiny")
        analyze_codebook.main("tiny")
        yield folder


def test_it_says_what_is_used(workplace):
    numbers = read_report(workplace / "reports/codebook/tiny")
    codes = read_codes(workplace / "data/codes/tiny").codes[:, 0]
    level = numbers["codebooks"][0]
    assert level["counts"] == [int((codes == code).sum()) for code in range(16)]
    assert level["dead"] == [code for code in range(16) if code not in codes]
    assert level["usage"] == 1 - len(level["dead"]) / 16
    assert numbers["distortion"]["mpjpe_mm"]["mean"] == 80.0
    assert level["motion"]["looked_at"] == 16


def test_pictures_tables_and_the_dictionary_lie_beside_it(workplace):
    assert {path.name for path in (workplace / "reports/codebook/tiny").iterdir()} == {
        "manifest.json", "report.json", "dictionary.html", "index.parquet", "codes.parquet", "rank_frequency.png",
        "rate_distortion.png", "training.png", "usage_0.png", "transitions_0.png", "graph_0.png", "map_0.png",
    }  # fmt: skip


def test_the_index_holds_every_step_once(workplace):
    codes = read_codes(workplace / "data/codes/tiny")
    index = read_report_table(workplace / "reports/codebook/tiny", "index.parquet").to_pylist()
    listed = {
        (span["clip"], frame // 4): span["code"] for span in index for frame in range(span["start"], span["end"], 4)
    }
    said = {(clip, step): int(code) for clip in codes.clips for step, code in enumerate(codes.of(clip)[:, 0])}
    assert listed == said
    assert sum(span["end"] - span["start"] for span in index) == 4 * len(codes.codes)


def test_every_living_code_has_a_real_example_that_is_that_code(workplace):
    codes = read_codes(workplace / "data/codes/tiny")
    for entry in read_report_table(workplace / "reports/codebook/tiny", "codes.parquet").to_pylist():
        assert bool(entry["examples"]) == (entry["count"] > 0)
        for seen in entry["examples"]:
            assert codes.of(seen["clip"])[seen["frame"] // 4, 0] == entry["code"]


def test_a_second_run_gives_the_same_bytes(workplace, monkeypatch):
    monkeypatch.chdir(workplace)

    def written():
        return [path.read_bytes() for path in sorted((workplace / "reports/codebook/tiny").iterdir())]

    before = written()
    analyze_codebook.main("tiny")
    assert written() == before
