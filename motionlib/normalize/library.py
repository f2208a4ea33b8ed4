"""data/clips -> data/features: what was converted before is taken from the shards that are there."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from motionlib import sources
from motionlib.artifacts import ClipLibrary, digest_of
from motionlib.artifacts.feature_shards import FeatureShard, FeatureShardWriter, TakeRecord
from motionlib.artifacts.features import SHARD, seal_features
from motionlib.artifacts.shards import Shards
from motionlib.normalize.convert import Converted, Wanted, convert_all
from motionlib.normalize.layout import HUMANML3D
from motionlib.normalize.shard import MIRROR, ShardFiller
from motionlib.normalize.split import UNSEEN, Take, split_takes, strictest
from motionlib.normalize.statistics import Moments, Statistics, merge, statistics
from motionlib.params import Normalize
from motionlib.progress import track
from motionlib.rig.canonical import frames_at

CODE = ("motionlib.normalize.convert", "motionlib.normalize.shard")
SPLITTING = (
    "mirror",
    "test_share",
    "val_share",
    "split_seed",
    "group_by",
    "unseen",
)  # settings that a shard's name tells
ROW = HUMANML3D.dimensions


class Wish(NamedTuple):
    """A take of data/clips and what is to become of it.

    Attributes:
        row: Of the table of data/clips.
        mirror: Whether its mirror image is wanted.
        short: Why it is too short; "" if it is not.
    """

    row: Mapping[str, Any]
    split: str
    mirror: bool
    short: str


class Part(NamedTuple):
    """A shard to be: its name, the shard of data/clips it is made of, and its takes."""

    name: str
    number: int
    wishes: Sequence[Wish]


@dataclass(frozen=True, eq=False)
class Normalized:
    """What a library became.

    Attributes:
        shards: In the library's order.
        captions: Unique ones.
        converted: Takes that were converted now; the others were before.
    """

    shards: Sequence[FeatureShard]
    statistics: Statistics
    captions: int
    converted: int


def normalize_library(library: ClipLibrary, config: Normalize, folder: Path, workers: int | None = None) -> Normalized:
    """Convert what is new in a library and make `folder` data/features of all of it.

    The bytes of the result do not depend on what was there before. A run that is killed leaves its finished shards.

    Args:
        workers: Processes; None: one for each core.

    Raises:
        ValueError: If there is no training clip, with the reasons why takes were left out.
    """
    parts = plan(library, config)
    names = [part.name for part in parts]
    shards = Shards(folder, SHARD, maker(config))
    new = [part for part in parts if not shards.has(part.name)]
    shards.open()
    converted = _make(shards, new, set(names), library, config, workers)
    made = [FeatureShard(shards.path(name), ROW) for name in names]
    found = _statistics(made)
    captions = seal_features(shards, names, mean=found.mean, std=found.std, fps=config.fps, mode=config.mode)
    return Normalized(made, found, captions, converted)


def plan(library: ClipLibrary, config: Normalize) -> list[Part]:
    """The shards of the features of a library: one for each shard of data/clips."""
    splits = split_library(library, config)
    parts = []
    for number in range(len(library.shards)):
        wishes = [_wish(row, splits[row["id"]], config) for row in library.kept(number)]
        if wishes:
            known = [(w.row["id"], w.row["motion"], w.row["about"], w.split, w.mirror) for w in wishes]
            parts.append(Part(digest_of(*known), number, wishes))
    return parts


def split_library(library: ClipLibrary, config: Normalize) -> dict[str, str]:
    """Split of every take, by id."""
    takes = [
        Take(row["id"], row["file"], row["group"], row["motion"], row["subject"], _split(row, config.unseen))
        for number in range(len(library.shards))
        for row in library.kept(number)
    ]
    splits = split_takes(takes, config.test_share, config.val_share, config.split_seed, config.group_by)
    return {take.id: split for take, split in zip(takes, splits, strict=True)}


def maker(config: Normalize) -> str:
    """Hash of the code and settings that the features of a take depend on, its split aside."""
    chosen = config.model_dump(mode="json")
    kept = sorted((key, value) for key, value in chosen.items() if key not in SPLITTING)
    return digest_of(sources.fingerprint(CODE), kept)


def _split(row: Mapping[str, Any], unseen: Sequence[str]) -> str:
    """What is said of a take: by params before its captions; "" if nothing is."""
    if any(fnmatchcase(row["id"], pattern) for pattern in unseen):
        return UNSEEN
    return strictest(row["published"].split(",")) if row["published"] else ""


def _wish(row: Mapping[str, Any], split: str, config: Normalize) -> Wish:
    count = frames_at(row["frames"], row["fps"], config.fps) - 1
    told = f"clip {row['id']}: {max(count, 0)} feature rows, at least {config.min_frames} are needed"
    return Wish(row, split, config.mirror and split == "train", told if count < config.min_frames else "")


def _make(
    shards: Shards,
    new: Sequence[Part],
    wanted: set[str],
    library: ClipLibrary,
    config: Normalize,
    workers: int | None,
) -> int:
    """Write the new shards, and give how many of their takes had to be converted."""
    before = _before(shards, new, wanted)
    fresh = [(part, wish) for part in new for wish in part.wishes if not _done(wish, before)]
    takes = _takes(fresh, library)
    done = track(convert_all(takes, len(fresh), config, workers), "normalize", len(fresh))
    for part in new:
        source = library.open(part.number)
        writer: FeatureShardWriter
        with shards.writing(part.name) as place, FeatureShardWriter(place, ROW) as writer:
            filler = ShardFiller(writer, config)
            for wish in part.wishes:
                info = source.info(source.by_id[wish.row["id"]])
                filler.add(info, wish.row["motion"], wish.split, _done(wish, before) or next(done))
            filler.finish()
    for _ in done:
        raise AssertionError("more features than takes")
    return len(fresh)


def _takes(fresh: Sequence[tuple[Part, Wish]], library: ClipLibrary) -> Iterator[Wanted]:
    """The takes, shard by shard."""
    number, source = -1, None
    for part, wish in fresh:
        if source is None or part.number != number:
            number, source = part.number, library.open(part.number)
        yield source.clip(source.by_id[wish.row["id"]]), wish.mirror


Before = Mapping[tuple[str, str], tuple[FeatureShard, TakeRecord]]


def _before(shards: Shards, new: Sequence[Part], wanted: set[str]) -> Before:
    """Where takes of the new shards were converted before, by id and motion."""
    keys = {(wish.row["id"], wish.row["motion"]) for part in new for wish in part.wishes}
    others = [FeatureShard(path, ROW) for path in shards.others(wanted)] if keys else []
    known = {(take.id, take.motion): (shard, take) for shard in others for take in shard.takes()}
    return {key: place for key, place in known.items() if key in keys and place[1].reason != "short"}


def _done(wish: Wish, before: Before) -> Converted | None:
    """What is known of a take without converting it: that it is short, or what an older shard holds of it."""
    if wish.short:
        return Converted(reason="short", message=wish.short)
    shard, take = before.get((wish.row["id"], wish.row["motion"]), (None, None))
    if shard is None or take is None:
        return None
    if take.reason:
        return Converted(reason=take.reason, message=take.message)
    image = shard.by_id.get(MIRROR + take.id)
    if wish.mirror and image is None:
        return None
    mirror = shard.of(image) if wish.mirror and image is not None else None
    return ShardFiller.converted(take, shard.of(shard.by_id[take.id]), mirror)


def _statistics(shards: Sequence[FeatureShard]) -> Statistics:
    """Mean and std of the training clips, their mirror images included."""
    total: Moments | None = None
    for shard in shards:
        extent = shard.extent()
        if extent is not None and extent.size:
            here = Moments(extent.size, extent.mean, extent.squares)
            total = here if total is None else merge(total, here)
    if total is None:
        clips = sum(len(shard.clips) for shard in shards)
        reasons = dict(Counter(take.reason for shard in shards for take in shard.takes() if take.reason))
        raise ValueError(f"no training clip among {clips} clips; takes left out: {reasons}")
    return statistics(total)
