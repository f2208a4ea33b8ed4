"""Joints are found by names of any tool, by the shape of the tree alone, or as a person says."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rigs import (
    NAMINGS,
    PARTS,
    along_x,
    anonymous,
    in_unit,
    prefixed,
    renamed,
    shuffled,
    walk,
    with_axes,
    with_up,
)

from motionlib.body.skeleton import CANONICAL_NAMES, Skeleton
from motionlib.rig.canonical import canonical_motion
from motionlib.rig.mapping import UnmappedSkeletonError, map_clip, map_skeleton
from motionlib.rig.names import told_all
from motionlib.rig.override import Override
from motionlib.rig.picture import picture

WALK = walk()
PLAIN = map_clip(WALK)
LIMBS = [joint for joint, name in enumerate(CANONICAL_NAMES) if "_" in name and "collar" not in name]


def where(clip, mapping, own=None):
    """Names of the joints between which each canonical joint lies, and the share, by `own` names if given."""
    names = own or clip.skeleton.names
    return [
        (names[a], names[b], round(float(share), 6))
        for a, b, share in zip(mapping.first, mapping.second, mapping.share, strict=True)
    ]


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_tools_names_give_the_same_joints(naming):
    clip = renamed(WALK, naming)
    mapping = map_clip(clip)
    assert where(clip, mapping, WALK.skeleton.names) == where(WALK, PLAIN)
    assert mapping.overall > 0.7
    by_name = [CANONICAL_NAMES[joint] for joint in LIMBS if "name" not in mapping.evidence[joint]]
    assert by_name == []


@settings(max_examples=25)
@given(
    naming=st.sampled_from(sorted(NAMINGS)),
    seed=st.integers(0, 2**16),
    unit=st.sampled_from([1.0, 0.01, 0.0254, 0.001]),
    up=st.sampled_from(["y", "z", "-z", "x"]),
    prefix=st.sampled_from(["", "Actor7_", "rig:", "SK-", "My Hero "]),
)
def test_the_mapping_does_not_depend_on_order_unit_up_or_prefix(naming, seed, unit, up, prefix):
    clip = renamed(WALK, naming)
    back = dict(zip((prefix + name for name in clip.skeleton.names), WALK.skeleton.names, strict=True))
    changed = shuffled(with_up(in_unit(prefixed(clip, prefix), unit), up), seed)
    mapping = map_skeleton(changed.skeleton)
    assert where(changed, mapping, [back[name] for name in changed.skeleton.names]) == where(WALK, PLAIN)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**16), unit=st.sampled_from([1.0, 0.01, 0.0254, 0.001]), up=st.sampled_from(["y", "z", "-x"])
)
def test_without_any_name_the_shape_tells_the_body(seed, unit, up):
    nameless = anonymous(WALK)
    back = dict(zip(nameless.skeleton.names, WALK.skeleton.names, strict=True))
    changed = shuffled(with_up(in_unit(nameless, unit), up), seed)
    mapping = map_skeleton(changed.skeleton)
    assert where(changed, mapping, [back[name] for name in changed.skeleton.names]) == where(WALK, PLAIN)
    assert 0.5 < mapping.overall < PLAIN.overall
    assert all("name" not in evidence for evidence in mapping.evidence)


def test_where_the_rest_pose_says_nothing_the_take_tells_left_from_right():
    turned = with_axes(WALK, along_x(WALK))
    mapping = map_clip(anonymous(turned))
    assert where(turned, mapping) == where(turned, map_clip(turned))


def test_a_sword_in_one_hand_does_not_change_the_body():
    rig = WALK.skeleton
    names, parents = (*rig.names, "blade", "tip"), (*rig.parents, rig.names.index("RightHand"), rig.joint_count)
    armed = Skeleton(names, parents, np.concatenate([rig.offsets, [[-0.1, 0, 0], [0, 1.2, 0]]]))
    assert where(replace(WALK, skeleton=armed), map_skeleton(armed)) == where(WALK, PLAIN)
    assert set(map_skeleton(armed).extra) - set(PLAIN.extra) == {"blade", "tip"}


def test_joints_that_take_no_part_are_listed():
    assert "LeftHandIndex1" in PLAIN.extra
    assert "LThumb" in PLAIN.extra
    assert "Head_end" not in PLAIN.extra
    assert not set(PLAIN.extra) & {WALK.skeleton.names[joint] for joint in PLAIN.used}


def test_what_a_person_says_goes_before_everything():
    said = Override.read('{"joints": {"left_wrist": "LeftFingerBase", "spine2": ["Spine", "Spine1", 0.5]}}')
    mapping = map_skeleton(WALK.skeleton, said)
    names = WALK.skeleton.names
    wrist, spine = CANONICAL_NAMES.index("left_wrist"), CANONICAL_NAMES.index("spine2")
    assert names[mapping.first[wrist]] == "LeftFingerBase"
    assert (names[mapping.first[spine]], names[mapping.second[spine]], mapping.share[spine]) == ("Spine", "Spine1", 0.5)
    assert mapping.evidence[wrist] == ("override",)
    assert mapping.confidence[wrist] == 1.0


def test_a_clip_carries_what_was_said():
    said = replace(WALK, info=replace(WALK.info, rig='{"joints": {"left_wrist": "LeftFingerBase"}}'))
    assert WALK.skeleton.names[map_clip(said).first[CANONICAL_NAMES.index("left_wrist")]] == "LeftFingerBase"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"joints": {"left_wrist": "Hnd"}}', r"joints\.left_wrist: the skeleton has no joint 'Hnd'; it has Hips"),
        ('{"extra": ["sword"]}', "extra: the skeleton has no joint 'sword'"),
        ('{"extra": ["LeftUpLeg"]}', "cannot find left_hip"),
        ('{"joints": {"left_knee": "LeftHand"}}', "left_knee .'LeftHand'. does not hang below left_hip"),
    ],
)
def test_what_cannot_be_as_said_is_refused_by_name(text, message):
    with pytest.raises(UnmappedSkeletonError, match=message):
        map_skeleton(WALK.skeleton, Override.read(text))


def test_a_refusal_says_what_to_write():
    rig = anonymous(WALK).skeleton
    stub = Skeleton(rig.names[:20], rig.parents[:20], rig.offsets[:20])  # legs and trunk, no arms
    with pytest.raises(UnmappedSkeletonError, match=r'rig file beside it: \{"joints": \{"left_hip": "NAME"'):
        map_skeleton(stub)


def test_a_body_of_odd_proportions_without_names_is_doubted():
    rig = anonymous(WALK).skeleton
    offsets = rig.offsets.copy()
    for name in ("LeftForeArm", "RightForeArm", "LeftArm", "RightArm"):
        offsets[WALK.skeleton.names.index(name)] *= 4.0
    with pytest.raises(UnmappedSkeletonError, match="not sure enough of"):
        map_skeleton(Skeleton(rig.names, rig.parents, offsets))
    named = map_skeleton(Skeleton(WALK.skeleton.names, rig.parents, offsets))
    assert named.overall < PLAIN.overall


def test_words_that_all_names_share_tell_nothing():
    names = [f"Hero_{part}_JNT" for part in ("Hips", "Head", *(f"Left{p}" for p in PARTS), *(f"R{p}" for p in PARTS))]
    meanings = told_all(names)
    assert meanings[:2] == [("", "hips"), ("", "head")]
    assert ("left", "forearm") in meanings
    assert ("right", "upleg") in meanings


@pytest.mark.parametrize("joints", [1, 2, 40, 700])
def test_stars_and_chains_are_refused_without_much_work(joints):
    chain = Skeleton(tuple(f"a{i}" for i in range(joints)), (-1, *range(joints - 1)), np.ones((joints, 3)))
    star = Skeleton(chain.names, (-1, *[0] * (joints - 1)), np.ones((joints, 3)))
    for hostile in (chain, star):
        with pytest.raises(UnmappedSkeletonError, match="cannot find"):
            map_skeleton(hostile)


def test_the_picture_is_the_same_twice_and_a_png():
    first, second = (picture(WALK.skeleton, PLAIN) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")


@st.composite
def broken_rigs(draw):
    """The walking body with some joints hung elsewhere, shortened to nothing or renamed."""
    rig = WALK.skeleton if draw(st.booleans()) else anonymous(WALK).skeleton
    parents, offsets, names = list(rig.parents), rig.offsets.copy(), list(rig.names)
    for _ in range(draw(st.integers(1, 8))):
        joint = draw(st.integers(1, rig.joint_count - 1))
        parents[joint] = draw(st.integers(0, joint - 1))
    for _ in range(draw(st.integers(0, 12))):
        offsets[draw(st.integers(1, rig.joint_count - 1))] *= draw(st.sampled_from([0.0, 0.0, 1e-9, 10.0, 1e6]))
    for _ in range(draw(st.integers(0, 3))):
        joint = draw(st.integers(0, rig.joint_count - 1))
        names[joint] = f"{draw(st.sampled_from(['Left', 'R', '', '_', '7']))}{draw(st.sampled_from(PARTS))}{joint}"
    return Skeleton(tuple(names), tuple(parents), offsets)


@settings(max_examples=120)
@given(broken_rigs())
def test_a_broken_rig_is_mapped_with_finite_places_or_refused_by_our_own_error(rig):
    try:
        mapping = map_skeleton(rig)
    except UnmappedSkeletonError:
        return
    assert np.isfinite(mapping.share).all()
    assert np.isfinite(mapping.confidence).all()
    assert ((mapping.confidence >= 0) & (mapping.confidence <= 1)).all()
    assert ((mapping.share >= 0) & (mapping.share <= 1)).all()
    quat = np.zeros((3, rig.joint_count, 4), dtype=np.float32)
    quat[..., 0] = 1
    with contextlib.suppress(UnmappedSkeletonError):
        motion = canonical_motion(
            replace(WALK, skeleton=rig, root_pos=np.zeros((3, 3), np.float32), local_quat=quat), 20.0
        )
        assert np.isfinite(motion.joints).all()
        assert np.isfinite(motion.world_quat).all()
