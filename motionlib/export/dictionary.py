"""The token dictionary: one page on which every code of a tokenizer plays, alone and among its real neighbours.

Self-contained, opens from disk, bounded in size: of a large codebook the most frequent codes play, and it says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from motionlib.artifacts import CodeSet, FeatureSet, at
from motionlib.codebook.entries import Entry, Level
from motionlib.codebook.motions import Decode
from motionlib.export.dictionary_motions import played
from motionlib.export.numbers import Card, card, shown
from motionlib.export.player import HERE, environment

PAGE = "dictionary.html"
MOST_PLAYED = 512  # codes that play; about 13 kB each
DIGITS = 4  # significant digits of the page's numbers
PERCENT, SIGN = 100.0, " %"
PAIRS = ("near", "following", "before", "companions")


def dictionary_page(
    name: str, codes: CodeSet, features: FeatureSet, decode: Decode, levels: Sequence[Level], numbers: Mapping[str, Any]
) -> bytes:
    """The page of a tokenizer.

    Args:
        decode: Turns codes back into features. levels: The codebooks that were looked at. numbers: Of the report.
    """
    clips = Clips(features)
    told = [level_told(level, clips, numbers) for level in levels]
    for one, level, count in zip(told, levels, shares(levels), strict=True):
        motions = played(level, count, codes, features, decode)
        one["playing"] = count
        one["entries"] = [
            entry | {"motions": next(motions)} if k < count else entry for k, entry in enumerate(one["entries"])
        ]
    page = environment().get_template("dictionary.html").render(
        title=name,
        lead=_lead(numbers, told),
        all_cards=_cards(numbers),
        data={"levels": told, "clips": clips.told},
        page_script=Markup((HERE / "dictionary.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
    )  # fmt: skip
    return page.encode()


def shares(levels: Sequence[Level]) -> list[int]:
    """How many codes of each codebook play: of several, half of them are of the first."""
    if len(levels) == 1:
        return [min(MOST_PLAYED, len(levels[0].entries))]
    first = min(MOST_PLAYED // 2, len(levels[0].entries))
    rest = (MOST_PLAYED - first) // (len(levels) - 1)
    return [first, *(min(rest, len(level.entries)) for level in levels[1:])]


class Clips:
    """Clips that are named on the page, each once: `told`, lists of clip, licence, delivery and split."""

    def __init__(self, features: FeatureSet) -> None:
        self._features, self._places = features, dict[str, int]()
        self.told: list[list[str]] = []

    def place(self, clip: str) -> int:
        """Number of a clip in `told`."""
        if clip not in self._places:
            self._places[clip] = len(self.told)
            known = self._features.by_id[clip]
            self.told.append([clip, known.licence or "unknown", known.delivery, known.split])
        return self._places[clip]


def level_told(level: Level, clips: Clips, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """One codebook as the page's script takes it."""
    return {
        "number": level.number,
        "size": len(level.counts),
        "used": int((level.counts > 0).sum()),
        "facts": _facts(at(numbers, f"codebooks.{level.number}")),
        "entries": [_entry_told(entry, clips) for entry in level.entries],
    }


def _facts(known: Mapping[str, Any]) -> list[str]:
    said = [
        f"{shown(known['usage'], PERCENT)} % of the codes used",
        f"perplexity {shown(known['perplexity'])}",
        f"{shown(known['unigram_bits'])} bits a code, {shown(known['conditional_bits'])} after the one before",
        f"{shown(known['repeats'], PERCENT)} % repeat the one before",
    ]
    moved = at(known, "motion.effect_mm")
    return said if moved is None else [*said, f"moves joints by {shown(moved)} mm"]


def _entry_told(entry: Entry, clips: Clips) -> dict[str, Any]:
    numbers = {
        "share": entry.share,
        "bits": entry.next_bits,
        "spread": entry.spread_mm,
        "effect": entry.effect_mm,
        "speed": entry.speed,
        "x": entry.x,
        "y": entry.y,
    }
    return {
        "code": entry.code,
        "count": entry.count,
        "alike": entry.alike,
        **{name: _short(value) for name, value in numbers.items()},
        **{name: [[code, _short(value)] for code, value in getattr(entry, name)] for name in PAIRS},
        "examples": [[clips.place(clip), frame, _short(mm)] for clip, frame, mm in entry.examples],
    }


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _lead(numbers: Mapping[str, Any], levels: Sequence[Mapping[str, Any]]) -> str:
    shape = numbers["shape"]
    milliseconds = 1000.0 / shape["steps_per_second"]
    several = shape["codes_per_step"] > 1
    said = (
        f"{shape['codes_per_step']} codebooks of {shape['codebook_size']:,} codes"
        if several
        else f"A codebook of {shape['codebook_size']:,} codes"
    )
    said += (
        f", a step every {milliseconds:.0f} ms; counted over {numbers['clips']:,} clips, {numbers['steps']:,} steps."
    )
    playing, looked = (
        sum(map(count, levels)) for count in (lambda one: one["playing"], lambda one: len(one["entries"]))
    )
    total = shape["codebook_size"] * shape["codes_per_step"]
    if looked < total:
        said += f" Listed are {looked:,} of the {total:,} codes, the most frequent ones."
    if playing < looked:
        said += f" Of those the {playing:,} most frequent play." if not several else f" {playing:,} of those play."
    return said


def _cards(numbers: Mapping[str, Any]) -> list[Card]:
    means, rate = numbers["over_codebooks"], numbers["bits_per_second"]
    first = numbers["codebooks"][0]
    count = f"{len(first['dead'])} never" if len(numbers["codebooks"]) == 1 else "mean over the codebooks"
    cards = [
        card("Codes used", means["usage"]["mean"], PERCENT, SIGN, count),
        card("Perplexity", means["perplexity"]["mean"], note=f"of {numbers['shape']['codebook_size']:,}"),
        card("Entropy of its most", means["normalised_entropy"]["mean"], PERCENT, SIGN),
        card("Bits per second", rate["unigram"], note=f"{shown(rate['nominal'])} if all codes were alike"),
    ]
    if (error := at(numbers, "distortion.mpjpe_mm")) is not None:
        cards.append(card("Joint error, held out", error, unit=" mm"))
    if (spread := at(first, "motion.spread_mm")) is not None:
        cards.append(card("Spread inside a code", spread, unit=" mm", note="of the real motions behind it"))
    return cards
