"""Captions beside motion files: HumanML3D text files, and tables as CSV or JSON lines.

Source of the text format: HumanML3D (Guo et al., CVPR 2022), `texts/*.txt`: `caption#tokens#from#to`, seconds, 0 and 0
for the whole clip, sometimes `nan`; tokens are `word/POS` with blanks between, verbs and nouns as lemmas. A broken line
is reported with its file and line; it never stops the others.
"""

import csv
import io
import json
import math
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from motionlib.artifacts import Caption

COLUMNS = (
    "file",
    "text",
    "from_s",
    "to_s",
    "source",
    "subject",
    "action",
    "style",
    "split",
    "licence",
    "fps",
    "tokens",
)
SPLITS = ("", "train", "val", "test")


@dataclass(frozen=True)
class Label:
    """What captions say of one file.

    Attributes:
        licences: As stated, in order of appearance, each once.
        fps: Hz of the file's frames as stated, None where nothing is.
    """

    captions: tuple[Caption, ...] = ()
    subject: str = ""
    action: str = ""
    style: str = ""
    licences: tuple[str, ...] = ()
    fps: float | None = None

    def __add__(self, other: "Label") -> "Label":
        return Label(
            captions=tuple(dict.fromkeys(self.captions + other.captions)),
            subject=self.subject or other.subject,
            action=self.action or other.action,
            style=self.style or other.style,
            licences=tuple(dict.fromkeys(self.licences + other.licences)),
            fps=other.fps if self.fps is None else self.fps,
        )


@dataclass(frozen=True)
class Captions:
    """What one caption file says: labels by the name of the motion file, and what was wrong with it."""

    labels: dict[str, Label]
    problems: tuple[str, ...] = ()


def read_text(data: bytes, name: str) -> tuple[Label, tuple[str, ...]]:
    """Read a HumanML3D text file `<clip>.txt`; gives its captions and what was wrong, by line."""
    captions, problems = [], []
    for number, line in enumerate(_decode(data).splitlines(), start=1):
        if not line.strip():
            continue
        parts = line.split("#")
        try:
            captions.append(_humanml3d_caption(parts))
        except ValueError as error:
            problems.append(f"{name}, line {number}: {error}")
    return Label(captions=tuple(captions)), tuple(problems)


def read_table(data: bytes, name: str) -> Captions:
    """Read a `.csv` or `.jsonl` of captions with the columns COLUMNS, of which only `file` must be there.

    Files are meant relative to the table's own folder.
    """
    rows = _json_rows(data) if name.lower().endswith(".jsonl") else _csv_rows(data)
    labels: dict[str, Label] = {}
    problems = []
    for number, row in rows:
        try:
            if isinstance(row, str):
                raise ValueError(row)
            file = resolve(posixpath.dirname(name), _field(row, "file"))
            labels[file] = labels.get(file, Label()) + _row_label(row)
        except ValueError as error:
            problems.append(f"{name}, line {number}: {error}")
    return Captions(labels, tuple(problems))


def resolve(folder: str, file: str) -> str:
    """Path of a file named in a table, inside the delivery.

    Raises:
        ValueError: If it is empty, absolute, or leads outside the delivery.
    """
    path = file.replace("\\", "/")
    if not path or path.startswith("/") or path[1:2] == ":":
        raise ValueError(f"file {file!r} is not a path inside the delivery")
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined == ".." or joined.startswith("../"):
        raise ValueError(f"file {file!r} lies outside the delivery")
    return joined


def _row_label(row: Mapping[str, object]) -> Label:
    text = " ".join(_field(row, "text").split())
    split = _field(row, "split").lower()
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is none of train, val, test")
    start, end = _span(_field(row, "from_s") or "0", _field(row, "to_s") or "0")
    caption = Caption(text, start, end, _field(row, "source"), split, _tokens(_field(row, "tokens")))
    licence = _field(row, "licence") or _field(row, "license")
    return Label(
        captions=(caption,) if text or split else (),  # without words it still names the split
        subject=_field(row, "subject"),
        action=_field(row, "action"),
        style=_field(row, "style"),
        licences=(licence,) if licence else (),
        fps=_rate(_field(row, "fps")),
    )


def _humanml3d_caption(parts: list[str]) -> Caption:
    if len(parts) not in (1, 4):
        raise ValueError(f"expected caption#tokens#from#to, found {len(parts)} fields")
    text = " ".join(parts[0].split())
    if not text:
        raise ValueError("the caption is empty")
    start, end = _span(parts[2], parts[3]) if len(parts) == 4 else (0.0, 0.0)
    return Caption(text, start, end, "text", tokens=_tokens(parts[1]) if len(parts) == 4 else "")


def _tokens(text: str) -> str:
    """`word/POS` tokens with single blanks between, those without a word or a class left out."""
    return " ".join(token for token in text.split() if all(token.rpartition("/")[::2]))


def _rate(text: str) -> float | None:
    try:
        rate = float(text) if text else None
    except ValueError:
        raise ValueError(f"fps {text!r} is not a number") from None
    if rate is not None and not 0 < rate < math.inf:
        raise ValueError(f"fps {text} is not positive")
    return rate


def _span(start: str, end: str) -> tuple[float, float]:
    """Seconds of a span; NaN counts as 0, as in the published loader."""
    try:
        values = [float(start), float(end)]
    except ValueError:
        raise ValueError(f"span {start!r} to {end!r} is not in seconds") from None
    first, last = (0.0 if math.isnan(value) else value for value in values)
    if not 0 <= first < math.inf or not 0 <= last < math.inf or (last <= first and (first, last) != (0.0, 0.0)):
        raise ValueError(f"span {start} s to {end} s is empty or negative")
    return first, last


def _csv_rows(data: bytes) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    reader = csv.DictReader(io.StringIO(_decode(data), newline=""), skipinitialspace=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        if "file" not in names:
            yield 1, f"no column `file` among {', '.join(names)[:200] or 'none'}"
            return
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        yield reader.line_num, str(error)


def _json_rows(data: bytes) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    for number, line in enumerate(_decode(data).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            row = f"not JSON: {error}"
        yield number, row if isinstance(row, dict | str) else "not a JSON object"


def _field(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
