"""Stages that need nothing of each other run at once when asked to; the others wait for what they read."""

import contextlib
import io
import json
import re
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flows import process
from flows.slots import Slots

pytestmark = [
    pytest.mark.slow,  # every test runs git, DVC, Prefect and MLflow
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of what those four use
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MEET = """        Path(f"began_{name}").touch()
        until = time.monotonic() + 60
        while len(list(Path().glob("began_*"))) < 2:
            assert time.monotonic() < until, "the other one does not begin"
            time.sleep(0.05)
        while Path("wait").exists():"""
ONE, OTHER = "train_tokenizer@vq_512", "train_tokenizer@twin"


def run(jobs):
    from prefect.task_runners import ThreadPoolTaskRunner

    from flows.pipeline import retrain

    with contextlib.redirect_stderr(io.StringIO()):
        return retrain.with_options(task_runner=ThreadPoolTaskRunner(max_workers=jobs))(jobs=jobs)


@pytest.fixture
def twins(again):
    """A project of two tokenizers, neither trained yet."""
    settings = yaml.safe_load((again.folder / "params.yaml").read_text())
    settings["tokenizers"]["vq_512"]["train"]["steps"] += 1
    settings["tokenizers"]["twin"] = settings["tokenizers"]["vq_512"]
    (again.folder / "params.yaml").write_text(yaml.safe_dump(settings))
    return again


def test_two_trainings_that_wait_for_each_other_both_end(twins):
    twins.edit("stages/train_tokenizer.py", '        while Path("wait").exists():', MEET)
    result = run(2)
    outcomes = twins.outcomes(result)
    assert (outcomes[ONE], outcomes[OTHER], outcomes["bundle"]) == ("ran", "ran", "ran")
    lock = yaml.safe_load((twins.folder / "dvc.lock").read_text())
    assert {ONE, OTHER, "bundle"} <= lock["stages"].keys()
    assert set(twins.outcomes(run(2)).values()) == {"cached"}


def test_what_does_not_need_a_failed_stage_is_finished_and_the_cause_is_told(twins):
    twins.edit(
        "stages/train_tokenizer.py",
        "        log.metrics",
        "        assert name != 'twin', 'it limps'\n        log.metrics",
    )
    with pytest.raises(Exception, match="it limps"):
        run(2)
    assert json.loads((twins.folder / "models/tokenizers/vq_512/model.json").read_text())["steps"] > 0
    assert ONE in yaml.safe_load((twins.folder / "dvc.lock").read_text())["stages"]


def test_every_command_that_is_under_way_can_be_ended_at_once():
    commands = [process.Command(["sleep", "60"], {"PATH": "/usr/bin:/bin"}) for _ in range(2)]
    process.end_all()
    for command in commands:
        with pytest.raises(process.CommandError, match="sleep 60"):
            command.wait(print, 10)


@given(jobs=st.integers(1, 9))
def test_places_share_out_the_cores_and_none_is_without(jobs):
    slots = Slots(jobs)
    with contextlib.ExitStack() as taken:
        prefixes = [taken.enter_context(slots.take()) for _ in range(jobs)]
    cores = [prefix[-1] for prefix in prefixes if prefix]
    assert all(re.fullmatch(r"\d+(,\d+)*", one) for one in cores)
    assert len(cores) in ({0} if jobs == 1 else {0, jobs})


def test_no_place_at_all_is_an_error():
    with pytest.raises(ValueError, match="0 jobs"):
        Slots(0)


def test_the_command_refuses_no_jobs(again):
    command = [sys.executable, "-m", "flows.retrain", "--jobs", "0"]
    done = subprocess.run(
        command, cwd=again.folder, env=again.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--jobs" in done.stderr
