"""The page of a run: what the reports say, whole and in one file."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from motionlib import params
from motionlib.artifacts import Report, at, write_report
from motionlib.export import player
from motionlib.export.numbers import flat, read_reports, shown
from motionlib.export.page import run_page
from motionlib.export.results import cards, tables

ROOT = Path(__file__).parent.parent.parent
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _interval(mean):
    return {"mean": mean, "low": mean * 0.9, "high": mean * 1.1}


def _scores(aware):
    tops = [_interval(aware), _interval(2 * aware), _interval(3 * aware)]
    return {
        "n": 105,
        "r_precision": tops,
        "r_precision_aware": tops,
        "times_chance_aware": [_interval(aware / 0.05)] * 3,
        "chance_aware": [0.05, 0.1, 0.15],
        "mm_dist": _interval(3.0),
        "fid": _interval(7.5),
        "physics": {"skate_ratio": _interval(0.1)},
    }


@pytest.fixture
def reports(tmp_path):
    """Reports of a finished run with one tokenizer and one prior, and another prior beside them."""
    root = tmp_path / "reports"
    count = {"files": 760, "accept": 750, "repair": 8, "quarantine": 2}
    licences = {"CC0-1.0": {"files": 758, "hours": 1.5}}
    ingest = {"count": count, "hours": 1.5, "captions": 941, "licences": licences, "files": [{"path": "x"}] * 760}
    write_report(root / "ingest", Report(ingest, {"lengths.png": PIXEL}))
    book = {"shape": {"codebook_size": 512}, "codebooks": [{"usage": 0.93, "perplexity": 380.5, "counts": [1] * 512}]}
    write_report(root / "codebook/vq_512", Report(book, {"usage_0.png": PIXEL}))
    held = {"captions": 105, "nats_per_code": {name: _interval(value) for name, value in _NLL.items()},
            "prior_over": {"unigram": _interval(0.5), "bigram": _interval(0.6)}}  # fmt: skip
    write_report(root / "train_prior/gpt", Report({"held_out": held}, {"curves.png": PIXEL}))
    kept = {"clips": 105, "mpjpe_mm": _interval(50.0), "mean_pose_mm": _interval(200.0),
            "mpjpe_over_mean_pose": _interval(0.25), **_scores(0.3)}  # fmt: skip
    contrast = {"texts": ["walk", "jump"], "count": 16, "seconds": 4.0,
                "root_height_range_m": {"first": _interval(0.1), "second": _interval(0.4),
                                        "difference": _interval(0.3), "effect": 2.5}}  # fmt: skip
    judged = {
        "evaluator": "e" * 64,
        "protocol": {"pool": 32},
        "real": {**_scores(0.4), "halves": {"fid": _interval(9.0)}},
        "reconstruction": kept,
        "generation": {"true_length": _scores(0.2), "own_length": _scores(0.1), "contrast": contrast},
        "per_clip": {f"clip{i}": {"mpjpe_mm": 1.0} for i in range(105)},
    }
    joints = np.zeros((3, 22, 3))
    motions = [
        player.pack(joints, 20, title=title, text=text) for text in ("walk", "jump") for title in ("original", "g")
    ]
    pictures = {"motions.json": json.dumps(motions).encode(), "scores.png": PIXEL}
    write_report(root / "evaluate/gpt", Report(judged, pictures))
    write_report(root / "evaluate/unbundled", Report({"evaluator": "f" * 64}, {"scores.png": PIXEL}))
    return root


_NLL = {"unigram": 6.0, "bigram": 5.0, "prior": 3.0}


def test_the_cards_are_the_numbers_with_their_intervals(reports):
    made = {card.label: card for card in cards(read_reports(reports, "vq_512", "gpt"))}
    assert made["Takes in"].value == "758"
    assert made["Takes in"].note == "of 760 files, 2 quarantined"
    assert made["Joint error, held out"].value == "50 mm"
    assert made["Joint error, held out"].interval == "45 to 55"
    assert made["Joint error, held out"].note == "25\u00a0% of the mean pose's"
    assert made["Codebook usage"].value == "93\u00a0%"
    assert made["R-precision, real"].value == "40\u00a0%"
    assert made["R-precision, real"].interval == "36 to 44"
    assert made["R-precision, real"].note == "top 1 of 32; chance 5\u00a0%"
    assert made["Evaluator"].value == "eeeeeeeeeeee"


def test_the_tables_hold_each_number_against_what_it_means_something_against(reports):
    made = {table.id: table for table in tables(read_reports(reports, "vq_512", "gpt"))}
    assert list(made) == ["errors", "likelihood", "scores", "contrast", "licences"]
    assert made["errors"].lines[-1] == ["mean pose", "200 (180 to 220)", "0.25 (0.225 to 0.275)"]
    assert made["likelihood"].lines[1] == ["bigram", "5 (4.5 to 5.5)", "–", "0.6 (0.54 to 0.66)"]
    assert made["scores"].heads == ("", "real", "reconstructed", "generated, true length", "generated, own length")
    assert made["contrast"].lines[0][-1] == "2.5"


def test_numbers_that_no_report_holds_are_left_out(tmp_path):
    assert cards(read_reports(tmp_path)) == []
    assert tables(read_reports(tmp_path)) == []
    assert "No report of the stage" in run_page(tmp_path)


def test_the_page_holds_motions_and_pictures_of_what_is_bundled_and_of_nothing_else(reports):
    page = run_page(reports, "vq_512", "gpt")
    assert page.count('class="stage"') == 2
    assert page.count('<img src="data:image/png;base64,') == 4
    assert "evaluate · gpt · scores" in page
    assert "unbundled" not in page


def test_the_page_asks_for_nothing_from_outside_and_names_no_folder(reports, tmp_path):
    page = run_page(reports, "vq_512", "gpt")
    assert not re.search(r"https?://|@import|url\(", page)
    assert str(tmp_path) not in page


def test_the_same_reports_give_the_same_bytes(reports, tmp_path):
    reports.rename(tmp_path / "moved")
    assert run_page(tmp_path / "moved", "vq_512", "gpt") == run_page(tmp_path / "moved", "vq_512", "gpt")


def test_lists_over_clips_are_not_numbers_for_a_table(reports):
    found = read_reports(reports, "vq_512", "gpt")
    places = [place for place, _ in flat(found.evaluate)]
    assert "real.halves.fid" in places
    assert not [place for place in places if place.startswith("per_clip")]
    assert not [place for place, _ in flat(found.ingest) if place.startswith("files")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (1234567, "1,234,567"),
        (2.0, "2"),
        (12345.6, "12346"),
        ("minilm", "minilm"),
        (True, "True"),
        (_interval(10.0), "10 (9 to 11)"),
    ],
)
def test_numbers_are_shown_short(value, text):
    assert shown(value) == text


def test_places_reach_into_dictionaries_and_lists():
    assert at({"a": [{"b": 1}]}, "a.0.b") == 1
    assert at({"a": [{"b": 1}]}, "a.1.b") is None
    assert at({}, "a") is None


# --- recipes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "recipes").glob("*.yaml"))])
def test_every_recipe_holds_against_the_schema_and_the_registries(name):
    from motionlib import settings

    settings.check(params.load(ROOT / "recipes" / f"{name}.yaml"))


def test_the_quickstart_recipe_is_what_a_fresh_checkout_runs():
    assert (ROOT / "recipes" / "quickstart.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_the_published_recipe_has_the_published_sizes():
    import torch

    from motionlib import tokenizers

    entry = params.load(ROOT / "recipes" / "humanml3d.yaml").tokenizers["vq_512"]
    model = tokenizers.build(entry.kind, entry.model, torch.zeros(263), torch.ones(263))
    assert model.parameter_count() == 19_436_807
