"""Spikes, leaps and flips: frames in which a body is elsewhere and comes back, or goes elsewhere and stays.

Told from the places of the joints, not from their rotations: solvers flip a thigh by 180 degrees about its own axis
and the foot back again (CMU subject 05 does it hundreds of times), and no joint moves. A wrong marker does move one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.params import Judging

FloatArray = NDArray[np.floating]

WIDEST = 0.1  # s, the widest spike; 3 frames at least
RETURN = 0.5  # of the way out: a spike ends at most this far from where it began
STANDS_OUT = 3.0  # times the steps just before and after it
FLIP = 90.0  # degrees within a frame that no joint of a person turns at 20 Hz or more (1,800 degrees/s)


class Spike(NamedTuple):
    """Frames `start` to `start + width - 1`, in which canonical joint `joint` is `size` metres away."""

    joint: int
    start: int
    width: int
    size: float


class Leap(NamedTuple):
    """Canonical joint `joint` goes `size` metres from `frame` to the next, and stays."""

    joint: int
    frame: int
    size: float


def away(joints: FloatArray) -> FloatArray:
    """(T - 1, 22) metres that each joint goes in a frame: the pelvis in space, the others seen from the pelvis."""
    seen = joints.copy()
    seen[:, 1:] -= joints[:, :1]
    step = np.diff(seen, axis=0)
    steps: FloatArray = np.sqrt(np.einsum("tjc,tjc->tj", step, step))
    return steps


def find_spikes(joints: FloatArray, steps: FloatArray, fps: float, settings: Judging) -> list[Spike]:
    """Spikes in the order of time, one for each span of frames: that of the joint nearest to the pelvis.

    Args:
        joints: (T, 22, 3) m.
        steps: `away(joints)`.
        fps: Hz.
        settings: `ingest.judging`.
    """
    large = steps > settings.spike_metres
    found: list[Spike] = []
    quiet = np.zeros((1, steps.shape[1]))
    padded = np.concatenate([quiet, steps, quiet])  # padded[t] is the step before frame t
    for width in range(1, max(3, round(WIDEST * fps)) + 1):
        if width >= len(large):
            break
        frame, joint = np.nonzero(large[:-width] & large[width:])
        size = np.minimum(steps[frame, joint], steps[frame + width, joint])
        beside = np.maximum(padded[frame, joint], padded[frame + width + 2, joint])
        clear = np.flatnonzero(size > STANDS_OUT * beside)
        frame, joint, size = frame[clear], joint[clear], size[clear]
        back = joints[frame + width + 1, joint] - joints[frame, joint]
        back -= np.where(joint[:, None] > 0, joints[frame + width + 1, 0] - joints[frame, 0], 0.0)
        for one in np.flatnonzero(np.sqrt((back * back).sum(1)) < RETURN * size).tolist():
            found.append(Spike(int(joint[one]), int(frame[one]) + 1, width, float(size[one])))
    return _one_each(found)


def find_leaps(steps: FloatArray, fps: float, settings: Judging) -> list[Leap]:
    """Steps no person makes, by frame: of the pelvis over `leap_speed`, of other joints, alone, over `pop_speed`."""
    limits = np.where(np.arange(steps.shape[1]) == 0, settings.leap_speed, settings.pop_speed) / fps
    padded = np.pad(steps, ((2, 2), (0, 0)))
    frame, joint = np.nonzero(steps > np.maximum(limits, settings.spike_metres))
    size = steps[frame, joint]
    beside = np.max([padded[frame + 2 + shift, joint] for shift in (-2, -1, 1, 2)], axis=0) if len(frame) else size
    clear = np.flatnonzero((joint == 0) | (size > STANDS_OUT * beside))
    found: dict[int, Leap] = {}
    for one in clear.tolist():  # by frame, then joint: the pelvis comes first
        leap = Leap(int(joint[one]), int(frame[one]), float(size[one]))
        known = found.get(leap.frame)
        if known is None or (known.joint != 0 and known.size < leap.size):
            found[leap.frame] = leap
    return [found[here] for here in sorted(found)]


def mend(root: FloatArray, quat: FloatArray, spikes: list[Spike]) -> tuple[FloatArray, FloatArray]:
    """Root (T, 3) and rotations (T, J, 4) with the frames of the spikes taken from the frames before and after them."""
    root, quat = root.copy(), quat.copy()
    for spike in spikes:
        before, after = spike.start - 1, spike.start + spike.width
        for frame in range(spike.start, after):
            share = (frame - before) / (after - before)
            root[frame] = (1 - share) * root[before] + share * root[after]
            quat[frame] = rotations.slerp(quat[before], quat[after], np.full(quat.shape[1], share))
    return root, quat


def flips(quat: FloatArray) -> list[tuple[int, int]]:
    """(frame, joint) after which a joint's own rotation (T, J, 4) turns by over FLIP within one frame."""
    cosine = np.abs(np.einsum("tjc,tjc->tj", quat[:-1], quat[1:]))
    pairs = np.argwhere(cosine < np.cos(np.radians(FLIP) / 2))
    return [(int(frame), int(joint)) for frame, joint in pairs]


def say(spikes: list[Spike]) -> str:
    """The largest spike in words."""
    worst = max(spikes, key=lambda spike: spike.size)
    frames = f"frame {worst.start}" if worst.width == 1 else f"frames {worst.start} to {worst.start + worst.width - 1}"
    return f"{CANONICAL_NAMES[worst.joint]} is {worst.size:.2f} m away in {frames}"


def _one_each(spikes: list[Spike]) -> list[Spike]:
    """Of spikes that share frames the narrowest, of these the one nearest to the pelvis."""
    kept: list[Spike] = []
    taken: set[int] = set()
    for spike in sorted(spikes, key=lambda one: (one.width, one.start, one.joint)):
        frames = set(range(spike.start, spike.start + spike.width))
        if not frames & taken:
            kept.append(spike)
            taken |= frames
    return sorted(kept, key=lambda one: one.start)
