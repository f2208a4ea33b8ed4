"""The real flow on a real git, DVC, Prefect and MLflow, with three tiny stages."""

import shutil
from typing import Any

import pytest
from tiny_project import inside, retrain

from flows import delivery, lineage
from flows.source_code import CodeMemory
from motionlib.promotion import journal, registry
from motionlib.tracking import store

pytestmark = [
    pytest.mark.slow,  # every test runs git, DVC, Prefect and MLflow
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of what those four use
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
INGEST, TRAIN, BUNDLE = "ingest", "train_tokenizer@vq_512", "bundle"
STEPS = "train: {steps: "


def runs(condition: str) -> list[Any]:
    found: list[Any] = store.client().search_runs([store.experiment()], condition)
    return found


def test_the_first_run_runs_every_stage_in_the_order_of_the_data(first):
    project, result = first
    assert [(one["stage"], one["what"]) for one in result["stages"]] == [
        (name, "ran") for name in (INGEST, TRAIN, BUNDLE)
    ]
    assert result["champion"] == "1"
    assert result["decision"]["reason"] == "There was no champion to be held against."
    assert (project.folder / ".motionlib" / "last_run.json").is_file()


def test_mlflow_holds_a_parent_and_a_child_per_executed_stage(first):
    project, result = first
    with inside(project.folder):
        parent = store.client().get_run(result["mlflow_run"])
        children = {
            one.data.tags["stage"]: one for one in runs(f"tags.`{store.PARENT_TAG}` = '{result['mlflow_run']}'")
        }
    assert set(children) == {INGEST, TRAIN, BUNDLE}
    assert {one.info.status for one in [parent, *children.values()]} == {"FINISHED"}
    assert children[TRAIN].data.metrics["loss"] == 1.0
    assert children[TRAIN].data.params["kind"] == "vqvae"
    (raw,) = children[INGEST].inputs.dataset_inputs
    assert (raw.dataset.name, raw.dataset.digest) == ("raw", children[INGEST].data.tags["dvc.dep.data/raw"])
    tags = children[TRAIN].data.tags
    assert len(tags["git.commit"]) == 40
    assert tags["git.dirty"] == "false"
    assert len(tags["stage_version"]) == 64
    assert tags["dvc.dep.data/clips"].endswith(".dir")
    assert tags["dvc.out.models/tokenizers/vq_512"].endswith(".dir")
    assert tags["prefect.flow_run_id"] == result["prefect_flow_run"]
    assert parent.data.tags["lineage.commit"] == tags["lineage.commit"] == result["lineage"]
    assert parent.data.tags["stage_run.train_tokenizer:vq_512"] == children[TRAIN].info.run_id


def test_prefect_holds_the_flow_run_with_every_stage_and_its_artifacts(first):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, FlowRunFilter, FlowRunFilterId

    flow_run = first[1]["prefect_flow_run"]
    with get_client(sync_client=True) as client:
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
        artifacts = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
        )
        logs = client.read_logs()
    assert {INGEST, TRAIN, BUNDLE, "bring in", "save", "decide"} <= {one.name for one in tasks}
    assert {"results", "stages"} <= {one.key for one in artifacts}
    assert any(log.message == "learning vq_512" for log in logs)


def test_a_second_run_runs_nothing_registers_nothing_and_points_to_the_first(again, first):
    result = retrain()
    assert again.outcomes(result) == {INGEST: "cached", TRAIN: "cached", BUNDLE: "cached"}
    assert {one["stage"]: one["run_id"] for one in result["stages"]} == {
        one["stage"]: one["run_id"] for one in first[1]["stages"]
    }
    assert runs(f"tags.`{store.PARENT_TAG}` = '{result['mlflow_run']}'") == []
    assert [one.version for one in registry.models()] == ["1"]
    assert len(journal.entries()) == 1
    assert result["lineage"] == first[1]["lineage"]


def test_dvc_knows_the_raw_data_as_it_is(again):
    assert delivery.tracked(delivery.RAW)
    (again.folder / "data/raw/mine/walk.txt").write_text("a person stands#stands/VERB#0.0#0.0\n")
    assert not delivery.tracked(delivery.RAW)
    assert again.command("git", "status", "--porcelain", "data").stdout == "?? data/\n"  # raw.dvc, and nothing else
    assert again.command("git", "add", "--dry-run", "data").stdout == "add 'data/raw.dvc'\n"


def test_an_edited_comment_runs_nothing(again):
    again.edit("stages/train_tokenizer.py", '"""Learns nothing,', '"""Still learns nothing,')
    again.edit("stages/ingest.py", "    supervision.watch", "    # look after the supervisor\n    supervision.watch")
    assert set(again.outcomes(retrain()).values()) == {"cached"}
    assert again.command("dvc", "status", "-q")  # returns 0: DVC too finds everything up to date
    assert CodeMemory().file.is_file()


def test_edited_code_runs_its_stage(again):
    again.edit("stages/train_tokenizer.py", '"steps": entry', '"more": 1, "steps": entry')
    assert again.outcomes(retrain()) == {INGEST: "cached", TRAIN: "ran", BUNDLE: "ran"}


def test_an_edited_parameter_runs_its_stage_and_those_after_it(again):
    again.edit("params.yaml", "window_frames: ", "window_frames: 1")
    result = retrain()
    assert again.outcomes(result)[INGEST] == "cached"
    assert again.outcomes(result)[TRAIN] == "ran"
    assert again.outcomes(result)[BUNDLE] == "cached"  # after a stale stage, but what that made is the same


def test_outputs_that_were_deleted_come_back_out_of_the_cache(again, first):
    shutil.rmtree(again.folder / "models")
    result = retrain()
    assert again.outcomes(result) == {INGEST: "cached", TRAIN: "restored", BUNDLE: "restored"}
    assert [one["run_id"] for one in result["stages"]] == [one["run_id"] for one in first[1]["stages"]]
    assert (again.folder / "models/bundle/bundle.json").is_file()


def test_a_stage_that_fails_is_tried_again_in_the_same_mlflow_run(again):
    again.edit("params.yaml", "window_frames: ", "window_frames: 2")
    (again.folder / "fail_once").touch()
    result = retrain()
    assert again.outcomes(result)[TRAIN] == "ran"
    (child,) = runs(f"tags.`{store.PARENT_TAG}` = '{result['mlflow_run']}' and tags.stage = '{TRAIN}'")
    assert child.data.tags["attempt"] == "2"
    assert child.info.status == "FINISHED"


def test_a_stage_that_keeps_failing_ends_the_run_and_its_mlflow_runs_as_failed(again):
    again.edit("stages/ingest.py", "if __name__", "raise ValueError('clip 7 is broken')\n\nif __name__")
    with pytest.raises(Exception, match="clip 7 is broken"):
        retrain()
    assert [one.info.status for one in runs("attributes.status = 'FAILED'")] == ["FAILED"]
    assert not (again.folder / ".motionlib" / "active.json").exists()


def test_a_worse_challenger_is_registered_and_rejected_and_a_better_one_promoted(again):
    text = (again.folder / "params.yaml").read_text()
    tokenizer = text.index("vq_512:")
    start = text.index("steps: ", tokenizer)
    steps = text[start : text.index(",", start)]
    (again.folder / "params.yaml").write_text(text[:start] + text[start:].replace(steps, "steps: 2", 1))
    worse = retrain()
    assert worse["decision"]["outcome"] == "fail"
    assert "beyond the margin" in worse["decision"]["reason"]
    assert worse["champion"] == "1"
    assert registry.resolve("challenger") == "2"

    (again.folder / "params.yaml").write_text(text[:start] + text[start:].replace(steps, "steps: 100000", 1))
    better = retrain()
    assert better["decision"]["outcome"] == "pass"
    assert better["champion"] == "3"
    assert [entry.what for entry in journal.entries()] == ["promote", "reject", "promote"]
    assert registry.rollback("a person", "the new one limps") == "1"
    assert registry.champion() == "1"
    assert store.client().get_model_version_by_alias("motion", "champion").version in ("1", 1)
    assert registry.verify() == 4
    assert registry.folder_of("champion").samefile(registry.folder_of("1"))


def test_the_lineage_commit_is_an_experiment_and_leaves_branch_index_and_files_alone(again):
    head, status = (
        again.command("git", "rev-parse", "main").stdout,
        again.command("git", "status", "--porcelain").stdout,
    )
    (again.folder / "params.yaml").write_text((again.folder / "params.yaml").read_text() + "# a note\n")
    commit = lineage.save()
    assert lineage.save() == commit
    assert again.command("git", "rev-parse", "main").stdout == head
    assert again.command("git", "status", "--porcelain").stdout == " M params.yaml\n" + status
    files = again.command("git", "ls-tree", "-r", "--name-only", commit).stdout.split()
    assert {"dvc.lock", "params.yaml", "data/raw.dvc", "stages/ingest.py"} <= set(files)
    assert again.command("git", "show", f"{commit}:params.yaml").stdout.endswith("# a note\n")
    assert commit[:7] in again.command("dvc", "exp", "list").stdout
