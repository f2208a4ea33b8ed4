"""`motionlib rig` shows how a skeleton is understood, and a rig file beside the motion is honoured."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from rigs import anonymous, in_unit, renamed, walk, with_up

from motionlib.cli import main
from motionlib.export import bvh
from motionlib.export.rig import RigMotion

WALK = walk()


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def write(path, clip):
    """BVH of a clip in whatever unit and axes it is."""
    motion = RigMotion(clip.skeleton, clip.root_pos.astype(float), clip.local_quat.astype(float))
    path.write_bytes(bvh.text(motion, clip.fps, "m").encode())
    return path


@pytest.fixture
def take(tmp_path):
    return write(tmp_path / "take.bvh", with_up(in_unit(renamed(WALK, "unreal"), 0.0254), "z"))


def test_a_person_sees_unit_up_facing_joints_and_confidence(take):
    text = run("rig", take)
    assert "unit    0.0254 m (ankle to head: " in text
    assert "up      z (the trunk stands along z" in text
    assert "facing  +z (" in text
    assert "left_knee       calf_l " in text
    assert "extra joints, kept beside: " in text


def test_a_program_gets_the_same_as_json(take):
    facts = json.loads(run("rig", take, "--json"))
    assert (facts["unit"], facts["up"], facts["rig_file"]) == (0.0254, "z", False)
    assert facts["mapping"][4]["joint"] == "left_knee"
    assert facts["mapping"][4]["source"] == "calf_l"
    assert facts["confidence"] == min(row["confidence"] for row in facts["mapping"])


def test_what_is_written_can_be_read_beside_the_motion(take):
    rig = take.with_name("take.rig.json")
    run("rig", take, "--write", rig, "--picture", take.with_suffix(".png"))
    said = json.loads(rig.read_text())
    assert said["joints"]["left_knee"] == "calf_l"
    assert (said["unit"], said["up"]) == (0.0254, "z")
    facts = json.loads(run("rig", take, "--json"))
    assert facts["rig_file"]
    assert facts["mapping"][4]["evidence"] == ["override"]
    assert take.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_rig_file_changes_what_a_conversion_gives(take):
    run("convert", take, take.with_name("plain.npy"))
    take.with_name("rig.json").write_text('{"joints": {"left_wrist": "xLeftHandIndex1"}, "unit": 0.0127, "fps": 10}')
    out = json.loads(run("convert", take, take.with_name("said.npy"), "--json"))
    plain, said = np.load(take.with_name("plain.npy")), np.load(take.with_name("said.npy"))
    assert out["fps"] == 10
    np.testing.assert_allclose(said[:, :18], plain[:, :18] / 2, atol=1e-5)
    assert np.linalg.norm(said[:, 20] - plain[:, 20] / 2, axis=-1).min() > 0.02


def test_a_wrong_rig_file_is_told_by_key(take):
    take.with_name("take.rig.json").write_text('{"ups": "z"}')
    assert "take.bvh: rig file: ups: Extra inputs" in run("rig", take, code=2)


def test_a_skeleton_that_is_no_body_is_shown_with_what_to_write(tmp_path):
    rig = anonymous(WALK).skeleton
    legs = replace(rig, names=rig.names[:14], parents=rig.parents[:14], offsets=rig.offsets[:14])
    stub = replace(WALK, skeleton=legs, local_quat=WALK.local_quat[:, :14])
    text = run("rig", write(tmp_path / "legs.bvh", stub), code=1)
    assert "not recognised as a body" in text
    assert "j00, j01" in text


def test_a_format_that_is_not_read_is_refused(tmp_path):
    (tmp_path / "a.fbx").write_bytes(b"")
    assert ".fbx is not read; import it in Blender" in run("rig", tmp_path / "a.fbx", code=2)
