"""Before the gate: what the challenger costs, what became of the champion's codes, and the champion on new clips."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from prefect.logging import get_run_logger

from flows.process import Command
from motionlib.promotion import gate

TIMEOUT_S = 3600.0


def measure(challenger: Path, champion: Path | None) -> dict[str, Any]:
    """What is needed besides the two reports: nothing where costs have no limit, clips and tokenizer are the same.

    Returns:
        `costs` of the challenger, `champion`: its numbers on the challenger's clips, and `why` those were needed;
        `codes`: how far the challenger's codes are from the champion's, where its tokenizer is another one.

    Raises:
        CommandError: If measuring fails; the gate then has nothing to stand on.
    """
    why = gate.rematch_reason(challenger, champion)
    changed = gate.codes_changed(challenger, champion)
    if not why and not changed and not gate.limited():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rematch.json"
        command = [sys.executable, "-m", "motionlib.promotion.rematch", str(challenger), str(out)]
        if why:
            command += ["--champion", str(champion)]
        if changed:
            command += ["--codes-of", str(champion)]
        Command(command, os.environ).wait(get_run_logger().info, TIMEOUT_S)
        found: dict[str, Any] = json.loads(out.read_text())
        return found | ({"why": why} if why else {})
