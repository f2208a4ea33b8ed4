"""Before the stages: mocap into data/raw, settings checked, edits of comments accepted."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RAW = Path("data/raw")
DVC = (sys.executable, "-m", "dvc", "--wait-for-lock")


class StepError(RuntimeError):
    """A step before the stages failed; the message is what it said."""


def bring_in(raw: str | None) -> dict[str, Any]:
    """Bring a delivery into data/raw (the quickstart set if there is none) and have DVC track what is there.

    Returns:
        {"deliveries": names, "changed": whether data/raw is another than before}
    """
    names = json.loads(_python("motionlib.ingest.prepare", *([raw] if raw else [])))["deliveries"]
    changed = not tracked(RAW)
    if changed:
        _run(*DVC, "add", "--quiet", str(RAW))
    return {"deliveries": names, "changed": changed}


def tracked(folder: Path) -> bool:
    """Whether DVC knows the folder exactly as it is."""
    from dvc.repo import Repo

    if not folder.with_name(f"{folder.name}.dvc").is_file():
        return False
    with Repo() as repo:
        sources = [out for stage in repo.index.stages if stage.is_data_source for out in stage.outs]
        return any(out.def_path == folder.name and not out.status() for out in sources)


def accept_comments(names: list[str]) -> None:
    """Have DVC note the new hashes of stages whose code changed in comments, docstrings or layout only."""
    _run(*DVC, "commit", "--quiet", "--force", *names)


def check_settings() -> None:
    """Hold params.yaml against the schema and the registries, so that a typo stops before the first stage."""
    _python("motionlib.settings")


def _python(module: str, *arguments: str) -> str:
    return _run(sys.executable, "-m", module, *arguments)


def _run(*command: str) -> str:
    """Standard output of a command; what it says on standard error goes to the terminal as it comes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            sys.stderr.write(line)
        output = process.stdout.read()
    if process.returncode:
        last = "".join(said[-15:]) or output
        raise StepError(f"{' '.join(command[1:4])} ended with {process.returncode}:\n{last}")
    return output
