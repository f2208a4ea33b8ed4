"""`motionlib check`: one screen whatever the size of a delivery, the same for machines, and exit codes."""

import json
import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Report, write_report
from motionlib.cli import main
from motionlib.export.delivery import Overview, kind_of, overview, worst
from motionlib.export.delivery_text import COLUMNS, cut, screen, share, unit_name
from motionlib.ingest import synthetic
from motionlib.ingest.advice import ADVICE, THRESHOLDS, thresholds
from motionlib.ingest.coverage import coverage
from motionlib.ingest.movement import MOVEMENT
from motionlib.ingest.quality import QUARANTINE, REASONS, REPAIR
from motionlib.params import Ingest

LINES = 40
SETTINGS = Ingest(min_seconds=0.5, max_fps=480.0)


def line(name, verdict="accept", reasons=(), **facts):
    known = {"seconds": 2.0, "frames": 60, "fps": 30.0, "up": "y", "unit": 0.01, "joints": 26}
    return {
        "path": f"monday/{name}.bvh", "id": f"monday/{name}", "verdict": verdict, "reasons": list(reasons),
        "messages": [f"{reason}: frame 7 of 60" for reason in reasons], "licence": "CC0-1.0", "captions": 1,
        "words": ["walk"], "measures": dict.fromkeys(MOVEMENT, 0.1), **known, **facts,
    }  # fmt: skip


def many(count, seed=0):
    """Lines with every reason there is, long paths, many rates, units, rigs and licences."""
    draw = random.Random(seed)
    for number in range(count):
        reasons = draw.sample(sorted(REASONS), draw.choice([0, 0, 1, 3]))
        kinds = {kind_of(reason) for reason in reasons}
        verdict = next((kind for kind in ("quarantine", "repair") if kind in kinds), "accept")
        facts = {
            "fps": draw.choice([24, 25, 30, 48, 60, 100, 120, 240]),
            "joints": draw.randrange(20, 99),
            "unit": draw.choice([1, 0.01, 0.056444, 0.0254]),
            "licence": draw.choice(["", "MIT", "CC0-1.0"]),
        }
        yield line("/".join(["a_long_folder"] * draw.randrange(9)) + f"/take_{number}", verdict, reasons, **facts)


@pytest.mark.parametrize("count", [0, 1, 30, 3000])
@pytest.mark.parametrize("library", [None, coverage(many(50))])
@pytest.mark.parametrize("off", [1, 4])
def test_any_delivery_fits_on_one_screen(count, library, off):
    lines = list(many(count))
    said = screen("/deliveries/monday" * 9, overview(lines), worst(lines), library=library, off=["x" * 200] * off,
                  sure={"26 joints": 0.9}, problems=["captions.csv, line 3: " + "x" * 200] * 99)  # fmt: skip
    assert len(said.splitlines()) <= LINES
    assert max(map(len, said.splitlines())) <= COLUMNS


def test_the_screen_says_what_is_in_a_delivery_and_what_to_do():
    lines = [line("good"), line("cut", "quarantine", ["frame_count_mismatch"]), line("old", "repair", ["axes_turned"])]
    said = screen("monday", overview(lines), worst(lines), sure={"26 joints": 0.914})
    assert "monday: 3 files; 4 s in 120 frames kept" in said
    assert re.search(r"rate +30 Hz ×3", said)
    assert re.search(r"unit, up +cm ×3; +up y ×3", said)
    assert "26 joints (mapped, confidence 0.91) ×3" in said
    assert "1 accept (33.3 %)   1 repair (33.3 %)   1 quarantine (33.3 %)" in said
    assert "frame_count_mismatch: copy it again: it was probably cut off on the way" in said
    assert "e.g. monday/cut.bvh: frame 7 of 60" in said
    assert said.index("frame_count_mismatch") < said.index("axes_turned")
    assert "no running (above 4 m/s)" in said


@given(st.text(max_size=300))
def test_a_line_of_the_screen_holds_no_control_character(text):
    assert cut(text).isprintable()
    assert len(cut(text)) <= COLUMNS


def test_shares_are_never_rounded_to_none_or_all():
    assert [share(0, 9999), share(1, 9999), share(9998, 9999), share(9999, 9999)] == ["0 %", "0.1 %", "99.9 %", "100 %"]


def test_units_have_names():
    assert [unit_name(unit) for unit in (1.0, 0.01, 0.0254, 0.056444)] == ["m", "cm", "inch", "5.644 cm"]


def test_sums_need_no_list_of_lines():
    found = Overview()
    for one in many(500):
        found.add(one)
    assert found.files == 500
    assert found.verdicts == overview(many(500)).verdicts
    assert sum(why.files for why in found.why()) == sum(len(one["reasons"]) for one in many(500))


def test_every_deciding_reason_has_its_advice_and_every_advice_its_reason():
    assert set(QUARANTINE) | set(REPAIR) <= set(ADVICE)
    assert set(ADVICE) | set(THRESHOLDS) <= set(REASONS)


def test_thresholds_are_settings_that_exist():
    for reason, names in THRESHOLDS.items():
        assert len(thresholds(reason, SETTINGS)) == len(names), reason
    assert thresholds("too_short", SETTINGS) == {"min_seconds": 0.5}


# --- the command ----------------------------------------------------------------------------------------------


@pytest.fixture
def delivery(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    synthetic.write(tmp_path / "monday", 3)
    return Path("monday")


def run(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_a_sound_delivery_is_a_yes_and_progress_goes_to_stderr(delivery):
    done = run(delivery)
    assert done.exit_code == 0
    assert "3 accept (100 %)" in done.stdout
    assert "check: 3/3" in done.stderr
    assert "check: " not in done.stdout


def test_one_broken_file_is_a_no(delivery):
    (delivery / "broken.bvh").write_text("HIERARCHY\nROOT Hips\n{\n")
    done = run(delivery, "--all")
    assert done.exit_code == 1
    assert "1 quarantine (25.0 %)" in done.stdout
    assert len(re.findall(r"^accept +monday/", done.stdout, re.M)) == 3
    assert re.search(r"^quarantine +monday/broken\.bvh +bad_hierarchy: ", done.stdout, re.M)


def test_machines_get_every_file_with_verdict_and_reasons(delivery):
    (delivery / "empty.bvh").write_text("")
    done = run(delivery, "--json")
    found = json.loads(done.stdout)
    assert {Path(one["path"]).name: one["verdict"] for one in found["files"]}["empty.bvh"] == "quarantine"
    assert [one["reasons"][0] for one in found["files"] if one["verdict"] == "quarantine"] == ["empty_file"]
    assert found["coverage"]["takes"] == 3
    assert "adds" not in found


def test_without_a_model_there_is_nothing_to_compare_with_and_that_is_said(delivery):
    assert "off-distribution: there is no champion to compare with yet\n" in run(delivery).stdout
    found = json.loads(run(delivery, "--json").stdout)["off_distribution"]
    assert (found["verdict"], found["why"]) == (None, "there is no champion to compare with yet")


def test_a_model_that_is_asked_for_must_be_there(delivery, tmp_path):
    done = run(delivery, "--model", str(tmp_path))
    assert done.exit_code == 2
    assert "no model" in done.stderr


def test_a_library_is_held_against_the_delivery(delivery):
    write_report(Path("reports/ingest"), Report({"coverage": coverage([]).numbers()}))
    found = json.loads(run(delivery, "--json").stdout)
    assert any("no caption of the library speaks of" in said for said in found["adds"])


@pytest.mark.parametrize("path", ["none", "."])
def test_nothing_to_judge_is_a_wrong_request(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(path)
    assert done.exit_code == 2
    assert done.stdout == ""


def test_a_page_is_written_on_request_with_paths_that_mean_something_elsewhere(delivery, tmp_path):
    done = run(delivery.resolve(), "--html", "page")
    assert done.exit_code == 0
    page = Path("page/index.html").read_text()
    assert re.search(r'"monday/\w+/\w+\.bvh"', page)
    assert str(tmp_path) not in page
    assert len(json.loads(Path("page/report.json").read_text())["files"]) == 3


def _documented():
    text = (Path(__file__).parents[2] / "docs" / "deliveries.md").read_text()
    return re.findall(r"^motionlib check (.*)$", text, re.M)


@pytest.mark.parametrize("arguments", _documented())
def test_the_documented_commands_work(delivery, arguments):
    assert run(*arguments.split()).exit_code == 0
