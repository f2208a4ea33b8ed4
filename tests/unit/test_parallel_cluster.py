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
ITEMS = [0.15, "a", 0.1, "die", 0.12, "b"] * 8
CLUSTER = """
import json, os, signal, sys, time
from pathlib import Path

import psutil
from ray.cluster_utils import Cluster

from motionlib.parallel import RAY_ADDRESS, map_ordered
from test_parallel_cluster import ITEMS, act_on_node, say


def workers_of(node):
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [child for child in raylet.children() if "_solve" in " ".join(child.cmdline())]


if __name__ == "__main__":
    folder = sys.argv[1]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    nodes = [cluster.head_node, second]
    os.environ[RAY_ADDRESS] = cluster.address
    killed, results = [], []
    try:
        answers = map_ordered(act_on_node, ITEMS, seconds=20.0, batch=3, failed=say)
        for index, answer in enumerate(answers):
            results.append(answer)
            if index == 6:
                while not workers_of(nodes[0]):
                    time.sleep(0.05)
                worker = workers_of(nodes[0])[0]
                worker.kill()
                killed.append("worker")
            if index == 12:
                while not workers_of(second):
                    time.sleep(0.05)
                cluster.remove_node(second, allow_graceful=False)
                killed.append("node")
    finally:
        import ray

        ray.shutdown()
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
    here = list(map_ordered(act_on_node, ITEMS, workers=2, seconds=20.0, batch=3, failed=say))

    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
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


def test_ray_asked_for_and_not_installed_is_told(monkeypatch):
    monkeypatch.setenv(RAY_ADDRESS, "local")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'motionlib\[scale\]'"):
        list(map_ordered(abs, [1], failed=say))
