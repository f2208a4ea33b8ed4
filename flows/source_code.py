"""Which change of source code is one of meaning: what a stage's code meant when DVC hashed it, remembered."""

import json
from pathlib import Path

from motionlib.sources import digest, is_code

MEMORY = Path(".motionlib/code.json")

__all__ = ["CodeMemory", "digest", "is_code"]


class CodeMemory:
    """Which digest belongs to which of DVC's hashes, so that a hash in dvc.lock still tells what the code meant."""

    def __init__(self, file: Path = MEMORY) -> None:
        self.file = file
        self._known: dict[str, str] = json.loads(file.read_text()) if file.is_file() else {}
        self._changed = False

    def note(self, md5: str, path: Path) -> None:
        """Remember what the file or folder with this hash, which is the one there now, means."""
        if md5 not in self._known:
            self._known[md5] = digest(path)
            self._changed = True

    def same(self, md5: str, path: Path) -> bool:
        """Whether what is there now means the same as what once had this hash; False when that is not known."""
        return path.exists() and self._known.get(md5) == digest(path)

    def save(self) -> None:
        """Write what is new."""
        if self._changed:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(self._known, sort_keys=True, indent=1) + "\n")
            self._changed = False
