"""Which takes train, validate and test: the same for the same library and seed, on every machine.

What is split is a group: everything that comes from one source file, and files whose motion is the same to the bit
(a trial filed under two names). A mirror image is made after the split and stays with its take.
"""

import hashlib
from collections.abc import Mapping, Sequence

from motionlib.artifacts import Clip

SPLITS = ("test", "val", "train")  # the earlier wins where captions of one file disagree
SMALLEST_SPLIT = 3  # groups; a library of fewer has only training takes, unless captions say otherwise


def split_takes(takes: Sequence[tuple[str, str, str]], test_share: float, val_share: float, seed: int) -> list[str]:
    """Split of each take, told as (file, fingerprint of its motion, published split or ""), in their order."""
    leader: dict[str, str] = {}  # of a file or motion: another one of its group; of the group's first: itself

    def lead(member: str) -> str:
        while leader.setdefault(member, member) != member:
            member = leader[member]
        return member

    for file, motion, _ in takes:
        first, second = sorted((lead("file " + file), lead("motion " + motion)))
        leader[second] = first
    published: dict[str, list[str]] = {}
    for file, _, split in takes:
        published.setdefault(lead("file " + file), []).append(split)
    splits = split_groups({key: strictest(found) for key, found in published.items()}, test_share, val_share, seed)
    return [splits[lead("file " + file)] for file, _, _ in takes]


def split_groups(published: Mapping[str, str], test_share: float, val_share: float, seed: int) -> dict[str, str]:
    """Split of every group.

    Published splits are kept. The others are ranked by the hash of seed and key; the first of the ranking fill test
    and then val up to their share of all groups, at least one of each if there are three groups or more.

    Args:
        published: train, val, test or "" (unknown) by group key.
        test_share: Share of all groups, in [0, 1).
        val_share: Share of all groups, in [0, 1).
        seed: Another number gives another ranking.

    Raises:
        ValueError: If a published split has another name, or the shares leave nothing to train on.
    """
    for key, split in published.items():
        if split not in {*SPLITS, ""}:
            raise ValueError(f"{key}: unknown split {split!r}; known: {sorted(SPLITS)}")
    if min(test_share, val_share) < 0 or test_share + val_share >= 1:
        raise ValueError(f"shares {test_share} and {val_share} leave nothing to train on")
    result = {key: split for key, split in published.items() if split}
    ranked = sorted((key for key in published if key not in result), key=lambda key: (_rank(key, seed), key))
    for name, share in (("test", test_share), ("val", val_share)):
        least = 1 if share > 0 and len(published) >= SMALLEST_SPLIT else 0
        wanted = max(round(share * len(published)), least) - sum(split == name for split in result.values())
        taken, ranked = ranked[: max(wanted, 0)], ranked[max(wanted, 0) :]
        result |= dict.fromkeys(taken, name)
    return result | dict.fromkeys(ranked, "train")


def strictest(splits: Sequence[str]) -> str:
    """One split for a file whose captions name several: test before val before train, "" if none is named."""
    return next((split for split in SPLITS if split in splits), "")


def published_split(clip: Clip) -> str:
    """The split that a clip's captions name, the strictest if they differ."""
    return strictest([caption.split for caption in clip.info.captions])


def motion_fingerprint(clip: Clip) -> str:
    """Equal for clips with the same motion on the same bones, whatever they are called."""
    digest = hashlib.sha256()
    for part in (clip.skeleton.offsets, clip.root_pos, clip.local_quat):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _rank(key: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{key}".encode()).hexdigest()
