"""Git: which commit runs, and the lineage commit that holds exactly what ran.

The lineage commit is a DVC experiment (`dvc exp show | apply | branch` know it), written with git's plumbing and an
index of its own: `dvc exp save` stashes and restores the working tree, so that an editor's save at that moment, or a
kill, would lose work. Neither branch, index nor files change.
"""

import os
import subprocess
import tempfile
from pathlib import Path

RECORDED = ("stages", "motionlib", "flows", "dvc.yaml", "dvc.lock", "params.yaml", "data/raw.dvc")  # also if untracked
WRITTEN_BY_RUNS = (":!dvc.lock", ":!data/raw.dvc")
PERSON = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "motionlib"), ("EMAIL", "motionlib@localhost"))
}
NAME_CHARACTERS = 12


def head() -> str:
    """The commit that is checked out."""
    return _git("rev-parse", "HEAD")


def dirty() -> bool:
    """Whether tracked files differ from that commit, apart from what runs write themselves."""
    return bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", *WRITTEN_BY_RUNS))


def save() -> str:
    """Write what lies here now as an experiment on the checked-out commit; the same content gives the same commit.

    Returns:
        The commit's hash.
    """
    parent = head()
    with tempfile.TemporaryDirectory(prefix="motionlib-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git("read-tree", parent, **index)
        _git("add", "--update", **index)
        _git("add", "--", *(name for name in RECORDED if Path(name).exists()), **index)
        tree = _git("write-tree", **index)
    reference = f"refs/exps/{parent[:2]}/{parent[2:]}/run-{tree[:NAME_CHARACTERS]}"
    known = _git("for-each-ref", "--format=%(objectname)", reference)
    if known:
        return known
    message = f"motionlib: what ran on {parent[:NAME_CHARACTERS]}"
    commit = _git("commit-tree", tree, "-p", parent, "-m", message, **PERSON)
    _git("update-ref", reference, commit)
    return commit


def _git(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        ["git", *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
