"""The person's door: names, files, exit codes, and what goes to which stream."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_bundle import tiny_bundle

from motionlib.body import kinematics
from motionlib.cli import COMMANDS, main
from motionlib.export import bvh, rig
from motionlib.ingest.bvh import read_bvh
from motionlib.promotion import journal as book

ROOT = Path(__file__).parent.parent.parent
# The seven public clips whose published features the command must give, and the tolerances of their README.
GOLDEN_CLIPS = (
    "cmu_002_01",
    "cmu_005_05",
    "cmu_006_02",
    "circle_left_180",
    "jump_41",
    "squat_64",
    "walk_120",
    "short_2",
)
TOLERANCES = [(0, 1, 1e-4), (1, 3, 2e-5), (3, 4, 5e-6), (4, 67, 1e-4), (67, 193, 1e-3), (193, 259, 5e-5), (259, 263, 0)]


@pytest.fixture(autouse=True)
def _somewhere_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def load(path):
    """Arrays of an .npz file."""
    with np.load(path) as archive:
        return dict(archive)


def run(*arguments, code=0):
    """stdout and stderr of a command, after checking its exit code."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


@pytest.fixture(scope="module")
def joints(golden):
    return load(golden / "t2m_cmu_002_01.npz")["joints"]


@pytest.fixture
def take(joints, tmp_path):
    """A real walk as a BVH file at 20 Hz."""
    bvh.write(tmp_path / "take.bvh", rig.fit(joints), 20)
    return tmp_path / "take.bvh"


@pytest.fixture(scope="module")
def bundle(joints, tmp_path_factory):
    """A real bundle of tiny models that have learned nothing."""
    return tiny_bundle(joints, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def teller(joints, tmp_path_factory):
    """One whose prior also writes captions."""
    return tiny_bundle(joints, tmp_path_factory.mktemp("teller"), "nmt")


# --- every command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_with_an_example_and_json(command):
    commands = list(command.commands.values()) if hasattr(command, "commands") else [command]
    for one in commands:
        names = [option for parameter in one.params for option in parameter.opts]
        assert "--json" in names
        assert one.epilog.startswith("Example: motionlib ")
        assert one.help


def test_help_is_there_at_once():
    code = "import sys; from motionlib.cli import main; print('torch' in sys.modules, 'mlflow' in sys.modules)"
    began = time.monotonic()
    seen = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert seen.split() == ["False", "False"]
    assert time.monotonic() - began < 2  # 0.2 s on a quiet machine


def test_an_unknown_command_is_a_wrong_request():
    _, error = run("dance", code=2)
    assert "No such command 'dance'" in error


@pytest.mark.parametrize("command", ["convert", "features"])
def test_a_file_that_is_not_there_is_named(command):
    _, error = run(command, "missing.bvh", "out.npy", code=2)
    assert "missing.bvh" in error


# --- motion files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN_CLIPS)
def test_features_are_those_of_the_original_code(golden, name):
    clip = load(golden / f"t2m_{name}.npz")
    np.save("joints.npy", clip["joints"])
    run("features", "joints.npy", "features.npy", "--mode", "compat")
    made = np.load("features.npy")
    assert made.dtype == np.float32
    assert made.shape == clip["features"].shape
    for start, end, tolerance in TOLERANCES:
        np.testing.assert_allclose(made[:, start:end], clip["features"][:, start:end], rtol=0, atol=tolerance)


def test_recovered_joints_are_those_of_the_original_code(golden):
    clip = load(golden / "t2m_cmu_006_02.npz")
    np.save("features.npy", clip["features"])
    run("recover", "features.npy", "joints.npy")
    np.testing.assert_allclose(np.load("joints.npy"), clip["ric_joints"], atol=1e-4)


def test_features_become_a_bvh_that_moves_alike(golden):
    clip = load(golden / "t2m_cmu_006_02.npz")
    np.save("features.npy", clip["features"])
    run("recover", "features.npy", "take.bvh", "--unit", "m")
    read = read_bvh(Path("take.bvh").read_bytes())
    kept = [j for j, name in enumerate(read.skeleton.names) if not name.endswith("_end")]
    found = kinematics.forward(read.skeleton, read.root_pos, read.local_quat)[:, kept]
    from motionlib.body.skeleton import CANONICAL_NAMES

    order = [[read.skeleton.names[j] for j in kept].index(name) for name in CANONICAL_NAMES]
    assert np.linalg.norm(found[:, order] - clip["ric_joints"], axis=-1).max() < 1e-3


@pytest.mark.parametrize("rig_name", ["canonical", "source"])
def test_converting_gives_world_positions_in_metres_with_y_up(take, joints, rig_name):
    out, _ = run("convert", take, "out.npy", "--rig", rig_name, "--json")
    made, facts = np.load("out.npy"), json.loads(out)
    assert made.shape == (len(joints), 22, 3) == (facts["frames"], facts["joints"], 3)
    assert facts["fps"] == 20
    head = facts["names"].index("head")
    np.testing.assert_allclose(made[:, head], joints[:, 15], atol=0.03)


def test_converting_to_another_rate_keeps_the_time(take, joints):
    out, _ = run("convert", take, "out.npy", "--fps", 60, "--json")
    assert json.loads(out)["frames"] == 3 * (len(joints) - 1) + 1
    run("convert", take, "slow.bvh", "--fps", 10, "--rig", "source")
    assert read_bvh(Path("slow.bvh").read_bytes()).fps == 10


def test_converting_onto_another_file_s_skeleton_keeps_that_skeleton(take, joints):
    bvh.write(Path("giant.bvh"), rig.fit(1.2 * joints[:3]), 20)
    run("convert", take, "out.bvh", "--rig", "giant.bvh")
    giant, made = (read_bvh(Path(name).read_bytes()) for name in ("giant.bvh", "out.bvh"))
    assert made.skeleton.names == giant.skeleton.names
    np.testing.assert_allclose(made.skeleton.offsets, giant.skeleton.offsets, atol=1e-3)
    assert len(made.root_pos) == len(joints)


@pytest.mark.parametrize("suffix", ["bvh", "glb", "html"])
def test_converting_to_a_format_is_said_by_the_suffix(take, suffix):
    run("convert", take, f"out.{suffix}")
    start = {"bvh": b"HIERARCHY", "glb": b"glTF", "html": b"<!doctype html>"}[suffix]
    assert start in Path(f"out.{suffix}").read_bytes()[:200]


@pytest.mark.parametrize(
    ("make", "arguments", "words"),
    [
        (lambda: Path("bad.bvh").write_text("HIERARCHY\nROOT a\n{\n"), ["convert", "bad.bvh", "o.npy"], r"bad\.bvh"),
        (lambda: Path("bad.npy").write_bytes(b"no array"), ["features", "bad.npy", "o.npy"], r"bad\.npy: not a \.npy"),
        (lambda: np.save("j.npy", np.zeros((5, 23, 3))), ["features", "j.npy", "o.npy"], r"float64 \(5, 23, 3\)"),
        (lambda: np.save("j.npy", np.full((5, 22, 3), np.nan)), ["features", "j.npy", "o.npy"], "frame 0 holds"),
        (
            lambda: np.save("j.npy", np.zeros((5, 22, 3))),
            ["features", "j.npy", "o.npy"],
            r"j\.npy: .*pelvis|j\.npy: .*hip",
        ),
        (lambda: np.save("f.npy", np.zeros((5, 251))), ["recover", "f.npy", "o.npy"], r"\(T, 263\), got \(5, 251\)"),
        (lambda: np.save("j.npy", np.ones((5, 22, 3))), ["convert", "j.npy", "o.fbx"], "cannot write .fbx"),
        (
            lambda: np.save("j.npy", np.ones((5, 22, 3))),
            ["convert", "j.npy", "o.npy", "--rig", "mine"],
            "mine is no file",
        ),
        (lambda: np.save("j.npy", np.ones((5, 22, 3))), ["convert", "j.npy", "no/o.npy"], "there is no folder no"),
    ],
)
def test_a_wrong_request_is_one_line_on_stderr_and_exit_code_2(make, arguments, words):
    make()
    out, error = run(*arguments, code=2)
    assert out == ""
    assert len(error.strip().splitlines()) == 1
    assert re.search(words, error)


# --- deliveries -----------------------------------------------------------------------------------------------


def test_checking_a_delivery_names_the_broken_file_and_its_reason(take, tmp_path):
    delivery = tmp_path / "delivery"
    delivery.mkdir()
    good = take.read_text()
    (delivery / "good.bvh").write_text(good)
    (delivery / "broken.bvh").write_text(good.replace("Frames: 57", "Frames: 99"))

    out, _ = run("check", delivery, "--json", code=1)
    verdicts = {Path(line["path"]).name: line for line in json.loads(out)["files"]}
    assert verdicts["good.bvh"]["verdict"] == "accept"
    assert verdicts["broken.bvh"]["verdict"] == "quarantine"
    assert verdicts["broken.bvh"]["reasons"][0] == "frame_count_mismatch"

    out, _ = run("check", delivery, code=1)
    assert re.search(r"quarantine +\S*delivery/broken\.bvh +frame_count_mismatch", out)

    (delivery / "broken.bvh").unlink()
    run("check", delivery)


# --- models ---------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(bundle):
    for name, seed in (("a.bvh", 1), ("b.bvh", 1), ("c.bvh", 2)):
        run("generate", "a person walks forward", "-o", name, "--seed", seed, "--seconds", 2, "--model", bundle)
    assert Path("a.bvh").read_bytes() == Path("b.bvh").read_bytes()
    assert Path("a.bvh").read_bytes() != Path("c.bvh").read_bytes()


def test_a_generated_bvh_is_finite_and_its_bones_do_not_stretch(bundle):
    run("generate", "a person walks", "-o", "walk.bvh", "--seconds", 2, "--model", bundle)
    read = read_bvh(Path("walk.bvh").read_bytes())
    assert read.fps == 20
    assert len(read.root_pos) == 40
    assert read.stretch.max() == 0
    assert np.isfinite(read.local_quat).all()


def test_several_motions_are_numbered(bundle):
    out, _ = run("generate", "jump", "-o", "j.npy", "--count", 2, "--seconds", 1, "--model", bundle, "--json")
    assert json.loads(out)["paths"] == ["j_1.npy", "j_2.npy"]
    assert np.load("j_2.npy").shape == (20, 22, 3)


def test_a_motion_is_told_in_words_of_the_training_captions(teller, take):
    out, _ = run("caption", take, "--count", 2, "--model", teller, "--json")
    (found,) = json.loads(out)["motions"]
    assert (found["path"], found["start"], found["end"]) == (str(take), 0.0, 2.8)  # 56 rows are 14 steps
    first, second = found["captions"]
    assert set(first["text"].split()) <= {"a", "person", "walks", "jumps"}
    assert 1 <= len(first["text"].split()) <= 5
    assert first["text"] != second["text"]
    assert second["score"] <= first["score"] < 0
    assert run("caption", take, "--model", teller)[0] == f"{take}: {first['text']}  ({first['score']:.2f})\n"


def test_a_long_motion_is_told_part_after_part(teller, joints):
    np.save("long.npy", np.concatenate([joints] * 2)[:101])  # 100 rows are 25 steps; 20 are read at once
    out, _ = run("caption", "long.npy", "--model", teller, "--json")
    assert [(one["start"], one["end"]) for one in json.loads(out)["motions"]] == [(0.0, 2.6), (2.6, 5.0)]


def test_the_best_of_some_motions_is_one_of_them_and_tells_its_text_best(teller):
    one = ("a person walks", "--seconds", 1, "--model", teller, "--json", "--seed", 3)
    out, _ = run("generate", *one, "-o", "best.npy", "--best-of", 4, "--count", 2)
    found = json.loads(out)
    assert found["paths"] == ["best_1.npy", "best_2.npy"]
    run("generate", *one, "-o", "all.npy", "--count", 8)
    every = [np.load(f"all_{number}.npy") for number in range(1, 9)]
    for number, group in ((1, every[:4]), (2, every[4:])):
        assert any(np.array_equal(np.load(f"best_{number}.npy"), motion) for motion in group)
    told = json.loads(run("generate", *one, "-o", "two.npy", "--best-of", 8)[0])["nats_per_word"]
    assert told == [min(found["nats_per_word"])]


def test_a_model_that_tells_nothing_says_so(bundle, take):
    for words in (("caption", take), ("generate", "walk", "-o", "w.npy", "--best-of", 2)):
        _, error = run(*words, "--model", bundle, code=2)
        assert "tells no motion in words; one of kind nmt does" in error


def test_the_best_is_chosen_among_motions_of_one_text(teller):
    _, error = run("generate", "walk", "jump", "-o", "w.npy", "--best-of", 2, "--model", teller, code=2)
    assert "--best-of chooses among motions of one text" in error


def test_several_texts_make_one_motion_and_how_it_is_drawn_can_be_set(bundle):
    out, _ = run("generate", "walk", "jump", "-o", "j.npy", "--seconds", 1, "--seconds", 2, "--model", bundle, "--json")
    assert json.loads(out)["frames"] == [60]
    cold = ("--set", "temperature=0", "--seconds", 1, "--model", bundle)
    for seed in (1, 2):
        run("generate", "walk", "-o", f"{seed}.npy", "--seed", seed, *cold)
    np.testing.assert_array_equal(np.load("1.npy"), np.load("2.npy"))
    _, error = run("generate", "walk", "-o", "j.npy", "--set", "warmth=1", "--model", bundle, code=2)
    assert "warmth" in error
    _, error = run("generate", "a", "b", "c", "-o", "j.npy", "--seconds", 1, "--seconds", 2, "--model", bundle, code=2)
    assert "2 times for 3 texts" in error


def test_an_edit_keeps_every_other_frame_and_says_so(bundle, take):
    out, _ = run("edit", take, "out.npy", "--replace", "1:2", "jump", "--model", bundle, "--json")
    facts = json.loads(out)
    assert (facts["frames"], facts["kept_frames"]) == ([56], [36])
    run("edit", take, "all.npy", "--keep", "0:1", "--keep", "2:9", "--text", "jump", "--model", bundle)
    np.testing.assert_array_equal(np.load("out.npy"), np.load("all.npy"))
    run("generate", "jump", "--start", take, "--seconds", 1, "-o", "on.npy", "--model", bundle)
    assert np.load("on.npy").shape == (76, 22, 3)
    np.testing.assert_array_equal(np.load("on.npy")[:20], np.load("out.npy")[:20])
    _, error = run("edit", take, "out.npy", "--model", bundle, code=2)
    assert "--replace or what to --keep" in error
    _, error = run("edit", take, "out.npy", "--replace", "soon", "jump", "--model", bundle, code=2)
    assert "FROM:TO" in error


def test_a_diffusion_generates_and_edits_too(joints, take, tmp_path_factory):
    bundle = tiny_bundle(joints, tmp_path_factory.mktemp("diffusion"), "d3pm")
    how = ("--set", "stride=4", "--set", "guidance=2", "--seconds", 1, "--model", bundle)
    for name in ("one.npy", "two.npy"):
        run("generate", "jump", "-o", name, *how)
    assert Path("one.npy").read_bytes() == Path("two.npy").read_bytes()
    out, _ = run("edit", take, "out.npy", "--replace", "1:2", "jump", "--model", bundle, "--json")
    assert json.loads(out)["kept_frames"] == [36]


def test_decoding_what_was_encoded_is_the_reconstruction(bundle, take):
    run("encode", take, "codes.npy", "--model", bundle)
    run("decode", "codes.npy", "decoded.npy", "--model", bundle)
    run("reconstruct", take, "again.npy", "--model", bundle)
    codes = np.load("codes.npy")
    assert codes.dtype == np.int64
    assert codes.shape == (14, 1)  # 57 frames, 56 features, 4 of them a code
    np.testing.assert_array_equal(np.load("decoded.npy"), np.load("again.npy"))


def test_a_reconstruction_can_be_had_on_the_file_s_own_skeleton(bundle, take):
    run("reconstruct", take, "again.bvh", "--model", bundle, "--rig", "source", "--unit", "m")
    source, again = (read_bvh(Path(path).read_bytes()) for path in (take, "again.bvh"))
    assert again.skeleton.names == source.skeleton.names
    assert len(again.root_pos) == 56
    longer = np.linalg.norm(again.skeleton.offsets, axis=1) / np.linalg.norm(source.skeleton.offsets, axis=1).clip(1e-9)
    np.testing.assert_allclose(longer[1:], longer[1], rtol=1e-3)


def test_codes_of_another_codebook_are_refused(bundle):
    np.save("codes.npy", np.full((3, 1), 16))
    _, error = run("decode", "codes.npy", "o.npy", "--model", bundle, code=2)
    assert re.search(r"codes\.npy: .*the codebook has 16", error)


def test_a_changed_bundle_is_refused(bundle, tmp_path):
    import shutil

    shutil.copytree(bundle, tmp_path / "changed")
    weights = tmp_path / "changed" / "prior" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\1")
    _, error = run("generate", "walk", "-o", "o.bvh", "--model", tmp_path / "changed", code=2)
    assert "changed since it was bundled" in error


def test_without_a_champion_the_message_says_what_makes_one():
    _, error = run("generate", "walk", "-o", "o.bvh", code=2)
    assert "make run" in error


def test_a_folder_that_is_no_bundle_is_named(tmp_path):
    _, error = run("generate", "walk", "-o", "o.bvh", "--model", tmp_path, code=2)
    assert "no bundle.json" in error


# --- journal --------------------------------------------------------------------------------------------------


def test_the_journal_is_shown_and_a_changed_line_is_found():
    book.append("promote", "1", "1", "ada", "the first one", {"bundle": "b"})
    book.append("promote", "2", "2", "ada", "feet slide less", {"bundle": "c"})
    out, _ = run("journal")
    assert "version 2" in out
    assert "ada: feet slide less" in out
    assert json.loads(run("journal", "--verify", "--json")[0]) == {"ok": True, "entries": 2}

    book.FILE.write_text(book.FILE.read_text().replace("the first one", "the best one"))
    out, _ = run("journal", "--verify", code=1)
    assert "line 1" in out


def test_params_names_the_key_that_is_wrong():
    text = (ROOT / "params.yaml").read_text().replace("fps: 20.0", "fps: -20.0", 1)
    Path("params.yaml").write_text(text)
    _, error = run("params", "--check", code=2)
    assert "normalize.fps" in error
    assert len(error.strip().splitlines()) == 1
