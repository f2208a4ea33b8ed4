"""Which files of motionlib a stage's code comes from, found in its imports.

`python tests/flows/closure.py` writes them into dvc.yaml as deps: run it when a test says that they differ.
"""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# They watch a stage, spread its work or tell what need not be done again, and change nothing that it writes.
OBSERVERS = {"motionlib/tracking/__init__.py", "motionlib/tracking/store.py", "motionlib/supervision.py",
             "motionlib/progress.py", "motionlib/sources.py", "motionlib/parallel/__init__.py",
             "motionlib/parallel/processes.py", "motionlib/parallel/cluster.py"}  # fmt: skip
# Their lists of kinds grow with every new kind, which must not train the others again.
REGISTRIES = {"motionlib/tokenizers/__init__.py": "TOKENIZERS", "motionlib/priors/__init__.py": "PRIORS"}

# Stages of a family that know the kind of their one model.
ONE_KIND = {
    "motionlib/tokenizers/__init__.py": ("train_tokenizer", "encode_motion", "off_distribution"),
    "motionlib/priors/__init__.py": ("train_prior",),
}
WHOLE = {"ingest": "motionlib/export", "bundle": "motionlib/export"}  # templates of pages lie beside their code


def closure(file: str, found: set[str] | None = None) -> set[str]:
    """Files that running `file` executes, below motionlib/, without observers, registries and empty packages."""
    seen: set[str] = set() if found is None else found
    for name in _imports(file):
        if name not in seen and name not in OBSERVERS:
            seen.add(name)
            closure(name, seen)
    return {name for name in seen if name not in REGISTRIES and not _empty(name)}


def kinds(registry: str) -> set[str]:
    """Module files of the classes that a registry lists."""
    tree = _tree(registry)
    listed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == REGISTRIES[registry]:
            assert isinstance(node.value, ast.Dict)
            listed = {ast.unparse(value) for value in node.value.values}
    return {
        _file(str(node.module))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and listed & {alias.name for alias in node.names}
    }


def deps(stage: str) -> list[str]:
    """What dvc.yaml must name as the code of `stages/<stage>.py`: files, folders that are used as a whole, and kinds.

    A stage that trains or uses one kind names its file by `${item.kind}` and what any kind needs; a stage that loads
    whatever was trained names the registry's folder.
    """
    reached: set[str] = set()
    files = closure(f"stages/{stage}.py", reached)
    listed: set[str] = set()
    for registry in sorted(REGISTRIES.keys() & reached):
        folder = str(Path(registry).parent)
        if stage in ONE_KIND.get(registry, ()):
            helpers = set().union(*(closure(kind) for kind in kinds(registry)))
            files |= helpers
            files -= kinds(registry)
            listed.add(f"{folder}/${{item.kind}}.py")
        else:
            files |= set().union(*(closure(kind) for kind in kinds(registry)))
            listed.add(folder)
    files -= {name for name in files if str(Path(name).parent) in listed}
    for folder in sorted({str(Path(name).parent) for name in files} - {"motionlib"}):
        every = {
            f"{folder}/{path.name}" for path in (ROOT / folder).glob("*.py") if not _empty(f"{folder}/{path.name}")
        }
        whole = WHOLE.get(stage) == folder
        if whole or (every <= files and len(every) > 1):
            files -= every
            listed.add(folder)
    return sorted(files | listed)


@cache
def _imports(file: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "motionlib":
            found |= _packages(node.module)
            for alias in node.names:
                found |= {_file(f"{node.module}.{alias.name}"), _file(node.module)}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "motionlib":
                    found |= _packages(alias.name)
    if file in REGISTRIES:
        found -= kinds(file)
    return found - {"", file}


def _packages(module: str) -> set[str]:
    parts = module.split(".")
    return {_file(".".join(parts[: i + 1])) for i in range(len(parts))}


@cache
def _file(module: str) -> str:
    path = module.replace(".", "/")
    for name in (f"{path}/__init__.py", f"{path}.py"):
        if (ROOT / name).is_file():
            return name
    return ""


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


def _empty(file: str) -> bool:
    """A package that holds a docstring and a version, nothing that runs."""
    body = _tree(file).body
    return (
        file.endswith("__init__.py")
        and all(
            isinstance(node, ast.Expr | ast.Import | ast.ImportFrom)
            or ast.unparse(node).startswith(("__version__", "__all__"))
            for node in body
        )
        and not any(isinstance(node, ast.Import | ast.ImportFrom) for node in body)
    )


def write(file: Path) -> None:
    """Bring the code deps of every stage in dvc.yaml up to date; everything else stays as it is."""
    lines: list[str] = []
    for line in file.read_text().splitlines():
        if line.strip().startswith("- motionlib/"):
            continue
        lines.append(line)
        found = re.fullmatch(r"( +)- stages/(\w+)\.py", line)
        if found:
            lines += [f"{found[1]}- {name}" for name in deps(found[2])]
    file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(ROOT / "dvc.yaml")
