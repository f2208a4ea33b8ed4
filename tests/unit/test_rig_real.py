"""Real rigs: recognised by name and without, back within a millimetre, twist alike on two bodies of one motion."""

import lzma
import tarfile
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pytest
from rigs import anonymous

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.export import bvh
from motionlib.export.rig import RigMotion
from motionlib.ingest.bvh import read_bvh
from motionlib.rig.back import source_rig, to_source
from motionlib.rig.canonical import canonical_motion
from motionlib.rig.geometry import find_unit, find_up, turn_y_up
from motionlib.rig.mapping import map_clip
from motionlib.rig.pose import world

pytestmark = pytest.mark.slow
SOURCES = {
    "cmu": ("cmu/bvh/05.tar.xz", 2, 0.0254 / 0.45),
    "motionbuilder": ("cmu/bvh_cgspeed_mb/01.tar.xz", 1, 0.0254 / 0.45),
    "daz": ("cmu/bvh_cgspeed_daz/11.tar.xz", 1, 0.01),
    "iclone": ("ood/cmu_on_iclone_skeleton.tar.xz", 3, 0.01),
    "lafan1": ("ood/lafan1.tar.xz", 2, 0.01),
    "bandai": ("ood/bandai_namco_1.tar.xz", 6, 0.01),
    "snu": ("ood/snu_walks.tar.xz", 2, None),
    "xia": ("ood/xia_style.tar.xz", 2, 0.0254 / 0.45),
    "odd": ("ood/mild_oddities.tar.xz", 4, None),
}
FRAMES = 600


def clips(folder, source):
    archive, count, unit = SOURCES[source]
    with tarfile.open(fileobj=lzma.open(folder / archive)) as packed:
        for member in packed:
            if not member.name.endswith(".bvh") or not count:
                continue
            count -= 1
            yield clip_of(member.name, packed.extractfile(member).read(), unit)


def clip_of(name, data, unit):
    raw = read_bvh(data)
    metres, up = find_unit(raw), find_up(raw)
    assert unit is None or metres == pytest.approx(unit)
    root, local = turn_y_up(raw.root_pos[:FRAMES], raw.local_quat[:FRAMES], up)
    rig = replace(raw.skeleton, offsets=raw.skeleton.offsets * metres)
    info = ClipInfo(PurePosixPath(name).stem, name, "d")
    return Clip(info, rig, (root * metres).astype(np.float32), local.astype(np.float32), raw.fps)


@pytest.mark.parametrize("source", SOURCES)
def test_a_real_rig_comes_back_within_a_millimetre_and_over_a_file_within_a_ten_thousandth_radian(real_mocap, source):
    for clip in clips(real_mocap, source):
        back = to_source(canonical_motion(clip, clip.fps), clip, clip.fps)
        here, _ = world(clip.skeleton, clip.root_pos, rotations.normalise(clip.local_quat))
        there, turned = world(back.skeleton, back.root_pos, rotations.normalise(back.local_quat))
        assert np.linalg.norm(here - there, axis=-1).max() < 1e-3, clip.info.id
        motion = RigMotion(back.skeleton, back.root_pos.astype(float), back.local_quat.astype(float))
        read = read_bvh(bvh.text(motion, clip.fps, "m").encode())
        _, again = world(read.skeleton, read.root_pos, read.local_quat)
        names = clip.skeleton.names
        inner = [joint for joint in sorted(set(clip.skeleton.parents) - {-1}) if names[joint] in read.skeleton.names]
        order = [read.skeleton.names.index(names[joint]) for joint in inner]
        off = rotations.multiply(rotations.inverse(turned[:, inner]), again[:, order])[..., 1:]
        assert 2 * np.linalg.norm(off, axis=-1).max() < 1e-4, clip.info.id


@pytest.mark.parametrize("source", SOURCES)
def test_a_real_rig_is_the_same_body_without_its_names(real_mocap, source):
    for clip in clips(real_mocap, source):
        named, nameless = map_clip(clip), map_clip(anonymous(clip))
        assert named.overall > 0.75
        assert nameless.overall > 0.5
        differ = {CANONICAL_NAMES[j] for j in range(22) if named.first[j] != nameless.first[j]}
        assert differ <= {"left_wrist", "right_wrist"}, clip.info.id  # CMU's hands are two joints
        if source not in ("cmu", "motionbuilder"):
            assert not differ


@pytest.mark.parametrize("source", ["iclone", "lafan1", "bandai"])
def test_a_rig_without_a_posed_rest_is_aligned_alike_in_every_take(real_mocap, source):
    turns = np.array([source_rig(clip).alignment.turn for clip in clips(real_mocap, source)])
    cosine = np.abs((turns * turns[:1]).sum(-1)).clip(max=1.0)
    assert np.degrees(2 * np.arccos(cosine.min())) < 15


def test_one_motion_on_two_bodies_has_the_same_rotations_in_its_limbs(real_mocap):
    # CMU 05_01, with a rest pose of a person, and the same on iClone's rig, whose rest pose is none.
    both = []
    for archive, name, unit in ((SOURCES["cmu"][0], "05_01.bvh", None), (SOURCES["iclone"][0], "005_01.bvh", None)):
        with tarfile.open(fileobj=lzma.open(real_mocap / archive)) as packed:
            member = next(member for member in packed if member.name.endswith(name))
            both.append(canonical_motion(clip_of(name, packed.extractfile(member).read(), unit), 20.0).world_quat)
    frames = min(len(quat) for quat in both)
    cosine = np.abs((both[0][:frames] * both[1][:frames]).sum(-1)).clip(max=1.0)
    degrees = np.degrees(2 * np.arccos(np.median(cosine, axis=0)))
    for name in (f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "shoulder", "elbow")):
        assert degrees[CANONICAL_NAMES.index(name)] < 4, name
