"""Any humanoid skeleton becomes the canonical 22 joints, at any frame rate."""

import lzma
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import rotations
from motionlib.body.kinematics import bones, forward
from motionlib.body.skeleton import CANONICAL_LENGTHS, CANONICAL_NAMES, CANONICAL_PARENTS, Skeleton
from motionlib.ingest.bvh import read_bvh
from motionlib.normalize import extract
from motionlib.rig.canonical import canonical_joints, frames_at, mirrored, resample
from motionlib.rig.mapping import UnmappedSkeletonError, map_skeleton, told

# name, parent, offset in metres: legs 0.4 + 0.4, trunk 0.5, arms 0.3 + 0.25, toes ahead.
TRUNK = [("Hips", "", (0, 0, 0))]
LEGS = [
    ("UpLeg", "Hips", (0.1, -0.1, 0)),
    ("Leg", "UpLeg", (0, -0.4, 0)),
    ("Foot", "Leg", (0, -0.4, 0)),
    ("Toe", "Foot", (0, -0.05, 0.12)),
]
ARMS = [
    ("Shoulder", "Chest", (0.05, 0.15, 0)),
    ("Arm", "Shoulder", (0.12, 0, 0)),
    ("ForeArm", "Arm", (0.3, 0, 0)),
    ("Hand", "ForeArm", (0.25, 0, 0)),
]
MIDDLE = [("Chest", "Hips", (0, 0.3, 0)), ("Neck", "Chest", (0, 0.2, 0)), ("Head", "Neck", (0, 0.1, 0.03))]


def build(joints):
    names = [name for name, _, _ in joints]
    parents = tuple(names.index(parent) if parent else -1 for _, parent, _ in joints)
    return Skeleton(tuple(names), parents, np.array([offset for _, _, offset in joints], dtype=float))


def rig(rename=lambda side, part: side + part, middle=MIDDLE, legs=LEGS, arms=ARMS, trunk=TRUNK):
    """A rig with one spine joint; `rename(side, part)` names the limbs."""
    joints = [*trunk, *middle]
    for side, sign in (("Left", 1), ("Right", -1)):
        limbs = {part for part, _, _ in [*legs, *arms]}
        for part, parent, (x, y, z) in [*legs, *arms]:
            above = rename(side, parent) if parent in limbs else parent
            joints.append((rename(side, part), above, (sign * x, y, z)))
    return build(joints)


def take(skeleton, frames=1, fps=20.0, seed=None):
    """Upright at the origin; with a seed, joints turn smoothly."""
    quat = np.zeros((frames, skeleton.joint_count, 4))
    quat[..., 0] = 1
    root = np.tile([0.0, 0.95, 0.0], (frames, 1))
    if seed is not None:
        generator = np.random.default_rng(seed)
        speed = generator.uniform(-1, 1, size=(skeleton.joint_count, 3))
        quat = rotations.from_euler(0.3 * np.sin(np.arange(frames)[:, None, None] / fps * speed * 6), "XYZ")
        root = root + np.arange(frames)[:, None] / fps * generator.uniform(-1, 1, size=3)
    info = ClipInfo(id="delivery/take", file="delivery/take.bvh", delivery="delivery")
    return Clip(info, skeleton, root.astype(np.float32), quat.astype(np.float32), fps)


def joint(joints, name):
    return joints[..., CANONICAL_NAMES.index(name), :]


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("LeftUpLeg", ("left", "upleg")),
        ("mixamorig:RightForeArm", ("right", "forearm")),
        ("CC_Base_L_Thigh", ("left", "thigh")),
        ("UpperArm_R", ("right", "upperarm")),
        ("lShldr", ("left", "shldr")),
        ("left_hip", ("left", "hip")),
        ("LHipJoint", ("left", "hipjoint")),
        ("LeftToeBase", ("left", "toe")),
        ("rightupleg", ("right", "upleg")),
        ("rthigh", ("right", "thigh")),
        ("LeftShoulder1", ("left", "shoulder")),
        ("LeftHandIndex1", ("left", "handindex")),
        ("Head", ("", "head")),
        ("Hips", ("", "hips")),
    ],
)
def test_a_name_tells_side_and_part(name, meaning):
    assert told(name) == meaning


SMPL_WORDS = {
    "UpLeg": "hip", "Leg": "knee", "Foot": "ankle", "Toe": "foot", "Shoulder": "collar", "Arm": "shoulder",
    "ForeArm": "elbow", "Hand": "wrist",
}  # fmt: skip
NAMINGS = {
    "cmu": lambda side, part: side + part.replace("Toe", "ToeBase"),
    "mixamo": lambda side, part: f"mixamorig:{side}{part}",
    "bandai": lambda side, part: (
        {"UpLeg": "UpperLeg", "Leg": "LowerLeg", "Toe": "Toes", "Arm": "UpperArm", "ForeArm": "LowerArm"}.get(
            part, part
        )
        + f"_{side[0]}"
    ),
    "smpl": lambda side, part: f"{side.lower()}_{SMPL_WORDS[part]}",
    "bones": lambda side, part: side + SMPL_WORDS[part].capitalize().replace("Foot", "Toe"),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_naming_gives_the_same_body(naming):
    joints = canonical_joints(take(rig(NAMINGS[naming])), 20.0)[0]
    np.testing.assert_allclose(joint(joints, "left_hip"), [0.1, 0.85, 0], atol=1e-7)
    np.testing.assert_allclose(joint(joints, "right_knee"), [-0.1, 0.45, 0], atol=1e-7)
    np.testing.assert_allclose(joint(joints, "left_ankle"), [0.1, 0.05, 0], atol=1e-7)
    np.testing.assert_allclose(joint(joints, "left_foot"), [0.1, 0.0, 0.12], atol=1e-7)
    np.testing.assert_allclose(joint(joints, "left_collar"), [0.05, 1.4, 0], atol=1e-7)
    np.testing.assert_allclose(joint(joints, "right_shoulder"), [-0.17, 1.4, 0], atol=1e-7)
    np.testing.assert_allclose(joint(joints, "left_wrist"), [0.72, 1.4, 0], atol=1e-7)
    np.testing.assert_allclose(joint(joints, "head"), [0, 1.55, 0.03], atol=1e-7)


def test_missing_spine_joints_lie_along_the_spine_in_the_canonical_proportions():
    joints = canonical_joints(take(rig()), 20.0)[0]
    heights = joint(joints, "pelvis")[1], *(joint(joints, f"spine{i}")[1] for i in (1, 2, 3)), joint(joints, "neck")[1]
    np.testing.assert_allclose(np.diff(heights) / 0.5, CANONICAL_LENGTHS[[3, 6, 9, 12]] / 0.5514834, atol=1e-5)


def test_three_spine_joints_are_taken_as_they_are():
    middle = [
        ("Spine", "Hips", (0, 0.1, 0)),
        ("Spine1", "Spine", (0, 0.1, 0)),
        ("Chest", "Spine1", (0, 0.1, 0)),
        ("Neck", "Chest", (0, 0.2, 0)),
        ("Head", "Neck", (0, 0.1, 0.03)),
    ]
    joints = canonical_joints(take(rig(middle=middle)), 20.0)[0]
    np.testing.assert_allclose([joint(joints, f"spine{i}")[1] for i in (1, 2, 3)], [1.05, 1.15, 1.25], atol=1e-6)


def test_joints_that_coincide_do_not_become_bones_without_length():
    # As in CMU: hip joints and lower back at the root, both collar bones and the lower neck at the breastbone.
    middle = [
        ("LowerBack", "Hips", (0, 0, 0)),
        ("Chest", "LowerBack", (0, 0.3, 0)),
        ("Neck", "Chest", (0, 0.15, 0)),
        ("Neck1", "Neck", (0, 0.08, 0)),
        ("Head", "Neck1", (0, 0.08, 0)),
    ]
    legs = [("HipJoint", "Hips", (0, 0, 0)), ("UpLeg", "HipJoint", (0.1, -0.1, 0)), *LEGS[1:]]
    arms = [("Shoulder", "Chest", (0, 0.15, 0)), ("Arm", "Shoulder", (0.2, 0, 0)), *ARMS[2:]]
    clip = take(
        rig(lambda s, p: ["LHipJoint", "RHipJoint"][s == "Right"] if p == "HipJoint" else s + p, middle, legs, arms)
    )
    joints = canonical_joints(clip, 20.0)
    lengths = np.linalg.norm(bones(joints, CANONICAL_PARENTS), axis=-1)[0, 1:]
    assert lengths.min() > 0.04
    np.testing.assert_allclose(joint(joints, "left_collar")[0], [0.08, 1.4, 0], atol=1e-6)
    np.testing.assert_allclose(joint(joints, "neck")[0, 1], 1.48, atol=1e-6)


def test_without_toes_the_end_of_the_foot_stands_for_them():
    legs = [*LEGS[:3], ("Foot_end", "Foot", (0, -0.05, 0.2))]
    joints = canonical_joints(take(rig(legs=legs)), 20.0)[0]
    np.testing.assert_allclose(joint(joints, "right_foot"), [-0.1, 0, 0.2], atol=1e-6)


def test_without_a_neck_it_lies_between_chest_and_head():
    joints = canonical_joints(take(rig(middle=[MIDDLE[0], ("Head", "Chest", (0, 0.3, 0))])), 20.0)[0]
    assert 1.25 < joint(joints, "spine3")[1] + 0.05 < joint(joints, "neck")[1] < 1.55


def test_what_is_missing_is_named():
    skeleton = rig(legs=LEGS[:2], middle=[*MIDDLE[:2], ("Skull", "Neck", (0, 0.1, 0))])
    with pytest.raises(UnmappedSkeletonError, match=r"delivery/take.*cannot find left_ankle, right_ankle, head"):
        canonical_joints(take(skeleton), 20.0)


def test_a_chair_is_not_a_body():
    with pytest.raises(UnmappedSkeletonError, match="left_hip"):
        map_skeleton(build([("Seat", "", (0, 0, 0)), ("Leg1", "Seat", (0, -1, 0))]))


def test_a_knee_that_does_not_hang_on_its_hip_is_refused():
    legs = [LEGS[0], ("Leg", "Hips", (0.1, -0.5, 0)), *LEGS[2:]]
    with pytest.raises(UnmappedSkeletonError, match=r"left_knee .* does not hang below left_hip"):
        map_skeleton(rig(legs=legs))


def test_swapped_sides_are_refused():
    skeleton = rig(lambda side, part: {"Left": "Right", "Right": "Left"}[side] + part)
    with pytest.raises(UnmappedSkeletonError, match="left and right look swapped"):
        canonical_joints(take(skeleton), 20.0)


def test_a_runner_whose_toes_point_back_is_not_taken_for_swapped():
    clip = take(rig())
    for name, angle in (("LeftLeg", 1.8), ("RightLeg", 1.8), ("LeftFoot", 0.3), ("RightFoot", 0.3)):
        clip.local_quat[:, clip.skeleton.names.index(name)] = rotations.from_euler([angle], "X")
    joints = canonical_joints(clip, 20.0)[0]
    assert (joint(joints, "left_foot") - joint(joints, "left_ankle"))[2] < 0


@pytest.mark.parametrize(("fps", "every"), [(120.0, 6), (60.0, 3), (100.0, 5), (20.0, 1)])
def test_a_multiple_of_the_rate_takes_every_kth_frame_exactly(fps, every):
    clip = take(rig(), frames=61, fps=fps, seed=1)
    kept = Clip(clip.info, clip.skeleton, clip.root_pos[::every], clip.local_quat[::every], 20.0)
    np.testing.assert_array_equal(canonical_joints(clip, 20.0), canonical_joints(kept, 20.0))


def test_thirty_hertz_is_interpolated_to_twenty():
    clip = take(rig(), frames=31, fps=30.0, seed=1)
    at_thirty, at_twenty = canonical_joints(clip, 30.0), canonical_joints(clip, 20.0)
    assert len(at_twenty) == 21
    np.testing.assert_allclose(at_twenty[::2], at_thirty[::3], atol=1e-12)
    np.testing.assert_allclose(at_twenty[1::2], (at_thirty[1::3] + at_thirty[2::3]) / 2, atol=2e-3)


@given(fps=st.floats(5, 250), wanted=st.floats(5, 60), frames=st.integers(1, 80))
def test_resampling_keeps_time_and_never_reads_past_the_end(fps, wanted, frames):
    root = np.arange(frames)[:, None] / fps * np.ones(3)
    quat = rotations.from_yaw(np.arange(frames) / fps)[:, None]
    new_root, new_quat = resample(root, quat, fps, wanted)
    times = np.arange(frames_at(frames, fps, wanted)) / wanted
    np.testing.assert_allclose(new_root[:, 0], times, atol=1e-5)
    np.testing.assert_allclose(np.abs((new_quat[:, 0] * rotations.from_yaw(times)).sum(-1)), 1, atol=1e-9)
    assert times[-1] <= (frames - 1) / fps + 1e-5


def test_an_empty_take_is_refused():
    with pytest.raises(ValueError, match="delivery/take: 0 frames"):
        canonical_joints(take(rig(), frames=0), 20.0)


@given(seed=st.integers(0, 2**16))
def test_mirroring_twice_changes_nothing_and_once_keeps_bone_lengths(seed):
    joints = canonical_joints(take(rig(), frames=4, seed=seed), 20.0)
    image = mirrored(joints)
    np.testing.assert_array_equal(mirrored(image), joints)
    np.testing.assert_array_equal(joint(image, "left_wrist"), joint(joints, "right_wrist") * [-1, 1, 1])


def test_the_mirror_image_matches_the_published_code(golden):
    axes = np.load(golden / "mirror_axes.npz")
    np.testing.assert_array_equal(mirrored(axes["in22"]).astype(np.float32), axes["out22"])


def test_joints_of_a_pruned_rig_are_those_of_the_whole_one():
    fingers = [*ARMS, ("HandIndex1", "Hand", (0.1, 0, 0)), ("HandIndex2", "HandIndex1", (0.03, 0, 0))]
    clip = take(rig(arms=fingers), frames=5, seed=3)
    whole = forward(clip.skeleton, clip.root_pos, rotations.normalise(clip.local_quat))
    wrist = clip.skeleton.names.index("LeftHand")
    np.testing.assert_allclose(joint(canonical_joints(clip, 20.0), "left_wrist"), whole[:, wrist], atol=1e-12)


@pytest.mark.parametrize("name", ["002_01", "005_05"])
def test_real_takes_on_another_rig_give_the_joints_of_the_published_ones(real_mocap, golden, name):
    # The same files that the golden joints were read from: iClone's 100 joints, centimetres, 60 Hz.
    with tarfile.open(fileobj=lzma.open(real_mocap / "ood" / "cmu_on_iclone_skeleton.tar.xz")) as archive:
        member = next(member for member in archive.getmembers() if member.name.endswith(f"{name}.bvh"))
        raw = read_bvh(archive.extractfile(member).read())
    skeleton = Skeleton(raw.skeleton.names, raw.skeleton.parents, raw.skeleton.offsets * 0.01)
    info = ClipInfo(id=name, file=member.name, delivery="iclone")
    root, quat = (raw.root_pos * 0.01).astype(np.float32), raw.local_quat.astype(np.float32)
    joints = canonical_joints(Clip(info, skeleton, root, quat, raw.fps), 20.0)
    published = np.load(golden / f"t2m_cmu_{name}.npz")
    np.testing.assert_allclose(joints, published["joints"], atol=2e-6)
    np.testing.assert_allclose(extract(joints), published["features"], atol=2e-3)
