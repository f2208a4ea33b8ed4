"""Pages on which motions play: what is packed comes back, nothing is fetched, and the picture moves."""

import base64
import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.export import player


def _still(frames=3, height=1.0):
    joints = np.zeros((frames, 22, 3))
    joints[..., 1] = height
    return joints


def _embedded(page):
    return [
        json.loads(text)
        for text in re.findall(r'<script type="application/json" id="[^"]+">(.*?)</script>', page, re.S)
    ]


@given(reach=st.floats(0.001, 50), seed=st.integers(0, 2**16))
def test_packing_errs_by_less_than_one_part_in_sixty_thousand(reach, seed):
    joints = np.random.default_rng(seed).uniform(-reach, reach, size=(4, 22, 3))
    again = player.unpack(player.pack(joints, 20))
    assert np.abs(again - joints).max() <= max(np.abs(joints).max() / 60_000, 1e-6)


def test_joints_are_little_endian_16_bit_numbers():
    packed = player.pack(_still(frames=1, height=2.0), 20, title="still", text="a person stands")
    numbers = np.frombuffer(base64.b64decode(packed["joints"]), "<i2").reshape(1, 22, 3)
    assert numbers[0, 0].tolist() == [0, 32767, 0]
    assert packed["scale"] * 32767 == pytest.approx(2.0)
    assert (packed["title"], packed["text"], packed["fps"]) == ("still", "a person stands", 20.0)


def test_joints_of_another_skeleton_are_refused():
    with pytest.raises(ValueError, match=r"expected joints \(T, 22, 3\), got \(5, 21, 3\)"):
        player.pack(np.zeros((5, 21, 3)), 20)


def test_a_value_that_is_not_finite_is_named():
    joints = _still()
    joints[2, 7, 0] = np.inf
    with pytest.raises(ValueError, match="motion 'bad': frame 2, joint 7 is not finite"):
        player.pack(joints, 20, title="bad")


def test_motions_with_one_text_stand_side_by_side():
    motions = [player.pack(_still(), 20, title=str(i), text=text) for i, text in enumerate(["walk", "walk", "jump"])]
    assert [len(row.motions) for row in player.rows_by_text(motions)] == [2, 1]
    assert [len(row) for row in _embedded(player.player_page(motions))] == [2, 1]


def test_a_page_asks_for_nothing_from_outside():
    page = player.player_page([player.pack(_still(), 20, text="walk")])
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"https?://|src=|@import|url\(", page)


def test_a_caption_cannot_become_part_of_the_page():
    evil = "</script><script>alert(1)</script><b>&amp;"
    page = player.player_page([player.pack(_still(), 20, title=evil, text=evil)], title=evil)
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert _embedded(page)[0][0]["text"] == evil


def test_no_motion_is_no_page():
    with pytest.raises(ValueError, match="no motion to show"):
        player.player_page([])


@pytest.mark.parametrize("value", [{}, [{"title": "a"}], ["text"]])
def test_a_file_that_holds_no_motions_is_named(value):
    with pytest.raises(ValueError, match=r"motions\.json"):
        player.read_motions(value, "motions.json")


def test_the_picture_moves_in_a_real_browser_without_network(golden, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium, and there is none on this machine")
    from playwright.sync_api import sync_playwright

    with np.load(golden / "t2m_cmu_002_01.npz") as clip:
        joints = clip["ric_joints"]
    page_file = tmp_path / "walk.html"
    page_file.write_text(player.player_page([player.pack(joints, 20, title=t, text="walk") for t in "ab"]))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 600})
        faults, requests = [], []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_timeout(500)
        assert page.evaluate("document.querySelector('.stage').stage.time") > 0
        page.click("button.play")
        seek = "t => { const s = document.querySelector('.stage').stage; s.time = t; s.dirty = true; }"
        shots = []
        for time in (0.2, 2.0):
            page.evaluate(seek, time)
            page.wait_for_timeout(150)
            shots.append(page.screenshot())
        browser.close()
    assert faults == []
    assert requests == [page_file.as_uri()]
    assert shots[0] != shots[1]
