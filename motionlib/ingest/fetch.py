"""Fetch trials of the CMU motion capture database, with the lab's own descriptions, on a machine that has internet.

The lab asks not to crawl its site for everything (mocap.cs.cmu.edu/faqs.php), so this takes single subjects, one file
at a time and with a pause between two. Addresses: `search.php?subjectnumber=2` lists a subject's trials,
`subjects/02/02.asf` is its skeleton, `subjects/02/02_01.amc` a trial. What is fetched is a delivery.
"""

import csv
import hashlib
import io
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from html.parser import HTMLParser
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple

from motionlib.ingest.captions import COLUMNS

CMU = "http://mocap.cs.cmu.edu"
LICENCE = "CMU-mocap"
LICENCE_TEXT = """CMU Graphics Lab Motion Capture Database, http://mocap.cs.cmu.edu

This data is free for use in research projects. You may include this data in commercially-sold products, but you may
not resell this data directly, even in converted form. The database was created with funding from NSF EIA-0196217.
"""
FORMATS = ("asf", "amc", "bvh", "c3d")
HIGHEST_SUBJECT = 999
SUMS = "sha256.json"  # what was fetched, by name, so that a second call fetches nothing again
TIMEOUT = 60.0  # s without a byte
TRIES = 5
PAUSE = 1.0  # s between two files; times the number of the try after a failure
BLOCK = 1 << 16
MAX_FILE_BYTES = 1 << 30

_TRIAL = re.compile(r"(?:^|/)(\d{1,3})_(\d{1,3})\.(amc|bvh|c3d)$", re.IGNORECASE)
_FAILURES = (urllib.error.URLError, HTTPException, OSError)


class Trial(NamedTuple):
    """A line of the lab's list: `02_01`, "walk"."""

    name: str
    description: str


class FetchError(ValueError):
    """What was asked for cannot be had: the address, and why."""


def fetch_cmu(
    subjects: Sequence[int | str],
    out: Path,
    *,
    base_url: str = CMU,
    formats: Sequence[str] = ("asf", "amc"),
    pause: float = PAUSE,
    say: Callable[[str], None] | None = None,
) -> list[str]:
    """Fetch all trials of these subjects with captions.csv and the lab's terms; call it again to go on.

    A file that is there and whose sha256 is the noted one is not fetched again; one that was cut off goes on where it
    stopped.

    Args:
        subjects: The lab's numbers, such as 2 or "07".
        out: Folder of the delivery.
        base_url: The lab's site or a mirror of the same layout.
        formats: Of FORMATS; `asf` is the skeleton that belongs to `amc`.
        pause: Seconds between two files.
        say: Is told the name of each file before it is fetched.

    Returns:
        Names below `out` of the trials and skeletons, fetched now or before, in order.

    Raises:
        FetchError: If a number or a format is unknown, or the site does not give a file after several tries.
    """
    numbers = _check_request(subjects, formats, base_url)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    files: list[str] = []
    for subject in numbers:
        trials = list_trials(subject, base_url, pause)
        wanted = [f"{subject:02d}.asf"] if "asf" in formats else []
        motions = [f"{trial.name}.{suffix}" for trial in trials for suffix in formats if suffix != "asf"]
        for name in wanted + motions:
            if say is not None:
                say(name)
            url = f"{base_url}/subjects/{subject:02d}/{name}"
            _fetch_file(url, out, f"{subject:02d}/{name}", pause)
            files.append(f"{subject:02d}/{name}")
        rows += _rows(subject, trials, motions)
    _write_captions(out, rows)
    (out / "LICENSE").write_text(LICENCE_TEXT, encoding="utf-8")
    return files


def list_trials(subject: int, base_url: str = CMU, pause: float = PAUSE) -> list[Trial]:
    """Trials of a subject with the lab's descriptions, in order.

    Raises:
        FetchError: If the site does not answer or lists none.
    """
    url = f"{base_url}/search.php?subjectnumber={subject}"
    page = _retry(lambda: _get(url), url, pause).decode("utf-8", errors="replace")
    reader = _Table()
    reader.feed(page)
    trials = {trial.name: trial for trial in reader.trials if int(trial.name.split("_")[0]) == subject}
    if not trials:
        raise FetchError(f"{url} lists no trial of subject {subject}")
    return [trials[name] for name in sorted(trials)]


class _Table(HTMLParser):
    """Finds, in each row of the lab's table, the link to a trial and the longest text beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.trials: list[Trial] = []
        self._name, self._cells, self._linked = "", [""], False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a row or a cell, or note a link to a trial."""
        if tag == "tr":
            self._name, self._cells = "", [""]
        elif tag == "td":
            self._cells.append("")
        elif tag == "a":
            self._linked = True
            match = _TRIAL.search(dict(attrs).get("href") or "")
            if match:
                self._name = f"{int(match[1]):02d}_{int(match[2]):02d}"

    def handle_data(self, data: str) -> None:
        """Collect the words of a cell that are no link."""
        if not self._linked:
            self._cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        """End a link, or a row that named a trial."""
        if tag == "a":
            self._linked = False
        elif tag == "tr" and self._name:
            words = [" ".join(cell.split()) for cell in self._cells]
            described = [cell for cell in words if re.search("[A-Za-z]{2}", cell)]
            self.trials.append(Trial(self._name, max(described, key=len, default="")))
            self._name = ""


def _fetch_file(url: str, out: Path, name: str, pause: float) -> None:
    target = out / name
    sums = _read_sums(out)
    if target.is_file() and sums.get(name) == _sha256(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    _retry(lambda: _download(url, part), url, pause)
    sums[name] = _sha256(part)
    part.replace(target)
    note = out / f"{SUMS}.part"
    note.write_text(json.dumps(sums, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    note.replace(out / SUMS)
    time.sleep(pause)


def _download(url: str, part: Path) -> bytes:
    """Append to `part` what is missing of it; gives nothing."""
    start = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 (checked)
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310 (http and https only)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing behind what is there: it may be whole or stale, so begin again
            part.unlink()
        raise
    with answer, part.open("ab" if answer.status == 206 else "wb") as file:
        expected = _expected_bytes(answer, start)
        size = file.tell()
        while block := answer.read(BLOCK):
            size += len(block)
            if size > MAX_FILE_BYTES:
                raise FetchError(f"{url}: larger than {MAX_FILE_BYTES} bytes")
            file.write(block)
    if expected is not None and size != expected:
        raise HTTPException(f"{size} of {expected} bytes came")
    return b""


def _expected_bytes(answer: HTTPResponse, start: int) -> int | None:
    """Size of the whole file as the server states it."""
    if answer.status == 206:
        stated = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        if stated is None or int(stated[1]) != start:
            raise HTTPException("the server sent another part than was asked for")
        return int(stated[2])
    length = answer.headers.get("Content-Length")
    return int(length) if length is not None and length.isdigit() else None


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 (http and https only)
        page: bytes = answer.read(MAX_FILE_BYTES)
    return page


def _retry(act: Callable[[], bytes], url: str, pause: float) -> bytes:
    for number in range(1, TRIES + 1):
        try:
            return act()
        except _FAILURES as error:
            lasting = isinstance(error, urllib.error.HTTPError) and error.code in (400, 401, 403, 404, 410)
            if lasting or number == TRIES:
                raise FetchError(f"{url}: {error}") from error
            time.sleep(pause * number)
    raise AssertionError("unreachable")


def _check_request(subjects: Iterable[int | str], formats: Sequence[str], base_url: str) -> list[int]:
    """Numbers of the subjects."""
    numbers = []
    for subject in subjects:
        if not str(subject).isdecimal() or not 1 <= int(subject) <= HIGHEST_SUBJECT:
            raise FetchError(f"subject {subject!r} is no number within 1 and {HIGHEST_SUBJECT}")
        numbers.append(int(subject))
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise FetchError(f"unknown formats {unknown}; known: {', '.join(FORMATS)}")
    if not base_url.startswith(("http://", "https://")):
        raise FetchError(f"{base_url!r} is no http or https address")
    return numbers


def _rows(subject: int, trials: list[Trial], motions: list[str]) -> list[dict[str, str]]:
    described = {trial.name: trial.description for trial in trials}
    common = {"from_s": "0", "to_s": "0", "source": "cmu", "subject": f"cmu{subject:02d}", "licence": LICENCE}
    return [
        {"file": f"{subject:02d}/{name}", "text": described[name.split(".")[0]], **common}
        for name in motions
        if described[name.split(".")[0]]
    ]


def _write_captions(out: Path, rows: list[dict[str, str]]) -> None:
    """Add these subjects' lines to those of subjects fetched before."""
    path = out / "captions.csv"
    known: dict[str, dict[str, str]] = {}
    if path.is_file():
        known = {row["file"]: row for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))}
    known |= {row["file"]: row for row in rows}
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(known[file] for file in sorted(known))
    path.write_bytes(table.getvalue().encode("utf-8"))


def _read_sums(out: Path) -> dict[str, str]:
    try:
        sums: dict[str, str] = json.loads((out / SUMS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return sums


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
