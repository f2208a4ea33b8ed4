"""What code means: the same in spite of comments and layout, another with every change of what it does."""

import json
from pathlib import Path

import pytest

from motionlib import sources


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of which `a` imports `b` inside a function, and nobody imports `c`."""
    folder = tmp_path / "motionlib"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("def f():\n    from motionlib import b\n    return b.X\n")
    (folder / "b.py").write_text("X = 1\n")
    (folder / "c.py").write_text("X = 1\n")
    monkeypatch.setattr(sources, "PACKAGE", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def fingerprint() -> str:
    return sources.fingerprint(["motionlib.a"])


def test_comments_docstrings_and_layout_mean_nothing(package: Path):
    before = fingerprint()
    (package / "b.py").write_text('"""Says what X is."""\n\n# one\nX = (\n    1\n)\n')
    assert fingerprint() == before


def test_what_is_imported_inside_a_function_counts_and_what_nobody_imports_does_not(package: Path):
    before = fingerprint()
    (package / "c.py").write_text("X = 2\n")
    assert fingerprint() == before
    (package / "b.py").write_text("X = 2\n")
    assert fingerprint() != before


def test_versions_of_libraries_count(package: Path):
    assert sources.fingerprint(["motionlib.a"], ["numpy"]) != sources.fingerprint(["motionlib.a"], ["scipy"])


def test_a_memory_that_is_broken_or_gone_changes_nothing(package: Path):
    before = fingerprint()
    for content in ("{", "[1]", json.dumps({str(package / "b.py"): [1, 2]})):
        sources.MEMORY.parent.mkdir(exist_ok=True)
        sources.MEMORY.write_text(content)
        assert fingerprint() == before


def test_the_judge_reaches_every_reader_and_not_what_watches():
    found: list[str] = []
    open_modules = ["motionlib.ingest.lines"]
    while open_modules:
        file = sources._file(open_modules.pop())
        if file is not None and file.name not in found:
            found.append(file.name)
            open_modules += sources._source(file, {}).imports
    assert {"judge.py", "bvh.py", "smpl.py", "gltf.py"} <= set(found)
    assert not {"progress.py", "supervision.py", "sources.py", "params.py", "duplicates.py"} & set(found)
