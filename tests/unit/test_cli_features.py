"""The commands between motion and features, in both modes, and the report of what they differ by."""

import json

import numpy as np
import pytest
from analytic import walk
from click.testing import CliRunner

from motionlib.cli import main, tokens
from motionlib.ingest import synthetic
from motionlib.normalize import exact, humanml263
from motionlib.rig.canonical import canonical_joints


@pytest.fixture
def joints(tmp_path):
    path = tmp_path / "joints.npy"
    np.save(path, canonical_joints(walk(20.0, turns=1.5, seconds=8.0), 20.0))
    return path


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "take.bvh"
    path.write_bytes(synthetic.bvh(synthetic.takes()[0]))
    return path


def run(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def test_joints_become_features_in_either_mode(joints, tmp_path):
    array = np.load(joints)
    for mode, extract in (("compat", humanml263.extract), ("exact", exact.extract)):
        run("features", joints, tmp_path / "out.npy", "--mode", mode)
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), extract(array))


def test_a_file_gives_true_rotations_in_mode_exact(take, tmp_path):
    facts = json.loads(run("features", take, tmp_path / "exact.npy", "--mode", "exact", "--json"))
    assert facts["mode"] == "exact"
    rows = np.load(tmp_path / "exact.npy")
    assert rows.shape == (facts["frames"], 263)
    run("features", take, tmp_path / "compat.npy")
    published = np.load(tmp_path / "compat.npy")
    assert len(published) == len(rows)
    assert np.abs(rows - published)[:, 67:193].max() > 0.1


def test_both_modes_are_recovered_by_one_command(joints, tmp_path):
    run("features", joints, tmp_path / "rows.npy", "--mode", "exact")
    run("recover", tmp_path / "rows.npy", tmp_path / "again.npy")
    true = exact.posed(np.load(joints)).joints[:-1]
    np.testing.assert_allclose(np.load(tmp_path / "again.npy"), true, atol=1e-5)


def test_the_difference_of_one_file_names_its_faults(joints):
    facts = json.loads(run("features", joints, "--compare", "--json"))
    (one,) = facts["files"].values()
    assert "flips" in one["hit"]
    assert "* the heading passes half a turn" in run("features", joints, "--compare")


def test_the_difference_over_a_folder_counts_and_draws(joints, take, tmp_path):
    (tmp_path / "broken.bvh").write_text("HIERARCHY")
    out = run("features", tmp_path, tmp_path / "modes.png", "--compare")
    assert "2 takes, 0 refused by compat, 1 unread" in out
    assert (tmp_path / "modes.png").read_bytes().startswith(b"\x89PNG")


def test_wrong_requests_say_what_is_wanted(joints, tmp_path):
    assert ".npy" in run("features", joints, code=2)
    assert ".png" in run("features", joints, tmp_path / "x.npy", "--compare", code=2)
    (tmp_path / "empty").mkdir()
    assert "no motion" in run("features", tmp_path / "empty", "--compare", code=2)


def test_a_model_of_mode_exact_gets_exact_features(take, tmp_path, monkeypatch):
    class Model:
        mode, fps = "exact", 20.0

        def encode(self, rows):
            self.rows = rows
            return np.zeros((len(rows) // 4, 1), dtype=np.int64)

        def reconstruct(self, rows):
            self.rows = rows
            return rows

    model = Model()
    monkeypatch.setattr(tokens, "load_model", lambda name: model)
    run("features", take, tmp_path / "exact.npy", "--mode", "exact")
    for command, target in (("encode", "codes.npy"), ("reconstruct", "again.npy")):
        run(command, take, tmp_path / target)
        np.testing.assert_array_equal(model.rows, np.load(tmp_path / "exact.npy"))
