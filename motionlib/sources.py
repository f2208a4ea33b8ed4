"""What source code means: digests that stay when only comments, docstrings or layout change."""

import ast
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent
MEMORY = Path(".motionlib/sources.json")
SETTLED_NS = 2_000_000_000  # ns; a file changed more recently may change again within its time stamp's step
SKIPPED = {"__pycache__"}
# They watch work, spread it or carry settings whose values count by themselves; none of them decides a result.
APART = {"tracking", "progress", "supervision", "parallel", "params", "sources"}


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
    return _meaning(tree)


def is_code(path: Path) -> bool:
    """Whether a dependency is source code: a Python file, or a folder that holds some."""
    return path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py")))


def fingerprint(modules: Iterable[str], distributions: Iterable[str] = ("numpy", "scipy")) -> str:
    """Digest of all code of motionlib that these modules reach by imports, and of what it computes with.

    Args:
        modules: Such as `motionlib.ingest.judge`; imports inside functions count too.
        distributions: Installed packages whose versions count, as far as they are there.
    """
    known = _remembered()
    found: dict[str, _Source] = {}
    open_modules = list(modules)
    while open_modules:
        file = _file(open_modules.pop())
        if file is not None and str(file) not in found:
            found[str(file)] = source = _source(file, known)
            open_modules += source.imports
    if any(known.get(file) != source for file, source in found.items()):
        _remember(known | found)
    parts = [f"{Path(file).relative_to(PACKAGE)} {found[file].meaning}" for file in sorted(found)]
    parts += [f"{name} {_version(name)}" for name in distributions]
    parts.append(f"python {sys.version_info[0]}.{sys.version_info[1]}")
    return _sha256("\n".join(parts).encode())


class _Source(NamedTuple):
    """A file as it was when it was looked at: size and time, what it means, and the modules that it imports."""

    size: int
    changed: int
    meaning: str
    imports: list[str]


def _source(file: Path, known: Mapping[str, _Source]) -> _Source:
    status = file.stat()
    before = known.get(str(file))
    if before is not None and (before.size, before.changed) == (status.st_size, status.st_mtime_ns):
        return before
    tree = ast.parse(file.read_bytes())
    imports = _imported(tree)
    settled = time.time_ns() - status.st_mtime_ns > SETTLED_NS
    return _Source(status.st_size, status.st_mtime_ns if settled else 0, _meaning(tree), imports)


def _remembered() -> dict[str, _Source]:
    try:
        lines = json.loads(MEMORY.read_text(encoding="utf-8"))
        return {file: _Source(*facts) for file, facts in lines.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # parsing everything again takes a third of a second


def _remember(known: Mapping[str, _Source]) -> None:
    MEMORY.parent.mkdir(parents=True, exist_ok=True)
    part = MEMORY.with_suffix(".part")
    part.write_text(json.dumps(known, sort_keys=True), encoding="utf-8")
    part.replace(MEMORY)


def _meaning(tree: ast.Module) -> str:
    """Digest of a tree without its docstrings; the tree is spent afterwards."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_docstring(node.body)
    return _sha256(ast.dump(tree).encode())


def _imported(tree: ast.Module) -> list[str]:
    """Modules of motionlib that a file imports, their packages included."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    parts = [name.split(".") for name in found if name.split(".")[0] == PACKAGE.name]
    return [".".join(part[:end]) for part in parts for end in range(2, len(part) + 1)]


def _file(module: str) -> Path | None:
    first, *inner = module.split(".")
    if first != PACKAGE.name or not inner or inner[0] in APART:
        return None
    path = PACKAGE.joinpath(*inner)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "none"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:] or [ast.Pass()]
    return body


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
