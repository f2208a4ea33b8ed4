"""Rigs for tests: one synthetic body that walks, with the names, axes, units and joint orders that tools use."""

from dataclasses import replace

import numpy as np

from motionlib.artifacts import Clip, ClipInfo
from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.ingest.synthetic_body import Arm, Build, Foot, Pose, skeleton, solve
from motionlib.rig.geometry import TO_Y_UP

INFO = ClipInfo(id="delivery/take", file="delivery/take.bvh", delivery="delivery")
PARTS = ("UpLeg", "Leg", "Foot", "ToeBase", "Shoulder", "Arm", "ForeArm", "Hand")
MIDDLE = ("Hips", "LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head")

# How tools name PARTS (with {S} Left, {s} left, {L} L, {l} l) and MIDDLE.
NAMINGS = {
    "mixamo": (
        "mixamorig:{S}UpLeg mixamorig:{S}Leg mixamorig:{S}Foot mixamorig:{S}ToeBase mixamorig:{S}Shoulder "
        "mixamorig:{S}Arm mixamorig:{S}ForeArm mixamorig:{S}Hand",
        "mixamorig:Hips mixamorig:Spine mixamorig:Spine1 mixamorig:Spine2 mixamorig:Neck mixamorig:Neck1 "
        "mixamorig:Head",
    ),
    "hik": (
        "Character1_{S}UpLeg Character1_{S}Leg Character1_{S}Foot Character1_{S}ToeBase Character1_{S}Shoulder "
        "Character1_{S}Arm Character1_{S}ForeArm Character1_{S}Hand",
        "Character1_Hips Character1_Spine Character1_Spine1 Character1_Spine2 Character1_Neck Character1_Neck1 "
        "Character1_Head",
    ),
    "lafan1": (
        "{S}UpLeg {S}Leg {S}Foot {S}Toe {S}Shoulder {S}Arm {S}ForeArm {S}Hand",
        "Hips Spine Spine1 Spine2 Neck Neck1 Head",
    ),
    "unreal": (
        "thigh_{l} calf_{l} foot_{l} ball_{l} clavicle_{l} upperarm_{l} lowerarm_{l} hand_{l}",
        "pelvis spine_01 spine_02 spine_03 neck_01 neck_02 head",
    ),
    "rokoko": (
        "{S}Thigh {S}Shin {S}Foot {S}Toe {S}Shoulder {S}Arm {S}ForeArm {S}Hand",
        "Hips Spine Spine2 Spine3 Neck Neck2 Head",
    ),
    "vrm": (
        "J_Bip_{L}_UpperLeg J_Bip_{L}_LowerLeg J_Bip_{L}_Foot J_Bip_{L}_ToeBase J_Bip_{L}_Shoulder J_Bip_{L}_UpperArm "
        "J_Bip_{L}_LowerArm J_Bip_{L}_Hand",
        "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_UpperChest J_Bip_C_Neck J_Bip_C_Neck2 J_Bip_C_Head",
    ),
    "biped": (
        "Bip01_{L}_Thigh Bip01_{L}_Calf Bip01_{L}_Foot Bip01_{L}_Toe0 Bip01_{L}_Clavicle Bip01_{L}_UpperArm "
        "Bip01_{L}_Forearm Bip01_{L}_Hand",
        "Bip01_Pelvis Bip01_Spine Bip01_Spine1 Bip01_Spine2 Bip01_Neck Bip01_Neck1 Bip01_Head",
    ),
    "xsens": (
        "{S}UpperLeg {S}LowerLeg {S}Foot {S}Toe {S}Shoulder {S}UpperArm {S}ForeArm {S}Hand",
        "Pelvis L5 L3 T8 Neck Neck1 Head",
    ),
    "optitrack": (
        "{L}Thigh {L}Shin {L}Foot {L}Toe {L}Shoulder {L}UArm {L}FArm {L}Hand",
        "Hip Ab Spine Chest Neck Neck1 Head",
    ),
    "daz": (
        "{l}ThighBend {l}Shin {l}Foot {l}Toe {l}Collar {l}ShldrBend {l}ForearmBend {l}Hand",
        "hip abdomenLower chestLower chestUpper neckLower neckUpper head",
    ),
    "iclone": (
        "CC_Base_{L}_Thigh CC_Base_{L}_Calf CC_Base_{L}_Foot CC_Base_{L}_ToeBase CC_Base_{L}_Clavicle "
        "CC_Base_{L}_Upperarm CC_Base_{L}_Forearm CC_Base_{L}_Hand",
        "CC_Base_Hip CC_Base_Waist CC_Base_Spine01 CC_Base_Spine02 CC_Base_NeckTwist01 CC_Base_NeckTwist02 "
        "CC_Base_Head",
    ),
    "smpl": (
        "{s}_hip {s}_knee {s}_ankle {s}_foot {s}_collar {s}_shoulder {s}_elbow {s}_wrist",
        "pelvis spine1 spine2 spine3 neck neck2 head",
    ),
    "rigify": (
        "DEF-thigh.{L} DEF-shin.{L} DEF-foot.{L} DEF-toe.{L} DEF-shoulder.{L} DEF-upper_arm.{L} DEF-forearm.{L} "
        "DEF-hand.{L}",
        "DEF-spine DEF-spine.001 DEF-spine.002 DEF-spine.003 DEF-spine.004 DEF-spine.005 DEF-spine.006",
    ),
}


def walk(frames=30, fps=20.0, fingers=True):
    """Someone who bends hips, knees and elbows and turns, with true rotations, fingers that move, on CMU's joints."""
    build, time = Build(), np.arange(frames) / fps
    pelvis = np.stack([0.3 * time, build.hip_height - 0.12 + 0.03 * np.sin(6 * time), 0.5 * time], axis=1)
    bend = np.stack([0.1 * np.sin(4 * time), 0.15 * np.cos(3 * time), 0.05 * np.sin(5 * time)], axis=1)
    feet = {}
    for side in (1, -1):
        ball = pelvis * [1, 0, 1] + np.array([side * 0.09, 0.03, 0.12])
        ball[:, 2] += 0.1 * np.sin(4 * time) * side
        feet[side] = Foot(ball, np.zeros(frames), 0.2 * np.sin(4 * time))
    arms = {side: Arm(swing=0.4 * side * np.sin(4 * time), bend=0.5 + 0.3 * np.sin(4 * time)) for side in (1, -1)}
    root, local = solve(build, Pose(pelvis, 0.3 * np.sin(2 * time), feet, bend, 2 * bend, bend, arms))
    rig = skeleton(build)
    if fingers:
        for name in ("LeftHandIndex1", "RThumb", "LeftForeArm", "Head"):
            joint = rig.names.index(name)
            spin = rotations.from_euler(0.4 * np.sin(3 * time)[:, None], "X")
            local[:, joint] = rotations.multiply(local[:, joint], spin)
    return Clip(INFO, rig, root.astype(np.float32), rotations.normalise(local).astype(np.float32), fps)


def renamed(clip, naming):
    """The clip with a tool's names; joints that the tool has not keep their own behind a word of the tool's."""
    limbs, middle = (text.split() for text in NAMINGS[naming])
    names = dict(zip(MIDDLE, middle, strict=True))
    for side in ("Left", "Right"):
        for own, name in zip(PARTS, limbs, strict=True):
            names[side + own] = name.format(S=side, s=side.lower(), L=side[0], l=side[0].lower())
    told = tuple(_end(name, names) for name in clip.skeleton.names)
    return replace(clip, skeleton=replace(clip.skeleton, names=told))


def _end(name, names):
    if name.endswith("_end"):
        return names.get(name.removesuffix("_end"), "x" + name.removesuffix("_end")) + "_end"
    return names.get(name, "x" + name)


def prefixed(clip, prefix):
    return replace(clip, skeleton=replace(clip.skeleton, names=tuple(prefix + name for name in clip.skeleton.names)))


def anonymous(clip):
    names = tuple(f"j{i:02}" + ("_end" if name.endswith("_end") else "") for i, name in enumerate(clip.skeleton.names))
    return replace(clip, skeleton=replace(clip.skeleton, names=names))


def shuffled(clip, seed):
    """The same tree with its joints in another order, parents still first; and the order."""
    generator, parents = np.random.default_rng(seed), clip.skeleton.parents
    order, open_joints = [], [0]
    while open_joints:
        joint = open_joints.pop(int(generator.integers(len(open_joints))))
        order.append(joint)
        open_joints += [child for child, parent in enumerate(parents) if parent == joint]
    new = {old: i for i, old in enumerate(order)}
    rig = Skeleton(
        tuple(clip.skeleton.names[joint] for joint in order),
        tuple(new.get(parents[joint], -1) for joint in order),
        clip.skeleton.offsets[order],
    )
    return replace(clip, skeleton=rig, local_quat=clip.local_quat[:, order])


def in_unit(clip, metres):
    """The same in a file's unit of so many metres."""
    rig = replace(clip.skeleton, offsets=clip.skeleton.offsets / metres)
    return replace(clip, skeleton=rig, root_pos=(clip.root_pos / metres).astype(np.float32))


def with_up(clip, up):
    """The same as a file tells it in which another axis is up, in the motion and in the rest pose."""
    angle, axis = TO_Y_UP[up]
    turn = rotations.inverse(rotations.from_euler(np.array([angle]), axis))
    local = rotations.multiply(rotations.multiply(turn, clip.local_quat), rotations.inverse(turn))
    rig = replace(clip.skeleton, offsets=rotations.rotate(turn, clip.skeleton.offsets))
    return replace(clip, skeleton=rig, root_pos=rotations.rotate(turn, clip.root_pos), local_quat=local)


def with_axes(clip, turns):
    """The same motion on joints whose axes are turned by (J, 4), as Maya orients joints: offsets change, places not."""
    parents = [max(parent, 0) for parent in clip.skeleton.parents]
    before = turns[parents].copy()
    before[0] = (1, 0, 0, 0)
    offsets = rotations.rotate(rotations.inverse(before), clip.skeleton.offsets)
    local = rotations.multiply(rotations.inverse(before), rotations.multiply(clip.local_quat, turns))
    rig = Skeleton(clip.skeleton.names, clip.skeleton.parents, offsets)
    return Clip(clip.info, rig, clip.root_pos, local.astype(np.float32), clip.fps)


def along_x(clip):
    """Turns that let every bone lie along the x axis of its joint, as in LAFAN1."""
    turns = np.tile([1.0, 0.0, 0.0, 0.0], (clip.skeleton.joint_count, 1))
    for joint, name in enumerate(clip.skeleton.names):
        if name.endswith("_end"):
            continue
        children = [child for child, parent in enumerate(clip.skeleton.parents) if parent == joint]
        bone = clip.skeleton.offsets[children[0]]
        nearest = np.abs(bone).argmax()
        axis = np.sign(bone[nearest]) * np.eye(3)[nearest] if bone.any() else np.array([0.0, 1.0, 0.0])
        turns[joint] = rotations.shortest([1.0, 0.0, 0.0], axis if axis[0] > -0.5 else [-1.0, 1e-3, 0.0])
    return turns
