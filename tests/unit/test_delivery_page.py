"""The page of a delivery: one file that opens offline, plays its takes, marks their faults and sorts its files."""

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from motionlib.export import delivery_page, delivery_takes
from motionlib.export.delivery import worst
from motionlib.export.delivery_takes import chosen, read_takes
from motionlib.ingest import synthetic
from motionlib.ingest.coverage import coverage
from motionlib.ingest.survey import DEFAULTS, check_delivery, survey

POP_FRAME = 20


@pytest.fixture(scope="module")
def delivery(tmp_path_factory):
    """Three takes as they should be, one with a joint that leaps for one frame, one cut off, one of another kind."""
    folder = tmp_path_factory.mktemp("page") / "monday"
    synthetic.write(folder, 3)
    good = sorted(folder.rglob("*.bvh"))[0].read_text()
    (folder / "cut.bvh").write_text(good[: len(good) * 2 // 3])
    (folder / "pop.bvh").write_text(_with_pop(good))
    (folder / "prop.fbx").write_bytes(b"Kaydara FBX Binary  \x00" + bytes(99))
    return folder


@pytest.fixture(scope="module")
def report(delivery):
    return check_delivery(delivery, library=None)


@pytest.fixture(scope="module")
def page(delivery, report):
    return _page(delivery, report)


def _page(delivery, report, **more):
    deliveries = survey([delivery]).deliveries
    return delivery_page.pages("monday", report["files"], DEFAULTS, deliveries=deliveries, **more)


def _with_pop(text):
    """One frame in which every rotation is out by 60 degrees: a single-frame outlier of the whole body."""
    head, _, rows = text.partition("Frame Time")
    first, *lines = rows.split("\n")
    values = np.array(lines[POP_FRAME].split(), dtype=float)
    values[6:] += 60.0
    lines[POP_FRAME] = " ".join(f"{value:.4f}" for value in values)
    return head + "Frame Time" + "\n".join([first, *lines])


def _embedded(page, name):
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found is not None, name
    return json.loads(found[1])


def _text(pages):
    return pages[delivery_page.PAGE].decode()


def test_the_page_asks_for_nothing_from_outside(page):
    assert "default-src &#39;none&#39;" in _text(page)
    assert not re.search(r"https?://|<link|@import|url\(", _text(page))
    assert set(re.findall(r'src="(\w+):', _text(page))) <= {"data"}


def test_every_file_stands_in_the_table_with_its_verdict(page, report):
    rows = _embedded(_text(page), "file-lines")
    assert [(row[0], row[1]) for row in rows] == [(line["path"], line["verdict"]) for line in report["files"]]
    assert len(rows) == 6


def test_reasons_come_with_their_meaning_what_to_do_and_an_example(page):
    text = re.sub(r"<[^>]+>|\s+", " ", _text(page))
    assert "frame_count_mismatch" in text
    assert re.search(r"another number of frames than it declares\. +Copy it again: it was probably cut off", text)
    assert re.search(r"monday/cut\.bvh +\d+ frames declared, \d+ present", text)


def test_takes_play_and_their_faults_are_marked(page):
    motions = [_embedded(_text(page), name)[0] for name in re.findall(r'id="(take-\d+)"', _text(page))]
    popped = next(motion for motion in motions if motion["text"].endswith("pop.bvh"))
    frames = len(base64.b64decode(popped["joints"])) // (2 * 3 * 22)
    assert frames / popped["fps"] <= delivery_takes.SHOWN_SECONDS
    assert popped["marks"]
    for mark in popped["marks"]:
        assert 0 <= mark["start"] < mark["end"] <= frames / popped["fps"]
        assert all(0 <= joint < 22 for joint in mark["joints"])


def test_what_cannot_be_read_is_not_played(page, report):
    assert [Path(line["path"]).name for line in chosen(worst(report["files"]), [])] == ["pop.bvh"]
    assert "Cannot be shown" not in _text(page)


def test_a_take_that_is_gone_says_so(report):
    (take,) = read_takes([], report["files"][:1])
    assert (take.motion, take.why_not) == (None, "it is not in the delivery any more")


def test_the_same_delivery_gives_the_same_bytes(delivery, report, page):
    assert _page(delivery, report) == page


def test_a_name_cannot_become_part_of_the_page(report):
    evil = "</script><script>alert(1)</script><b>"
    lines = [{**line, "path": evil + line["path"], "licence": evil} for line in report["files"]]
    text = _text(delivery_page.pages(evil, lines, DEFAULTS, problems=[evil]))
    assert "<script>alert" not in text
    assert "<b>" not in text


def test_a_library_beside_it_tells_what_the_delivery_adds(delivery, report):
    assert "What it adds to the library" in _text(_page(delivery, report, library=coverage([])))


def test_of_a_large_library_only_what_is_not_accepted_is_listed(report, monkeypatch):
    monkeypatch.setattr(delivery_page, "MOST_LISTED", 5)
    text = _text(delivery_page.pages("library", report["files"], DEFAULTS))
    bad = [line["path"] for line in report["files"] if line["verdict"] != "accept"]
    assert [row[0] for row in _embedded(text, "file-lines")] == bad
    assert "listed are the files that are not simply accepted" in text


def test_of_each_reason_some_files_are_played_before_more_of_one(report):
    line = {**report["files"][0], "verdict": "quarantine", "joints": 26}
    bad = [{**line, "id": f"{reason}{i}", "reasons": [reason]} for reason in ("jitter", "spikes") for i in range(30)]
    good = [{**line, "id": f"good{i}", "verdict": "accept"} for i in range(9)]
    ids = [one["id"] for one in chosen(bad, good)]
    assert ids[:4] == ["jitter0", "spikes0", "jitter1", "spikes1"]
    assert ids[-4:] == ["good1", "good3", "good5", "good7"]
    assert len(ids) == delivery_takes.MOST_BAD + delivery_takes.MOST_GOOD


def test_the_page_plays_and_filters_in_a_real_browser_without_network(delivery, report, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium, and there is none on this machine")
    from playwright.sync_api import sync_playwright

    deliveries = survey([delivery]).deliveries
    file = delivery_page.write(tmp_path / "out", "monday", report["files"], DEFAULTS, deliveries=deliveries)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 420, "height": 900})
        faults, requests = [], []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(Path(file).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        page.evaluate("document.querySelector('.stage').scrollIntoView()")
        page.wait_for_timeout(500)
        assert page.evaluate("document.querySelector('.stage').stage.time") > 0
        page.evaluate("document.querySelector('.marks button').click()")
        page.wait_for_timeout(100)
        assert not page.evaluate("document.querySelector('.marks').closest('.stage').stage.playing")

        rows = "document.querySelectorAll('table.files tbody tr').length"
        assert page.evaluate(rows) == 6
        page.fill(".filter input", "frame_count")
        assert page.evaluate(rows) == 1
        page.fill(".filter input", "")
        page.select_option(".filter select", "accept")
        assert page.evaluate(rows) == 3
        page.select_option(".filter select", "")
        page.click("table.files th >> nth=0")
        first = page.inner_text("table.files tbody tr td")
        page.click("table.files th >> nth=0")
        assert page.inner_text("table.files tbody tr td") > first
        browser.close()
    assert faults == []
    assert requests == [Path(file).as_uri()]
