"""The model card, made from the reports of the run it describes: nothing in it is typed by hand."""

from collections.abc import Mapping
from typing import Any

from motionlib.artifacts import at
from motionlib.promotion.summary import PLACES, rows, shown

UNSTATED = "not stated"


def model_card(
    reports: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, str],
    licences: Mapping[str, int],
    facts: Mapping[str, Any],
) -> str:
    """Markdown: what it is, what it learned from, how well it does and what to be careful about.

    Args:
        reports: Of the stages, by stage. names: Of `tokenizer` and `prior`. licences: Clips by licence.
        facts: More lines, such as the text encoder.
    """
    found = {name: at(reports.get(report, {}), place) for name, (report, place) in PLACES.items()}
    return "\n".join(
        [
            f"# Motion model: tokenizer {names['tokenizer']}, prior {names['prior']}",
            "",
            "Text in, human motion out: 22 joints at 20 Hz, through discrete motion tokens.",
            "",
            "## How well it does",
            "",
            "On held-out clips; 95 % intervals in brackets. FID and R-precision hold under the named evaluator only.",
            "",
            "| | | |",
            "|---|---|---|",
            *(f"| {row.what} | {row.value} | {row.beside} |" for row in rows(found)),
            "",
            "## What it learned from",
            "",
            f"{shown(found['clips'])} clips, {shown(found['hours'])} hours, {shown(found['captions'])} captions; "
            f"{shown(found['quarantined'])} of {shown(found['files'])} files were quarantined.",
            "",
            "| licence | clips |",
            "|---|---|",
            *(f"| {licence or UNSTATED} | {count} |" for licence, count in licences.items()),
            "",
            "Whoever passes the model on looks at these licences first.",
            "",
            "## What it is made of",
            "",
            *(f"- {name}: {value}" for name, value in facts.items()),
            "",
            "## Be careful",
            "",
            "- It knows the motions and words of the clips above, and nothing beyond them.",
            "- Contacts and physics are learned, not enforced: feet may slide.",
            "",
        ]
    )
