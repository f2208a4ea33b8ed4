"""Gestures on the spot: wave, kick, throw, jump, squat, sit and a few more, each with its own timing and size.

Every function gives a Pose of `frames` frames. `size` scales how far a movement goes, `pace` how quick it is.
The curves are drawn by hand to look right; they are no measurement of anyone.
"""

from dataclasses import dataclass

import numpy as np

from motionlib.ingest.synthetic_body import BALL_HEIGHT, FOOT_LENGTH, LEFT, SIDES, Arm, Build, Foot, Pose
from motionlib.ingest.synthetic_gaits import TAU, ease
from motionlib.rig.raw import FloatArray

GRAVITY = 9.81  # m/s^2
SEAT_HEIGHT = 0.47  # m, of the pelvis on a chair


@dataclass(frozen=True)
class Manner:
    """How a gesture is done.

    Attributes:
        frames: T. fps: Hz.
        side: LEFT or RIGHT, where one limb acts. size, pace: 1 is usual. times: Repetitions.
        lean: radians the trunk bends forward throughout. look: radians the head bends down.
        phase: (4,) radians, of the body's idle sway.
    """

    frames: int
    fps: float
    side: int = LEFT
    size: float = 1.0
    pace: float = 1.0
    times: int = 1
    lean: float = 0.0
    look: float = 0.0
    phase: tuple[float, float, float, float] = (0.0, 1.0, 2.0, 3.0)

    @property
    def seconds(self) -> FloatArray:
        """(T,) time of each frame."""
        return np.arange(self.frames) / self.fps

    @property
    def share(self) -> FloatArray:
        """(T,) from 0 at the first frame to 1 at the last."""
        return np.linspace(0.0, 1.0, self.frames)


def stand(build: Build, how: Manner) -> Pose:
    """Stand with both feet on the floor, swaying a little."""
    t, (a, b, c, d) = how.seconds, how.phase
    zero = np.zeros(how.frames)
    feet = {}
    for side in SIDES:
        ball = np.tile([side * 0.1 * build.width, BALL_HEIGHT, FOOT_LENGTH * 0.75], (how.frames, 1)) * build.size
        feet[side] = Foot(ball, zero + side * 0.15, zero.copy())
    sideways = 0.012 * np.sin(TAU * 0.31 * t + a) + 0.006 * np.sin(TAU * 0.83 * t + b)
    forward = 0.01 * np.sin(TAU * 0.27 * t + c)
    pelvis = np.stack([sideways, build.hip_height - 0.012 + zero, forward], axis=1)
    hips = np.stack([zero + 0.4 * how.lean, 0.02 * np.sin(TAU * 0.21 * t + d), -1.2 * sideways], axis=1)
    breath = 0.012 * np.sin(TAU * 0.28 * t + b)
    spine = np.stack([how.lean + breath, 0.03 * np.sin(TAU * 0.17 * t + c), 1.2 * sideways], axis=1)
    head = np.stack([how.look - breath, 0.08 * np.sin(TAU * 0.13 * t + a), zero], axis=1)
    arms = {side: Arm(1.32 + 0.03 * np.sin(TAU * 0.3 * t + a + side), 0.0, 0.05, 0.0, 0.25 + zero) for side in SIDES}
    return Pose(pelvis, zero.copy(), feet, hips, spine, head, arms)


def wave(build: Build, how: Manner) -> Pose:
    """Raise one arm, swing the forearm to and fro, lower it again."""
    pose = stand(build, how)
    up = ease(how.share, [0.0, 0.22 / how.pace, 1 - 0.2 / how.pace, 1.0], [0.0, 1.0, 1.0, 0.0])
    beat = np.sin(TAU * 1.7 * how.pace * how.seconds + how.phase[0])
    raised = 0.1 - 0.55 * (how.size - 1)
    pose.arms[how.side] = Arm(
        lower=1.32 + (raised - 1.32) * up,
        across=0.35 * up,
        twist=-1.5 * up,
        bend=0.25 + (1.15 + 0.4 * how.size * beat) * up,
    )
    pose.spine[:, 2] += 0.06 * how.side * up
    return pose


def kick(build: Build, how: Manner) -> Pose:
    """Draw one leg back and kick forward, `times` times, standing on the other."""
    pose = stand(build, how)
    beat = _beats(how, 0.08, 0.94)
    keys = [0.0, 0.25, 0.45, 0.55, 0.8, 1.0]
    ahead = ease(beat, keys, [0.0, -0.38, 0.75, 0.78, 0.1, 0.0]) * how.size * build.size
    height = ease(beat, keys, [0.0, 0.22, 0.62, 0.66, 0.15, 0.0]) * how.size * build.size
    foot = pose.feet[how.side]
    foot.ball[:, 2] += ahead
    foot.ball[:, 1] += height
    foot.pitch += ease(beat, keys, [0.0, 1.0, -0.25, -0.35, 0.15, 0.0])
    on_one_leg = ease(beat, [0.0, 0.2, 0.85, 1.0], [0.0, 1.0, 1.0, 0.0])
    pose.pelvis[:, 0] += -how.side * 0.075 * build.size * on_one_leg
    pose.pelvis[:, 2] += ease(beat, keys, [0.0, 0.03, 0.05, 0.05, 0.0, 0.0])
    pose.pelvis[:, 1] -= 0.02 * on_one_leg
    pose.hips[:, 0] += ease(beat, keys, [0.0, 0.2, -0.25, -0.25, 0.0, 0.0]) * how.size
    pose.spine[:, 0] += ease(beat, keys, [0.0, 0.1, 0.2, 0.15, 0.0, 0.0])
    for side in SIDES:
        counter = 0.7 if side != how.side else -0.4
        pose.arms[side].swing = 0.05 + counter * ease(beat, keys, [0.0, -0.3, 1.0, 0.9, 0.2, 0.0])
        pose.arms[side].lower = 1.32 - 0.45 * on_one_leg
    return pose


def throw(build: Build, how: Manner) -> Pose:
    """Wind up and throw something with one hand, `times` times."""
    pose = stand(build, how)
    beat = _beats(how, 0.1, 0.92)
    keys = [0.0, 0.35, 0.45, 0.6, 0.72, 1.0]
    act = ease(beat, [0.0, 0.3, 0.7, 1.0], [0.0, 1.0, 1.0, 0.0])
    turn = -how.side * how.size * ease(beat, keys, [0.0, -0.55, -0.5, 0.4, 0.45, 0.0])
    pose.spine[:, 1] += turn
    pose.hips[:, 1] += 0.4 * turn
    pose.spine[:, 0] += ease(beat, keys, [0.0, -0.12, -0.12, 0.3, 0.35, 0.0]) * how.size
    pose.arms[how.side] = Arm(
        lower=1.32 - 1.37 * act,
        across=ease(beat, keys, [0.0, -0.35, -0.3, 0.95, 1.2, 0.0]),
        twist=ease(beat, keys, [0.0, -1.9, -2.0, -0.9, -0.3, 0.0]),
        bend=ease(beat, keys, [0.25, 1.5, 1.6, 0.35, 0.3, 0.25]),
    )
    other = pose.arms[-how.side]
    other.lower = 1.32 - 0.8 * ease(beat, keys, [0.0, 1.0, 0.9, 0.1, 0.0, 0.0])
    other.across = 0.9 * ease(beat, keys, [0.0, 1.0, 0.9, 0.1, 0.0, 0.0])
    step = ease(beat, [0.0, 0.3, 0.5, 0.8, 1.0], [0.0, 0.0, 1.0, 1.0, 0.0])
    front = pose.feet[-how.side]
    front.ball[:, 2] += 0.3 * how.size * build.size * step
    front.ball[:, 1] += 0.07 * np.sin(np.pi * step) ** 2
    pose.pelvis[:, 2] += 0.13 * how.size * build.size * step
    pose.pelvis[:, 1] -= 0.03 * step
    return pose


def jump(build: Build, how: Manner, forward: float = 0.0) -> Pose:
    """Jump `times` times, each `forward` metres ahead; flight obeys gravity."""
    pose = stand(build, how)
    rise = 0.28 * how.size * build.size
    flight = 2 * np.sqrt(2 * rise / GRAVITY)
    period = (how.frames / how.fps - 0.4) / how.times
    local = how.seconds - 0.2
    count = np.clip(np.floor(local / period), 0, how.times - 1)
    t = local - count * period
    takeoff = max(0.45 * (period - flight), 0.15)
    landing = takeoff + flight
    airborne = np.clip((t - takeoff) / flight, 0.0, 1.0)
    height = 4 * rise * airborne * (1 - airborne)
    dip = 0.26 * how.size**0.5 * build.size
    keys = [0.0, 0.6 * takeoff, takeoff, landing, landing + 0.15, landing + 0.45]
    crouch = ease(t, keys, [0.0, dip, 0.0, 0.03, 0.75 * dip, 0.0])
    way = forward * (count + airborne)
    pose.pelvis[:, 1] += height - crouch
    pose.pelvis[:, 2] += way - 0.35 * crouch
    for foot in pose.feet.values():
        tucked = 0.12 * height / max(rise, 1e-6) * how.size
        foot.ball[:, 1] += height + tucked
        foot.ball[:, 2] += way
        foot.pitch += ease(t, [0.6 * takeoff, takeoff, landing - 0.05, landing + 0.05], [0.0, 0.85, 0.25, 0.0])
    bent = crouch / dip
    pose.hips[:, 0] += 0.35 * bent
    pose.spine[:, 0] += 0.55 * bent
    pose.head[:, 0] -= 0.4 * bent
    arms = ease(t, keys, [0.05, -0.65, 1.3 * how.size, 0.9, 0.5, 0.05])
    for side in SIDES:
        pose.arms[side].swing = arms
        pose.arms[side].bend = 0.25 + 0.5 * bent
    return pose


def squat(build: Build, how: Manner) -> Pose:
    """Bend the knees deeply and come up again, `times` times, arms stretched forward."""
    pose = stand(build, how)
    for side in SIDES:
        pose.feet[side].ball[:, 0] += side * 0.06 * build.size
        pose.feet[side].yaw += side * 0.2
    down = ease(_beats(how, 0.05, 0.95), [0.0, 0.42, 0.55, 1.0], [0.0, 1.0, 1.0, 0.0])
    deep = down * min(how.size, 1.25)
    pose.pelvis[:, 1] -= 0.42 * deep * build.size
    pose.pelvis[:, 2] -= 0.16 * deep * build.size
    pose.hips[:, 0] += 0.35 * deep
    pose.spine[:, 0] += 0.35 * deep
    pose.head[:, 0] -= 0.45 * deep
    for side in SIDES:
        pose.arms[side].swing = 0.05 + 1.3 * down
    return pose


def sit(build: Build, how: Manner, rises: bool = False) -> Pose:
    """Sit down on a chair, and stay there or stand up again."""
    pose = stand(build, how)
    first = 0.32 / how.pace
    ends = [0.0, 0.05, first, 0.68, min(0.68 + first, 0.98), 1.0]
    down = ease(how.share, ends, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0] if rises else [0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    moving = np.sin(np.pi * down) ** 2
    lower = build.hip_height - 0.012 - SEAT_HEIGHT * build.size
    pose.pelvis[:, 1] -= lower * down
    pose.pelvis[:, 2] -= 0.36 * build.size * build.leg * down**0.8
    pose.hips[:, 0] += 0.5 * moving - 0.08 * down
    pose.spine[:, 0] += 0.55 * moving + 0.08 * down
    pose.head[:, 0] -= 0.4 * moving
    for side in SIDES:
        pose.arms[side].swing = 0.05 + 0.55 * down + 0.3 * moving
        pose.arms[side].bend = 0.25 + 0.65 * down
    return pose


def bow(build: Build, how: Manner) -> Pose:
    """Bend forward from the hips and come up again, `times` times."""
    pose = stand(build, how)
    bent = ease(_beats(how, 0.08, 0.92), [0.0, 0.4, 0.6, 1.0], [0.0, 1.0, 1.0, 0.0]) * how.size
    pose.hips[:, 0] += 0.55 * bent
    pose.spine[:, 0] += 0.5 * bent
    pose.head[:, 0] += 0.25 * bent
    pose.pelvis[:, 2] -= 0.1 * bent * build.size
    for side in SIDES:
        pose.arms[side].swing = 0.05 + 0.35 * bent
    return pose


def clap(build: Build, how: Manner) -> Pose:
    """Bring both hands before the chest and clap."""
    pose = stand(build, how)
    up = ease(how.share, [0.0, 0.18 / how.pace, 1 - 0.16 / how.pace, 1.0], [0.0, 1.0, 1.0, 0.0])
    beat = 0.5 + 0.5 * np.sin(TAU * 2.0 * how.pace * how.seconds + how.phase[0])
    for side in SIDES:
        pose.arms[side] = Arm(
            lower=1.32 - 0.35 * up,
            swing=0.05 + 0.65 * up,
            twist=(0.35 + 0.4 * beat * how.size) * up,
            bend=0.25 + 0.95 * up,
        )
    return pose


def raise_arms(build: Build, how: Manner) -> Pose:
    """Raise one or (side 0) both arms overhead and lower them, `times` times."""
    pose = stand(build, how)
    up = ease(_beats(how, 0.06, 0.94), [0.0, 0.4, 0.6, 1.0], [0.0, 1.0, 1.0, 0.0])
    for side in SIDES:
        if how.side in (0, side):
            pose.arms[side] = Arm(lower=1.32 - 2.6 * min(how.size, 1.05) * up, bend=0.25 - 0.1 * up)
    pose.spine[:, 0] -= 0.08 * up
    pose.head[:, 0] -= 0.2 * up
    return pose


def _beats(how: Manner, start: float, end: float) -> FloatArray:
    """(T,) 0 to 1 once per repetition between two shares of the clip; 0 before, 1 behind."""
    inside = np.clip((how.share - start) / (end - start), 0.0, 1.0) * how.times
    beat: FloatArray = inside - np.minimum(np.floor(inside), how.times - 1)
    return beat
