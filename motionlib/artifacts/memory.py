"""Results that are kept beside the artifacts, in `.motionlib/`: forgetting them costs time and changes nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(".motionlib/memory")


class Memory:
    """JSON (and infinities) by key, of one maker; what is not asked for in a run is forgotten at its end.

    Args:
        name: Of the file in FOLDER.
        maker: Hash of the code that makes the values; those of another one are not taken.
    """

    def __init__(self, name: str, maker: str) -> None:
        self._file, self._maker = FOLDER / f"{name}.json", maker
        self._known = self._read()
        self._used: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The value of a key, None if it is not known."""
        value = self._known.get(key)
        if value is not None:
            self._used[key] = value
        return value

    def put(self, key: str, value: object) -> None:
        """Remember a value, which is JSON."""
        self._used[key] = value

    def save(self) -> None:
        """Write what was asked for or put, unless that is what is there, or this is no checkout that remembers."""
        if self._used != self._known and FOLDER.parent.is_dir():
            FOLDER.mkdir(exist_ok=True)
            part = self._file.with_suffix(".part")
            text = json.dumps({"maker": self._maker, "values": self._used}, sort_keys=True)
            part.write_text(text, encoding="utf-8")
            part.replace(self._file)

    def _read(self) -> Mapping[str, Any]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            values: Mapping[str, Any] = found["values"] if found["maker"] == self._maker else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return values
