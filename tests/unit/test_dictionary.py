"""The token dictionary of a tokenizer of two codebooks: every code plays, in a real browser, without network."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from motionlib.artifacts import CodeSet, CodeShape, FeatureClip, read_features, write_features
from motionlib.codebook import motions
from motionlib.export import codes as told
from motionlib.export import dictionary
from motionlib.export.player import unpack
from motionlib.tokenizers.base import Settings, Tokenizer
from motionlib.tokenizers.clips import encode_clip

SIZE, STEP = 12, 4


class Rows(Tokenizer):
    """Two codebooks of whole steps of motion: the nearest one, and the nearest to what is left."""

    Config = Settings

    def __init__(self, mean, std, books):
        super().__init__(Settings(), mean, std)
        self.books = books  # (2, V, 4 D)

    @property
    def shape(self):
        return CodeShape(SIZE, 2, STEP, 5.0)

    def encode(self, features):
        rest = ((self.cropped(features) - self.mean) / self.std).reshape(len(features), -1, STEP * self.width)
        said = []
        for book in self.books:
            said.append(torch.cdist(rest, book[None].expand(len(rest), -1, -1)).argmin(-1))
            rest = rest - book[said[-1]]
        return torch.stack(said, -1)

    def decode(self, codes):
        found = sum(book[codes[..., q]] for q, book in enumerate(self.books))
        return found.reshape(len(codes), -1, self.width) * self.std + self.mean

    def loss(self, batch, generator):
        raise NotImplementedError


@pytest.fixture(scope="module")
def known(golden, tmp_path_factory):
    """Codes, features and tokenizer of two real motions and a mirror image; code 11 of the first codebook is dead."""
    folder = tmp_path_factory.mktemp("dictionary")
    pieces, clips = [], []
    for name in ("t2m_walk_120", "t2m_jump_41"):
        with np.load(golden / f"{name}.npz") as file:
            pieces.append(file["features"].astype(np.float32))
    pieces.append(pieces[0][:60])
    starts = np.cumsum([0, *map(len, pieces)])
    for i, (name, split) in enumerate((("walk", "train"), ("jump", "test"), ("M:walk", "train"))):
        licence = "CC0-1.0" if name == "jump" else ""
        where = FeatureClip(name, int(starts[i]), len(pieces[i]), split, name[0] == "M", "monday", "", "", "", licence)
        clips.append((where, pieces[i]))
    rows = np.concatenate(pieces)
    mean, std = rows.mean(0), rows.std(0) + 0.01
    write_features(folder, clips, [], mean=mean, std=std, fps=20.0, mode="compat")
    features = read_features(folder)
    steps = torch.from_numpy(np.concatenate([one[: len(one) // STEP * STEP] for one in pieces[:2]]))
    steps = ((steps - torch.from_numpy(mean)) / torch.from_numpy(std)).reshape(-1, STEP * 263)
    first = steps[torch.linspace(0, len(steps) - 1, SIZE).long()].clone()
    first[SIZE - 1] = 100.0
    rest = steps - first[torch.cdist(steps, first).argmin(1)]
    second = torch.cat([torch.zeros(1, rest.shape[1]), rest[torch.linspace(0, len(rest) - 1, SIZE - 1).long()]])
    model = Rows(torch.from_numpy(mean), torch.from_numpy(std), torch.stack([first, second]))
    said = [encode_clip(model, features.of(clip)) for clip in features.clips]
    offsets = np.cumsum([0, *map(len, said)])
    codes = CodeSet(np.concatenate(said), offsets, [clip.id for clip in features.clips], model.shape)
    return codes, features, model


@pytest.fixture(scope="module")
def report(known):
    return told.report("two", *known, {})


@pytest.fixture(scope="module")
def page(report):
    return report.pictures[dictionary.PAGE].decode()


def _data(page):
    found = re.search(r'<script type="application/json" id="dictionary">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def test_every_code_of_both_codebooks_plays(page):
    first, second = _data(page)["levels"]
    titles = {entry["code"]: [motion["title"] for motion in entry["motions"]] for entry in first["entries"]}
    assert titles.pop(11) == ["alone, repeated"]
    assert set(map(tuple, titles.values())) == {("alone, repeated", "among its neighbours", "as recorded")}
    assert len(first["entries"]) == SIZE
    assert {motion["title"] for entry in second["entries"] for motion in entry["motions"]} >= {"the usual code instead"}


def test_what_is_recorded_is_the_real_motion_where_the_page_says(known, page):
    codes, features, _ = known
    data = _data(page)
    entry = data["levels"][0]["entries"][0]
    clip, frame, _ = entry["examples"][0]
    recorded = next(motion for motion in entry["motions"] if motion["title"] == "as recorded")
    name = data["clips"][clip][0]
    (mark,) = recorded["marks"]
    first = frame - round(mark["start"] * 20)
    joints = unpack(recorded)
    real = motions.recover(features.of(features.by_id[name])[first : first + len(joints)])
    np.testing.assert_allclose(joints, real, atol=2e-4)
    assert codes.of(name)[frame // STEP, 0] == entry["code"]
    assert round((mark["end"] - mark["start"]) * 20) == STEP


def test_mirror_images_are_shown_only_for_want_of_others(page):
    data = _data(page)
    assert {name for name, *_ in data["clips"]} == {"walk", "jump"}
    assert ["jump", "CC0-1.0", "monday", "test"] in data["clips"]
    assert ["walk", "unknown", "monday", "train"] in data["clips"]


def test_dead_codes_and_twins_are_marked(known):
    codes, features, model = known
    book = np.random.default_rng(0).normal(size=(SIZE, 3)).astype(np.float32)
    book[4] = book[2]
    twins = CodeSet(codes.codes, codes.offsets, codes.clips, codes.shape, [book, book])
    entries = _data(told.report("t", twins, features, model, {}).pictures[dictionary.PAGE].decode())["levels"][0][
        "entries"
    ]
    alike = {entry["code"]: entry["alike"] for entry in entries}
    assert (alike[2], alike[4]) == ([4], [2])
    assert [entry["code"] for entry in entries if entry["count"] == 0] == [11]


def test_rate_and_distortion_are_told_codebook_by_codebook(report):
    one, both = report.numbers["rate_distortion"]
    assert (one["codebooks"], both["codebooks"]) == (1, 2)
    assert both["mpjpe_mm"] < one["mpjpe_mm"]
    assert both["bits_per_second"] == pytest.approx(report.numbers["bits_per_second"]["unigram"])


def test_how_far_a_residual_code_moves_the_joints_is_measured_from_the_usual_one(known, report):
    book = known[2].books[1]
    entries = [row for row in report.tables["codes.parquet"].to_pylist() if row["codebook"] == 1]
    usual = book[entries[0]["code"]]
    moves = [entry["effect_mm"] > 0 for entry in entries]
    assert moves == [not torch.equal(book[entry["code"]], usual) for entry in entries]
    assert any(moves)


def test_of_a_large_codebook_the_most_frequent_codes_play_and_the_page_says_so(known, monkeypatch):
    monkeypatch.setattr(dictionary, "MOST_PLAYED", 8)
    page = told.report("two", *known, {}).pictures[dictionary.PAGE].decode()
    levels = _data(page)["levels"]
    assert [level["playing"] for level in levels] == [4, 4]
    assert ["motions" in entry for entry in levels[0]["entries"]] == [True] * 4 + [False] * 8
    assert "8 of those play." in page


def test_the_page_asks_for_nothing_from_outside(page):
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"https?://|<link|@import|url\(|src=", page)


def test_a_name_cannot_become_part_of_the_page(known):
    page = told.report("</script><script>alert(1)</script>", *known, {}).pictures[dictionary.PAGE].decode()
    assert "<script>alert" not in page


def test_it_plays_sorts_and_searches_in_a_real_browser_without_network(page, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium, and there is none on this machine")
    from playwright.sync_api import sync_playwright

    file = tmp_path / "dictionary.html"
    file.write_text(page)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 420, "height": 900})
        faults, requests = [], []
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda message: faults.append(message.text))
        opened.on("request", lambda request: requests.append(request.url))
        opened.goto(file.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= 420
        opened.evaluate("document.querySelector('.player').scrollIntoView()")
        opened.wait_for_timeout(400)
        assert opened.evaluate("document.querySelector('.player').stage.time") > 0
        assert opened.locator(".player canvas").count() == 3

        codes = "[...document.querySelectorAll('.wall .code')].map((button) => Number(button.dataset.code))"
        assert len(opened.evaluate(codes)) == SIZE
        opened.select_option(".which", "dead")
        assert opened.evaluate(codes) == [11]
        opened.click(".wall .code")
        assert "Code 11" in opened.inner_text(".detail h2")
        assert opened.locator(".player canvas").count() == 1
        opened.select_option(".which", "")
        opened.select_option(".order", "code false")
        assert opened.evaluate(codes) == list(range(SIZE))
        opened.fill(".tools input", "jump")
        assert 0 < len(opened.evaluate(codes)) < SIZE
        opened.fill(".tools input", "7")
        assert opened.evaluate(codes) == [7]
        opened.fill(".tools input", "")
        opened.click("table.all th >> nth=1")
        lines = "[...document.querySelectorAll('table.all tbody tr')].map((row) => row.children[1].textContent)"
        uses = [int(text) for text in opened.evaluate(lines)]
        assert uses == sorted(uses, reverse=True)
        opened.select_option(".level", "1")
        assert "moves joints" in opened.inner_text(".facts")
        opened.click(".links .chip >> nth=0")
        opened.click("[data-theme-toggle]")
        browser.close()
    assert faults == []
    assert requests == [file.as_uri()]
