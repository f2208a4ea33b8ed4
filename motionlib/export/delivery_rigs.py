"""The rigs of a delivery: how many takes each has, how sure its mapping to the canonical joints is, and a picture."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from motionlib import sources
from motionlib.artifacts import Clip
from motionlib.artifacts.clip_shards import motion_digest
from motionlib.artifacts.memory import Memory
from motionlib.export.delivery import Overview, rig_of
from motionlib.export.delivery_takes import read_takes
from motionlib.figures import data_url
from motionlib.ingest.deliveries import Delivery
from motionlib.rig.mapping import Mapping, map_clip
from motionlib.rig.picture import picture, telling_pose

MOST_RIGS, MOST_EXTRA = 8, 12


class Rig(NamedTuple):
    """A kind of rig.

    Attributes:
        confidence: 0..1 of the least certain joint; None if no take of it could be mapped.
        extra: Joints that take no part, as text. picture: PNG as a data URL, "" without.
    """

    name: str
    takes: int
    confidence: float | None = None
    extra: str = ""
    picture: str = ""


def rigs(
    found: Overview, deliveries: Iterable[Delivery], body_models: Path | None = None, *, pictures: bool = True
) -> list[Rig]:
    """The most frequent rigs, told by the first take of each."""
    ranked = sorted(found.rigs.items(), key=lambda item: (-item[1], item[0]))[:MOST_RIGS]
    examples = [found.rig_examples[name] for name, _ in ranked if name in found.rig_examples]
    clips = {rig_of(take.line): take.clip for take in read_takes(deliveries, examples, body_models)}
    drawn = Memory("rigs", sources.fingerprint(["motionlib.rig.picture", "motionlib.figures"], ["numpy", "matplotlib"]))
    shown = []
    for name, count in ranked:
        clip = clips.get(name)
        if clip is None:
            shown.append(Rig(name, count))
            continue
        mapping = map_clip(clip)
        rest = len(mapping.extra) - MOST_EXTRA
        extra = ", ".join(mapping.extra[:MOST_EXTRA]) + (f" and {rest} more" if rest > 0 else "")
        url = _picture(clip, mapping, drawn) if pictures else ""
        shown.append(Rig(name, count, mapping.overall, extra, url))
    if pictures:
        drawn.save()
    return shown


def _picture(clip: Clip, mapping: Mapping, drawn: Memory) -> str:
    """As a data URL; drawn once for each take."""
    key = motion_digest(clip)
    url: str | None = drawn.get(key)
    if url is None:
        url = data_url(picture(clip.skeleton, mapping, telling_pose(clip, mapping)))
        drawn.put(key, url)
    return url
