"""Filling one shard of data/features: rows, captioned spans, moments, and what the report tells of it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from motionlib.artifacts import ClipInfo, FeatureClip, Item
from motionlib.artifacts.feature_shards import Extent, FeatureShardWriter, TakeRecord
from motionlib.normalize.captions import Span, mirrored_text, mirrored_tokens, spans
from motionlib.normalize.convert import Converted, Float32, FloatArray
from motionlib.normalize.statistics import Moments, merge, moments
from motionlib.params import Normalize

MIRROR = "M:"  # before the id of a mirrored clip


class ShardFiller:
    """Takes in take by take; what the report needs of the shard goes into its notes.

    The notes hold, by split, clips, mirrored clips, rows and items; takes that are left out; captions that are left
    out, by reason; bone lengths (sum over takes and number of takes) and one pose by delivery and rig.
    """

    def __init__(self, writer: FeatureShardWriter, config: Normalize) -> None:
        self._writer, self._config = writer, config
        self._moments: Moments | None = None
        self._lowest: FloatArray | None = None
        self._highest: FloatArray | None = None
        self._splits: dict[str, Counter[str]] = {}
        self._captions: Counter[str] = Counter()
        self._left_out: list[list[str]] = []
        self._lengths: dict[str, tuple[FloatArray, int]] = {}
        self._poses: dict[str, FloatArray] = {}

    def add(self, info: ClipInfo, motion: str, split: str, one: Converted) -> None:
        """Take in one take; `motion` is the hash of its motion."""
        if one.features is None or one.lengths is None or one.pose is None:
            self._left_out.append([info.id, one.reason, one.message])
            self._writer.takes.append(TakeRecord(info.id, motion, one.reason, one.message))
            return
        lengths, pose = one.lengths.tolist(), one.pose.reshape(-1).tolist()
        self._writer.takes.append(TakeRecord(info.id, motion, rig=one.rig, lengths=lengths, pose=pose))
        body = f"{info.delivery}: {one.rig}"
        total, takes = self._lengths.get(body, (np.zeros(len(one.lengths)), 0))
        self._lengths[body] = total + one.lengths, takes + 1
        self._poses.setdefault(body, one.pose)
        config = self._config
        found = spans(info.captions, len(one.features), config.fps, split, config.min_frames, config.max_frames)
        self._captions.update(found.left_out)
        self._add_clip(info, split, one.features, one.rig, False, found.kept)
        if one.mirror is not None:
            self._add_clip(info, split, one.mirror, one.rig, True, found.kept)

    def finish(self) -> None:
        """Write what is known of the whole shard."""
        none = np.zeros(self._writer.width)
        extent = None
        if self._lowest is not None and self._highest is not None:
            train = self._moments or Moments(0, none, none)
            extent = Extent(train.size, train.mean, train.squares, self._lowest, self._highest)
        notes = {
            "splits": {split: dict(counts) for split, counts in self._splits.items()},
            "left_out": self._left_out,
            "captions_left_out": dict(self._captions),
            "lengths": {rig: {"sum": total.tolist(), "takes": takes} for rig, (total, takes) in self._lengths.items()},
            "poses": {rig: pose.tolist() for rig, pose in self._poses.items()},
        }
        self._writer.finish(extent, notes)

    @staticmethod
    def converted(take: TakeRecord, features: Float32, mirror: Float32 | None) -> Converted:
        """What `add` took in, from what the shard holds of it."""
        return Converted(features, mirror, take.rig, np.array(take.lengths), np.array(take.pose).reshape(-1, 3))

    def _add_clip(
        self, info: ClipInfo, split: str, features: Float32, rig: str, mirror: bool, found: Sequence[Span]
    ) -> None:
        clip_id = MIRROR + info.id if mirror else info.id
        known = {name: getattr(info, name) for name in ("delivery", "subject", "action", "style", "licence")}
        clip = FeatureClip(clip_id, self._writer.count, len(features), split, mirror, **known, rig=rig)
        self._writer.add(clip, features)
        low, high = features.min(axis=0).astype(np.float64), features.max(axis=0).astype(np.float64)
        self._lowest = low if self._lowest is None else np.minimum(self._lowest, low)
        self._highest = high if self._highest is None else np.maximum(self._highest, high)
        if split == "train":
            here = moments(features)
            self._moments = here if self._moments is None else merge(self._moments, here)
        counts = self._splits.setdefault(split, Counter())
        counts.update({"mirrored" if mirror else "clips": 1, "items": len(found)})
        counts.update({} if mirror else {"rows": len(features)})
        for span in found:
            told = (span.caption, span.tokens)
            text, tokens = (mirrored_text(told[0]), mirrored_tokens(told[1])) if mirror else told
            self._writer.items.append(Item(clip_id, span.start, span.end, text, 0, split, span.source, tokens))
