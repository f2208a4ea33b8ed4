"""Is the frame rate true? What physics and bodies say: free fall, weight, the rhythm of steps and of limbs.

A rate that is k times too high makes all speeds k times and all accelerations k^2 times too large. Free fall tells k
exactly; a body that is pulled down by more than its weight, steps that are too short for their rhythm (the walk ratio
of step length and cadence is nearly one number for all adults: Sekiya & Nagasaki 1998, Gait & Posture 7) and limbs
that swing faster than muscles can tell that it is wrong.
"""

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.ingest.contacts import Contacts, runs

FloatArray = NDArray[np.floating]

GRAVITY = 9.81  # m/s^2
SHORTEST_FLIGHT = 6  # frames, from which a parabola can be told
PULL_SECONDS = 0.06  # s, over which heights are averaged, twice: less than half a flight of a run
TEMPO_SECONDS = 0.1  # s, over which places are averaged
EDGE = 0.15  # of a flight at either end, in which its top may not lie: up and down again is a jump
FIT = 0.01  # m; mean distance of a flight from its parabola
RISE = 0.03  # m the body must go up and down within a flight
ASIDE = 0.2  # of the downward acceleration; what a flight may have to the side
STEP = 0.15  # m; one foot must pass the other by it to be a step
STRIDE = 0.35  # m; shorter steps are dance, turns and shuffles, and their rhythm tells nothing
STEPS, MOST = 4, 0.8  # steps, and share of the steps that must be so long, from which a rhythm can be told
# Shares of the body's mass by canonical joint (Winter 2009, Biomechanics and Motor Control, table 4.1: trunk 0.497,
# head 0.081, thigh 0.100, shank 0.0465, foot 0.0145, upper arm 0.028, forearm and hand 0.022), put on joints in halves.
_MASS = {
    "pelvis": 0.142, "spine1": 0.07, "spine2": 0.07, "spine3": 0.215, "head": 0.081,
    "left_hip": 0.05, "right_hip": 0.05, "left_knee": 0.07325, "right_knee": 0.07325,
    "left_ankle": 0.0305, "right_ankle": 0.0305, "left_foot": 0.00725, "right_foot": 0.00725,
    "left_shoulder": 0.014, "right_shoulder": 0.014, "left_elbow": 0.025, "right_elbow": 0.025,
    "left_wrist": 0.011, "right_wrist": 0.011,
}  # fmt: skip
MASS: FloatArray = np.array([_MASS.get(name, 0.0) for name in CANONICAL_NAMES])
MASS /= MASS.sum()
LIMBS = [CANONICAL_NAMES.index(name) for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle")]
_ANKLES = [CANONICAL_NAMES.index(name) for name in ("left_ankle", "right_ankle")]
_HIPS = [CANONICAL_NAMES.index(name) for name in ("left_hip", "right_hip")]


def fall(joints: FloatArray, fps: float, held: Contacts) -> float:
    """Acceleration of the body in flight, as a share of gravity: the square of how many times the rate is too high.

    NaN where the body does not fly. A flight is a parabola with its top inside, and straight when seen from above;
    whoever hangs, climbs or sits is above the floor for long, but not so.
    """
    body = np.einsum("tjc,j->tc", joints, MASS)
    found = []
    for start, end in runs(held.flying):
        if end - start < SHORTEST_FLIGHT:
            continue
        time = np.arange(end - start) / fps
        fit = np.polynomial.polynomial.polyfit(time, body[start:end], 2)
        off = np.abs(body[start:end] - np.polynomial.polynomial.polyval(time, fit).T).mean()
        down, aside = -2 * fit[2, 1], 2 * float(np.hypot(fit[2, 0], fit[2, 2]))
        top = fit[1, 1] / down if down > 0 else -1.0
        rise = down / 2 * min(top, time[-1] - top) ** 2
        if rise > RISE and EDGE * time[-1] < top < (1 - EDGE) * time[-1] and off < FIT and aside < ASIDE * down:
            found.append(down / GRAVITY)
    return float(np.median(found)) if found else float("nan")


def pull(joints: FloatArray, fps: float) -> float:
    """Downward acceleration that 1 % of the frames exceed, as a share of gravity; weight alone gives at most 1.

    Args:
        joints: (T, 22, 3) m at the take's own rate: flights of a tenth of a second must be in it.
        fps: Hz.
    """
    width = max(3, round(PULL_SECONDS * fps))
    height = joints[..., 1] @ MASS
    if len(height) < 3 * width:
        return 0.0
    smooth = _smoothed(_smoothed(height, width), width)
    lag = max(1, width // 2)
    bend = smooth[2 * lag :] - 2 * smooth[lag:-lag] + smooth[: -2 * lag]
    return float(np.quantile(-bend, 0.99) * (fps / lag) ** 2 / GRAVITY)


def tempo(joints: FloatArray, fps: float) -> float:
    """Rhythm of wrists and ankles seen from the pelvis, Hz: ratio of their acceleration to their speed, over 2 pi.

    Args:
        joints: (T, 22, 3) m at the take's own rate: limbs that swing too fast must not be smoothed away.
        fps: Hz.
    """
    width = max(3, round(TEMPO_SECONDS * fps))
    lag = max(1, width // 2)
    seen = _smoothed(joints[:, LIMBS] - joints[:, :1], width)
    if len(seen) <= 2 * lag:
        return 0.0
    speed = ((seen[2 * lag :] - seen[: -2 * lag]) / 2) ** 2
    bend = (seen[2 * lag :] - 2 * seen[lag:-lag] + seen[: -2 * lag]) ** 2
    still = float(speed.sum())
    return float(np.sqrt(bend.sum() / still) * fps / lag / (2 * np.pi)) if still > 0 else 0.0


def steps(joints: FloatArray, fps: float) -> tuple[float, float]:
    """Cadence (steps/s) and length (m) of a step, medians; NaN where most of what the feet do is no walk or run.

    A step is from one foot being ahead by STEP to the other one being so.
    """
    across = (joints[:, _HIPS[0]] - joints[:, _HIPS[1]])[:, [0, 2]]
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    ahead = np.stack([-across[:, 1], across[:, 0]], axis=1)
    lead = ((joints[:, _ANKLES[0]] - joints[:, _ANKLES[1]])[:, [0, 2]] * ahead).sum(1)
    signs = np.where(lead > STEP, 1, np.where(lead < -STEP, -1, 0))
    told = np.flatnonzero(signs)
    changes = told[1:][signs[told[1:]] != signs[told[:-1]]]
    ways = np.linalg.norm(np.diff(joints[changes, 0][:, [0, 2]], axis=0), axis=1)
    far = ways > STRIDE
    if far.sum() < STEPS or far.mean() < MOST:
        return float("nan"), float("nan")
    return fps / float(np.median(np.diff(changes)[far])), float(np.median(ways[far]))


def _smoothed(track: FloatArray, width: int = 5) -> FloatArray:
    """Mean of `width` neighbouring frames, along time."""
    if len(track) < width:
        return track
    total = np.cumsum(np.concatenate([np.zeros_like(track[:1]), track]), axis=0)
    smooth: FloatArray = (total[width:] - total[:-width]) / width
    return smooth
