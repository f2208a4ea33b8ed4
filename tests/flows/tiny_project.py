"""A real git and DVC project with three tiny stages, run by the real flow."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows import delivery
from motionlib.tracking import store

REPO = Path(__file__).resolve().parents[2]

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  End Site
  {
    OFFSET 0 1 0
  }
}
MOTION
Frames: 2
Frame Time: 0.05
0 0 0 0 0 0
0 0 0 0 0 0
"""
GRAPH = """
stages:
  ingest:
    cmd: python -m stages.ingest
    deps: [data/raw, stages/ingest.py]
    params: [ingest]
    outs: [data/clips]
    meta: {pool: cpu, timeout_s: 60, retries: 0}
  train_tokenizer:
    foreach: ${tokenizers}
    do:
      cmd: python -m stages.train_tokenizer ${key}
      deps: [data/clips, stages/train_tokenizer.py]
      params: ["tokenizers.${key}"]
      outs: ["models/tokenizers/${key}"]
      meta: {pool: gpu, timeout_s: 60, retries: 1}
  bundle:
    cmd: python -m stages.bundle
    deps: [models/tokenizers, stages/bundle.py]
    outs: [models/bundle]
    meta: {pool: cpu, timeout_s: 60, retries: 0}
"""
STAGES = {
    "ingest": '''"""Counts the deliveries."""
from pathlib import Path

from motionlib import supervision, tracking
from motionlib.artifacts import write_json

if __name__ == "__main__":
    supervision.watch_supervisor()
    with tracking.run("ingest", {"min_seconds": 0.5}) as log:
        log.dataset("raw", Path("data/raw"))
        write_json(Path("data/clips/clips.json"), sorted(path.name for path in Path("data/raw").iterdir()))
''',
    "train_tokenizer": '''"""Learns nothing, and fails, waits or resumes when told to by a file."""
import sys
import time
from pathlib import Path

from motionlib import params, supervision, tracking
from motionlib.artifacts import write_json

if __name__ == "__main__":
    supervision.watch_supervisor()
    name = sys.argv[1]
    entry = params.load().tokenizers[name]
    with tracking.run(f"train_tokenizer@{name}", entry.model_dump()) as log:
        log.metrics({"loss": 1.0}, 0)
        print(f"learning {name}", file=sys.stderr, flush=True)
        if Path("fail_once").exists():
            Path("fail_once").unlink()
            raise FloatingPointError("loss is nan")
        while Path("wait").exists():
            time.sleep(0.05)
        write_json(Path("models/tokenizers") / name / "model.json", {"steps": entry.train.steps})
''',
    "bundle": '''"""A bundle's listing and reports without a model."""
import json
from pathlib import Path

from motionlib.artifacts import write_json

if __name__ == "__main__":
    model = json.loads(Path("models/tokenizers/vq_512/model.json").read_text())
    error = 100.0 / model["steps"]
    clips = {f"clip{i}": {"mpjpe_mm": error + i, "mm_dist_generated": 3.0} for i in range(40)}
    write_json(Path("models/bundle/reports/evaluate.json"), {"evaluator": "e1", "per_clip": clips})
    write_json(Path("models/bundle/bundle.json"), {"format": 1, "model": model})
''',
}


@dataclass
class Project:
    """A checkout in which `python -m flows.retrain` runs."""

    folder: Path

    def environment(self) -> dict[str, str]:
        dropped = ("PREFECT_", "MLFLOW_", "MOTIONLIB_", "GIT_", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return kept | {
            "PYTHONPATH": str(REPO),
            "PATH": path,
            "DVC_SITE_CACHE_DIR": str(self.folder.parent / "dvc-site"),
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=True
        )

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "flows.retrain", "--json"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self) -> dict[str, Any]:
        """The results of a flow run that must end well."""
        process = self.start()
        output, said = process.communicate(timeout=180)
        assert process.returncode == 0, said + output
        result: dict[str, Any] = json.loads(output)
        return result

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def outcomes(self, result: dict[str, Any]) -> dict[str, str]:
        return {one["stage"]: one["what"] for one in result["stages"]}


def _without_limits(text: str) -> str:
    """Its bundles hold no model whose cost could be measured."""
    return re.sub(r"limits: \{.*?\}", "limits: {}", text)


def _with_one_tokenizer(settings: str) -> str:
    """The project's settings as they are written, less the other tokenizers."""
    one = re.sub(r"^  (?!vq_512:)vq_\w+:.*?(?=^$|^  \w)", "", settings, flags=re.DOTALL | re.MULTILINE)
    one = re.sub(r"hold_out: \[.*?\]", "hold_out: [vq_512]", one)
    return re.sub(r"tokenizer: \w+", "tokenizer: vq_512", one)


def make_project(folder: Path) -> Project:
    project = Project(folder)
    delivery = folder / "data" / "raw" / "mine"
    delivery.mkdir(parents=True)
    (delivery / "walk.bvh").write_text(BVH)
    (folder / "dvc.yaml").write_text(GRAPH)
    (folder / "params.yaml").write_text(_without_limits(_with_one_tokenizer((REPO / "params.yaml").read_text())))
    (folder / "stages").mkdir()
    (folder / "stages" / "__init__.py").write_text("")
    for name, text in STAGES.items():
        (folder / "stages" / f"{name}.py").write_text(text)
    (folder / ".dvc").mkdir()
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        (folder / name).write_bytes((REPO / name).read_bytes())
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["config", "user.email", "a@example.org"],
        ["config", "user.name", "a"],
        ["add", "-A"],
        ["commit", "-qm", "start"],
    ):
        project.command("git", *arguments)
    return project


@contextlib.contextmanager
def inside(folder: Path, uri: str = ""):
    """As if the flow was started in that checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(REPO))
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "dvc-site"))
        patch.setenv("MLFLOW_TRACKING_URI", uri or f"sqlite:///{folder}/.motionlib/mlflow.db")
        patch.setattr(delivery, "check_settings", lambda: None)  # has a test of its own; it imports torch
        patch.setattr("flows.run_stage.RETRY_DELAY_S", 0.0)
        (folder / ".motionlib").mkdir(exist_ok=True)
        store.forget_client()
        yield
        store.forget_client()


def retrain() -> dict[str, Any]:
    from flows.pipeline import retrain as flow

    with contextlib.redirect_stderr(io.StringIO()):
        result: dict[str, Any] = flow()
    return result
