"""Which takes of a library hold the same motion: again, as a crop, or in a mirror.

Candidates share keys of turning points (`ingest.landmarks`); each is then held against the other turning point by
turning point. Two takes are one motion if nearly all turning points of the time they share come at the same moments
and, up to a constant for each limb (another body), at the same places: two walks of one person drift apart in both.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest import landmarks
from motionlib.ingest.landmarks import fingerprint
from motionlib.params import Judging

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.floating]

NEIGHBOURS = 6  # rows that each row is paired with among those of its coarse key: bounds time and memory
VOTES = 2  # keys that must agree on a pair of takes and on their shift in time,
VOTES_SHARE = 0.1  # and of the keys of the take that has fewer; copies reach 0.4, other strides rarely 0.1
SHIFT_STEP = 0.1  # s; votes for shifts in one step or the next count together
PARTNERS = 6  # earlier takes that a take is held against at most, those with the most keys in common
NEAR = 0.08  # s; a turning point has a partner within this before the shift is refined
HOPELESS = 0.5  # share of turning points with a partner, under which nothing more is asked
SAME_MOMENT = 0.012  # s, after it: copies of one motion differ by 1 to 8 ms, strides of one walk by 10 to 20

__all__ = ["Match", "Settled", "fingerprint", "match", "settle"]


class Settled(NamedTuple):
    """What a library's takes are to each other.

    Attributes:
        groups: For each take the id of the first take that it shares motion with, its own if there is none.
        findings: By position of a take: reason (`duplicate`, `overlaps`, `mirrored_duplicate`) and message.
    """

    groups: list[str]
    findings: dict[int, tuple[str, str]]


class Match(NamedTuple):
    """How well two takes agree over the time they share; where under half does, only how long that time is.

    Attributes:
        share: Of the turning points of both within that time, those that have a partner in the other.
        points: How many turning points have a partner.
        shared_s: Seconds shared.
        shift_s: Add it to a moment of the second take to find it in the first.
        timing_s: Median distance in time of partners, s.
        place: Median distance of partners in leg lengths, after each limb's median difference is taken away.
        body: The same without taking it away: small if the bodies are one, too.
    """

    share: float
    points: int
    shared_s: float
    shift_s: float
    timing_s: float
    place: float
    body: float


def settle(
    ids: Sequence[str], fingerprints: Sequence[IntArray], settings: Judging, matching: "Matching | None" = None
) -> Settled:
    """Group takes that share motion; of the same motion the first stays and later ones are findings.

    Time O(n log n) and memory O(n) in the number of landmarks; the result depends on the order of the takes only.

    Args:
        ids: Names, for groups and messages.
        fingerprints: Of each take, as `fingerprint` gives them; (0, 2) for takes that have none.
        settings: `ingest.judging` of params.yaml.
        matching: Stands for `match` of two takes, told by position, and gives the same: one that remembers.
    """
    first = list(range(len(ids)))
    findings: dict[int, tuple[str, str]] = {}
    for one, other in _same_digest(fingerprints):
        _note(findings, other, "duplicate", f"the same motion as {ids[one]}, number for number")
        _join(first, one, other)
    for mirrored in (False, True):
        for one, other, shift in _candidates(fingerprints, mirrored):
            if other in findings and findings[other][0] == "duplicate":
                continue
            if matching is None:
                found = match(fingerprints[one], fingerprints[other], shift, mirrored=mirrored)
            else:
                found = matching(one, other, shift, mirrored)
            same = _same(found, settings)
            if not same and (mirrored or not _related(found, settings)):
                continue
            longer = max(landmarks.seconds(fingerprints[take]) for take in (one, other))
            share = found.shared_s / longer if longer else 1.0
            whole = same and share >= settings.duplicate_share and found.body <= settings.duplicate_body
            reason = "duplicate" if whole else "overlaps"
            reason = "mirrored_duplicate" if mirrored else reason
            _note(findings, other, reason, _sentence(ids[one], found, share))
            _join(first, one, other)
    return Settled([ids[_root(first, take)] for take in range(len(ids))], dict(sorted(findings.items())))


Matching = Callable[[int, int, float, bool], Match]


def match(one: IntArray, other: IntArray, shift: float, *, mirrored: bool = False) -> Match:
    """Hold two takes' turning points against each other.

    Args:
        one, other: Fingerprints.
        shift: Guess, s, within NEAR of the truth; add it to a moment of `other` to find it in `one`.
        mirrored: Whether to look at `other` in a mirror.
    """
    here, there = landmarks.events(one), landmarks.events(other)
    signal = landmarks.OTHER_SIDE[there.signal] if mirrored else there.signal
    kinds, other_kinds = here.signal * 2 + here.peak, signal * 2 + there.peak
    partner, apart = _partners(kinds, here.time, other_kinds, there.time + shift)
    near = np.abs(apart) <= NEAR
    inside, other_inside = _inside(one, other, here.time, there.time, shift)
    total = int(inside.sum() + other_inside.sum())
    if not total or 2 * int((near & inside).sum()) < HOPELESS * total:
        return _apart(one, other, shift)
    shift += float(np.median(apart[near]))
    partner, apart = _partners(kinds, here.time, other_kinds, there.time + shift)
    paired = np.abs(apart) <= SAME_MOMENT
    inside, other_inside = _inside(one, other, here.time, there.time, shift)
    count = int((paired & inside).sum())
    total = int(inside.sum() + other_inside.sum())
    if not count or 2 * count < HOPELESS * total:
        return _apart(one, other, shift)
    start, end = _shared(one, other, shift)
    difference = here.value[paired] - there.value[partner[paired]]
    return Match(
        share=min(1.0, 2 * count / total),
        points=count,
        shared_s=max(end - start, 0.0),
        shift_s=shift,
        timing_s=float(np.median(np.abs(apart[paired & inside]))),
        place=_spread(difference, kinds[paired]),
        body=float(np.median(np.abs(difference))),
    )


def _shared(one: IntArray, other: IntArray, shift: float) -> tuple[float, float]:
    """Start and end, in the time of `one`, of what both takes cover."""
    return max(0.0, shift), min(landmarks.seconds(one), landmarks.seconds(other) + shift)


def _inside(
    one: IntArray, other: IntArray, times: FloatArray, other_times: FloatArray, shift: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which turning points of each lie within what both cover, and not at its very ends."""
    start, end = _shared(one, other, shift)
    low, high = start + NEAR, end - NEAR
    return (times > low) & (times < high), (other_times + shift > low) & (other_times + shift < high)


def _apart(one: IntArray, other: IntArray, shift: float) -> Match:
    start, end = _shared(one, other, shift)
    return Match(0.0, 0, max(end - start, 0.0), shift, float("inf"), float("inf"), float("inf"))


def _same(found: Match, settings: Judging) -> bool:
    """One recording, if not on one body."""
    return (
        found.points >= settings.duplicate_points
        and found.share >= settings.duplicate_agreement
        and found.place <= settings.duplicate_place
    )


def _related(found: Match, settings: Judging) -> bool:
    """One recording, perhaps cleaned in another way."""
    return (
        found.points >= settings.related_points
        and found.share >= settings.related_agreement
        and found.place <= settings.related_place
    )


def _partners(
    kinds: IntArray, times: FloatArray, other_kinds: IntArray, other_times: FloatArray
) -> tuple[IntArray, FloatArray]:
    """For each of the first the nearest in time of its kind among the second: its position and the time between (s)."""
    if not len(other_kinds):
        return np.zeros(len(kinds), np.int64), np.full(len(kinds), np.inf)
    span = float(max(times.max(initial=0), np.abs(other_times).max())) * 4 + 10  # keeps the kinds apart
    place, other_place = kinds * span + times, other_kinds * span + other_times
    order = np.argsort(other_place, kind="stable")
    ranked = other_place[order]
    right = np.searchsorted(ranked, place).clip(0, len(ranked) - 1)
    left = (right - 1).clip(0)
    nearest = np.where(np.abs(ranked[left] - place) <= np.abs(ranked[right] - place), left, right)
    return order[nearest], place - ranked[nearest]


def _spread(difference: FloatArray, kinds: IntArray) -> float:
    """Median size of the differences after the median of each kind is taken away, unbiased for small kinds."""
    rest = difference.copy()
    for kind in np.unique(kinds):
        own = kinds == kind
        rest[own] -= np.median(difference[own])
    alone = np.bincount(kinds)[kinds] < 2
    return float(np.median(np.abs(rest[~alone]))) if (~alone).any() else float(np.median(np.abs(difference)))


def _same_digest(fingerprints: Sequence[IntArray]) -> list[tuple[int, int]]:
    """Pairs (first, later) of takes whose motion is the same number for number."""
    seen: dict[tuple[int, int], int] = {}
    pairs = []
    for take, print_ in enumerate(fingerprints):
        if len(print_):
            key = (int(print_[0, 0]), int(print_[0, 1]))
            if key in seen:
                pairs.append((seen[key], take))
            else:
                seen[key] = take
    return pairs


def _candidates(fingerprints: Sequence[IntArray], mirrored: bool) -> list[tuple[int, int, float]]:
    """Pairs of takes (earlier, later) that share keys, with the shift (s) that most of these agree on, in order."""
    counts = [len(print_) for print_ in fingerprints]
    rows = np.concatenate([np.zeros((0, 2), np.int64), *fingerprints])
    takes = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    chained = landmarks.has_chain(rows[:, 0])
    keys, times, takes = rows[chained, 0], rows[chained, 1], takes[chained]
    flipped = np.zeros(len(keys), dtype=np.bool_)
    if mirrored:
        keys = np.concatenate([keys, landmarks.mirrored_keys(keys)])
        times, takes = np.tile(times, 2), np.tile(takes, 2)
        flipped = np.arange(len(keys)) >= len(flipped)
    order = np.lexsort((times, takes, keys))
    keys, times, takes, flipped = keys[order], times[order], takes[order], flipped[order]
    coarse = keys >> landmarks.COARSE_SHIFT
    votes = [np.zeros(0, np.int64)]
    for ahead in range(1, NEIGHBOURS + 1):
        pair = (coarse[ahead:] == coarse[:-ahead]) & (takes[ahead:] != takes[:-ahead])
        if mirrored:
            pair &= flipped[ahead:] != flipped[:-ahead]
        here = np.flatnonzero(pair)
        votes.append(_packed(takes, times, here, here + ahead))
    own = np.bincount(takes[~flipped], minlength=len(counts))
    return _winners(np.concatenate(votes), own)


def _packed(takes: IntArray, times: IntArray, here: IntArray, there: IntArray) -> IntArray:
    """Earlier take, later take and step of the shift between them as one number: 20, 20 and 23 bits."""
    swap = takes[here] > takes[there]
    one, other = np.where(swap, there, here), np.where(swap, here, there)
    step = (times[one] - times[other]) // round(1000 * SHIFT_STEP) + (1 << 22)
    packed: IntArray = (takes[one] << 43) | (takes[other] << 23) | step
    return packed


def _winners(votes: IntArray, keys: IntArray) -> list[tuple[int, int, float]]:
    """The best shift of each pair of takes with enough votes in one step and the next; `keys` each take has."""
    packed, count = np.unique(votes, return_counts=True)
    follows = np.zeros(len(packed), dtype=np.int64)
    follows[:-1] = np.where(packed[1:] == packed[:-1] + 1, count[1:], 0)
    total = count + follows
    fewer = np.minimum(keys[packed >> 43], keys[(packed >> 23) & ((1 << 20) - 1)])
    enough = total >= np.maximum(VOTES, VOTES_SHARE * fewer)
    packed, total, weight = packed[enough], total[enough], follows[enough] / total[enough]
    pair = packed >> 23
    order = np.lexsort((packed, -total, pair))
    best = order[np.flatnonzero(np.diff(pair[order], prepend=-1))]
    best = best[_strongest(pair[best] & ((1 << 20) - 1), total[best])]
    shift = ((packed[best] & ((1 << 23) - 1)) - (1 << 22) + 0.5 + weight[best]) * SHIFT_STEP
    return list(zip((pair[best] >> 20).tolist(), (pair[best] & ((1 << 20) - 1)).tolist(), shift.tolist(), strict=True))


def _strongest(takes: IntArray, votes: IntArray) -> IntArray:
    """Positions, in order, of at most PARTNERS entries of each take: those with the most votes, then the earliest."""
    order = np.lexsort((np.arange(len(takes)), -votes, takes))
    starts = np.flatnonzero(np.diff(takes[order], prepend=-1))
    rank = np.arange(len(takes)) - np.repeat(starts, np.diff(np.append(starts, len(takes))))
    return np.sort(order[rank < PARTNERS])


def _sentence(other: str, found: Match, share: float) -> str:
    return (
        f"{share:.0%} of the longer one is the same motion as {other}: {found.points} turning points, "
        f"{found.share:.0%} of those in {found.shared_s:.1f} s, at most {1000 * found.timing_s:.0f} ms apart in the "
        f"median, shifted by {found.shift_s:.2f} s"
    )


_RANK = ("duplicate", "overlaps", "mirrored_duplicate")


def _note(findings: dict[int, tuple[str, str]], take: int, reason: str, message: str) -> None:
    if take not in findings or _RANK.index(reason) < _RANK.index(findings[take][0]):
        findings[take] = (reason, message)


def _root(first: list[int], take: int) -> int:
    while first[take] != take:
        first[take] = first[first[take]]
        take = first[take]
    return take


def _join(first: list[int], one: int, other: int) -> None:
    one, other = _root(first, one), _root(first, other)
    first[max(one, other)] = min(one, other)
