"""Commands about the project itself: the board and the parameters."""

import subprocess
import sys
from pathlib import Path

import click

from motionlib.cli.common import answer, existing, json_option

DEFAULT_PORT = 8000


@click.command(epilog="Example: motionlib board --export site")
@click.option(
    "--export", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write static pages instead."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True)
@json_option
def board(folder: Path | None, host: str, port: int, as_json: bool) -> None:
    """Show champion, challenger, journal, runs, codes and motions in a browser.

    With --export the same pages are written as files that open from disk.
    """
    wanted = ["--export", str(folder)] if folder is not None else ["--host", host, "--port", str(port)]
    # A process of its own: the board and the command line do not know each other.
    command = [sys.executable, "-m", "motionlib.board", *wanted, *(["--json"] if as_json else [])]
    sys.exit(subprocess.call(command))


@click.command(epilog="Example: motionlib params --check recipes/cmu.yaml")
@click.argument("file", type=existing(), default=Path("params.yaml"))
@click.option("--check", is_flag=True, help="Only say whether it is right; exit code 2 names the key if not.")
@json_option
def params(file: Path, check: bool, as_json: bool) -> None:
    """Check a params.yaml, also against the settings of every model, and print it in full."""
    from motionlib import params as schema
    from motionlib import settings

    read = schema.load(file)
    settings.check(read)
    if check:
        answer({"ok": True, "file": str(file)}, as_json, f"{file} is right")
        return
    answer(read.model_dump(mode="json"), as_json, _yaml(read.model_dump(mode="json")))


def _yaml(value: object) -> str:
    import yaml

    return yaml.safe_dump(value, sort_keys=False).rstrip()
