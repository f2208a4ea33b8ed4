"""Leaderboards from a real MLflow store that holds what stages write there."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from motionlib.cli import main
from motionlib.leaderboard.formats import html, latex, markdown, table
from motionlib.leaderboard.tables import boards, prior_boards, tokenizer_boards
from motionlib.tracking import store

DATA = "d" * 32


def interval(mean: float, half: float = 1.0) -> dict[str, float]:
    return {"mean": mean, "low": mean - half, "high": mean + half}


def log(tmp_path: Path, stage: str, report: dict[str, Any], params: dict[str, str], **hashes: str) -> str:
    """A finished stage run; hashes are written as dep__path__with__slashes or out__..."""
    tags = {"stage": stage, "hardware": "2 x Test CPU"}
    for name, digest in hashes.items():
        kind, _, path = name.partition("__")
        tags[f"dvc.{kind}.{path.replace('__', '/')}"] = digest
    run = store.open_run(stage, tags)
    for name, value in params.items():
        store.client().log_param(run, name, value)
    folder = tmp_path / run
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(report))
    store.client().log_artifacts(run, str(folder), f"reports/{stage}")
    store.close_run(run, "FINISHED")
    return run


def tokenizer(
    tmp_path: Path, name: str, error: float, seed: int, weights: str, data: str = DATA, unseen: float = 0
) -> None:
    held = {
        "clips": 2,
        "frames": 200,
        "mpjpe_mm": interval(error),
        "ratio": error / 160,
        "mean_pose_mm": interval(160.0),
        "per_clip": {"a": {"mpjpe_mm": error - 5}, "b": {"mpjpe_mm": error + 5}},
    }
    report = {"held_out": held, "parameters": 1_500_000}
    if unseen:
        report["unseen"] = {"mpjpe_mm": interval(unseen), "over_held_out": unseen / error}
    log(
        tmp_path,
        f"train_tokenizer@{name}",
        report,
        {"kind": "vqvae", "model.width": name.partition("_")[0], "train.seed": str(seed)},
        dep__data__features=data,
        **{f"out__models__tokenizers__{name}": weights},
    )
    codes = f"c-{weights}"
    log(tmp_path, f"encode_motion@{name}", {}, {}, **{
        f"dep__models__tokenizers__{name}": weights, f"out__data__codes__{name}": codes,
    })  # fmt: skip
    codebook = {"usage": 0.75, "perplexity": 300.0, "normalised_entropy": 0.9}
    book = {"bits_per_second": {"unigram": 40.0}, "codebooks": [codebook]}
    log(tmp_path, f"analyze_codebook@{name}", book, {}, **{f"dep__data__codes__{name}": codes})


def judged(evaluator: str, first: float) -> dict[str, Any]:
    scores = {
        "n": 60,
        "r_precision_aware": [interval(first, 0.05)],
        "chance_aware": [0.03],
        "kid": interval(0.01, 0.002),
    }
    return {
        "evaluator": evaluator,
        "real": scores | {"r_precision_aware": [interval(0.7, 0.05)]},
        "generation": {"true_length": scores, "multimodality": {"multimodality": interval(0.4)}},
    }


@contextmanager
def mlflow(place: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place}/mlflow.db")
        patch.chdir(place)
        store.forget_client()
        yield place
    store.forget_client()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Two tokenizers, one of them trained twice, and a prior that two evaluators judged; the last test adds to it."""
    with mlflow(tmp_path_factory.mktemp("store")) as place:
        tokenizer(place, "small", 75.0, 7, "w1")
        tokenizer(place, "large", 60.0, 7, "w2")
        tokenizer(place, "large_again", 62.0, 8, "w3")
        log(place, "train_prior@gpt", {"held_out": {"nats_per_code": {"prior": interval(3.5)}}, "parameters": 2e6},
            {"kind": "gpt", "train.seed": "1"}, dep__data__features=DATA, out__models__priors__gpt="p1")  # fmt: skip
        report = judged("e" * 64, 0.5) | {"others": {"tmr": judged("f" * 64, 0.6)}, "protocol": {"name": "sound"}}
        log(place, "evaluate@gpt", report, {}, dep__data__features=DATA, dep__models__priors__gpt="p1")
        yield place


def test_tokenizers_stand_best_first_under_the_mean_pose_with_rate_and_cost(filled):
    (board,) = tokenizer_boards()
    assert [line.name for line in board.lines] == ["mean pose", "nearest training frame (pose only)", "large", "small"]
    large = dict(zip([column.head for column in board.columns], board.lines[2].values, strict=True))
    assert large["bits/s"].mean == 40.0
    assert large["codes used, %"].mean == 75.0
    assert large["entropy, % of full"].mean == 90.0
    assert large["parameters, M"].mean == 1.5
    assert large["training, s"].mean is not None
    assert board.lines[2].hardware == "2 x Test CPU"
    assert board.lines[0].values[0].mean == 160.0


def test_entries_that_differ_in_seed_only_are_one_line_with_an_interval_over_clips_and_trainings(filled):
    line = tokenizer_boards()[0].lines[2]
    assert (line.name, line.seeds) == ("large", 2)
    assert line.values[0].mean == pytest.approx(61.0)
    assert line.values[0].low == pytest.approx(55.0, abs=0.01)  # the easier clip under the better training
    assert line.values[0].high == pytest.approx(67.0, abs=0.01)


def test_told_words_stand_with_real_motions_and_name_their_captioner_and_no_other_captioner_meets_it(tmp_path):
    def told(captioner, distance):
        words = {"distance": interval(distance), "raw": {"cider": interval(2.0)}}
        return {"captioner": captioner, "generated": words, "real": words | {"distance": interval(1.0)}}

    with mlflow(tmp_path):
        for name, captioner, distance in (("a", "c" * 64, 3.0), ("b", "c" * 64, 4.0), ("c", "d" * 64, 2.0)):
            other = judged("f" * 64, 0.6) | {"cycle": {"generated": {"distance": interval(9.0)}}}
            report = judged("e" * 64, 0.5) | {"cycle": told(captioner, distance), "others": {"tmr": other}}
            log(tmp_path, f"evaluate@{name}", report, {"name": name}, dep__data__features=DATA)
        tables = sorted(prior_boards(), key=lambda board: board.note)
    place = [column.head for column in tables[0].columns].index("told text, distance")
    lines = {line.name: line.values[place].mean for line in tables[0].lines}
    assert lines == {"real motion": 1.0, "chance": None, "a": 3.0, "b": 4.0, "c": None}
    assert "captioner cccccccccccc" in tables[0].note
    assert {line.values[place].mean for line in tables[1].lines if line.name in "ab"} == {9.0}


def test_scores_of_two_evaluators_never_meet_and_real_motion_leads_each_table(filled):
    tables = prior_boards()
    assert len(tables) == 2
    for board, first in zip(sorted(tables, key=lambda board: board.note), (50.0, 60.0), strict=True):
        real, chance, model = board.lines
        assert (real.name, real.values[0].mean) == ("real motion", pytest.approx(70.0))
        assert (chance.name, chance.values[0].mean) == ("chance", pytest.approx(3.0))
        assert (model.name, model.values[0].mean) == ("gpt", pytest.approx(first))
        told = {column.head: value.mean for column, value in zip(board.columns, model.values, strict=True)}
        assert (told["KID × 1000"], told["nats/code"]) == (pytest.approx(10.0), 3.5)
        assert "FID" not in told  # none of the models has one


def test_a_model_that_is_the_only_one_is_not_called_the_best(filled):
    text = markdown(boards())
    assert "**61 (55 to 67)**" in text
    assert "| gpt | 50 (45 to 55) |" in text


def test_every_format_holds_the_same_numbers(filled):
    found = boards()
    rows = list(csv.DictReader(io.StringIO(table(found))))
    error = next(row for row in rows if row["model"] == "large" and row["column"] == "MPJPE, mm")
    assert (error["mean"], error["seeds"], error["hardware"]) == ("61", "2", "2 x Test CPU")
    assert r"\textbf{61 (55 to 67)}" in latex(found)
    assert r"R-precision top 1, \%" in latex(found)
    page = html(found)
    assert '<td class="best">61 (55 to 67)</td>' in page
    assert page.count("data:image/png;base64") == 1
    assert "http:" not in page
    assert "https:" not in page


def test_the_command_writes_all_formats_twice_the_same(filled):
    answers = [CliRunner().invoke(main, ["leaderboard", "--out", name, "--json"]) for name in ("one", "two")]
    assert [answer.exit_code for answer in answers] == [0, 0]
    names = sorted(path.name for path in (filled / "one").iterdir())
    assert names == ["leaderboard.csv", "leaderboard.html", "leaderboard.md", "leaderboard.tex"]
    for name in names:
        assert (filled / "one" / name).read_bytes() == (filled / "two" / name).read_bytes()
    assert json.loads(answers[0].stdout)["tables"][0]["models"] == ["large", "small"]


def test_a_repeated_training_counts_once_and_other_data_make_another_table(filled):
    tokenizer(filled, "small", 70.0, 7, "w4")
    tokenizer(filled, "small", 30.0, 7, "w5", data="o" * 32)
    first, second = sorted(tokenizer_boards(), key=lambda board: len(board.lines))
    assert [line.name for line in first.lines[2:]] == ["small"]
    small = next(line for line in second.lines if line.name == "small")
    assert (small.seeds, small.values[0].mean) == (1, 70.0)


def test_without_a_model_it_says_so(tmp_path):
    with mlflow(tmp_path):
        assert boards() == []
        assert CliRunner().invoke(main, ["leaderboard"]).exit_code == 0
    assert "No model was trained yet" in markdown([])


def test_takes_that_were_kept_from_training_have_columns_of_their_own_only_where_there_are_some(tmp_path, filled):
    assert not any("unseen" in column.head for column in tokenizer_boards()[0].columns)
    tokenizer(tmp_path, "small", 70.0, seed=7, weights="w9", data="e" * 32, unseen=105.0)
    board = next(board for board in tokenizer_boards() if "e" * 12 in board.note)
    told = {column.head: value.mean for column, value in zip(board.columns, board.lines[-1].values, strict=True)}
    assert (told["MPJPE of unseen takes, mm"], told["of held-out ones'"]) == (105.0, 1.5)
    assert "Trained on 2 x Test CPU." in board.note
