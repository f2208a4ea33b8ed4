"""dvc.yaml against stages/, params.yaml and what the stages import."""

import re
from typing import Any

import pytest
import yaml
from closure import ROOT, deps

NAMES = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")


@pytest.fixture(scope="module")
def graph() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    found: dict[str, Any] = {name: stage.get("do", stage) for name, stage in content["stages"].items()}
    return {name: {**stage, "outs": [path_of(out) for out in stage["outs"]]} for name, stage in found.items()}


def path_of(out: str | dict[str, dict[str, bool]]) -> str:
    """An out's path; `persist`, for outs that are their own cache, is the only option one may have."""
    if isinstance(out, str):
        return out
    ((path, options),) = out.items()
    assert options == {"persist": True}, "no out is `cache: false`"
    return path


@pytest.fixture(scope="module")
def families() -> dict[str, str]:
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    return {name: stage["foreach"] for name, stage in content["stages"].items() if "foreach" in stage}


def test_every_stage_is_one_file_and_one_entry(graph):
    assert sorted(graph) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_runs_its_file_with_the_environment_of_the_checkout(graph, families, name):
    argument = " ${key}" if name in families else ""
    assert graph[name]["cmd"] == f".venv/bin/python -m stages.{name}{argument}"


def test_families_are_those_of_the_settings(families):
    assert families == {
        "train_evaluator": "${evaluators}",
        "train_tokenizer": "${tokenizers}",
        "encode_motion": "${tokenizers}",
        "analyze_codebook": "${tokenizers}",
        "off_distribution": "${tokenizers}",
        "train_prior": "${priors}",
        "evaluate": "${priors}",
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_names_the_code_that_it_runs(graph, name):
    code = [dep for dep in graph[name]["deps"] if dep.startswith(("motionlib/", "stages/"))]
    assert sorted(code) == sorted([f"stages/{name}.py", *deps(name)]), "run `python tests/flows/closure.py`"


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_says_where_how_long_and_how_often_it_runs(graph, name):
    meta = graph[name]["meta"]
    assert set(meta) == {"pool", "timeout_s", "retries"}
    assert meta["pool"] == ("gpu" if name.startswith("train_") else "cpu")


def test_everything_is_cached_and_has_one_maker(graph):
    outs = [out for stage in graph.values() for out in stage["outs"]]
    assert len(set(outs)) == len(outs)


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_reads_only_what_another_one_made(graph, name):
    outs = {re.sub(r"\$\{.*?\}", "*", out) for stage in graph.values() for out in stage["outs"]} | {"data/raw"}
    read = [dep for dep in graph[name]["deps"] if dep.startswith(("data/", "models/", "reports/"))]
    outs |= {out.removesuffix("/*") for out in outs if out.endswith("/*")}  # every model of a family
    assert {re.sub(r"\$\{.*?\}", "*", dep) for dep in read} <= outs


@pytest.mark.parametrize("name", NAMES)
def test_the_paths_in_a_stage_are_those_of_its_entry(graph, name):
    text = (ROOT / "stages" / f"{name}.py").read_text()
    named = {path.removesuffix("/") for path in re.findall(r"\"((?:data|models|reports)(?:/\w+)*)\"", text)}
    known = [*graph[name]["deps"], *graph[name]["outs"]]
    for path in named - {"models", "reports"}:
        assert any(dep == path or dep.startswith(f"{path}/") for dep in known), path
