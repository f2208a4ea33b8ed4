"""From a source rig to the canonical joints and back, over files too."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs import INFO, NAMINGS, along_x, anonymous, renamed, shuffled, walk, with_axes

from motionlib.artifacts import Clip
from motionlib.body import rotations
from motionlib.export import bvh
from motionlib.export.reconstructed import onto_source
from motionlib.export.retarget import retarget
from motionlib.export.rig import RigMotion
from motionlib.ingest.bvh import read_bvh
from motionlib.normalize import extract, recover
from motionlib.normalize.exact import extract as exact_features
from motionlib.normalize.exact import recover_rotations
from motionlib.rig.back import extras, source_rig, to_source
from motionlib.rig.canonical import CanonicalMotion, canonical_motion
from motionlib.rig.pose import resample, world

WALK = walk()
TURNED = with_axes(WALK, along_x(WALK))


def apart(a, b):
    """Largest distance in metres and largest angle in radians between two clips' joints."""
    (here, turned), (there, other) = (
        world(clip.skeleton, clip.root_pos, rotations.normalise(clip.local_quat)) for clip in (a, b)
    )
    sine = np.linalg.norm(rotations.multiply(rotations.inverse(turned), other)[..., 1:], axis=-1).clip(max=1.0)
    return np.linalg.norm(here - there, axis=-1).max(), 2 * np.arcsin(sine).max()


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("turned", [False, True])
def test_every_rig_comes_back_as_it_was(naming, turned):
    clip = renamed(TURNED if turned else WALK, naming)
    back = to_source(canonical_motion(clip, 20.0), clip, 20.0)
    distance, angle = apart(clip, back)
    assert distance < 1e-4
    assert angle < 1e-3
    assert back.skeleton.names == clip.skeleton.names


@settings(max_examples=10)
@given(seed=st.integers(0, 2**16))
def test_order_and_names_of_joints_do_not_matter_for_the_way_back(seed):
    clip = anonymous(shuffled(TURNED, seed))
    distance, _ = apart(clip, to_source(canonical_motion(clip, 20.0), clip, 20.0))
    assert distance < 1e-4


@pytest.mark.parametrize("fps", [30.0, 59.94, 20.0, 10.0])
def test_another_rate_gives_the_resampled_source(fps):
    root, quat = resample(WALK.root_pos, WALK.local_quat, WALK.fps, fps)
    expected = Clip(INFO, WALK.skeleton, root.astype(np.float32), quat.astype(np.float32), fps)
    distance, _ = apart(expected, to_source(canonical_motion(WALK, fps), WALK, fps))
    assert distance < 1e-3


def test_fingers_keep_their_motion_and_without_the_clip_their_mean():
    rig = source_rig(WALK)
    finger = WALK.skeleton.names.index("LeftHandIndex1")
    kept = extras(WALK, rig, 20.0)[:, rig.free.index(finger)]
    np.testing.assert_allclose(kept, WALK.local_quat[:, finger], atol=1e-6)
    alone = to_source(canonical_motion(WALK, 20.0), rig, 20.0)
    assert np.ptp(alone.local_quat[:, finger], axis=0).max() < 1e-6


def test_edited_joints_move_the_source_rig():
    motion = canonical_motion(TURNED, 20.0)
    turn = rotations.from_yaw(1.0)
    edited = CanonicalMotion(rotations.rotate(turn, motion.joints) + 0.5, rotations.multiply(turn, motion.world_quat))
    again = canonical_motion(to_source(edited, TURNED, 20.0), 20.0)
    np.testing.assert_allclose(again.joints, edited.joints, atol=1e-4)


def test_extra_rotations_of_another_length_are_refused():
    with pytest.raises(ValueError, match="expected extra rotations"):
        to_source(canonical_motion(WALK, 20.0), WALK, 20.0, np.zeros((3, 1, 4)))


@pytest.mark.parametrize("unit", ["cm", "m"])
@pytest.mark.parametrize("naming", ["mixamo", "hik", "lafan1", "unreal", "vrm", "rokoko"])
def test_a_written_file_reads_back_within_a_ten_thousandth_radian(naming, unit):
    clip = renamed(TURNED, naming)
    back = to_source(canonical_motion(clip, 20.0), clip, 20.0)
    text = bvh.text(RigMotion(back.skeleton, back.root_pos.astype(float), back.local_quat.astype(float)), 20.0, unit)
    read = read_bvh(text.encode())
    scale = 0.01 if unit == "cm" else 1.0
    rig = replace(read.skeleton, offsets=read.skeleton.offsets * scale)
    order = [rig.names.index(name) for name in clip.skeleton.names if name in rig.names]
    kept = [joint for joint, name in enumerate(clip.skeleton.names) if name in rig.names]
    there, turned = world(rig, read.root_pos * scale, read.local_quat)
    here, own = world(clip.skeleton, clip.root_pos, rotations.normalise(clip.local_quat))
    inner = [i for i, joint in enumerate(kept) if joint in clip.skeleton.parents]
    off = rotations.multiply(rotations.inverse(own[:, kept]), turned[:, order])[:, inner, 1:]
    assert 2 * np.linalg.norm(off, axis=-1).max() < 1e-4
    np.testing.assert_allclose(there[:, order], here[:, kept], atol=1e-4)


def test_mixed_channels_come_back_through_the_reader():
    # Six channels on the root and on every second joint, three on the rest, as some exporters write.
    plain = bvh.text(RigMotion(WALK.skeleton, WALK.root_pos.astype(float), WALK.local_quat.astype(float)), 20.0)
    head, _, tail = plain.partition("MOTION")
    lines, offset, mixed = head.splitlines(), (), []
    for index, line in enumerate(lines):
        if "OFFSET" in line:
            offset = tuple(line.split()[1:])
        six = "CHANNELS 3" in line and index % 2
        mixed.append(offset if six else None if "CHANNELS" in line else ())
        if six:
            lines[index] = line.replace("CHANNELS 3", "CHANNELS 6 Xposition Yposition Zposition")
    rows = tail.splitlines()
    channels = [entry for entry in mixed if entry != ()]
    for number, row in enumerate(rows[3:], start=3):
        values, out = row.split(), []
        position = 0
        for entry in channels:
            count = 6 if position == 0 else 3
            out += [*(entry or ()), *values[position : position + count]]
            position += count
        rows[number] = " ".join(out)
    read = read_bvh(("\n".join(lines) + "\nMOTION" + "\n".join(rows) + "\n").encode())
    rig = replace(read.skeleton, offsets=read.skeleton.offsets * 0.01)
    clip = Clip(INFO, rig, (read.root_pos * 0.01).astype(np.float32), read.local_quat.astype(np.float32), 20.0)
    distance, _ = apart(clip, to_source(canonical_motion(clip, 20.0), clip, 20.0))
    assert distance < 1e-4
    np.testing.assert_allclose(canonical_motion(clip, 20.0).joints, canonical_motion(WALK, 20.0).joints, atol=1e-4)


def test_retargeting_with_rotations_keeps_directions_and_twist_of_the_limbs():
    motion = canonical_motion(WALK, 20.0)
    moved = retarget(motion.joints, TURNED, motion.world_quat)
    clip = Clip(INFO, moved.skeleton, moved.root_pos.astype(np.float32), moved.local_quat.astype(np.float32), 20.0)
    again = canonical_motion(clip, 20.0)
    same = np.abs((again.world_quat * motion.world_quat).sum(-1)).min(axis=0).clip(max=1.0)
    degrees = np.degrees(2 * np.arccos(same))
    assert degrees[[1, 2, 4, 5, 16, 17, 18, 19]].max() < 0.1
    # These feet lie along no axis of their joints, so that their twist is that of the moment.
    assert degrees[[7, 8]].max() < 3


@pytest.mark.parametrize("clip", [WALK, TURNED], ids=["posed", "along_x"])
def test_a_motion_that_came_out_as_it_went_in_is_the_take_again(clip):
    motion = canonical_motion(clip, 20.0)
    again = onto_source(motion.joints, clip, 20.0)
    whole = Clip(INFO, again.skeleton, again.root_pos.astype(np.float32), again.local_quat.astype(np.float32), 20.0)
    distance, _ = apart(clip, whole)
    assert distance < 1e-3


@pytest.mark.parametrize("exact", [True, False])
def test_features_and_back_land_on_the_take_s_own_skeleton_where_it_stood(exact):
    turn = rotations.from_yaw(2.0)
    quat = TURNED.local_quat.astype(np.float64)
    quat[:, 0] = rotations.multiply(turn, quat[:, 0])
    clip = replace(TURNED, root_pos=rotations.rotate(turn, TURNED.root_pos) + np.array([3, 0, -2]), local_quat=quat)
    motion = canonical_motion(clip, 20.0)
    rows = exact_features(*motion) if exact else extract(motion.joints)
    again = onto_source(recover(rows), clip, 20.0, recover_rotations(rows) if exact else None)
    whole = Clip(INFO, again.skeleton, again.root_pos.astype(np.float32), again.local_quat.astype(np.float32), 20.0)
    np.testing.assert_array_equal(again.skeleton.offsets, clip.skeleton.offsets)
    off = np.linalg.norm(canonical_motion(whole, 20.0).joints - motion.joints[: len(rows)], axis=-1)
    assert off.mean() < 0.02
    finger = clip.skeleton.names.index("LeftHandIndex1")
    np.testing.assert_allclose(
        np.abs((whole.local_quat[:, finger] * clip.local_quat[: len(rows), finger]).sum(-1)), 1, atol=1e-5
    )
