"""Which clips are of one kind: of one source, of one subject, of one action; mirrored clips go with their originals."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import FeatureClip, FeatureSet

Float64 = NDArray[np.float64]
CRITERIA = ("source", "subject", "action")
LABELLED = 0.9  # of the rows; with fewer labels an action that is left out would go on under no name
ROUNDS = 100  # of k-means at most
MIRROR = "M:"


def groups(features: FeatureSet, criterion: str, clusters: int, seed: int) -> dict[str, str]:
    """The group of each clip by its id; "" where nobody says.

    Args:
        criterion: `source` (the delivery; in a library of one delivery, the folder in it), `subject`, or `action`: the
            label where nearly all takes have one, else clusters of their motion.
        clusters: How many of these. seed: Of their start.

    Raises:
        ValueError: If the criterion is none of these.
    """
    if criterion == "source":
        return _sources(features.clips)
    if criterion == "subject":
        return {clip.id: clip.subject for clip in features.clips}
    if criterion != "action":
        raise ValueError(f"unknown criterion {criterion!r}; known: {', '.join(CRITERIA)}")
    rows = sum(clip.frames for clip in features.clips)
    if sum(clip.frames for clip in features.clips if clip.action) >= LABELLED * rows:
        return {clip.id: clip.action for clip in features.clips}
    return _clusters(features, clusters, seed)


def original(clip_id: str) -> str:
    """The id of the take that a clip shows, mirrored or not."""
    return clip_id.removeprefix(MIRROR)


def shares(clips: Sequence[FeatureClip], group_of: Mapping[str, str]) -> dict[str, float]:
    """Share of the rows of these clips that each group has, the largest first."""
    rows: Counter[str] = Counter()
    for clip in clips:
        rows[group_of[clip.id]] += clip.frames
    total = rows.total()
    return {name: count / total for name, count in sorted(rows.items(), key=lambda item: (-item[1], item[0]))}


def _sources(clips: Sequence[FeatureClip]) -> dict[str, str]:
    if len({clip.delivery for clip in clips}) > 1:
        return {clip.id: clip.delivery for clip in clips}
    places = {clip.id: original(clip.id).split("/") for clip in clips}
    return {name: place[1] if len(place) > 2 else place[0] for name, place in places.items()}


def _clusters(features: FeatureSet, count: int, seed: int) -> dict[str, str]:
    """Clusters of takes by mean and spread of their features, named `motion 1` (most takes) and on."""
    takes = [clip for clip in features.clips if not clip.mirror]
    described = np.stack([_descriptor(features, clip) for clip in takes])
    of_take = k_means(described, min(count, len(takes)), seed)
    ranked = sorted(Counter(of_take.tolist()).items(), key=lambda item: (-item[1], item[0]))
    names = {cluster: f"motion {rank}" for rank, (cluster, _) in enumerate(ranked, 1)}
    found = {clip.id: names[int(cluster)] for clip, cluster in zip(takes, of_take, strict=True)}
    return {clip.id: found.get(original(clip.id), "") for clip in features.clips}


def _descriptor(features: FeatureSet, clip: FeatureClip) -> Float64:
    rows = (features.of(clip).astype(np.float64) - features.mean) / features.std
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0)])


def k_means(points: Float64, count: int, seed: int) -> NDArray[np.int64]:
    """Cluster (N,) of each point (N, C): Lloyd's rounds from a k-means++ start.

    Source: Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.
    """
    rng = np.random.default_rng(seed)
    centres = points[rng.integers(len(points), size=1)]
    while len(centres) < count:
        nearest = _squares(points, centres).min(axis=1)
        even = np.full(len(points), 1 / len(points))
        chosen = rng.choice(len(points), 1, p=nearest / nearest.sum() if nearest.any() else even)
        centres = np.concatenate([centres, points[chosen]])
    found = np.full(len(points), -1)
    for _ in range(ROUNDS):
        last, found = found, _squares(points, centres).argmin(axis=1)
        if (found == last).all():
            break
        centres = np.stack(
            [points[found == i].mean(axis=0) if (found == i).any() else centres[i] for i in range(count)]
        )
    return found


def _squares(points: Float64, centres: Float64) -> Float64:
    """Squared distances (N, K), never below 0."""
    between = (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(between, 0.0))
