"""Who promoted what, when, why and on which evidence: an append-only file, every line with the hash of the one before.

The journal is the truth about promotion; MLflow's aliases, which have no history, mirror it.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

FILE = Path(".motionlib/journal.jsonl")
START = "0" * 64  # what the first line holds as the hash before it
What = Literal["promote", "rollback", "withdraw", "reject", "release"]


class BadJournalError(ValueError):
    """The journal is not what was written: a line was changed, removed or put in between."""


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        number: 1 for the first. time: UTC, ISO 8601.
        what: `promote` and `rollback` make `version` the champion, `withdraw` takes it out, `reject` changes
            nothing, `release` puts it under the alias `commercial`.
        champion: Version that is champion after this entry, "" for none.
        evidence: What the decision rests on: verdict, metrics, bundle digest, lineage commit.
        previous, hash: sha256 of the line before, and of this one without its own.
    """

    number: int
    time: str
    what: What
    version: str
    champion: str
    who: str
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    previous: str = START
    hash: str = ""


def entries(file: Path = FILE) -> list[Entry]:
    """All entries, oldest first, after checking the chain; [] if there is no journal.

    Raises:
        BadJournalError: If the chain is broken, naming the line.
    """
    if not file.is_file():
        return []
    found: list[Entry] = []
    previous = START
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = Entry(**json.loads(line))
        except (TypeError, ValueError) as error:
            raise BadJournalError(f"{file}, line {number}: not an entry: {error}") from error
        if entry.number != number or entry.previous != previous:
            raise BadJournalError(
                f"{file}, line {number}: does not follow the line before; a line was removed or added"
            )
        if entry.hash != _hash(entry):
            raise BadJournalError(f"{file}, line {number}: was changed after it was written")
        previous = entry.hash
        found.append(entry)
    return found


def verify(file: Path = FILE, head: str | None = None) -> int:
    """Check the whole chain and give the number of entries.

    Args:
        head: Hash of the newest entry as it was noted elsewhere; without, lines cut off at the end go unseen.

    Raises:
        BadJournalError: If the chain is broken, or does not end as noted.
    """
    found = entries(file)
    last = found[-1].hash if found else START
    if head is not None and head not in {START, *(entry.hash for entry in found)}:
        raise BadJournalError(
            f"{file}: the entry {head[:12]} that was noted elsewhere is gone; it ends with {last[:12]}"
        )
    return len(found)


def champion(found: Sequence[Entry]) -> str | None:
    """The version that is champion after these entries."""
    return found[-1].champion or None if found else None


def reign(found: Sequence[Entry]) -> Entry | None:
    """The entry that made the champion what it is."""
    now = champion(found)
    made = [entry for entry in found if entry.what in ("promote", "rollback", "withdraw") and entry.champion == now]
    return made[-1] if made and now else None


def before(found: Sequence[Entry], out: str = "") -> str | None:
    """The champion before the present one, leaving out withdrawn versions and `out`."""
    gone = withdrawn(found) | {champion(found), out}
    reigns = [entry.champion for entry in found if entry.champion and entry.champion not in gone]
    return reigns[-1] if reigns else None


def released(found: Sequence[Entry]) -> str | None:
    """The version under the alias `commercial`: the last that was released and not withdrawn since."""
    gone = withdrawn(found)
    made = [entry.version for entry in found if entry.what == "release" and entry.version not in gone]
    return made[-1] if made else None


def withdrawn(found: Sequence[Entry]) -> set[str | None]:
    """Versions that may not be used any more."""
    return {entry.version for entry in found if entry.what == "withdraw"}


def append(
    what: What,
    version: str,
    champion_after: str | None,
    who: str,
    why: str,
    evidence: Mapping[str, Any],
    file: Path = FILE,
) -> Entry:
    """Add a decision; the line is on the disk when this returns.

    Raises:
        ValueError: If nobody is named, or no reason is given.
        BadJournalError: If the chain so far is broken: nothing is added to it.
    """
    if not who.strip() or not why.strip():
        raise ValueError("the journal needs who decides and why")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        found = entries(file)
        entry = Entry(
            number=len(found) + 1,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            what=what,
            version=version,
            champion=champion_after or "",
            who=who.strip(),
            why=why.strip(),
            evidence=json.loads(json.dumps(evidence, sort_keys=True)),
            previous=found[-1].hash if found else START,
        )
        entry = Entry(**{**asdict(entry), "hash": _hash(entry)})
        stream.write(json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return entry


def _hash(entry: Entry) -> str:
    facts = {name: value for name, value in asdict(entry).items() if name != "hash"}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
