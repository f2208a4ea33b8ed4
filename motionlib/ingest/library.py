"""Deliveries -> data/clips: what was judged before is taken from the shards that are there, the rest is judged now."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from motionlib import sources
from motionlib.artifacts import Clip, ClipInfo, FileRecord, Int64
from motionlib.artifacts.clip_shards import ClipShard, ClipShardWriter
from motionlib.artifacts.clips import SHARD, seal_clips
from motionlib.artifacts.memory import Memory
from motionlib.artifacts.shards import NAME_LENGTH, Shards, borders, digest_of
from motionlib.ingest.duplicates import Match, match, settle
from motionlib.ingest.entries import Digests, Entry, entries, folder_digest
from motionlib.ingest.judge import Judged
from motionlib.ingest.lines import Job, Line, file_line, with_finding
from motionlib.ingest.survey import Survey, broken_archives, judge_jobs
from motionlib.params import Ingest
from motionlib.progress import track

CODE = ("motionlib.ingest.lines",)
MATCHING = ("motionlib.ingest.duplicates",)
LIBRARIES = ("numpy", "scipy", "pyarrow")  # they read and compute what is judged
SETTLING = ("duplicate_", "related_")  # settings of `ingest.judging` that judge takes against each other


class Part(NamedTuple):
    """A shard to be: its name and its files."""

    name: str
    entries: Sequence[Entry]


@dataclass(frozen=True, eq=False)
class Library:
    """What the deliveries became.

    Attributes:
        shards: In the library's order.
        findings: By id, what the library as a whole says of a take: reason and message.
        judged: Files that were judged now; the others were before.
        takes: That are kept.
    """

    shards: Sequence[ClipShard]
    findings: Mapping[str, tuple[str, str]]
    judged: int
    takes: int

    def lines(self) -> Iterator[Line]:
        """Every file's line of the report, in order, a shard in memory at a time."""
        for shard in self.shards:
            for record in shard.files():
                yield with_finding(record.line, self.findings.get(record.id))


def bring_up_to_date(found: Survey, settings: Ingest, folder: Path) -> Library:
    """Judge what is new or changed in the deliveries, and make `folder` data/clips of all of them.

    The bytes of the result do not depend on what was there before. A run that is killed leaves its finished shards.
    """
    parts = plan(found, settings)
    names = [part.name for part in parts]
    shards = Shards(folder, SHARD, maker(settings))
    new = [part for part in parts if not shards.has(part.name)]
    shards.open()
    judged = _make(shards, new, set(names), found, settings)
    made = [ClipShard(shards.path(name)) for name in names]
    groups, findings = _settled(made, settings)
    left_out = {take for take, (reason, _) in findings.items() if reason == "duplicate"}
    takes = seal_clips(shards, names, groups, left_out)
    return Library(made, findings, judged, takes)


def plan(found: Survey, settings: Ingest) -> list[Part]:
    """The shards of a library: a function of its files, their captions and nothing else."""
    parts = []
    if found.broken:
        parts.append(_part([_broken_entry(info, judged) for info, judged in broken_archives(found)]))
    digests, models = Digests(), folder_digest(settings.body_models_folder)
    for delivery, place in zip(found.deliveries, found.places, strict=True):
        files = list(entries(delivery, place, digests, models))
        start = 0
        for end in borders([(entry.info.file, entry.size) for entry in files]):
            parts.append(_part(files[start:end]))
            start = end
    digests.save()
    return parts


def maker(settings: Ingest) -> str:
    """Hash of the code and settings that a file's verdict depends on."""
    chosen = settings.model_dump(mode="json")
    judging = {key: value for key, value in chosen["judging"].items() if not key.startswith(SETTLING)}
    return digest_of(sources.fingerprint(CODE, LIBRARIES), sorted((chosen | {"judging": judging}).items()))


def _part(files: Sequence[Entry]) -> Part:
    return Part(digest_of(*(entry.key for entry in files)), files)


def _broken_entry(info: ClipInfo, judged: Judged) -> Entry:
    return Entry(digest_of(info, judged.messages), info, "", 0)


def _make(shards: Shards, new: Sequence[Part], wanted: set[str], found: Survey, settings: Ingest) -> int:
    """Write the new shards, and give how many of their files had to be judged."""
    before = _before(shards, new, wanted)
    fresh = {entry.info.file: entry for part in new for entry in part.entries if entry.key not in before}
    size = sum(entry.size for entry in fresh.values())
    verdicts = track(_judged(found, fresh, settings, size), "ingest", len(fresh))
    for part in new:
        writer: ClipShardWriter
        with shards.writing(part.name) as place, ClipShardWriter(place) as writer:
            for entry in part.entries:
                if entry.key in before:
                    writer.add(*_taken(before[entry.key], entry))
                else:
                    writer.add(*_record(entry, *next(verdicts)))
    for _ in verdicts:
        raise AssertionError("more verdicts than files")
    return len(fresh)


def _before(shards: Shards, new: Sequence[Part], wanted: set[str]) -> dict[str, ClipShard]:
    """Where files of the new shards were judged before, by key."""
    keys = {entry.key for part in new for entry in part.entries}
    others = [ClipShard(path) for path in shards.others(wanted)] if keys else []
    return {key: shard for shard in others for key in shard.keys() if key in keys}  # noqa: SIM118 - no dictionary


def _judged(
    found: Survey, fresh: Mapping[str, Entry], settings: Ingest, size: int
) -> Iterator[tuple[ClipInfo, Judged]]:
    yield from (verdict for verdict in broken_archives(found) if verdict[0].file in fresh)
    yield from judge_jobs(_jobs(found, fresh, settings), settings, size)


def _jobs(found: Survey, fresh: Mapping[str, Entry], settings: Ingest) -> Iterator[Job]:
    names: dict[str, set[str]] = {}
    for entry in fresh.values():
        names.setdefault(entry.info.delivery, set()).add(entry.name)
    for delivery in found.deliveries:
        if delivery.name in names:
            yield from delivery.read(settings.body_models_folder, names[delivery.name])


def _record(entry: Entry, info: ClipInfo, judged: Judged) -> tuple[FileRecord, Clip | None]:
    if info.file != entry.info.file:
        raise ValueError(f"{entry.info.file} is gone from its delivery while the delivery was read")
    return FileRecord(entry.key, info.id, file_line(info, judged), judged.fingerprint), judged.clip


def _taken(shard: ClipShard, entry: Entry) -> tuple[FileRecord, Clip | None]:
    """What an older shard holds of a file."""
    row = shard.by_id.get(entry.info.id)
    return shard.records[entry.key], shard.clip(row) if row is not None else None


def _settled(shards: Sequence[ClipShard], settings: Ingest) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Group of each take, and findings by id, over the library; what was held against each other is remembered."""
    known: dict[str, Int64] = {}
    for shard in shards:
        known |= shard.fingerprints()
    ids, landmarks = list(known), list(known.values())
    memory = Memory("matches", sources.fingerprint(MATCHING))
    digests = [hashlib.sha256(marks.tobytes()).hexdigest()[:NAME_LENGTH] for marks in landmarks]

    def matching(one: int, other: int, shift: float, mirrored: bool) -> Match:
        key = f"{digests[one]} {digests[other]} {shift!r} {mirrored:d}"
        found = memory.get(key) or match(landmarks[one], landmarks[other], shift, mirrored=mirrored)
        memory.put(key, found)
        return Match(*found)

    settled = settle(ids, landmarks, settings.judging, matching)
    memory.save()
    findings = {ids[number]: finding for number, finding in settled.findings.items()}
    return dict(zip(ids, settled.groups, strict=True)), findings
