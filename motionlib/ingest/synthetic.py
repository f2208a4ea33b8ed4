"""The quickstart set: procedural gaits and gestures as BVH with captions, for a machine that has no mocap yet.

Ten people of different build, eighteen actions, nine styles; made from one seed, the same bytes every time. It teaches
the pipeline, not the world: a model trained on it knows these movements and nothing else.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motionlib.body import rotations
from motionlib.body.skeleton import Skeleton
from motionlib.ingest import synthetic_gestures as gestures
from motionlib.ingest.captions import COLUMNS
from motionlib.ingest.synthetic_body import Build, Pose, skeleton, solve
from motionlib.ingest.synthetic_gaits import TAU, Gait, ease, go
from motionlib.ingest.synthetic_words import captions
from motionlib.rig.raw import FloatArray

SEED = 20
PEOPLE = 10
LICENCE = "CC0-1.0"
LICENCE_TEXT = """CC0 1.0 Universal

Made by motionlib itself, from no recording of any person. Dedicated to the public domain:
https://creativecommons.org/publicdomain/zero/1.0/
"""
UNIT = 0.01  # m: BVH lengths are centimetres
DECIMALS = 4  # 1 um, 2e-6 rad: below what any machine's sine differs by
ORDER = "ZYX"

# Number of clips of each action.
PLAN = {
    "walk": 30, "run": 18, "turn": 24, "circle": 10, "walk_back": 8, "sidestep": 10, "jump": 12, "jump_forward": 8,
    "squat": 12, "wave": 18, "kick": 18, "throw": 14, "sit": 8, "sit_stand": 6, "bow": 6, "clap": 6, "raise_arm": 8,
    "raise_arms": 4,
}  # fmt: skip
SIDED = ("turn", "circle", "sidestep", "wave", "kick", "throw", "raise_arm")
GAIT_STYLES = ("", "", "happy", "sad", "energetic", "slow", "quick", "proud", "tired")
GESTURE_STYLES = ("", "", "energetic", "slow", "quick", "shy")


@dataclass(frozen=True)
class Style:
    """What a style does: pace and size of movements, and radians or metres added to the gait."""

    pace: float = 1.0
    size: float = 1.0
    lean: float = 0.0
    look: float = 0.0
    bounce: float = 0.0
    crouch: float = 0.0


STYLES = {
    "": Style(),
    "happy": Style(pace=1.1, size=1.35, lean=-0.04, look=-0.1, bounce=0.022),
    "sad": Style(pace=0.68, size=0.45, lean=0.2, look=0.45, bounce=-0.008),
    "energetic": Style(pace=1.25, size=1.3, bounce=0.012),
    "slow": Style(pace=0.62, size=0.9),
    "quick": Style(pace=1.4, size=1.0, lean=0.04),
    "proud": Style(pace=0.95, size=1.15, lean=-0.12, look=-0.12),
    "tired": Style(pace=0.72, size=0.6, lean=0.16, look=0.2, crouch=0.035),
    "shy": Style(pace=0.9, size=0.72, lean=0.05, look=0.2),
}


@dataclass(frozen=True)
class Take:
    """One clip to be made.

    Attributes:
        name: Path in the delivery without suffix.
        side: 1 left, -1 right, 0 neither. turn: radians.
    """

    name: str
    action: str
    style: str
    person: int
    side: int
    times: int
    turn: float
    fps: int
    seconds: float
    seed: int


def write(folder: Path, limit: int | None = None) -> int:
    """Write the whole set, or the first `limit` takes of it spread over all actions; gives their number."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    chosen = takes() if limit is None else takes()[:: max(len(takes()) // limit, 1)][:limit]
    for take in chosen:
        path = folder / f"{take.name}.bvh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bvh(take))
        rows += list(_rows(take))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / "captions.csv").write_bytes(table.getvalue().encode("utf-8"))
    (folder / "LICENSE").write_bytes(LICENCE_TEXT.encode("utf-8"))
    return len(chosen)


def takes() -> list[Take]:
    """Every clip of the set, action by action."""
    result: list[Take] = []
    for action, count in PLAN.items():
        shuffled = np.random.default_rng([SEED, len(result), 4]).permutation(count)  # of sides over styles and people
        for number in range(count):
            draw = np.random.default_rng([SEED, len(result)])
            styles = GAIT_STYLES if action in GAITS else GESTURE_STYLES
            style = styles[number % len(styles)]
            times = int(draw.integers(1, 4)) if action not in (*GAITS, "wave", "clap", "sit", "sit_stand") else 0
            side = (1 if shuffled[number] % 2 else -1) if action in SIDED else 0
            result.append(
                Take(
                    name=f"{action}/{action}_{number + 1:03d}",
                    action=action,
                    style=style,
                    person=int(draw.integers(PEOPLE)),
                    side=side,
                    times=times,
                    turn=side * float(draw.uniform(0.8, 3.1)) if action == "turn" else 0.0,
                    fps=60 if draw.uniform() < 0.4 else 30,
                    seconds=_seconds(action, times, STYLES[style], draw),
                    seed=len(result),
                )
            )
    return result


def motion(take: Take) -> tuple[Build, FloatArray, FloatArray]:
    """Build, root track (T, 3) metres and local rotations (T, J, 4) of a clip."""
    draw = np.random.default_rng([SEED, take.seed, 1])
    build = person(take.person)
    pose = _gait_pose(take, build, draw) if take.action in GAITS else _gesture_pose(take, build, draw)
    _stir(pose, take.fps, draw)
    root, local = solve(build, pose)
    turn = rotations.from_yaw(np.full(len(root), draw.uniform(-np.pi, np.pi)))
    local[:, 0] = rotations.multiply(turn, local[:, 0])
    place = np.array([draw.uniform(-2, 2), 0.0, draw.uniform(-2, 2)])
    return build, rotations.rotate(turn, root) + place, local


def person(number: int) -> Build:
    """Build of one of the PEOPLE, the same in every clip."""
    size, leg, arm, width = np.random.default_rng([SEED, number, 2]).uniform(-1, 1, 4)
    return Build(size=1 + 0.1 * size, leg=1 + 0.05 * leg, arm=1 + 0.06 * arm, width=1 + 0.12 * width)


def bvh(take: Take) -> bytes:
    """A clip as BVH."""
    build, root, local = motion(take)
    body = skeleton(build)
    joints = [joint for joint, name in enumerate(body.names) if not name.endswith("_end")]
    angles = np.rad2deg(rotations.to_euler(local[:, joints], ORDER)).reshape(len(local), -1)
    values = np.round(np.concatenate([root / UNIT, angles], axis=1), DECIMALS) + 0.0  # no negative zero
    line = " ".join([f"%.{DECIMALS}f"] * values.shape[1])
    lines = [*_hierarchy(body), "MOTION", f"Frames: {len(values)}", f"Frame Time: {1 / take.fps:.7f}"]
    return "\n".join([*lines, *(line % tuple(row) for row in values.tolist()), ""]).encode("ascii")


def _hierarchy(body: Skeleton) -> list[str]:
    lines = ["HIERARCHY"]
    open_joints: list[int] = []

    def close(until: int) -> None:
        while open_joints and open_joints[-1] != until:
            open_joints.pop()
            lines.append("  " * len(open_joints) + "}")

    for joint, name in enumerate(body.names):
        close(body.parents[joint])
        pad = "  " * len(open_joints)
        end = name.endswith("_end")
        lines += [pad + ("End Site" if end else f"{'JOINT' if open_joints else 'ROOT'} {name}"), pad + "{"]
        lines.append(
            f"{pad}  OFFSET " + " ".join(f"{value / UNIT + 0.0:.{DECIMALS}f}" for value in body.offsets[joint])
        )
        if not end:
            position = "" if open_joints else "Xposition Yposition Zposition "
            rotation = " ".join(f"{axis}rotation" for axis in ORDER)
            lines.append(f"{pad}  CHANNELS {3 if open_joints else 6} {position}{rotation}")
        open_joints.append(joint)
    close(-1)
    return lines


def _rows(take: Take) -> Iterator[dict[str, str]]:
    draw = np.random.default_rng([SEED, take.seed, 3])
    for text in captions(
        take.action, take.style, take.person, side=take.side, times=take.times, turn=take.turn, draw=draw
    ):
        known = {"file": f"{take.name}.bvh", "text": text, "from_s": "0", "to_s": "0", "source": "synthetic"}
        said = {"subject": f"synthetic{take.person + 1:02d}", "action": take.action, "style": take.style}
        yield {**known, **said, "split": "", "licence": LICENCE}


def _seconds(action: str, times: int, style: Style, draw: np.random.Generator) -> float:
    if action == "run":
        return float(draw.uniform(3.0, 4.2))
    if action in GAITS:
        return float(draw.uniform(3.6, 6.4))
    once = {"jump": 1.5, "jump_forward": 1.5, "kick": 1.6, "throw": 2.0, "squat": 2.2, "bow": 2.4}.get(action, 2.2)
    return float(np.clip(draw.uniform(0.9, 1.15) * (1.0 + once * times if times else 4.4) / style.pace, 3.0, 7.0))


def _gait_pose(take: Take, build: Build, draw: np.random.Generator) -> Pose:
    style, gait, (slowest, fastest) = STYLES[take.style], *GAITS[take.action]
    frames = round(take.seconds * take.fps)
    t = np.arange(frames) / take.fps
    speed = float(draw.uniform(slowest, fastest)) * style.pace * build.size * build.leg
    stride = gait.stride * (0.55 + 0.45 * style.pace) * float(draw.uniform(0.95, 1.05))
    gait = replace(
        gait,
        stride=stride,
        bounce=gait.bounce + style.bounce,
        crouch=gait.crouch + style.crouch,
        lean=gait.lean + style.lean + float(draw.uniform(-0.03, 0.03)),
        look=style.look,
        swing=gait.swing * style.size * float(draw.uniform(0.8, 1.2)),
        elbow=gait.elbow + float(draw.uniform(-0.1, 0.15)),
        lift=gait.lift * (0.7 + 0.3 * style.size),
        arms_out=gait.arms_out + float(draw.uniform(-0.04, 0.08)),
    )
    pace = speed * (1 + 0.05 * np.sin(TAU * 0.4 * t + draw.uniform(0, TAU)))
    if draw.uniform() < 0.35:
        pace = pace * ease(t, [0.0, 0.3, 1.1], [0.0, 0.0, 1.0])
    heading = 0.04 * np.sin(TAU * 0.2 * t + draw.uniform(0, TAU))
    if take.action == "turn":
        start = float(draw.uniform(0.25, 0.4)) * take.seconds
        last = start + 0.55 + 0.55 * abs(take.turn)
        heading = heading + ease(t, [0.0, start, last], [0.0, 0.0, take.turn])
    if take.action == "circle":
        heading = heading + take.side * np.cumsum(pace) / take.fps / float(draw.uniform(0.8, 1.5))
    if take.action == "sidestep":
        heading, gait = heading + take.side * np.pi / 2, replace(gait, facing=-take.side * np.pi / 2)
    return go(
        build, pace, heading - (gait.facing if take.action == "walk_back" else 0.0), take.fps, gait, draw.uniform()
    )


def _gesture_pose(take: Take, build: Build, draw: np.random.Generator) -> Pose:
    style = STYLES[take.style]
    phases = draw.uniform(0, TAU, 4)
    how = gestures.Manner(
        frames=round(take.seconds * take.fps),
        fps=take.fps,
        side=take.side,
        size=style.size * float(draw.uniform(0.88, 1.12)),
        pace=style.pace * float(draw.uniform(0.92, 1.1)),
        times=max(take.times, 1),
        lean=style.lean + float(draw.uniform(-0.03, 0.05)),
        look=style.look,
        phase=(phases[0], phases[1], phases[2], phases[3]),
    )
    if take.action in ("jump", "jump_forward"):
        ahead = float(draw.uniform(0.35, 0.75)) * how.size if take.action == "jump_forward" else 0.0
        return gestures.jump(build, how, ahead)
    if take.action in ("sit", "sit_stand"):
        return gestures.sit(build, how, rises=take.action == "sit_stand")
    return GESTURES[take.action](build, how)


def _stir(pose: Pose, fps: float, draw: np.random.Generator) -> None:
    """Add small slow movements, so that no two clips are the same."""
    t = np.arange(len(pose.pelvis)) / fps
    for track, amount in ((pose.spine, 0.02), (pose.head, 0.035)):
        for axis in range(3):
            for rate in (0.23, 0.61):
                track[:, axis] += amount * draw.uniform(0.3, 1) * np.sin(TAU * rate * t + draw.uniform(0, TAU))
    for arm in pose.arms.values():
        drift = np.sin(TAU * 0.37 * t + draw.uniform(0, TAU))
        arm.lower = arm.lower + 0.04 * drift + draw.uniform(-0.05, 0.05)
        arm.bend = np.clip(arm.bend + 0.06 * drift + draw.uniform(-0.05, 0.1), 0.0, 2.4)


# How each gait goes, and m/s of its slowest and fastest usual pace.
GAITS: dict[str, tuple[Gait, tuple[float, float]]] = {
    "walk": (Gait(), (1.0, 1.45)),
    "turn": (Gait(stride=1.2, duty=0.64), (0.85, 1.15)),
    "circle": (Gait(stride=1.2, duty=0.64), (0.85, 1.2)),
    "run": (
        Gait(2.3, 0.36, 0.16, 1.1, 0.04, 0.06, 0.04, 0.012, 0.2, 0.0, 0.75, 1.25, 0.12, 0.2),
        (2.3, 3.3),
    ),
    "walk_back": (Gait(stride=0.95, duty=0.66, heel=0.3, swing=0.25, facing=np.pi), (0.55, 0.9)),
    "sidestep": (Gait(stride=0.5, duty=0.66, heel=0.2, gap=0.15, swing=0.06, twist=0.0, lift=0.06), (0.3, 0.5)),
}
GESTURES = {
    "squat": gestures.squat,
    "wave": gestures.wave,
    "kick": gestures.kick,
    "throw": gestures.throw,
    "bow": gestures.bow,
    "clap": gestures.clap,
    "raise_arm": gestures.raise_arms,
    "raise_arms": gestures.raise_arms,
}
