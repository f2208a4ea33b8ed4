"""The README's list of files, each told by its own first line; `python docs/tree.py --write` renews it."""

import argparse
import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- tree: python docs/tree.py --write -->\n```\n", "```\n<!-- end of tree -->"
WIDTH = 28  # characters before what a file says; fixed, so that one new file changes one line
# Folders whose files are listed one by one; of every other folder only its own line is shown.
OPENED = ("motionlib", "stages", "flows", "recipes", "bench", "docs", "infra")
# What cannot speak for itself.
TOLD = {
    ".ci": "what the continuous integration runs",
    ".dvc": "DVC's configuration",
    ".dvcignore": "what DVC does not look at",
    ".gitignore": "what git does not look at",
    ".importlinter": "who may import whom",
    ".pre-commit-config.yaml": "checks of a commit, with the tools of .venv",
    "LICENSE": "Apache-2.0",
    "Makefile": "set-up, run, test, check, bench, board",
    "README.md": "this file",
    "bench": "benchmarks",
    "data": "deliveries as they came, and what the stages made of them (by hash)",
    "docs": "how it is built, and what was tried",
    "dvc.lock": "hashes of what each stage read and wrote",
    "dvc.yaml": "the stages: what depends on what",
    "flows": "WHEN and WHERE: Prefect runs the stages through DVC",
    "infra": "locked requirements and what a server needs",
    "motionlib": "HOW: the library",
    "params.yaml": "every number that decides what is made",
    "pyproject.toml": "dependencies with bounds and reasons, settings of the tools",
    "recipes": "ready params.yaml files",
    "templates": "its pages",
    "stages": "WHAT: one file per DVC stage",
    "tests": "unit, stages, flows, and golden files made by the original code",
    "requirements.lock": "every package but torch, pinned with hashes",
    "text-encoder.lock": "the package that holds the text encoder's weights, pinned with hashes",
    "py.typed": "the types of this package may be relied on",
}


def tree() -> str:
    """One line per tracked file or folder, folders first opened where OPENED says so."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    files = sorted(Path(name) for name in names if name)
    lines = [_line(path) for top in _inside(files, Path()) for path in [top, *_opened(files, top)]]
    return "".join(f"{name:<{WIDTH}} {told}".rstrip() + "\n" for name, told in lines)


def _opened(files: list[Path], folder: Path) -> list[Path]:
    """What is listed below a folder."""
    if not folder.parts or folder.parts[0] not in OPENED or folder in files:
        return []
    return [path for child in _inside(files, folder) for path in [child, *_opened(files, child)]]


def _inside(files: list[Path], folder: Path) -> list[Path]:
    """Direct children of a folder, folders before files; a package speaks for its `__init__.py`."""
    depth = len(folder.parts)
    below = [path for path in files if path.parts[:depth] == folder.parts and len(path.parts) > depth]
    children = {Path(*path.parts[: depth + 1]) for path in below}
    return sorted((path for path in children if path.name != "__init__.py"), key=lambda path: (path in files, path))


def _line(path: Path) -> tuple[str, str]:
    depth = len(path.parts) - 1
    folder = (ROOT / path).is_dir()
    return f"{'  ' * depth}{path.name}{'/' if folder else ''}", _told(path)


def _told(path: Path) -> str:
    """What a file or folder says of itself: the first line of its docstring, comment or heading."""
    if path.name in TOLD:
        return TOLD[path.name]
    real = ROOT / path / "__init__.py" if (ROOT / path).is_dir() else ROOT / path
    if not real.is_file():
        return ""
    text = real.read_text(encoding="utf-8", errors="replace")
    if real.suffix == ".py":
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
    else:
        lines = (line.strip(" \t#/*{}<>-") for line in text.split("\n") if not line.startswith(("#!", '"use strict"')))
        first = next((line for line in lines if line), "").split(". ")[0]
    return first.rstrip(".")


def written(readme: str) -> str:
    """The list that a README holds."""
    return readme.split(BEGIN)[1].split(END)[0]


def main() -> None:
    """Print the list, or put it into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put it into README.md")
    if not parser.parse_args().write:
        print(tree(), end="")
        return
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(f"{before}{BEGIN}{tree()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
