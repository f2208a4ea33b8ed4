import os
import subprocess
import sys
import time

import psutil
import pytest

from motionlib import supervision

STAGE = """
import subprocess, sys, time
from motionlib.supervision import watch_supervisor
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
watch_supervisor()
print(child.pid, flush=True)
time.sleep(60)
"""
SUPERVISOR = """
import os, subprocess, sys, time
from motionlib import supervision
environment = os.environ | {supervision.SUPERVISOR: supervision.name_self()}
stage = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=environment, start_new_session=True)
print(stage.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_process_itself_is_alive():
    assert supervision.alive(supervision.name_self())


def test_another_process_under_the_same_number_is_not_the_supervisor():
    assert not supervision.alive(f"{os.getpid()}:12.00")


def test_a_finished_process_is_gone():
    done = subprocess.Popen([sys.executable, "-c", "pass"])
    name = f"{done.pid}:{psutil.Process(done.pid).create_time():.2f}"
    done.wait()
    assert not supervision.alive(name)


def test_a_name_in_another_form_is_refused(monkeypatch):
    monkeypatch.setenv(supervision.SUPERVISOR, "me")
    with pytest.raises(ValueError, match="me"):
        supervision.watch_supervisor()


def test_without_a_supervisor_nothing_is_watched(monkeypatch):
    monkeypatch.delenv(supervision.SUPERVISOR, raising=False)
    supervision.watch_supervisor()


def test_a_stage_and_its_children_end_when_the_supervisor_is_killed():
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, STAGE], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    stage, child = int(supervisor.stdout.readline()), int(supervisor.stdout.readline())
    assert not gone(stage)
    assert not gone(child)
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    until = time.monotonic() + 10
    while not (gone(stage) and gone(child)) and time.monotonic() < until:
        time.sleep(0.05)
    assert gone(stage)
    assert gone(child)
