"""A self-contained HTML page on which motions play in 3D: no library, no request, works from disk.

The page's script and look are `player.js` and `style.css` beside this module; pages of the board use them too.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_JOINTS
from motionlib.export.numbers import flat

HERE = Path(__file__).parent
LARGEST_INT16 = 32767
# Nothing from outside, nothing that a file brings along: the page may use what is written in it, no more.
CONTENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class PackedMotion(TypedDict):
    """A motion as the page and `motions.json` hold it.

    `joints` is base64 of little-endian int16 (T, 22, 3) in units of `scale` metres, y up; `title` says which of
    several it is (original, generated 1, ...), `text` what it shows; `fps` in Hz.
    """

    title: str
    text: str
    fps: float
    scale: float
    joints: str


class Row(NamedTuple):
    """Motions that are shown side by side, under one heading, on one clock."""

    heading: str
    note: str
    motions: Sequence[PackedMotion]


def pack(joints: NDArray[np.floating[Any]], fps: float, *, title: str = "", text: str = "") -> PackedMotion:
    """Pack joints (T, 22, 3), metres, y up, to 16 bits: an error below 0.2 mm within 6 m of the origin.

    Raises:
        ValueError: If the shape differs, there is no frame, or a value is not finite (naming frame and joint).
    """
    joints = np.asarray(joints, dtype=np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (CANONICAL_JOINTS, 3) or not len(joints):
        raise ValueError(f"motion {title!r}: expected joints (T, {CANONICAL_JOINTS}, 3), got {joints.shape}")
    if not np.isfinite(joints).all():
        frame, joint = np.argwhere(~np.isfinite(joints))[0][:2]
        raise ValueError(f"motion {title!r}: frame {frame}, joint {joint} is not finite")
    scale = max(float(np.abs(joints).max()) / LARGEST_INT16, 1e-6)
    whole = np.rint(joints / scale).astype("<i2")
    encoded = base64.b64encode(whole.tobytes()).decode("ascii")
    return PackedMotion(title=title, text=text, fps=float(fps), scale=scale, joints=encoded)


def unpack(motion: PackedMotion) -> NDArray[np.float64]:
    """Joints (T, 22, 3) in metres of a packed motion.

    Raises:
        ValueError: If the data is not a whole number of frames.
    """
    whole = np.frombuffer(base64.b64decode(motion["joints"], validate=True), dtype="<i2")
    if whole.size % (3 * CANONICAL_JOINTS):
        raise ValueError(f"motion {motion['title']!r}: {whole.size} numbers are no whole number of frames")
    return whole.reshape(-1, CANONICAL_JOINTS, 3).astype(np.float64) * motion["scale"]


def rows_by_text(motions: Sequence[PackedMotion]) -> list[Row]:
    """Neighbours with the same text, side by side."""
    rows: list[Row] = []
    for motion in motions:
        if not rows or rows[-1].heading != motion["text"]:
            rows.append(Row(motion["text"], "", []))
        rows[-1] = Row(rows[-1].heading, "", [*rows[-1].motions, motion])
    return rows


def script_json(value: object) -> Markup:
    """JSON that may stand inside a script element, whatever text it holds."""
    text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=True)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


@cache
def environment(folder: Path = HERE) -> Environment:
    """Templates of a folder and of this one; escapes every value, and stops at a name that is not given."""
    loader = FileSystemLoader([folder, HERE])
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.globals.update(content_policy=CONTENT_POLICY, style=_verbatim("style.css"), script=_verbatim("player.js"))
    templates.filters.update(script_json=script_json, flat=flat)
    return templates


def _verbatim(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file, no data in it


def player_page(motions: Sequence[PackedMotion], title: str = "motionlib") -> str:
    """One page that plays motions; those with the same text stand side by side."""
    if not motions:
        raise ValueError("no motion to show")
    rows = rows_by_text(motions)
    return environment().get_template("player.html").render(title=title, rows=rows, alone=len(rows) == 1)


def read_motions(value: object, where: str) -> list[PackedMotion]:
    """Check what was read from a `motions.json`.

    Raises:
        ValueError: If it is not a list of packed motions, naming `where` and the entry.
    """
    if not isinstance(value, list):
        raise ValueError(f"{where}: expected a list of motions")
    for index, entry in enumerate(value):
        if not isinstance(entry, Mapping) or (missing := set(PackedMotion.__annotations__) - set(entry)):
            raise ValueError(f"{where}: entry {index} lacks {sorted(missing) if isinstance(entry, Mapping) else 'all'}")
    return value
