import json

import pytest

from motionlib.promotion import journal
from motionlib.promotion.journal import BadJournalError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal.append("promote", "1", "1", "ann", "the first", {"mpjpe_mm": 40.0}, path)
    journal.append("reject", "2", "1", "flow", "worse", {}, path)
    journal.append("promote", "3", "3", "ann", "better", {}, path)
    return path


def test_without_a_journal_there_is_no_champion(tmp_path):
    assert journal.entries(tmp_path / "none") == []
    assert journal.champion([]) is None
    assert journal.before([]) is None


def test_every_line_holds_the_hash_of_the_one_before(file):
    found = journal.entries(file)
    assert [entry.previous for entry in found[1:]] == [entry.hash for entry in found[:-1]]
    assert found[0].previous == journal.START
    assert [entry.number for entry in found] == [1, 2, 3]
    assert found[0].evidence == {"mpjpe_mm": 40.0}


def test_a_rejected_challenger_changes_nothing(file):
    found = journal.entries(file)
    assert journal.champion(found[:2]) == "1"
    assert journal.champion(found) == "3"


def test_the_champion_before_is_the_one_to_go_back_to(file):
    assert journal.before(journal.entries(file)) == "1"


def test_a_withdrawn_champion_is_not_gone_back_to(file):
    journal.append("withdraw", "1", "3", "ann", "licence", {}, file)
    assert journal.before(journal.entries(file)) is None


def test_the_entry_that_made_the_champion_is_its_reign(file):
    entry = journal.reign(journal.entries(file))
    assert entry is not None
    assert (entry.who, entry.why) == ("ann", "better")


@pytest.mark.parametrize(
    ("line", "old", "new", "problem"),
    [
        (0, "ann", "bob", "line 1: was changed"),
        (1, "worse", "better", "line 2: was changed"),
        (2, '"number": 3', '"number": 4', "line 3: does not follow"),
    ],
)
def test_a_changed_line_is_found_and_named(file, line, old, new, problem):
    lines = file.read_text().splitlines()
    lines[line] = lines[line].replace(old, new)
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadJournalError, match=problem):
        journal.verify(file)


def test_a_removed_line_is_found(file):
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[2]]) + "\n")
    with pytest.raises(BadJournalError, match="line 2: does not follow"):
        journal.verify(file)


def test_a_line_cut_off_at_the_end_is_found_by_the_hash_noted_elsewhere(file):
    head = journal.entries(file)[-1].hash
    assert journal.verify(file, head) == 3
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:2]) + "\n")
    assert journal.verify(file) == 2
    with pytest.raises(BadJournalError, match="is gone"):
        journal.verify(file, head)


def test_nothing_is_added_to_a_broken_chain(file):
    file.write_text(file.read_text().replace("ann", "bob"))
    before = file.read_text()
    with pytest.raises(BadJournalError):
        journal.append("promote", "4", "4", "ann", "why not", {}, file)
    assert file.read_text() == before


@pytest.mark.parametrize(("who", "why"), [("", "because"), ("ann", " ")])
def test_a_decision_needs_a_person_and_a_reason(tmp_path, who, why):
    with pytest.raises(ValueError, match="who decides and why"):
        journal.append("promote", "1", "1", who, why, {}, tmp_path / "journal")
    assert not (tmp_path / "journal").exists()


def test_an_entry_is_one_line_of_json(file):
    assert {json.loads(line)["what"] for line in file.read_text().splitlines()} == {"promote", "reject"}
