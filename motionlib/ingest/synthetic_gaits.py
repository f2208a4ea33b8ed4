"""Walking and running: feet stand still on the floor while they carry, and everything else follows the step's phase.

The phase grows with the way gone, so feet plant at fixed places however the speed changes. Phase 0 is the left heel's
strike, 1/2 the right heel's. The curves are drawn by hand to look right; they are no measurement of anyone.
"""

from dataclasses import dataclass

import numpy as np

from motionlib.ingest.synthetic_body import (
    BALL_HEIGHT,
    FOOT_LENGTH,
    LEFT,
    LONGEST_LEG,
    SIDES,
    Arm,
    Build,
    Foot,
    Pose,
    ankle,
    hip,
)
from motionlib.rig.raw import FloatArray

TAU = 2 * np.pi


@dataclass(frozen=True)
class Gait:
    """How someone goes; lengths in metres of an average build, angles in radians.

    Attributes:
        stride: Way per two steps. duty: Share of a stride for which a foot carries; below 1/2 is running.
        lift, heel: Of the swinging foot. gap: Between the feet's tracks, half of it.
        crouch: Of the pelvis below standing. bounce, sway: Of the pelvis, up and sideways.
        facing: Direction the body faces from where it goes: 0 forward, pi backward.
    """

    stride: float = 1.4
    duty: float = 0.62
    lift: float = 0.05
    heel: float = 0.65
    gap: float = 0.08
    crouch: float = 0.02
    bounce: float = 0.018
    sway: float = 0.02
    lean: float = 0.04
    look: float = 0.0
    swing: float = 0.4
    elbow: float = 0.3
    twist: float = 0.08
    arms_out: float = 0.12
    facing: float = 0.0


def ease(at: FloatArray, keys: list[float], values: list[float]) -> FloatArray:
    """Values at `at` between keys, with a smooth stop at every key."""
    places = np.asarray(keys, dtype=np.float64)
    index = np.clip(np.searchsorted(places, at, side="right") - 1, 0, len(keys) - 2)
    share = np.clip((at - places[index]) / (places[index + 1] - places[index]), 0.0, 1.0)
    smooth = share * share * (3 - 2 * share)
    level = np.asarray(values, dtype=np.float64)
    result: FloatArray = level[index] + (level[index + 1] - level[index]) * smooth
    return result


def go(build: Build, speed: FloatArray, heading: FloatArray, fps: float, gait: Gait, phase: float) -> Pose:
    """Walk or run along a way.

    Args:
        build: Whose body.
        speed: (T,) m/s. heading: (T,) radians, 0 along +z, growing to the left.
        fps: Hz.
        gait: How.
        phase: Of the step at the start.
    """
    size = build.size * build.leg
    way = np.cumsum(speed) / fps
    path = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], axis=1) * speed[:, None], axis=0) / fps
    steps = way / (gait.stride * size) + phase
    yaw = heading + gait.facing
    feet = {side: _foot(side, way, path, yaw, steps, phase, gait, build) for side in SIDES}
    wave, twice = TAU * steps, 2 * TAU * steps
    lowest = (gait.duty - 0.5) / 2 if gait.duty > 0.5 else gait.duty / 2
    up = build.hip_height - gait.crouch * size - gait.bounce * size * np.cos(twice - 2 * TAU * lowest)
    sway = gait.sway * size * np.cos(wave - TAU * gait.duty / 2)
    pelvis = np.stack([path[:, 0] + sway * np.cos(yaw), up, path[:, 1] - sway * np.sin(yaw)], axis=1)
    zero, one = np.zeros_like(up), np.ones_like(up)
    hips = np.stack([one * gait.lean * 0.4, -gait.twist * np.cos(wave), -0.03 * np.cos(wave - TAU * 0.15)], axis=1)
    spine = np.stack([gait.lean + 0.02 * np.cos(twice), 1.7 * gait.twist * np.cos(wave), zero], axis=1)
    head = np.stack([gait.look - 0.01 * np.cos(twice), -0.7 * gait.twist * np.cos(wave), zero], axis=1)
    pose = Pose(pelvis, yaw, feet, hips, spine, head)
    for side in SIDES:
        forward = -side * np.cos(wave - 0.25)
        bend = gait.elbow + 0.35 * gait.swing * (1 + forward)
        pose.arms[side] = Arm(1.45 - gait.arms_out, 0.0, gait.swing * forward + 0.05, 0.0, bend)
    _keep_in_reach(build, pose, fps)
    return pose


def _foot(
    side: int,
    way: FloatArray,
    path: FloatArray,
    yaw: FloatArray,
    steps: FloatArray,
    phase: float,
    gait: Gait,
    build: Build,
) -> Foot:
    size, stride = build.size * build.leg, gait.stride * build.size * build.leg
    later = 0.0 if side == LEFT else 0.5
    count = np.floor(steps + later)
    share = steps + later - count
    swing = np.clip((share - gait.duty) / (1 - gait.duty), 0.0, 1.0)
    smooth = swing * swing * (3 - 2 * swing)

    def planted(number: FloatArray) -> tuple[FloatArray, FloatArray]:
        at = (number + gait.duty / 2 - later - phase) * stride
        place, facing = _along(at, way, path, yaw)
        left = np.stack([np.cos(facing), -np.sin(facing)], axis=1)
        ahead = np.stack([np.sin(facing), np.cos(facing)], axis=1)
        toes = FOOT_LENGTH * build.size * (0.2 if gait.duty > 0.5 else 0.75)
        return place + side * gait.gap * build.size * build.width * left + toes * ahead, facing

    (here, turned), (there, turns) = planted(count), planted(count + 1)
    ball = here + (there - here) * smooth[:, None]
    peak = gait.duty + 0.35 * (1 - gait.duty)
    strike = -0.3 if gait.duty > 0.5 and gait.facing == 0 else 0.0
    keys = [0.0, 0.12 * gait.duty, 0.6 * gait.duty, gait.duty, peak, 1.0]
    pitch = ease(share, keys, [strike, 0.0, 0.0, gait.heel, 0.8 * gait.heel + 4 * gait.lift, strike])
    height = BALL_HEIGHT * build.size + gait.lift * size * np.sin(np.pi * swing) ** 2
    height = height + FOOT_LENGTH * build.size * np.sin(np.clip(-pitch, 0, None))
    return Foot(
        ball=np.stack([ball[:, 0], height, ball[:, 1]], axis=1),
        yaw=turned + (turns - turned) * smooth + side * 0.08,
        pitch=pitch,
    )


def _along(at: FloatArray, way: FloatArray, path: FloatArray, yaw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Place and heading after `at` metres, the way going straight on before its start and behind its end."""
    moving = np.concatenate([[True], np.diff(way) > 1e-9])
    way, path, yaw = way[moving], path[moving], yaw[moving]
    if len(way) < 2:
        way, path, yaw = np.array([0.0, 1e-6]), np.repeat(path[:1], 2, axis=0), np.repeat(yaw[:1], 2)
    first = (path[1] - path[0]) / (way[1] - way[0])
    last = (path[-1] - path[-2]) / (way[-1] - way[-2])
    place = np.stack([np.interp(at, way, path[:, i]) for i in (0, 1)], axis=1)
    place += np.minimum(at - way[0], 0.0)[:, None] * first + np.maximum(at - way[-1], 0.0)[:, None] * last
    return place, np.interp(at, way, yaw)


def _keep_in_reach(build: Build, pose: Pose, fps: float) -> None:
    """Lower the pelvis where a foot on the floor could not be reached with a straight leg."""
    height = pose.pelvis[:, 1].copy()
    for side in SIDES:
        foot = pose.feet[side]
        carries = foot.ball[:, 1] < (BALL_HEIGHT + 0.01) * build.size
        between = hip(build, pose, side) - ankle(build, foot)
        flat = (between[:, [0, 2]] ** 2).sum(axis=1)
        longest = LONGEST_LEG * build.leg_length
        too_high = between[:, 1] - np.sqrt(np.clip(longest**2 - flat, 0.01, None))
        height = np.minimum(height, pose.pelvis[:, 1] - np.where(carries, too_high, 0.0).clip(min=0.0))
    width = max(int(0.06 * fps), 1)
    padded = np.pad(height, width, mode="edge")
    window = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1)
    pose.pelvis[:, 1] = window.min(axis=1) * 0.5 + window.mean(axis=1) * 0.5
