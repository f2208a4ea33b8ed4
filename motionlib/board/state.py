"""What the board shows, read from the checkout's files: journal, bundles, reports, dvc.lock, the last run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from motionlib.artifacts import read_json
from motionlib.export.numbers import Card, Reports, read_reports
from motionlib.export.results import cards
from motionlib.promotion import journal
from motionlib.promotion.journal import Entry

LAST_RUN, LOCK = Path(".motionlib/last_run.json"), Path("dvc.lock")
REPORTS, RUN_PAGE = Path("reports"), Path("reports/bundle/index.html")
SHOWN_HASH = 12  # characters of a hash that a person compares


class StageLine(NamedTuple):
    """One stage of dvc.lock: its version (sha256 of its entry) and how the last run ended it."""

    name: str
    version: str
    outcome: str
    seconds: str
    outs: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """Everything the board shows.

    Attributes:
        fault: What is wrong with the journal, "" if it is whole.
        champion: Entry that made the champion, None without one. bundle: what its `bundle.json` says.
        decision: The newest entry with a verdict about a challenger.
        reports: Of the last run, with its cards. last_run: `.motionlib/last_run.json`, {} before the first.
        champion_cards: Numbers of the champion, as its bundle holds them.
    """

    root: Path
    entries: list[Entry]
    fault: str
    champion: Entry | None
    bundle: Mapping[str, Any]
    decision: Entry | None
    stages: list[StageLine]
    reports: Reports
    cards: list[Card]
    champion_cards: list[Card]
    last_run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def run_page(self) -> Path | None:
        """The page of the last run, on which motions play."""
        page = self.root / RUN_PAGE
        return page if page.is_file() else None

    def pictures(self, *stages: str) -> list[Path]:
        """Pictures of the reports of these stages, below `reports/`, in order."""
        found = [path for stage in stages for path in (self.root / REPORTS / stage).rglob("*.png")]
        return sorted(path.relative_to(self.root / REPORTS) for path in found)


def read(root: Path) -> State:
    """Look at a checkout."""
    fault, entries = "", []
    try:
        entries = journal.entries(root / journal.FILE)
    except journal.BadJournalError as error:
        fault = str(error)
    champion = journal.reign(entries)
    last_run = _json(root / LAST_RUN)
    bundle = _bundle(root, champion)
    names = bundle.get("names") or _names(root)
    reports = read_reports(root / REPORTS, str(names.get("tokenizer", "")), str(names.get("prior", "")))
    return State(
        root=root,
        entries=entries[::-1],
        fault=fault,
        champion=champion,
        bundle=bundle,
        decision=next((entry for entry in reversed(entries) if entry.what in ("promote", "reject")), None),
        stages=_stages(root / LOCK, last_run),
        reports=reports,
        cards=cards(reports),
        champion_cards=cards(_bundled_reports(root, champion)),
        last_run=last_run,
    )


def _json(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    found: Mapping[str, Any] = read_json(path)
    return found


def _folder(root: Path, champion: Entry | None) -> Path | None:
    """Folder of the champion's bundle, None if it does not lie here."""
    where = str(champion.evidence.get("where", "")) if champion else ""
    return root / where if where and (root / where / "bundle.json").is_file() else None


def _bundle(root: Path, champion: Entry | None) -> Mapping[str, Any]:
    """What the champion's bundle says of itself."""
    folder = _folder(root, champion)
    return _json(folder / "bundle.json") if folder else {}


def _bundled_reports(root: Path, champion: Entry | None) -> Reports:
    """The reports that the champion's bundle holds."""
    folder = _folder(root, champion)
    files = {name: folder / "reports" / f"{name}.json" for name in Reports._fields} if folder else {}
    return Reports(**{name: _json(path) for name, path in files.items() if path.is_file()})


def _names(root: Path) -> Mapping[str, Any]:
    """Names of the bundled tokenizer and prior in params.yaml."""
    path = root / "params.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    bundle = found.get("bundle") if isinstance(found, dict) else None
    return bundle if isinstance(bundle, dict) else {}


def _stages(lock: Path, last_run: Mapping[str, Any]) -> list[StageLine]:
    """Stages of dvc.lock in the order of the last run, or else of the file."""
    read_lock = yaml.safe_load(lock.read_text(encoding="utf-8")) if lock.is_file() else None
    locked: dict[str, Any] = (read_lock or {}).get("stages") or {}
    ended = {str(one.get("stage")): one for one in last_run.get("stages", [])}
    order = [name for name in ended if name in locked] + [name for name in locked if name not in ended]
    return [_stage_line(name, locked[name], ended.get(name, {})) for name in order]


def _stage_line(name: str, entry: Mapping[str, Any], ended: Mapping[str, Any]) -> StageLine:
    version = str(ended.get("version") or hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest())
    seconds = float(ended.get("seconds") or 0.0)
    outs = tuple(f"{out['path']} {out.get('md5', '')[:SHOWN_HASH]}" for out in entry.get("outs", []))
    return StageLine(name, version[:SHOWN_HASH], str(ended.get("what", "")), f"{seconds:.1f}" if seconds else "", outs)
