"""What is remembered beside the artifacts: it comes back, and losing it is no error."""

from pathlib import Path

import pytest

from motionlib.artifacts.memory import FOLDER, Memory


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FOLDER.parent.mkdir()


def test_values_come_back_to_the_same_maker_only():
    memory = Memory("things", "one")
    memory.put("a", [1.5, float("inf")])
    memory.save()
    assert Memory("things", "one").get("a") == [1.5, float("inf")]
    assert Memory("things", "two").get("a") is None


def test_what_nobody_asks_for_is_forgotten():
    memory = Memory("things", "one")
    memory.put("a", 1)
    memory.put("b", 2)
    memory.save()
    again = Memory("things", "one")
    again.get("b")
    again.save()
    last = Memory("things", "one")
    assert (last.get("a"), last.get("b")) == (None, 2)


def test_nothing_is_left_where_nothing_else_is_remembered():
    FOLDER.parent.rmdir()
    memory = Memory("things", "one")
    memory.put("a", 1)
    memory.save()
    assert not FOLDER.parent.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"maker": "one"}', "null"])
def test_a_broken_file_is_an_empty_memory(content: str):
    FOLDER.mkdir(parents=True)
    (FOLDER / "things.json").write_text(content)
    assert Memory("things", "one").get("a") is None
