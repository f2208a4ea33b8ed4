"""The documents say what is there."""

import importlib.util
import re
import subprocess
from pathlib import Path

import click
import pytest

from motionlib.cli import main

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _tree():
    spec = importlib.util.spec_from_file_location("tree", ROOT / "docs" / "tree.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _commands(words):
    """Commands of the README's code blocks that begin with a word, comments left out."""
    blocks = re.findall(r"^```\n(.*?)^```", README, re.M | re.S)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`((?:motionlib|make) [^`]+)`", README)
    return sorted({line for line in [*lines, *inline] if line.startswith(words)})


def test_the_list_of_files_is_the_files():
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout to know which files belong to the project")
    tree = _tree()
    assert tree.written(README) == tree.tree(), "run `python docs/tree.py --write`"


def test_every_file_in_the_list_says_what_it_is():
    silent = [line for line in _tree().written(README).splitlines() if len(line.split()) < 2]
    assert silent == []


@pytest.mark.parametrize("line", _commands("make "))
def test_make_knows_the_verbs_of_the_readme(line):
    verb = line.split()[1]
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("line", _commands("motionlib "))
def test_the_command_line_takes_what_the_readme_shows(line, monkeypatch, tmp_path):
    """Parses each command as a person would type it, with files where it names some, without running it."""
    monkeypatch.chdir(tmp_path)
    arguments = [re.sub(r"[<>]", "", part) for part in _split(line)][1:]
    for name in ("take", "take.bvh", "features.npy", "codes.npy", "delivery", "model.pkl"):
        (tmp_path / name).touch()
    context, command = click.Context(main), main
    while isinstance(command, click.Group):
        name, command, arguments = command.resolve_command(context, arguments)
        context = click.Context(command, parent=context, info_name=name)
    command.parse_args(context, list(arguments))


def _split(line):
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]


def test_make_board_is_the_command_of_the_readme():
    shown = subprocess.run(["make", "-n", "board"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "motionlib board" in shown


def test_the_licence_is_the_whole_apache_licence():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 201
    assert "END OF TERMS AND CONDITIONS" in text
