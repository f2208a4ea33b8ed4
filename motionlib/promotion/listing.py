"""The listing of a bundle, `bundle.json`: every file with its sha256. Reading it needs no torch."""

import hashlib
from pathlib import Path
from typing import Any

from motionlib.artifacts import BadArtifactError, read_json

FORMAT = 1
LISTING = "bundle.json"
TOKENIZER = "tokenizer"  # folder of the tokenizer in a bundle
BLOCK = 1 << 20  # bytes hashed at once


def bundle_id(folder: Path) -> str:
    """Sha256 of `bundle.json`, which holds the sha256 of every other file.

    Raises:
        BadArtifactError: If there is no bundle.
    """
    if not (folder / LISTING).is_file():
        raise BadArtifactError(f"no bundle in {folder}; has the `bundle` stage run?")
    return sha256(folder / LISTING)


def check(folder: Path) -> dict[str, Any]:
    """Facts of a bundle, after holding every file against its sha256.

    Raises:
        BadArtifactError: If a file is missing, was changed or does not belong there, naming it.
    """
    bundle_id(folder)
    facts: dict[str, Any] = read_json(folder / LISTING)
    if facts.get("format") != FORMAT:
        raise BadArtifactError(f"{folder}: bundle format {facts.get('format')!r}, this version reads {FORMAT}")
    listed: dict[str, str] = facts["files"]
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {LISTING}
    if extra := sorted(found - set(listed)):
        raise BadArtifactError(f"{folder / extra[0]} does not belong to the bundle")
    for name, expected in listed.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise BadArtifactError(f"{path}: {'changed since it was bundled' if path.is_file() else 'missing'}")
    return facts


def tokenizer_files(folder: Path) -> dict[str, str]:
    """The files of a bundle's tokenizer, with their sha256, as its listing has them; {} if it lists none."""
    listed: dict[str, str] = read_json(folder / LISTING).get("files", {})
    return {name: digest for name, digest in listed.items() if Path(name).parts[0] == TOKENIZER}


def sha256(path: Path) -> str:
    """Sha256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()
