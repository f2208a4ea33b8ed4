"""A delivery on one screen: at most 40 lines of 100 columns, however large it is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from motionlib.export.delivery import VERDICTS, Line, Overview, Why
from motionlib.ingest.coverage import Coverage, adds, lacks

COLUMNS = 100
MOST_WHYS, MOST_WORST = 5, 3
MOST_SENTENCES, MOST_BESIDE = 5, 3  # of coverage; of each of two lists of them
UNITS = {1.0: "m", 0.1: "dm", 0.01: "cm", 0.001: "mm", 0.0254: "inch", 0.3048: "foot"}


def screen(
    name: str,
    found: Overview,
    worst: Sequence[Line] = (),
    *,
    library: Coverage | None = None,
    sure: Mapping[str, float] | None = None,
    problems: Sequence[str] = (),
    off: Sequence[str] = (),
) -> str:
    """What an engineer needs to know of a delivery.

    Args:
        name: Of the delivery. worst: Lines of its worst files, the worst first.
        library: Coverage of the library, if there is one.
        sure: Confidence of the mapping of each rig, by its name.
        problems: What was wrong with captions and names.
        off: How unlike the champion's training it is, in sentences; only the first if there is nothing to tell.
    """
    more = off if len(off) > 1 else []
    parts = [
        _facts(name, found, sure or {}),
        [*_verdicts(found), *(off if not more else [])],
        more,
        _reasons(found.why(), MOST_WHYS - (len(more) + 1) // 2),
        _worst(worst),
        _problems(problems),
        _coverage(found, library),
    ]
    return "\n\n".join("\n".join(cut(line) for line in part) for part in parts if part)


def cut(text: str, width: int = COLUMNS) -> str:
    """At most `width` characters on one line, with an ellipsis for what is left out."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def unit_name(metres: float) -> str:
    """A unit of length as people call it: cm, inch, or 5.644 cm."""
    for unit, name in UNITS.items():
        if abs(metres / unit - 1) < 1e-3:
            return name
    return f"{metres * 100:.4g} cm"


def short_path(path: str, width: int) -> str:
    """A path of at most `width` characters whose end can be read."""
    return path if len(path) <= width else "…" + path[len(path) - width + 1 :]


def most(counts: Mapping[Any, float], shown: Callable[[Any], str], few: int = 4) -> str:
    """The most frequent of some things with their number."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    told = [f"{shown(thing)} ×{count:,.0f}" for thing, count in ranked[:few]]
    return ", ".join(told) + (f" and {len(ranked) - few} more" if len(ranked) > few else "")


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _facts(name: str, found: Overview, sure: Mapping[str, float]) -> list[str]:
    lines = [
        f"{short_path(name, 48)}: {found.files:,} files; {duration(found.seconds)} in {found.frames:,} frames kept",
        f"  files     {most(found.suffixes, str)}",
    ]
    if found.fps:
        up = most(found.ups, str)
        units = most(found.units, unit_name, 3) or "not found"
        lines.append(f"  rate      {most(found.fps, lambda fps: f'{fps:g} Hz', 6)}")
        lines.append(f"  unit, up  {units};  up {up}")
        lines.append(f"  rigs      {most(found.rigs, lambda rig: _rig(rig, sure))}")
    licences = {licence or "UNKNOWN": files for licence, (files, _) in found.licences.items()}
    without = found.kept - found.captioned
    lines.append(f"  licences  {most(licences, str, 3) or '-'}")
    lines.append(f"  captions  {found.captions:,}; none for {without:,} of {found.kept:,} kept takes")
    return lines


def _rig(rig: str, sure: Mapping[str, float]) -> str:
    return f"{rig} (mapped, confidence {sure[rig]:.2f})" if rig in sure else rig


def _verdicts(found: Overview) -> list[str]:
    shares = (f"{found.verdicts[name]:,} {name} ({share(found.verdicts[name], found.files)})" for name in VERDICTS)
    return ["   ".join(shares)]


def share(some: int, all_: int) -> str:
    """Per cent, never rounded to none or all."""
    if not all_ or some in (0, all_):
        return "0 %" if not some else "100 %"
    return f"{min(max(100 * some / all_, 0.1), 99.9):.1f} %"


def _reasons(whys: list[Why], few: int) -> list[str]:
    lines = []
    for why in whys[:few]:
        what = f": {why.advice}" if why.advice else ""
        lines.append(f"{why.files:>7,}  {why.kind:<10}  {why.reason}{what}")
        example = short_path(why.example, 44)
        lines.append(f"{'':>9}e.g. {example}" + (f": {why.message}" if why.message else ""))
    rest = Counter({why.reason: why.files for why in whys[few:]})
    return [*lines, f"{'':>9}and {most(rest, str, 5)}"] if rest else lines


def _worst(lines: Sequence[Line]) -> list[str]:
    told = [
        f"  {line['verdict']:<10}  {short_path(line['path'], 42)}  "
        f"{'; '.join(line['messages']) or ', '.join(line['reasons'])}"
        for line in lines[:MOST_WORST]
    ]
    return ["worst files", *told] if told else []


def _problems(problems: Sequence[str]) -> list[str]:
    return [f"captions and names: {len(problems):,} not understood, the first: {problems[0]}"] if problems else []


def _coverage(found: Overview, library: Coverage | None) -> list[str]:
    if library is None or not library.takes:
        return _sentences("what it lacks", lacks(found.covered), "nothing that was looked for", MOST_SENTENCES)
    lines = _sentences("what it adds to the library", adds(library, found.covered), "nothing it lacks", MOST_BESIDE)
    return [*lines, *_sentences("the library lacks even so", lacks(library + found.covered), "nothing", MOST_BESIDE)]


def _sentences(title: str, told: Sequence[str], nothing: str, few: int) -> list[str]:
    rest = len(told) - few
    more = [f"  - and {rest} more"] if rest > 0 else []
    return [title, *(f"  - {one}" for one in told[:few]), *more] if told else [f"{title}: {nothing}"]
