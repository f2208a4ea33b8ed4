"""The board's pages: one function for the server and for the static export, so that both show the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motionlib.artifacts import at
from motionlib.board.state import REPORTS, State
from motionlib.export.numbers import shown
from motionlib.export.player import environment

TEMPLATES = Path(__file__).parent / "templates"
# File name and heading of each page, in the order of the navigation; `run.html` is the run's own page.
PAGES = {
    "index.html": "Now",
    "journal.html": "Journal",
    "runs.html": "Last run",
    "data.html": "Data",
    "codes.html": "Codes",
    "training.html": "Training",
}
RUN_PAGE = "run.html"
PICTURES = "pictures"  # folder of pictures, beside the pages
# Stages whose pictures a page shows.
SHOWN_PICTURES = {
    "data.html": ("ingest", "normalize"),
    "codes.html": ("codebook", "off_distribution", "compare_tokenizers"),
    "training.html": ("train_evaluator", "train_tokenizer", "train_prior", "evaluate"),
}


def render(name: str, state: State) -> str:
    """HTML of one page of PAGES.

    Raises:
        KeyError: If there is no such page.
    """
    values: dict[str, Any] = {
        "heading": PAGES[name],
        "here": name,
        "pages": PAGES,
        "run_page": RUN_PAGE if state.run_page else "",
        "state": state,
        "pictures": [(f"{PICTURES}/{path.as_posix()}", _caption(path)) for path in pictures(name, state)],
        "at": at,
        "shown": shown,
        "changes": _changes(state),
    }
    return environment(TEMPLATES).get_template(name).render(values)


def pictures(name: str, state: State) -> list[Path]:
    """Pictures that a page shows, below `reports/`."""
    return state.pictures(*SHOWN_PICTURES.get(name, ()))


def picture_file(state: State, name: str) -> Path | None:
    """The file of a picture that some page shows; None for anything else."""
    known = {path.as_posix() for page in SHOWN_PICTURES for path in pictures(page, state)}
    return state.root / REPORTS / name if name in known else None


def _caption(path: Path) -> str:
    return " · ".join(part.replace("_", " ") for part in path.with_suffix("").parts)


def _changes(state: State) -> list[tuple[str, Mapping[str, Any]]]:
    """Metrics on which the newest challenger was held against the champion."""
    if state.decision is None:
        return []
    found = [(name, value) for name, value in state.decision.evidence.items() if isinstance(value, Mapping)]
    return [(name, value) for name, value in found if {"challenger", "champion"} <= set(value)]
