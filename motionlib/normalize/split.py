"""Which takes train, validate and test: the same for the same library and seed, and the same when the library grows.

What is split is a group: takes that share motion (copies, crops, mirror images, the same file), and on request all
takes of a subject. A group is known by the smallest of its names and falls to a split by the hash of that name alone,
so that new takes move no old one unless they join its group. A mirror image made later stays with its take.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

UNSEEN = (
    "unseen"  # takes that params keep from every training, to be measured apart: another studio's, another skeleton's
)
SPLITS = (UNSEEN, "test", "val", "train")  # the earlier wins where captions of one group disagree
SMALLEST_SPLIT = 3  # groups; a library of fewer has only training takes, unless captions say otherwise

By = Literal["take", "subject"]


class Take(NamedTuple):
    """What the split knows of a take.

    Attributes:
        group: Of takes that share motion, as `ingest` found them.
        motion: Hash of its motion.
        subject: "" if nobody says.
        published: The split that params or its captions name, the strictest of several; "" if none.
    """

    id: str
    file: str = ""
    group: str = ""
    motion: str = ""
    subject: str = ""
    published: str = ""


def split_takes(takes: Sequence[Take], test_share: float, val_share: float, seed: int, by: By = "take") -> list[str]:
    """Split of each take, in their order.

    By subject a group is known by its subject's name, so that a new take of a subject moves nothing. Subjects are told
    apart by name over all deliveries: two people of one name are on one side, never one person on two.
    """
    leader: dict[str, str] = {}  # of a name: another one of its group; of the group's first: itself

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader.setdefault(leader[name], leader[name])
            name = leader[name]
        return name

    for take in takes:
        names = [f"{kind} {value}" for kind, value in zip(("file", "group", "motion"), take[1:4], strict=True) if value]
        names += [f"subject {take.subject}"] if by == "subject" and take.subject else []
        for name in names:
            first, second = sorted((lead("take " + take.id), lead(name)))
            leader[second] = first
    published: dict[str, list[str]] = {}
    known_by: dict[str, str] = {}
    for take in takes:
        group = lead("take " + take.id)
        name = f"subject {take.subject}" if by == "subject" and take.subject else f"take {take.id}"
        known_by[group] = min(known_by.get(group, name), name)
        published.setdefault(group, []).append(take.published)
    groups = {known_by[group]: strictest(found) for group, found in published.items()}
    splits = split_groups(groups, test_share, val_share, seed)
    return [splits[known_by[lead("take " + take.id)]] for take in takes]


def split_groups(published: Mapping[str, str], test_share: float, val_share: float, seed: int) -> dict[str, str]:
    """Split of every group.

    Published splits are kept. Any other group falls to test, val or train by the hash of seed and name. While a library
    of three groups or more has none in test (or in val), the group whose hash is nearest stands in for one.

    Args:
        published: unseen, train, val, test or "" (unknown) by group.
        test_share: Share of the groups, in [0, 1).
        val_share: Share of the groups, in [0, 1).
        seed: Another number gives another split.

    Raises:
        ValueError: If a published split has another name, or the shares leave nothing to train on.
    """
    for key, split in published.items():
        if split not in {*SPLITS, ""}:
            raise ValueError(f"{key}: unknown split {split!r}; known: {sorted(SPLITS)}")
    if min(test_share, val_share) < 0 or test_share + val_share >= 1:
        raise ValueError(f"shares {test_share} and {val_share} leave nothing to train on")
    result = {key: split for key, split in published.items() if split}
    ranked = sorted((_place(key, seed), key) for key in published if key not in result)
    if len(published) < SMALLEST_SPLIT:
        return result | dict.fromkeys((key for _, key in ranked), "train")
    held_out = test_share + val_share
    for place, key in ranked:
        result[key] = "test" if place < test_share else "val" if place < held_out else "train"
    if ranked and "train" not in result.values():
        result[ranked[-1][1]] = "train"
    for name, share in (("test", test_share), ("val", val_share)):
        trained = [key for _, key in ranked if result[key] == "train"]
        if share > 0 and name not in result.values() and len(trained) > 1:
            result[trained[0]] = name
    return result


def strictest(splits: Sequence[str]) -> str:
    """One split for takes of which several are named: unseen, test, val, train in this order; "" if none is named."""
    return next((split for split in SPLITS if split in splits), "")


def _place(key: str, seed: int) -> float:
    """In [0, 1), evenly."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:6], "big") / (1 << 48)
