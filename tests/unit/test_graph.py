from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import graph
from flows.source_code import CodeMemory, digest, is_code


def stage(name: str, after: tuple[str, ...] = (), changed: bool = False, comments: bool = False) -> graph.Stage:
    changes = {"stages/x.py": "modified"} if changed or comments else {}
    return graph.Stage(name, "cpu", 1.0, 0, (), (), after, changes, comments)


def test_nothing_is_stale_without_changes():
    assert graph.stale([stage("a"), stage("b", ("a",))]) == {}


def test_what_comes_after_a_stale_stage_is_stale():
    stages = [
        stage("a"),
        stage("b", ("a",), changed=True),
        stage("c", ("b",)),
        stage("d", ("c", "a")),
        stage("e", ("a",)),
    ]
    assert graph.stale(stages) == {"b": "stages/x.py: modified", "c": "after b", "d": "after c"}


def test_edited_comments_make_nothing_stale():
    assert graph.stale([stage("a", comments=True), stage("b", ("a",))]) == {}


def test_the_version_of_a_stage_is_the_hash_of_its_entry_whatever_the_order_of_keys():
    entry = {"cmd": "x", "deps": [{"path": "a", "md5": "1"}]}
    assert graph.version(entry) == graph.version(dict(reversed(entry.items())))
    assert graph.version(entry) != graph.version({**entry, "cmd": "y"})
    assert len(graph.version(entry)) == 64


def test_hashes_of_an_entry_are_tags():
    entry = {"deps": [{"path": "data/raw", "md5": "1.dir"}], "outs": [{"path": "data/clips", "md5": "2.dir"}]}
    assert graph.hashes(entry) == {"dvc.dep.data/raw": "1.dir", "dvc.out.data/clips": "2.dir"}


def test_without_a_lock_file_nothing_is_locked(tmp_path):
    assert graph.locked(tmp_path / "dvc.lock") == {}


BEFORE = '''"""A module."""
import os


def f(x):
    """Doubles."""
    # twice
    return 2 * x
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# twice", "# two times"),
        ("Doubles.", "Gives twice the value."),
        ("2 * x", "(2 *\n        x)"),
        ("\n\n\n", "\n\n"),
    ],
)
def test_comments_docstrings_and_layout_mean_nothing(tmp_path, old, new):
    path = tmp_path / "a.py"
    path.write_text(BEFORE)
    before = digest(path)
    path.write_text(BEFORE.replace(old, new))
    assert digest(path) == before


@pytest.mark.parametrize(("old", "new"), [("2 * x", "3 * x"), ("import os", "import sys"), ("def f(x)", "def f(x=1)")])
def test_code_means_something(tmp_path, old, new):
    path = tmp_path / "a.py"
    path.write_text(BEFORE)
    before = digest(path)
    path.write_text(BEFORE.replace(old, new))
    assert digest(path) != before


def test_a_folder_is_its_files_by_name_and_other_files_count_by_their_bytes(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.py").write_text(BEFORE)
    (folder / "a.html").write_text("<p>")
    before = digest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_text("x")
    assert digest(folder) == before
    (folder / "a.html").write_text("<p> ")
    assert digest(folder) != before
    assert is_code(folder)
    assert not is_code(folder / "a.html")


def test_a_file_that_does_not_parse_counts_by_its_bytes(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("def (")
    before = digest(path)
    path.write_text("def ( ")
    assert digest(path) != before


def test_the_memory_knows_what_a_hash_meant(tmp_path):
    path, file = tmp_path / "a.py", tmp_path / "memory" / "code.json"
    path.write_text(BEFORE)
    memory = CodeMemory(file)
    memory.note("md5-of-before", path)
    memory.save()
    path.write_text(BEFORE.replace("# twice", ""))
    assert CodeMemory(file).same("md5-of-before", path)
    assert not CodeMemory(file).same("never-seen", path)
    path.unlink()
    assert not CodeMemory(file).same("md5-of-before", path)


@given(text=st.text(alphabet="abc #\n", max_size=40))
def test_a_comment_line_never_changes_the_meaning(tmp_path_factory, text):
    path: Path = tmp_path_factory.mktemp("code") / "a.py"
    comment = "".join(f"# {line}\n" for line in text.splitlines())
    path.write_text(BEFORE)
    before = digest(path)
    path.write_text(comment + BEFORE + comment)
    assert digest(path) == before
