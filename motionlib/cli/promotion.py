"""Commands about what is promoted: versions, the journal, promoting and going back."""

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from motionlib.cli.common import Command, answer, json_option, say_no

if TYPE_CHECKING:
    from motionlib.promotion.journal import Entry
    from motionlib.promotion.registry import Registered

SHOWN_HASH = 12  # characters of a hash that a person compares


def why_option(default: str) -> Callable[[Command], Command]:
    """The reason that the journal keeps."""
    return click.option("--why", default=default, show_default=True, help="Reason, kept in the journal.")


@click.command(epilog="Example: motionlib models")
@json_option
def models(as_json: bool) -> None:
    """List the registered versions, newest first, with the champion and the challenger."""
    from motionlib.promotion import registry

    found = registry.models()
    facts = [{**vars(model), "tags": dict(model.tags)} for model in found]
    answer(facts, as_json, "\n".join(_model_line(model) for model in found) or "no model yet; `make run` makes one")


def _model_line(model: "Registered") -> str:
    made = datetime.fromtimestamp(model.created / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    names = " ".join([*model.aliases, *(["withdrawn"] if model.withdrawn else [])])
    return f"{model.version:>4}  {made} UTC  bundle {model.bundle[:SHOWN_HASH]}  {names}".rstrip()


@click.command(epilog="Example: motionlib promote 3 --why 'feet slide less'")
@click.argument("version")
@click.option(
    "--alias",
    type=click.Choice(["champion", "commercial"]),
    default="champion",
    show_default=True,
    help="commercial: only if the licence of every clip allows it (promote.commercial_licences).",
)
@why_option("promoted on the command line")
@json_option
def promote(version: str, alias: str, why: str, as_json: bool) -> None:
    """Make VERSION (a number, or challenger) the champion and write it into the journal."""
    from motionlib.promotion import registry

    if alias == registry.COMMERCIAL:
        try:
            released = registry.release(registry.resolve(version), getpass.getuser(), why)
        except registry.LicenceError as error:
            answer({"version": version, "refused": str(error)}, as_json, str(error))
            say_no()
        answer(vars(released), as_json, f"version {released.version} is {alias}")
        return
    entry = registry.promote(registry.resolve(version), getpass.getuser(), why)
    answer(vars(entry), as_json, f"version {entry.version} is champion")


@click.command(epilog="Example: motionlib rollback --why 'arms tremble'")
@why_option("rolled back on the command line")
@json_option
def rollback(why: str, as_json: bool) -> None:
    """Make the champion before this one the champion again."""
    from motionlib.promotion import registry

    version = registry.rollback(getpass.getuser(), why)
    answer({"champion": version}, as_json, f"version {version} is champion again")


@click.command(epilog="Example: motionlib journal --verify")
@click.option("--verify", is_flag=True, help="Check the chain of hashes; exit code 1 if an entry was changed.")
@json_option
def journal(verify: bool, as_json: bool) -> None:
    """Show who promoted what, when and why; with --verify check that nobody changed it."""
    from motionlib.promotion import journal as book

    if not verify:
        entries = book.entries()
        answer([vars(entry) for entry in entries], as_json, "\n".join(map(_entry_line, entries)) or "nothing yet")
        return
    try:
        count = _verify()
    except book.BadJournalError as error:
        answer({"ok": False, "fault": str(error)}, as_json, str(error))
        say_no()
    answer({"ok": True, "entries": count}, as_json, f"the journal is whole: {count} entries")


def _verify() -> int:
    """Check the chain, and where there is an MLflow that noted the newest entry, the end of it too."""
    import os

    from motionlib.promotion import journal as book
    from motionlib.tracking.store import LOCAL_DATABASE

    count = book.verify()
    if not (LOCAL_DATABASE.is_file() or os.environ.get("MLFLOW_TRACKING_URI")):
        return count
    from motionlib.promotion import registry

    return registry.verify()


def _entry_line(entry: "Entry") -> str:
    return f"{entry.time}  {entry.what:<9} version {entry.version:<4} {entry.who}: {entry.why}"


@click.command(epilog="Example: motionlib lineage champion")
@click.argument("model", default="champion")
@json_option
def lineage(model: str, as_json: bool) -> None:
    """Show what a model was made of: bundle, commits, and the hash of every stage."""
    from motionlib.promotion import registry

    found: dict[str, Any] = registry.lineage(model)
    width = max(map(len, found))
    answer(found, as_json, "\n".join(f"{key:<{width}}  {value}" for key, value in found.items()))
