"""Coverage-guided fuzzing of one target for some seconds.

usage: python tests/fuzz/fuzz_reader.py TARGET SECONDS FOLDER

FOLDER/<target>/corpus grows, FOLDER/<target>/findings gets the first input of every distinct failure, and
FOLDER/<target>.json says executions, peak memory, slowest input and failures. Exit code 1 if there was a failure.
"""

import hashlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["motionlib.ingest", "motionlib.rig"]):
    from fuzz_seeds import WORDS
    from fuzz_targets import Target, seeds, targets

SLOW = 2.0  # s for one input
MAX_RSS = 500 * 1024  # KiB
MAX_INPUT = 64 * 1024  # bytes
STUCK = 20  # s after which an input is given up and the process with it
STATUS_EVERY = 2000  # executions


class Campaign:
    """Runs inputs and keeps count."""

    def __init__(self, name: str, run: Target, seconds: float, folder: Path) -> None:
        self.name, self.run, self.folder = name, run, folder
        self.started, self.seconds = time.monotonic(), seconds
        self.executions, self.slowest, self.baseline = 0, 0.0, _peak()
        self.failures: dict[str, str] = {}
        self.findings = folder / name / "findings"
        self.findings.mkdir(parents=True, exist_ok=True)

    def one(self, data: bytes) -> None:
        """Run one input; a failure is kept and does not end the campaign."""
        before = time.monotonic()
        try:
            self.run(data)
        except Exception as error:  # every kind of failure is what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            self._found(f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error}"[:300], data)
        took = time.monotonic() - before
        self.executions += 1
        self.slowest = max(self.slowest, took)
        if took > SLOW:
            self._found(f"slow at {len(data)} bytes", data)
        if _peak() > MAX_RSS:
            self._found("memory", data)
        if self.executions % STATUS_EVERY == 0:
            self.report()
        if time.monotonic() - self.started > self.seconds:
            self.report(done=True)
            os._exit(1 if self.failures else 0)

    def report(self, done: bool = False) -> None:
        """Write down how it stands."""
        state = {
            "target": self.name,
            "done": done,
            "seconds": round(time.monotonic() - self.started),
            "executions": self.executions,
            "peak_rss_mib": _peak() // 1024,
            "rss_before_mib": self.baseline // 1024,
            "slowest_s": round(self.slowest, 3),
            "failures": self.failures,
        }
        (self.folder / f"{self.name}.json").write_text(json.dumps(state, indent=1) + "\n")

    def _found(self, what: str, data: bytes) -> None:
        place = what.split(": ")[0]
        if place not in self.failures:
            name = hashlib.sha256(data).hexdigest()[:16]
            (self.findings / name).write_bytes(data)
            self.failures[place] = f"{what} -> {name}"
            self.report()


def _peak() -> int:
    """Largest resident size so far, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _dictionary(name: str, folder: Path) -> Path:
    words = (*WORDS[""], *WORDS.get(name, ()), *(WORDS["gltf"] if name == "glb" else ()))
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words]
    path = folder / name / "words.dict"
    path.write_text("\n".join(lines) + "\n")
    return path


def main(name: str, seconds: str, where: str) -> None:
    """Fuzz one target; ends the process."""
    folder = Path(where)
    corpus = folder / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(seeds(name)):
        (corpus / f"seed{index}").write_bytes(seed)
    campaign = Campaign(name, targets()[name], float(seconds), folder)
    options = [f"-max_len={MAX_INPUT}", f"-timeout={STUCK}", "-rss_limit_mb=0", "-print_final_stats=1", "-verbosity=1"]
    options += [f"-dict={_dictionary(name, folder)}", f"-artifact_prefix={campaign.findings}/", str(corpus)]
    atheris.Setup([sys.argv[0], *options], campaign.one)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
