"""The report of a codebook, in an empty folder."""

import numpy as np
import pytest

from motionlib.artifacts import CodeSet, CodeShape, read_report, write_codes
from stages import analyze_codebook


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    codes = np.array([[0], [1], [0], [1], [2], [2]], dtype=np.int64)
    write_codes(
        tmp_path / "data/codes/tiny",
        CodeSet(codes, np.array([0, 4, 6]), ["a", "b"], CodeShape(4, 1, 4, 5.0)),
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_is_used(workplace):
    analyze_codebook.main("tiny")
    folder = workplace / "reports/codebook/tiny"
    level = read_report(folder)["codebooks"][0]
    assert level["usage"] == 0.75
    assert level["dead"] == [3]
    assert level["perplexity"] == pytest.approx(3.0)
    assert level["counts"] == [2, 2, 2, 0]
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json", "report.json", "usage_0.png", "transitions_0.png",
    }  # fmt: skip


def test_a_second_run_gives_the_same_bytes(workplace):
    def written():
        analyze_codebook.main("tiny")
        return [path.read_bytes() for path in sorted((workplace / "reports/codebook/tiny").iterdir())]

    assert written() == written()
