"""Progress of long work on stderr: a bar for a person, a line every few seconds for a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Thing = TypeVar("Thing")
SECONDS_BETWEEN_LINES = 5.0


def track(things: Iterable[Thing], what: str, total: int, start: int = 0) -> Iterator[Thing]:
    """Yield `things` while showing how many of `total` are done; `start` were done before (a resumed run)."""
    if sys.stderr.isatty():
        # Imported where a person watches: it takes a stage that has little to do a fifteenth of a second.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total, completed=start)
            for thing in things:
                yield thing
                bar.advance(task)
        return
    began = last = first = time.monotonic()
    done = start
    for done, thing in enumerate(things, start + 1):
        yield thing
        now = time.monotonic()
        first = now if done == start + 1 else first  # what comes before the first one tells nothing about the others
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            each = (now - first) / max(done - start - 1, 1)
            left = f", about {each * (total - done):.0f} s left" if done > start + 1 else ""
            print(f"{what}: {done}/{total}{left}", file=sys.stderr, flush=True)
    print(f"{what}: {done}/{total} in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
