"""The board shows what lies in the files, live and as static pages, and changes nothing."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from motionlib.artifacts import Report, write_json, write_report
from motionlib.board import pages
from motionlib.board.app import app_for
from motionlib.board.export import export
from motionlib.promotion import journal

ROOT = Path(__file__).parent.parent.parent
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0f01f00050001ff8a5c6b2b0000000049454e44ae426082"
)
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def project(tmp_path):
    """A checkout after two promotions and a rejected challenger."""
    root = tmp_path / "project"
    root.mkdir()
    change = {"clips": 105, "challenger": 40.0, "champion": 50.0, "change": -0.2, "low": -0.25, "high": -0.15}
    write_json(root / "bundles" / "2" / "bundle.json", {"names": {"tokenizer": "vq_512", "prior": "gpt"},
               "licences": {"CC0-1.0": 220}, "evaluator": "abc123"})  # fmt: skip
    book = root / journal.FILE
    journal.append("promote", "1", "1", "ada", "There is no champion yet.", {"bundle": "b" * 64}, book)
    evidence = {"bundle": "c" * 64, "where": "bundles/2", "mpjpe_mm": change}
    journal.append("promote", "2", "2", "ada", "feet slide less", evidence, book)
    journal.append("reject", "3", "2", EVIL, "mpjpe_mm is worse", {"mpjpe_mm": {**change, "change": 0.5}}, book)
    lines = [
        {"path": "d/a.bvh", "verdict": "accept", "reasons": [], "messages": []},
        {"path": f"d/{EVIL}.bvh", "verdict": "quarantine", "reasons": ["not_finite"], "messages": ["frame 3: nan"]},
    ]
    count = {"files": 2, "accept": 1, "repair": 0, "quarantine": 1}
    ingest = {"count": count, "hours": 1.5, "captions": 4, "licences": {"CC0-1.0": {"files": 1, "hours": 1.5}}}
    write_report(root / "reports/ingest", Report({**ingest, "files": lines}, {"lengths.png": PIXEL}))
    write_report(root / "reports/codebook/vq_512", Report({"usage": 0.93}, {"usage.png": PIXEL}))
    write_report(root / "reports/bundle", Report({}, {"index.html": b"<!doctype html><title>run</title>"}))
    entry = "    cmd: python -m stages.ingest\n    outs:\n    - path: data/clips\n      md5: 0123456789abcdef.dir\n"
    (root / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n  ingest:\n{entry}")
    ended = {"stage": "ingest", "what": "ran", "seconds": 12.34, "version": "f" * 64}
    write_json(
        root / ".motionlib/last_run.json", {"stages": [ended], "commit": "deadbeef", "decision": {"reason": "why"}}
    )
    return root


@pytest.fixture
def client(project):
    return TestClient(app_for(project))


def _hashes(folder):
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_first_page_says_who_is_champion_since_when_by_whom_and_why(client):
    page = client.get("/").text
    assert "Champion is <b>version 2</b>" in page
    assert "ada" in page
    assert "feet slide less" in page
    assert "vq_512" in page


def test_the_numbers_of_the_champion_are_those_of_its_bundle(project, client):
    write_json(project / "bundles/2/reports/codebook.json", {"codebooks": [{"usage": 0.875}]})
    assert re.search(r"Codebook usage</div>\s*<div class=\"value\">87\.5", client.get("/").text)


def test_the_newest_challenger_is_shown_with_the_interval_of_its_change(client):
    page = client.get("/index.html").text
    assert "Version 3 was" in page
    assert "not promoted" in page
    assert "+50.0 % (-25.0 to -15.0)" in page


def test_the_journal_is_shown_newest_first(client):
    page = client.get("/journal.html").text
    assert page.index("mpjpe_mm is worse") < page.index("feet slide less") < page.index("There is no champion yet.")
    assert "the chain is whole" in page


def test_a_changed_journal_is_said_on_every_page(project, client):
    file = project / journal.FILE
    file.write_text(file.read_text().replace("feet slide less", "feet are fine"))
    for name in pages.PAGES:
        assert "The journal is broken." in client.get(f"/{name}").text


def test_stages_show_their_version_and_their_last_run(client):
    page = client.get("/runs.html").text
    assert "ffffffffffff" in page
    assert "12.3" in page
    assert "data/clips 0123456789ab" in page


def test_what_was_set_aside_is_named_with_its_reason(client):
    page = client.get("/data.html").text
    assert "frame 3: nan" in page
    assert re.search(r"quarantined</div><div class=\"value\">1<", page)


def test_text_from_data_never_becomes_part_of_a_page(client):
    for name in pages.PAGES:
        assert EVIL not in client.get(f"/{name}").text


def test_pictures_of_reports_are_served_and_nothing_else_is(project, client):
    assert client.get("/pictures/codebook/vq_512/usage.png").content == PIXEL
    (project / "reports/secret.png").write_bytes(b"x")
    for path in ("secret.png", "../params.yaml", "..%2f..%2fparams.yaml", "ingest/report.json"):
        assert client.get(f"/pictures/{path}").status_code == 404


def test_a_page_that_is_not_there_is_not_found(client):
    assert client.get("/etc/passwd").status_code == 404
    assert client.get("/base.html").status_code == 404


def test_another_host_name_is_refused_so_that_no_foreign_page_reaches_the_board(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_nothing_but_reading_is_possible(client):
    assert client.post("/").status_code == 405


def test_every_page_names_all_pages_and_asks_for_nothing_from_outside(client):
    for name in pages.PAGES:
        page = client.get(f"/{name}").text
        assert not re.search(r"https?://|@import|url\(", page)
        for other in (*pages.PAGES, pages.RUN_PAGE):
            assert f'href="{other}"' in page


def test_before_the_first_run_the_board_says_what_to_do(tmp_path):
    client = TestClient(app_for(tmp_path))
    for name in pages.PAGES:
        assert client.get(f"/{name}").status_code == 200
    assert "make run" in client.get("/").text
    assert client.get("/run.html").status_code == 404


def test_static_pages_are_those_of_the_server_with_all_they_link_to(project, client, tmp_path):
    before = _hashes(project)
    site = tmp_path / "site"
    written = export(project, site)
    assert {path.name for path in written} == {*pages.PAGES, pages.RUN_PAGE}
    for path in written:
        page = path.read_text()
        assert page == client.get(f"/{path.name}").text
        for link in re.findall(r'(?:href|src)="([^"#]+)"', page):
            assert (site / link).is_file()
    assert _hashes(project) == before


def test_exporting_twice_gives_the_same_bytes(project, tmp_path):
    export(project, tmp_path / "site")
    first = _hashes(tmp_path / "site")
    export(project, tmp_path / "site")
    assert _hashes(tmp_path / "site") == first


def test_a_folder_of_other_things_is_not_written_into(project, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        export(project, tmp_path)


def test_a_real_browser_shows_the_pages_without_an_error(project, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium, and there is none on this machine")
    from playwright.sync_api import sync_playwright

    export(project, tmp_path / "site")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.goto((tmp_path / "site" / "index.html").as_uri())
        for name, title in pages.PAGES.items():
            page.click(f'nav a[href="{name}"]')
            assert page.inner_text("h1") == title
            images = page.evaluate("[...document.images].map(i => { i.loading = 'eager'; return i.src; })")
            page.wait_for_timeout(50)
            assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0)"), images
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        browser.close()
    assert faults == []
    assert wide <= 0


def test_the_command_writes_the_pages_of_the_checkout_it_stands_in(project, tmp_path):
    command = [sys.executable, "-m", "motionlib.cli", "board", "--export", str(tmp_path / "site"), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=True)
    assert (tmp_path / "site" / "index.html").is_file()
    assert len(json.loads(done.stdout)["pages"]) == len(pages.PAGES) + 1


def test_the_command_serves_the_board_on_loopback(project):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "motionlib.board", "--port", str(port), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = json.loads(server.stdout.readline())["url"]
            page = httpx.HTTPTransport(retries=20)
            with httpx.Client(transport=page, timeout=30) as client:
                assert "version 2" in client.get(url).text
        finally:
            server.terminate()
