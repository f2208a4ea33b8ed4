"""Many items on many processes: the order stays, one bad item costs itself only, and nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from motionlib.parallel import RAY_ADDRESS, map_ordered, processes

HERE = Path(__file__).parent


def square(number):
    return number * number


def act(item):
    """What the item says."""
    if item == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif item == "sleep":
        time.sleep(60)
    elif item == "swell":
        return len(bytearray(processes.WORKER_BYTES + (64 << 20)))
    elif item == "raise":
        raise LookupError("no such bone")
    elif item == "odd":
        raise Peculiar(1, 2)
    elif isinstance(item, float):
        time.sleep(item)
    return f"did {item}"


def die_once(item, folder):
    """Kill the process that comes first to item 3."""
    mark = Path(folder) / "died"
    if item == 3 and not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def note_and_act(item, folder):
    (Path(folder) / str(os.getpid())).write_text("")
    return act(item)


class Peculiar(Exception):
    """Cannot be unpickled: it needs two arguments and keeps one."""

    def __init__(self, one, two):
        super().__init__(one)


def say(item, reason):
    return (item, reason)


def never(item, reason):
    raise AssertionError(f"{item} failed: {reason}")


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    monkeypatch.delenv(RAY_ADDRESS, raising=False)


def test_results_come_in_the_items_order_whatever_the_number_of_workers():
    wanted = [n * n for n in range(40)]
    assert list(map_ordered(square, range(40), workers=1, failed=never)) == wanted
    assert list(map_ordered(square, range(40), workers=3, batch=4, failed=never)) == wanted


def test_a_slow_item_holds_up_nobody_s_place():
    items = [0.3, *range(7)]
    assert list(map_ordered(act, items, workers=2, batch=1, failed=never)) == [f"did {item}" for item in items]


def test_no_item_no_result_and_no_process():
    before = set(psutil.Process().children())
    assert list(map_ordered(square, [], workers=2, failed=never)) == []
    assert set(psutil.Process().children()) <= before


def test_a_generator_is_read_no_further_than_the_batches_in_flight():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_ordered(square, items(), workers=2, batch=2, failed=never)
    assert taken == []
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) <= (processes.BATCHES_AHEAD * 2 + 1) * 2
    results.close()


def test_items_that_kill_hang_or_swell_cost_themselves_only():
    items = ["a", "die", "b", "sleep", "c", "swell", "d"]
    results = list(map_ordered(act, items, workers=2, seconds=1.0, batch=4, failed=say))
    assert results == [
        "did a",
        ("die", "reader_crashed"),
        "did b",
        ("sleep", "took_too_long"),
        "did c",
        ("swell", "reader_crashed"),
        "did d",
    ]


def test_one_worker_isolates_too_when_time_is_limited():
    assert list(map_ordered(act, ["die", "a"], workers=1, seconds=5, failed=say)) == [
        ("die", "reader_crashed"),
        "did a",
    ]


def test_items_within_their_time_are_not_given_up_because_their_batch_is_long():
    items = [0.3] * 8  # together longer than the one and a half times that a batch may take
    assert list(map_ordered(act, items, workers=1, seconds=1.5, batch=8, failed=say)) == ["did 0.3"] * 8


def test_an_item_whose_process_was_killed_by_chance_is_done_again(tmp_path):
    function = partial(die_once, folder=str(tmp_path))
    assert list(map_ordered(function, range(6), workers=2, batch=6, failed=say)) == list(range(6))


def test_what_is_not_worth_processes_is_done_here_with_the_same_results():
    here = list(map_ordered(_pid, range(3), workers=4, seconds=5, worth=False, failed=never))
    assert here == [os.getpid()] * 3
    assert list(map_ordered(act, ["a", "sleep", "b"], seconds=0.2, worth=False, failed=say)) == [
        "did a",
        ("sleep", "took_too_long"),
        "did b",
    ]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def _pid(item):
    return os.getpid()


def test_a_bug_rises_where_its_result_would_stand():
    for workers in (1, 2):
        results = map_ordered(act, ["a", "b", "raise", "c"], workers=workers, failed=never)
        assert [next(results), next(results)] == ["did a", "did b"]
        with pytest.raises(LookupError, match="no such bone"):
            next(results)


def test_a_bug_that_cannot_travel_is_told_in_words():
    with pytest.raises(RuntimeError, match="Peculiar: 1"):
        list(map_ordered(act, ["odd"], workers=2, failed=never))


def test_results_that_cannot_travel_are_a_bug():
    with pytest.raises(Exception, match=r"pickle|local object"):
        list(map_ordered(_local, [1], workers=2, failed=never))


def _local(item):
    return lambda: item


def test_workers_use_one_thread_each_and_leave_the_environment_alone(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert list(map_ordered(_threads, [1], workers=2, failed=never)) == ["1"]
    assert "OMP_NUM_THREADS" not in os.environ


def _threads(item):
    return os.environ.get("OMP_NUM_THREADS")


def test_a_consumer_that_stops_early_leaves_no_process_and_does_not_wait(tmp_path):
    results = map_ordered(
        partial(note_and_act, folder=str(tmp_path)), [0, *["sleep"] * 9], workers=2, batch=1, failed=say
    )
    assert next(results) == "did 0"
    _wait(lambda: len(list(tmp_path.iterdir())) == 2)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 10
    assert all(_gone(int(path.name)) for path in tmp_path.iterdir())


CONSUMER = """
import sys
from functools import partial
from motionlib.parallel import map_ordered
sys.path.insert(0, sys.argv[1])
from test_parallel import note_and_act, say

if __name__ == "__main__":
    list(map_ordered(partial(note_and_act, folder=sys.argv[2]), ["sleep"] * 9, workers=2, batch=1, failed=say))
"""


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path):
    script = tmp_path / "consumer.py"
    script.write_text(CONSUMER)
    folder = tmp_path / "pids"
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(HERE), str(folder)])
    _wait(lambda: len(list(folder.iterdir())) == 2)
    pids = [int(path.name) for path in folder.iterdir()]
    assert not any(_gone(pid) for pid in pids)
    parent.kill()
    parent.wait()
    _wait(lambda: all(_gone(pid) for pid in pids))


def test_a_script_that_does_not_guard_its_work_is_told_so(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from math import sqrt\nfrom motionlib.parallel import map_ordered\n"
        "print(list(map_ordered(sqrt, [4.0], workers=2, failed=print)))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("RuntimeError: a worker process does not start")


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"seconds": 0.0}, {"batch": 0}])
def test_a_number_that_is_not_positive_is_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be positive, got 0"):
        map_ordered(square, [1], failed=never, **wrong)


def _gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def _wait(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
