"""The whole house on a small delivery, in a checkout of its own: what `make run` promises, all stages real."""

import csv
import filecmp
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from motionlib.ingest import synthetic
from motionlib.ingest.bvh import read_bvh

ROOT = Path(__file__).parent.parent
TAKES = 48  # of the quickstart set; enough for every split to hold something
NAME = "vq_2048"  # the tokenizer that is bundled; the other one is left out
STAGES = [
    "ingest",
    "normalize",
    "encode_text",
    "train_evaluator@guo",
    "train_evaluator@tmr",
    f"train_tokenizer@{NAME}",
    f"encode_motion@{NAME}",
    f"analyze_codebook@{NAME}",
    f"off_distribution@{NAME}",
    "compare_tokenizers",
    "train_prior@gpt",
    "evaluate@gpt",
    "compare_priors",
    "bundle",
]
TOKENIZER_AND_AFTER = set(STAGES[5:])

pytestmark = [pytest.mark.slow, pytest.mark.alone]


class Checkout:
    """A clone with small settings and its own history, on which `make run` can be tried."""

    def __init__(self, folder: Path, raw: Path) -> None:
        self.folder, self.raw = folder, raw
        names = self.git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        self.edit(_small)
        self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "small")

    def git(self, *words: str, cwd: Path | None = None) -> str:
        done = subprocess.run(["git", *words], cwd=cwd or self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def edit(self, change: Any) -> None:
        path = self.folder / "params.yaml"
        settings = yaml.safe_load(path.read_text())
        change(settings)
        path.write_text(yaml.safe_dump(settings, sort_keys=False))

    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "COV"))
        }
        return kept | {
            "DVC_SITE_CACHE_DIR": str(self.folder.parent / "dvc-site"),
            "GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@example.org",
        }  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [".venv/bin/python", "-m", *words], cwd=self.folder, env=self.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def call(self, *words: str, code: int = 0) -> str:
        process = self.start(*words)
        out, err = process.communicate()
        assert process.returncode == code, f"{words} ended with {process.returncode}:\n{err[-4000:]}"
        return out

    def run(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.call("flows.retrain", "--raw", str(self.raw), "--json"))
        return result

    def outputs(self) -> dict[str, str]:
        lock = yaml.safe_load((self.folder / "dvc.lock").read_text())
        return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


def _small(settings: dict[str, Any]) -> None:
    few = {"steps": 60, "passes": 0.0, "batch_size": 32, "checkpoint_every": 5, "validate_every": 30, "warmup_steps": 5}
    for evaluator in settings["evaluators"].values():
        evaluator["train"] |= few
    del settings["tokenizers"]["vq_512"]
    settings["tokenizers"][NAME]["train"] |= few
    settings["tokenizers"][NAME]["model"] |= {"codes": 64, "width": 32}
    settings["priors"]["gpt"]["train"] |= few
    settings["evaluate"] |= {"repeats": 2, "resamples": 200, "batch": 8}
    settings["normalize"] |= {"val_share": 0.1, "test_share": 0.2}


def ran(result: dict[str, Any]) -> list[str]:
    return [one["stage"] for one in result["stages"] if one["what"] == "ran"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivery") / "small"
    synthetic.write(folder, limit=TAKES)
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, raw: Path) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("first") / "motionlib", raw)


@pytest.fixture(scope="module")
def first(checkout: Checkout) -> dict[str, Any]:
    return checkout.run()


def test_the_first_run_runs_every_stage_and_makes_a_champion(first):
    assert sorted(ran(first)) == sorted(STAGES)
    assert first["decision"]["outcome"] == "pass"


def test_the_second_run_runs_nothing(checkout, first):
    again = checkout.run()
    assert ran(again) == []
    assert again["decision"]["version"] == first["decision"]["version"]


def test_mlflow_names_the_deliveries_and_prefect_shows_every_stage(checkout, first):
    with sqlite3.connect(checkout.folder / ".motionlib/mlflow.db") as database:
        tags = database.execute("select value from tags where key = 'deliveries'").fetchall()
    assert set(tags) == {("small",)}
    with sqlite3.connect(checkout.folder / ".motionlib/prefect/prefect.db") as database:
        shown = {name for (name,) in database.execute("select name from task_run")}
    assert set(STAGES) <= shown


def test_the_run_page_needs_nothing_from_outside(checkout, first):
    page = (checkout.folder / "reports/bundle/index.html").read_text()
    assert "<html" in page
    assert 'src="http' not in page
    assert "@import" not in page


def test_the_champion_is_loaded_from_mlflow_and_predicts_motion(checkout, first):
    code = (
        "import mlflow, numpy\n"
        "model = mlflow.pyfunc.load_model('models:/motion@champion')\n"
        "motion = model.predict(['a person walks'])[0]\n"
        "print(motion['joints'].shape[1:], bool(numpy.isfinite(motion['joints']).all()))\n"
    )
    environment = checkout.environment() | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{checkout.folder}/.motionlib/mlflow.db",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "(22, 3) True", done.stderr[-3000:]


def test_generated_bvh_is_finite_and_the_same_for_the_same_seed(checkout, first):
    for name in ("one.bvh", "two.bvh"):
        checkout.call("motionlib.cli", "generate", "a person walks forward", "-o", name, "--seed", "1")
    one, two = (checkout.folder / "one.bvh").read_bytes(), (checkout.folder / "two.bvh").read_bytes()
    assert one == two
    motion = read_bvh(one)
    assert motion.fps == pytest.approx(20.0, rel=1e-4)
    assert np.isfinite(motion.root_pos).all()


def test_check_names_the_broken_file_and_its_reason(checkout, first, raw, tmp_path):
    again = Path(shutil.copytree(raw, tmp_path / raw.name))  # the delivery that the library holds, sent anew
    broken = sorted(again.rglob("*.bvh"))[0]
    broken.write_bytes(broken.read_bytes()[:-2000])
    told = json.loads(checkout.call("motionlib.cli", "check", str(again), "--json", code=1))
    rejected = [one for one in told["files"] if one["verdict"] == "quarantine"]
    assert [Path(one["path"]).name for one in rejected] == [broken.name]
    assert rejected[0]["reasons"]


def test_check_knows_what_the_library_holds_already(checkout, first, raw, tmp_path):
    copy = Path(shutil.copytree(raw, tmp_path / "other_name"))
    told = json.loads(checkout.call("motionlib.cli", "check", str(copy), "--json", code=1))
    assert all("duplicate" in one["reasons"] for one in told["files"] if one["verdict"] == "quarantine")
    assert sum("duplicate" in one["reasons"] for one in told["files"]) > 0.9 * len(told["files"])


def test_an_edited_parameter_of_the_tokenizer_runs_it_and_what_follows(checkout, first):
    checkout.edit(lambda settings: settings["tokenizers"][NAME]["train"].update(seed=8))
    assert set(ran(checkout.run())) == TOKENIZER_AND_AFTER


def test_edited_comments_run_nothing(checkout, first):
    checkout.run()
    with (checkout.folder / "params.yaml").open("a") as file:
        file.write("# a remark\n")
    with (checkout.folder / "motionlib/tokenizers/vqvae.py").open("a") as file:
        file.write("# a remark\n")
    assert ran(checkout.run()) == []


def test_a_training_killed_halfway_goes_on_and_ends_with_the_same_bytes(checkout, first, tmp_path):
    checkout.edit(lambda settings: settings["tokenizers"][NAME]["train"].update(seed=9))
    process = checkout.start("flows.retrain", "--raw", str(checkout.raw), "--json")
    checkpoints = checkout.folder / ".motionlib/checkpoints"
    deadline = time.monotonic() + 300
    while not list(checkpoints.rglob("*.safetensors")):
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (checkout.folder / f"models/tokenizers/{NAME}/manifest.json").exists()
    result = checkout.run()
    assert set(ran(result)) == TOKENIZER_AND_AFTER

    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    (undisturbed / "data").mkdir()
    shutil.copytree(checkout.folder / "data/features", undisturbed / "data/features")
    shutil.copy(checkout.folder / "params.yaml", undisturbed)
    environment = checkout.environment() | {"PYTHONPATH": str(checkout.folder)}
    command = [sys.executable, "-m", "stages.train_tokenizer", NAME]
    subprocess.run(command, cwd=undisturbed, env=environment, check=True, capture_output=True)
    for name in (f"models/tokenizers/{NAME}", f"reports/train_tokenizer/{NAME}"):
        files = [str(path.relative_to(undisturbed)) for path in (undisturbed / name).iterdir()]
        same, other, odd = filecmp.cmpfiles(undisturbed, checkout.folder, files, shallow=False)
        assert (other, odd) == ([], []), f"{name}: {other + odd} differ"
        assert same


def test_two_checkouts_make_the_same_bytes(checkout, first, raw, tmp_path):
    other = Checkout(tmp_path / "motionlib", raw)
    shutil.copy(checkout.folder / "params.yaml", other.folder)
    checkout.run()
    other.run()
    assert other.outputs() == checkout.outputs()


def test_the_journal_says_who_promoted_what_and_is_whole(checkout, first):
    entries = json.loads(checkout.call("motionlib.cli", "journal", "--json"))
    assert entries[0]["who"] == "flow retrain"
    told = json.loads(checkout.call("motionlib.cli", "journal", "--verify", "--json"))
    assert told == {"ok": True, "entries": len(entries)}


def test_captions_beside_motion_reach_the_features(checkout, first, raw):
    with (raw / "captions.csv").open(newline="") as file:
        known = {row["text"].lower() for row in csv.DictReader(file)}
    captions = json.loads((checkout.folder / "data/text/captions.json").read_text())
    assert known & set(captions)
