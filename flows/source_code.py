"""What source code means: a digest that stays when only comments, docstrings or layout change."""

import ast
import hashlib
import json
from pathlib import Path

MEMORY = Path(".motionlib/code.json")
SKIPPED = {"__pycache__"}


def digest(path: Path) -> str:
    """Digest of a Python file's meaning, or of a folder: Python by meaning, other files by their bytes.

    A file that does not parse counts by its bytes: whoever runs it will say what is wrong.
    """
    if path.is_dir():
        files = (file for file in sorted(path.rglob("*")) if file.is_file() and not SKIPPED & set(file.parts))
        listed = {str(file.relative_to(path)): digest(file) for file in files}
        return _sha256(json.dumps(listed, sort_keys=True).encode())
    data = path.read_bytes()
    if path.suffix != ".py":
        return _sha256(data)
    try:
        tree = ast.parse(data)
    except SyntaxError:
        return _sha256(data)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_docstring(node.body)
    return _sha256(ast.dump(tree).encode())


def is_code(path: Path) -> bool:
    """Whether a dependency is source code: a Python file, or a folder that holds some."""
    return path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))


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


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:] or [ast.Pass()]
    return body


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
