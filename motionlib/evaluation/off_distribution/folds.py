"""What is held out: for each criterion one group, and beside it as much motion drawn at random, which is the control.

A group may be harder or easier than the rest. So the error on a group that training never saw is held against the
error on random clips that training never saw, and where clips of the group were left out of both, against itself.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from motionlib.artifacts import FeatureClip, FeatureSet
from motionlib.evaluation.off_distribution.groups import groups, original, shares
from motionlib.params import OffDistribution

LARGEST_SHARE = 0.7  # of the training rows; what is left of less could teach nothing
FEWEST_TAKES = 2  # of a group that is held out


class Side(NamedTuple):
    """One short training: `training` clips, mirrored ones among them, and the takes `held` that it never saw."""

    training: list[FeatureClip]
    held: list[FeatureClip]


class Fold(NamedTuple):
    """One hold-out.

    Attributes:
        share: Of the training rows that the group has.
        group_side: Trained without the group; held: its takes. random_side: Trained without random takes of as many
            rows; held: these.
        both: Takes of the group that neither side saw.
    """

    criterion: str
    group: str
    share: float
    group_side: Side
    random_side: Side
    both: list[FeatureClip]


def folds(features: FeatureSet, config: OffDistribution, window: int = 1) -> tuple[list[Fold], dict[str, str]]:
    """A fold for each criterion that the library has groups for, and why there is none for each other one.

    Args:
        window: Rows that a training clip must have; both sides of a fold need one.
    """
    found: list[Fold] = []
    missing: dict[str, str] = {}
    for criterion in config.criteria:
        group_of = groups(features, criterion, config.clusters, config.seed)
        group = choose(shares(features.split("train"), group_of), features, group_of, config.share)
        if group is None:
            missing[criterion] = f"no group of the library by {criterion} can be left out"
            continue
        one = fold(features, criterion, group, group_of, config)
        if all(_longest(side.training) >= window for side in (one.group_side, one.random_side)):
            found.append(one)
        else:
            missing[criterion] = f"without {group} no training clip has {window} rows"
    return found, missing


def choose(found: Mapping[str, float], features: FeatureSet, group_of: Mapping[str, str], target: float) -> str | None:
    """The group whose share of the training rows is nearest to the target; None if none leaves enough behind."""
    takes = [group_of[clip.id] for clip in features.clips if not clip.mirror]
    fit = {
        name: share
        for name, share in found.items()
        if name and share <= LARGEST_SHARE and takes.count(name) >= FEWEST_TAKES
    }
    return min(fit, key=lambda name: (abs(fit[name] - target), name), default=None)


def fold(
    features: FeatureSet, criterion: str, group: str, group_of: Mapping[str, str], config: OffDistribution
) -> Fold:
    """The fold that holds one group out."""
    training, takes = features.split("train"), [clip for clip in features.clips if not clip.mirror]
    inside = [clip for clip in takes if group_of[clip.id] == group]
    without = [clip for clip in training if group_of[clip.id] != group]
    left_out = sum(clip.frames for clip in training) - sum(clip.frames for clip in without)
    drawn = _draw(training, left_out, f"{config.seed} {criterion}")
    control = [clip for clip in training if original(clip.id) not in drawn]
    random = [clip for clip in takes if clip.id in drawn]
    most = config.most_clips
    both = spread([clip for clip in inside if clip.id in drawn or clip.split != "train"], most)
    return Fold(
        criterion,
        group,
        left_out / sum(clip.frames for clip in training),
        Side(without, _with(both, spread(inside, most))),
        Side(control, spread(random, most)),
        both,
    )


def spread(clips: Sequence[FeatureClip], most: int) -> list[FeatureClip]:
    """At most so many of some clips, chosen by the hash of their ids, in their own order."""
    chosen = set(sorted((clip.id for clip in clips), key=_place)[:most])
    return [clip for clip in clips if clip.id in chosen]


def _longest(clips: Sequence[FeatureClip]) -> int:
    return max((clip.frames for clip in clips), default=0)


def _with(first: Sequence[FeatureClip], second: Sequence[FeatureClip]) -> list[FeatureClip]:
    """Both lists, each clip once."""
    return list({clip.id: clip for clip in [*first, *second]}.values())


def _draw(training: Sequence[FeatureClip], rows: int, salt: str) -> set[str]:
    """Takes of so many training rows, mirrored clips counted, in the order of their hashes."""
    sizes: dict[str, int] = {}
    for clip in training:
        sizes[original(clip.id)] = sizes.get(original(clip.id), 0) + clip.frames
    drawn: set[str] = set()
    for take in sorted(sizes, key=lambda take: _place(f"{salt} {take}")):
        if rows <= 0:
            break
        drawn.add(take)
        rows -= sizes[take]
    return drawn


def _place(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
