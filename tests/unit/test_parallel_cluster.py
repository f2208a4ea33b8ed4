"""A real Ray cluster of two nodes: the same results as on one machine, also when a worker and a node are killed."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from motionlib.parallel import RAY_ADDRESS, map_ordered

HERE = Path(__file__).parent
ITEMS = [0.3, "a", 0.2, "die", 0.25, "b"] * 8
CLUSTER = """
import json, os, threading, time

import psutil
from ray.cluster_utils import Cluster

from motionlib.parallel import RAY_ADDRESS, map_ordered
from test_parallel_cluster import ITEMS, act_on_node, say


def workers_of(node):
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [child for child in raylet.children() if "_solve" in " ".join(child.cmdline())]


def kill(head, second, cluster, killed):
    # first a worker of the head that is at work, then the other node while it is
    while not workers_of(head):
        time.sleep(0.02)
    workers_of(head)[0].kill()
    killed.append("worker")
    while not workers_of(second):
        time.sleep(0.02)
    cluster.remove_node(second, allow_graceful=False)
    killed.append("node")


if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    os.environ[RAY_ADDRESS] = cluster.address
    killed, results = [], []
    killer = threading.Thread(target=kill, args=(cluster.head_node, second, cluster, killed), daemon=True)
    try:
        for answer in map_ordered(act_on_node, ITEMS, seconds=60.0, batch=3, failed=say):
            results.append(answer)
            if len(results) == 4:
                killer.start()
    finally:
        cluster.shutdown()
    print(json.dumps({"results": results, "killed": killed}))
"""


def act_on_node(item):
    from test_parallel import act

    return act(item)


def say(item, reason):
    return [item, reason]


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_and_a_node_gives_the_results_of_one_machine(tmp_path, monkeypatch):
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray: pip install 'motionlib[scale]'")
    monkeypatch.delenv(RAY_ADDRESS, raising=False)
    monkeypatch.syspath_prepend(HERE)
    here = list(map_ordered(act_on_node, ITEMS, workers=2, seconds=60.0, batch=3, failed=say))

    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(HERE), "RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=240)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0
    there = json.loads(said.splitlines()[-1])
    assert there["killed"] == ["worker", "node"]
    assert there["results"] == here


JUDGE = """
import hashlib, json, sys
from pathlib import Path

from motionlib.ingest.lines import file_line
from motionlib.ingest.survey import DEFAULTS, judge_jobs, survey

if __name__ == "__main__":
    found = survey([Path(sys.argv[1])])
    jobs = (job for delivery in found.deliveries for job in delivery.read())
    lines, digest = [], hashlib.sha256()
    for info, judged in judge_jobs(jobs, DEFAULTS, byte_count=1 << 40):
        lines.append(file_line(info, judged))
        digest.update(judged.fingerprint.tobytes())
        if judged.clip is not None:
            digest.update(judged.clip.local_quat.tobytes() + judged.clip.root_pos.tobytes())
    print(json.dumps({"lines": lines, "digest": digest.hexdigest()}))
"""


@pytest.mark.slow
def test_deliveries_are_judged_the_same_on_a_cluster(tmp_path):
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray: pip install 'motionlib[scale]'")
    from motionlib.ingest import synthetic

    synthetic.write(tmp_path / "monday", 20)
    (tmp_path / "monday" / "broken.bvh").write_text("HIERARCHY")
    script = tmp_path / "judge.py"
    script.write_text(JUDGE)
    plain = {name: value for name, value in os.environ.items() if name != RAY_ADDRESS}
    said = [
        subprocess.run(
            [sys.executable, str(script), str(tmp_path / "monday")],
            env=plain | more,
            capture_output=True,
            text=True,
            timeout=200,
            check=True,
        ).stdout.splitlines()[-1]
        for more in ({}, {RAY_ADDRESS: "local"})
    ]
    assert len(json.loads(said[0])["lines"]) == 21
    assert said[0] == said[1]


def test_ray_asked_for_and_not_installed_is_told(monkeypatch):
    monkeypatch.setenv(RAY_ADDRESS, "local")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'motionlib\[scale\]'"):
        list(map_ordered(abs, [1], failed=say))
