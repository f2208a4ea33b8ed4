"""What is known of each code: how often, what comes next, what it goes with, what is like it, where it can be seen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from motionlib.artifacts import CodeSet
from motionlib.codebook.analysis import most_frequent
from motionlib.codebook.counts import Float64, Int64
from motionlib.codebook.motions import Portraits, clip_of
from motionlib.codebook.order import Followers, followers, next_bits
from motionlib.codebook.relations import Companions, companions
from motionlib.codebook.vectors import Nearest, duplicates, nearest

MOST_LOOKED_AT = 2048  # codes of a codebook that are looked at as motion; of more, the most frequent
LISTED = 5  # codes listed of each kind: nearest, next, before, companions
COMPANY_SECONDS = 1.0  # within which codes are companions
WHOLE_NUMBERS = ("codebook", "code", "count")
NUMBERS = ("share", "next_bits", "spread_mm", "effect_mm", "speed", "x", "y")
PAIRED = pa.list_(pa.struct([("code", pa.int32()), ("value", pa.float64())]))
SEEN = pa.list_(pa.struct([("clip", pa.string()), ("frame", pa.int32()), ("mm", pa.float64())]))
COLUMNS = pa.schema(
    [
        *((name, pa.int32()) for name in WHOLE_NUMBERS),
        *((name, pa.float64()) for name in NUMBERS),
        ("alike", pa.list_(pa.int32())),
        *((name, PAIRED) for name in ("near", "following", "before", "companions")),
        ("examples", SEEN),
    ]
)
Pairs = list[tuple[int, float]]


@dataclass(frozen=True)
class Entry:
    """One code.

    Attributes:
        count, share: Uses, and of all uses of the codebook.
        next_bits: Entropy of the code after it.
        spread_mm: How far the real motions behind it are from each other. speed: m/s over the floor.
        effect_mm: Of later codebooks: how far it moves the joints from where the most frequent code puts them.
        x, y: mm, its place on the map.
        alike: Codes that are as good as the same, by vector or by motion.
        near: The nearest codes by motion, in mm. following, before: The likeliest codes after and before it.
        companions: Codes met within a second more often than chance would have it, with how many times as often.
        examples: Clip, frame and distance in mm of the real motions that are most as is usual for it.
    """

    codebook: int
    code: int
    count: int
    share: float
    next_bits: float
    spread_mm: float
    effect_mm: float
    speed: float
    x: float
    y: float
    alike: list[int]
    near: Pairs
    following: Pairs
    before: Pairs
    companions: Pairs
    examples: list[tuple[str, int, float]]


@dataclass(frozen=True, eq=False)
class Level:
    """One codebook looked at closely: its entries, most frequent first, and what they came from."""

    number: int
    counts: Int64
    pairs: Followers
    seen: Portraits
    near: Nearest
    entries: list[Entry]

    def summary(self) -> dict[str, Any]:
        """Its numbers as motion: typical distances in mm, means over uses."""
        weights = self.counts[self.seen.codes] / max(int(self.counts.sum()), 1)
        found: dict[str, Any] = {
            "looked_at": len(self.entries),
            "alike": sorted(sorted(int(self.seen.codes[i]) for i in pair) for pair in duplicates(self.near)),
            "nearest_mm_median": float(np.median(self.near.distance[:, 0])),
            "spread_mm": float(weights @ self.seen.spread_mm),
        }
        if self.number:
            found["effect_mm"] = float(weights @ [entry.effect_mm for entry in self.entries])
        return found


def level_of(codes: CodeSet, number: int, seen: Portraits, place: Float64, same: Sequence[Sequence[int]]) -> Level:
    """Put together what is known of the codes of one codebook.

    Args:
        seen: Its codes as motion, at least two. place: (K, 2) on the map. same: Pairs of codes with equal vectors.
    """
    column, lengths, size = np.asarray(codes.codes[:, number]), np.diff(codes.offsets), codes.shape.codebook_size
    counts = np.bincount(column, minlength=size)
    pairs, near = followers(column, lengths, size), nearest(seen.points, LISTED)
    window = round(COMPANY_SECONDS * codes.shape.steps_per_second)
    known = _Known(codes, number, counts, pairs, _backwards(pairs), companions(column, lengths, size, window))
    alike = [*same, *([int(seen.codes[i]) for i in pair] for pair in duplicates(near))]
    bits, partners = next_bits(pairs, size), _partners(alike)
    entries = [_entry(known, seen, near, k, bits, partners, place[k]) for k in range(len(seen.codes))]
    return Level(number, counts, pairs, seen, near, entries)


@dataclass(frozen=True, eq=False)
class _Known:
    codes: CodeSet
    number: int
    counts: Int64
    after: Followers
    before: Followers
    company: Companions


def looked_at(counts: Int64) -> Int64:
    """The codes that are looked at as motion, most frequent first."""
    return most_frequent(counts, MOST_LOOKED_AT)


def entry_table(levels: Sequence[Level]) -> pa.Table:
    """All entries as a table, columns of COLUMNS."""
    rows = [_plain(entry) for level in levels for entry in level.entries]
    return pa.Table.from_pylist(rows, schema=COLUMNS)


def _plain(entry: Entry) -> dict[str, Any]:
    row = asdict(entry)
    for name in ("near", "following", "before", "companions"):
        row[name] = [{"code": code, "value": value} for code, value in row[name]]
    row["examples"] = [{"clip": clip, "frame": frame, "mm": mm} for clip, frame, mm in row["examples"]]
    return row


def _entry(
    known: _Known,
    seen: Portraits,
    near: Nearest,
    k: int,
    bits: Float64,
    partners: Mapping[int, list[int]],
    place: Float64,
) -> Entry:
    code = int(seen.codes[k])
    company = known.company.of(code)
    together = zip(known.company.other[company], known.company.lift[company], strict=True)
    return Entry(
        codebook=known.number,
        code=code,
        count=int(known.counts[code]),
        share=float(known.counts[code] / max(int(known.counts.sum()), 1)),
        next_bits=float(bits[code]),
        spread_mm=float(seen.spread_mm[k]),
        effect_mm=float(np.linalg.norm(seen.points[k] - seen.points[0])) if known.number else 0.0,
        speed=float(seen.speed[k]),
        x=float(place[0]),
        y=float(place[1]),
        alike=partners.get(code, []),
        near=[(int(seen.codes[i]), float(mm)) for i, mm in zip(near.others[k], near.distance[k], strict=True)],
        following=_likeliest(known.after, code),
        before=_likeliest(known.before, code),
        companions=[(int(other), float(lift)) for other, lift in together if lift > 1.0][:LISTED],
        examples=_examples(known.codes, seen, k),
    )


def _likeliest(pairs: Followers, code: int) -> Pairs:
    others, counts = pairs.of(code)
    return [(int(other), float(count / counts.sum())) for other, count in zip(others[:LISTED], counts, strict=False)]


def _backwards(pairs: Followers) -> Followers:
    """The same pairs by what follows: of each code, what comes before it."""
    order = np.lexsort((pairs.code, -pairs.times, pairs.following))
    return Followers(pairs.following[order], pairs.code[order], pairs.times[order])


def _partners(pairs: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    found: dict[int, set[int]] = {}
    for first, second in pairs:
        found.setdefault(first, set()).add(second)
        found.setdefault(second, set()).add(first)
    return {code: sorted(others) for code, others in found.items()}


def _examples(codes: CodeSet, seen: Portraits, k: int) -> list[tuple[str, int, float]]:
    steps = seen.example[k][seen.example[k] >= 0]
    clips = clip_of(codes, steps)
    frames = (steps - codes.offsets[clips]) * codes.shape.frames_per_step
    return [
        (codes.clips[clip], int(frame), float(mm))
        for clip, frame, mm in zip(clips, frames, seen.example_mm[k], strict=False)
    ]
