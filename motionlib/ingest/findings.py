"""What comes up while a file is judged: reasons, each with one sentence of details."""

from dataclasses import dataclass, field
from typing import Literal

from motionlib.ingest.quality import QUARANTINE, REMARK, REPAIR

Verdict = Literal["accept", "repair", "quarantine"]


@dataclass
class Findings:
    """Reasons with their details; the first details of a reason stay."""

    messages: dict[str, str] = field(default_factory=dict)

    def note(self, reason: str, message: str = "") -> None:
        """Add a reason, a key of REASONS."""
        self.messages.setdefault(reason, message)

    @property
    def verdict(self) -> Verdict:
        """Quarantine if any reason demands it, else repair if anything was repaired."""
        if any(reason in QUARANTINE for reason in self.messages):
            return "quarantine"
        return "repair" if any(reason in REPAIR for reason in self.messages) else "accept"

    @property
    def reasons(self) -> tuple[str, ...]:
        """The deciding ones first, then remarks."""
        ranked = [*QUARANTINE, *REPAIR, *REMARK]
        return tuple(sorted(self.messages, key=ranked.index))

    @property
    def sentences(self) -> tuple[str, ...]:
        """One per reason that has details."""
        return tuple(f"{reason}: {self.messages[reason]}" for reason in self.reasons if self.messages[reason])
