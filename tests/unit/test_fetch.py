"""Fetching from a local server that behaves like the lab's, and like one that breaks off."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from motionlib.ingest.captions import read_table
from motionlib.ingest.fetch import FetchError, fetch_cmu, list_trials

PAGE = """<html><body><table><tr><th>Image</th><th>Trial #</th><th>Motion Description</th></tr>
<tr><td></td><td>1</td><td>walk &amp; wave</td><td><a href="http://mocap.cs.cmu.edu/subjects/02/02_01.mpg">mpg</a></td>
<td><a href="subjects/02/02_01.c3d">c3d</a></td><td><A HREF="subjects/02/02_01.amc">amc, a long word</A></td></tr>
<tr><td></td><td>2</td><td>run/jog</td><td><a href="subjects/02/02_02.amc">amc</a></td></tr>
<tr><td></td><td>3</td><td>of another</td><td><a href="subjects/07/07_01.amc">amc</a></td></tr>
<tr><td></td><td>4</td><td>evil</td><td><a href="subjects/02/../../02_0x.amc">amc</a></td></tr>
</table></body></html>"""
FILES = {
    "/search.php?subjectnumber=2": PAGE.encode(),
    "/subjects/02/02.asf": b"asf of 2",
    "/subjects/02/02_01.amc": b"0123456789" * 100,
    "/subjects/02/02_02.amc": b"run",
}


class Lab:
    """A server; `asked` keeps (path, Range), `cuts` says how many bytes of a path to send before breaking off."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.cuts: dict[str, list[int]] = {}
        lab = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range", "")
                lab.asked.append((self.path, wanted))
                content = FILES.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                cuts = lab.cuts.get(self.path, [])
                self.wfile.write(content[start : start + cuts.pop(0)] if cuts else content[start:])

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    thread = threading.Thread(target=lambda: lab.server.serve_forever(0.01), daemon=True)
    thread.start()
    yield lab
    lab.server.shutdown()
    lab.server.server_close()
    thread.join()


def test_the_labs_list_gives_trials_and_descriptions(lab: Lab):
    assert list_trials(2, lab.url, pause=0) == [("02_01", "walk & wave"), ("02_02", "run/jog")]


def test_a_subject_becomes_a_delivery(lab: Lab, tmp_path: Path):
    files = fetch_cmu([2], tmp_path, base_url=lab.url, pause=0)

    assert files == ["02/02.asf", "02/02_01.amc", "02/02_02.amc"]
    assert (tmp_path / files[1]).read_bytes() == FILES["/subjects/02/02_01.amc"]
    captions = read_table((tmp_path / "captions.csv").read_bytes(), "captions.csv")
    assert captions.problems == ()
    assert captions.labels["02/02_02.amc"].captions[0].text == "run/jog"
    assert captions.labels["02/02_02.amc"].subject == "cmu02"
    assert "resell" in (tmp_path / "LICENSE").read_text()


def test_a_second_call_fetches_only_the_list(lab: Lab, tmp_path: Path):
    fetch_cmu([2], tmp_path, base_url=lab.url, pause=0)
    lab.asked.clear()
    fetch_cmu(["02"], tmp_path, base_url=lab.url, pause=0)
    assert lab.paths() == ["/search.php?subjectnumber=2"]


def test_a_file_that_was_changed_on_disk_is_fetched_again(lab: Lab, tmp_path: Path):
    fetch_cmu([2], tmp_path, base_url=lab.url, pause=0)
    (tmp_path / "02/02_02.amc").write_bytes(b"ruined")
    fetch_cmu([2], tmp_path, base_url=lab.url, pause=0)
    assert (tmp_path / "02/02_02.amc").read_bytes() == b"run"


def test_a_broken_transfer_goes_on_where_it_stopped(lab: Lab, tmp_path: Path):
    lab.cuts["/subjects/02/02_01.amc"] = [400, 300]
    fetch_cmu([2], tmp_path, base_url=lab.url, pause=0)

    assert (tmp_path / "02/02_01.amc").read_bytes() == FILES["/subjects/02/02_01.amc"]
    asked = [wanted for path, wanted in lab.asked if path.endswith("02_01.amc")]
    assert asked == ["", "bytes=400-", "bytes=700-"]
    assert not list(tmp_path.rglob("*.part"))


def test_a_server_that_always_breaks_off_is_named_in_the_end(lab: Lab, tmp_path: Path):
    lab.cuts["/subjects/02/02_01.amc"] = [1] * 20
    with pytest.raises(FetchError, match=r"02_01\.amc: 5 of 1000 bytes"):
        fetch_cmu([2], tmp_path, base_url=lab.url, pause=0)
    assert (tmp_path / "02/02_01.amc.part").stat().st_size == 5
    assert set(json.loads((tmp_path / "sha256.json").read_text())) == {"02/02.asf"}


def test_what_the_server_does_not_have_is_asked_for_once(lab: Lab, tmp_path: Path):
    with pytest.raises(FetchError, match="404"):
        fetch_cmu([2], tmp_path, base_url=lab.url, formats=("bvh",), pause=0)
    assert len(lab.asked) == 2


def test_a_subject_without_trials_is_an_error(lab: Lab, tmp_path: Path):
    with pytest.raises(FetchError, match="404"):
        fetch_cmu([99], tmp_path, base_url=lab.url, pause=0)
    FILES["/search.php?subjectnumber=98"] = b"<html>nothing found</html>"
    with pytest.raises(FetchError, match="no trial of subject 98"):
        fetch_cmu([98], tmp_path, base_url=lab.url, pause=0)


@pytest.mark.parametrize(
    ("subjects", "options", "named"),
    [
        ([0], {}, "subject 0"),
        (["two"], {}, "two"),
        (["../02"], {}, "02"),
        ([2], {"formats": ("fbx",)}, "fbx"),
        ([2], {"base_url": "file:///etc"}, "file:///etc"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_asked(
    subjects: list[int | str], options: dict, named: str, tmp_path: Path
):
    with pytest.raises(FetchError, match=named):
        fetch_cmu(subjects, tmp_path, pause=0, **options)
