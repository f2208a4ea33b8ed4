"""Coverage-guided fuzzing of one target for some seconds.

usage: python tests/fuzz/fuzz_reader.py TARGET SECONDS FOLDER

FOLDER/<target>/corpus grows, FOLDER/<target>/findings gets the first input of every distinct failure, and
FOLDER/<target>.json says executions, peak memory, slowest input and failures. Exit code 1 if there was a failure.
A campaign is a row of processes of a minute each, because atheris keeps the result of every comparison of two arrays.
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

SLOW = 2.0  # s for one input
MAX_RSS = 500 * 1024  # KiB
MAX_INPUT = 64 * 1024  # bytes
STUCK = 20  # s after which an input is given up and the process with it
STATUS_EVERY = 2000  # executions
SLICE = 60.0  # s that one process lives


class Campaign:
    """Runs inputs and keeps count."""

    def __init__(self, name: str, run: Callable[[bytes], None], seconds: float, folder: Path) -> None:
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
            self.report()
            os._exit(0)

    def report(self) -> None:
        """Write down how it stands."""
        state = {
            "seconds": round(time.monotonic() - self.started),
            "executions": self.executions,
            "peak_rss_mib": _peak() // 1024,
            "rss_before_mib": self.baseline // 1024,
            "slowest_s": round(self.slowest, 3),
            "failures": self.failures,
        }
        (self.folder / self.name / "slice.json").write_text(json.dumps(state))

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


def _dictionary(name: str, folder: Path, words: tuple[bytes, ...]) -> Path:
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words]
    path = folder / name / "words.dict"
    path.write_text("\n".join(lines) + "\n")
    return path


def fuzz(name: str, seconds: float, folder: Path) -> None:
    """Fuzz one target in this process, and end it."""
    import atheris

    with atheris.instrument_imports(include=["motionlib.ingest", "motionlib.rig"]):
        from fuzz_seeds import WORDS
        from fuzz_targets import seeds, targets

    corpus = folder / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(seeds(name)):
        (corpus / f"seed{index}").write_bytes(seed)
    campaign = Campaign(name, targets()[name], seconds, folder)
    words = (*WORDS[""], *WORDS.get("gltf" if name == "glb" else name, ()))
    options = [f"-max_len={MAX_INPUT}", f"-timeout={STUCK}", "-rss_limit_mb=0"]
    options += [f"-dict={_dictionary(name, folder, words)}", f"-artifact_prefix={campaign.findings}/", str(corpus)]
    atheris.Setup([sys.argv[0], *options], campaign.one)
    atheris.Fuzz()


def main(name: str, seconds: float, folder: Path) -> int:
    """A whole campaign; 1 if something was found."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    started, whole = time.monotonic(), {"target": name, "done": False, "executions": 0, "failures": {}}
    slice_file = folder / name / "slice.json"
    while (left := seconds - (time.monotonic() - started)) > 1:
        slice_file.unlink(missing_ok=True)
        command = [sys.executable, "-W", "ignore", __file__, name, str(min(left, SLICE)), str(folder), "slice"]
        code = subprocess.run(command, check=False).returncode
        part = json.loads(slice_file.read_text()) if slice_file.is_file() else {"failures": {}}
        if code:
            part["failures"] |= {"died": f"the process ended with {code}; its input is among the findings"}
        whole["executions"] += part.pop("executions", 0)
        whole["failures"] |= part.pop("failures")
        whole |= {key: max(value, whole.get(key, 0)) for key, value in part.items()}
        whole["seconds"] = round(time.monotonic() - started)
        (folder / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")
        if not part:
            break  # it did not even start
    whole["done"] = left <= 1
    (folder / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")
    return 1 if whole["failures"] else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    if sys.argv[4:] == ["slice"]:
        fuzz(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
    sys.exit(main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])))
