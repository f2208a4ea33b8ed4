"""Landmarks of a motion: turning points of limbs, told so that place, heading, rate, crop and mirror do not matter.

After the constellations of audio fingerprinting (Wang, "An Industrial Strength Audio Search Algorithm", ISMIR 2003):
a key speaks of three successive turning points of one limb, and its coarse half alone finds candidates. Departure:
the keys carry fine values too, so that two strides of one walk can be told apart from two copies of one stride.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]

SMOOTHING = 0.08  # s, standard deviation of the Gaussian; moves a turning point by less than a frame at 20 Hz
SWING = 0.045  # leg lengths (4 cm); a turning point is one when the limb comes back at least this far
FINE = 0.005  # leg lengths, step of the fine values
COARSE = 20  # fine steps in a coarse one: 0.1 leg lengths
MIDDLE = 512  # fine value that stands for 0
SHORTEST_GAP, GAP_RATIO = 0.1, 1.3  # s and growth of the coarse steps of time between turning points
NO_GAP = 15  # coarse step of time after the last turning points
WHOLE = 15  # "signal" of the row that stands for the take itself: (digest of the exact motion, duration)
DIGEST_BITS = 58
# Bits of a key, highest first: signal 4, maximum 1, coarse values 3 x 4, gaps 2 x 4, fine values 3 x 10, spare 8.
SIGNAL_SHIFT, PEAK_SHIFT, COARSE_SHIFT = 59, 58, 38
OTHER_SIDE = np.array([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 10, 11, 12, 13, 14, 15])

_J = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}


class Events(NamedTuple):
    """Turning points of a take in the order of time.

    Attributes:
        signal: (K,) which limb and direction; `OTHER_SIDE[signal]` is the same in a mirror.
        peak: (K,) 1 for a maximum, 0 for a minimum.
        time: (K,) s.
        value: (K,) leg lengths.
    """

    signal: IntArray
    peak: IntArray
    time: FloatArray
    value: FloatArray


def fingerprint(joints: FloatArray, fps: float) -> IntArray:
    """(K, 2) int64: a key and the time in ms of each turning point; first a row for the take itself.

    Args:
        joints: (T, 22, 3) canonical joints, metres, y up; T >= 1.
        fps: Hz; 15 or more, so that the turning points are in the data.
    """
    values = _signals(joints)
    digest = hashlib.sha256(np.round(values / FINE).astype("<i2").tobytes()).digest()
    whole = (WHOLE << SIGNAL_SHIFT) | (int.from_bytes(digest[:8], "little") >> (64 - DIGEST_BITS))
    head = np.array([[whole, round(1000 * (len(joints) - 1) / fps)]], dtype=np.int64)
    smooth = _smoothed(values, fps)
    found = [_turning_points(smooth[:, signal], fps) for signal in range(values.shape[1])]
    signal = np.repeat(np.arange(len(found)), [len(times) for times, _, _ in found])
    times, heights, peaks = (np.concatenate(part) for part in zip(*found, strict=True))
    table = _rows(signal, times, heights, peaks)
    return np.concatenate([head, table[np.lexsort((table[:, 0], table[:, 1]))]])


def events(print_: IntArray) -> Events:
    """Turning points of a fingerprint."""
    keys, times = print_[1:, 0], print_[1:, 1]
    fine = (keys >> 28) & 0x3FF
    values = np.asarray((fine - MIDDLE) * FINE, dtype=np.float64)
    return Events(keys >> SIGNAL_SHIFT, (keys >> PEAK_SHIFT) & 1, np.asarray(times / 1000.0, dtype=np.float64), values)


def seconds(print_: IntArray) -> float:
    """Duration of the take."""
    return float(print_[0, 1]) / 1000


def mirrored_keys(keys: IntArray) -> IntArray:
    """The keys that the motion would have in a mirror."""
    low = keys & ((1 << SIGNAL_SHIFT) - 1)
    flipped: IntArray = (OTHER_SIDE[keys >> SIGNAL_SHIFT] << SIGNAL_SHIFT) | low
    return flipped


def has_chain(keys: IntArray) -> NDArray[np.bool_]:
    """Whether a key speaks of three turning points; the last two of each limb speak of themselves only."""
    chained: NDArray[np.bool_] = ((keys >> COARSE_SHIFT) & 0xF != NO_GAP) & (keys >> SIGNAL_SHIFT != WHOLE)
    return chained


def _signals(joints: FloatArray) -> FloatArray:
    """(T, 12) leg lengths: wrist up, ahead and out, ankle up and ahead, each left, right; head ahead, wrists apart."""
    pelvis = joints[:, _J["pelvis"]]
    across = (joints[:, _J["left_hip"]] - joints[:, _J["right_hip"]])[:, [0, 2]]
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    ahead = np.stack([-across[:, 1], across[:, 0]], axis=1)  # left is +x when facing +z, so ahead is across x up
    columns = []
    for part, what in (("wrist", "yao"), ("ankle", "ya")):
        for kind in what:
            for side, sign in (("left", 1.0), ("right", -1.0)):
                away = joints[:, _J[f"{side}_{part}"]] - pelvis
                direction = ahead if kind == "a" else sign * across
                columns.append(away[:, 1] if kind == "y" else (away[:, [0, 2]] * direction).sum(1))
    head = joints[:, _J["head"]] - pelvis
    columns.append((head[:, [0, 2]] * ahead).sum(1))
    columns.append(np.linalg.norm(joints[:, _J["left_wrist"]] - joints[:, _J["right_wrist"]], axis=1))
    return np.stack(columns, axis=1) / _leg(joints)


def _leg(joints: FloatArray) -> float:
    chain = [_J[name] for name in ("left_hip", "left_knee", "left_ankle")]
    length = float(np.linalg.norm(np.diff(joints[0, chain], axis=0), axis=1).sum())
    return max(length, 1e-6)


def _smoothed(values: FloatArray, fps: float) -> FloatArray:
    """Gaussian along time; the first and last value go on beyond the ends."""
    reach = max(1, int(np.ceil(3 * SMOOTHING * fps)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (SMOOTHING * fps)) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([np.repeat(values[:1], reach, 0), values, np.repeat(values[-1:], reach, 0)])
    frames = len(values)
    return sum((weight * padded[i : i + frames] for i, weight in enumerate(kernel)), np.zeros_like(values))


def _turning_points(track: FloatArray, fps: float) -> tuple[FloatArray, FloatArray, IntArray]:
    """Times (s), values and kinds of the alternating extrema between which the track swings by at least SWING."""
    slope = np.diff(track)
    bends = np.flatnonzero(slope[1:] * slope[:-1] < 0) + 1
    kept: list[int] = []
    low = high = 0
    before_is = ""  # kind of the last kept point
    for here in [*bends.tolist(), len(track) - 1]:
        value = track[here]
        high = here if value > track[high] else high
        low = here if value < track[low] else low
        if before_is != "low" and value - track[low] >= SWING:
            kept.append(low)
            before_is, high = "low", here
        elif before_is != "high" and track[high] - value >= SWING:
            kept.append(high)
            before_is, low = "high", here
    inner = np.array([i for i in kept if 0 < i < len(track) - 1], dtype=np.int64)
    before, at, after = track[inner - 1], track[inner], track[inner + 1]
    bend = before - 2 * at + after
    shift = np.where(bend != 0, 0.5 * (before - after) / np.where(bend != 0, bend, 1.0), 0.0).clip(-0.5, 0.5)
    return (inner + shift) / fps, at - 0.25 * (before - after) * shift, (bend < 0).astype(np.int64)


def _rows(signal: IntArray, times: FloatArray, values: FloatArray, peaks: IntArray) -> IntArray:
    """(K, 2) keys and ms of turning points that are in the order of signals, then of time."""
    fine = np.clip(np.round(values / FINE).astype(np.int64) + MIDDLE, 0, 2 * MIDDLE - 1)
    coarse = np.clip((fine - MIDDLE) // COARSE + 8, 0, 15)
    gaps = np.maximum(np.diff(times), SHORTEST_GAP) / SHORTEST_GAP
    steps = np.minimum(np.floor(np.log(gaps) / np.log(GAP_RATIO)), NO_GAP - 1).astype(np.int64)
    key = (signal << SIGNAL_SHIFT) | (peaks << PEAK_SHIFT) | (coarse << 54) | (fine << 28)
    last = np.ones(len(times), dtype=np.bool_)  # of the last two of each signal: no chain of three starts there
    last[:-2] = signal[2:] != signal[:-2]
    rest = np.full(len(times), (NO_GAP << 42) | (NO_GAP << COARSE_SHIFT), dtype=np.int64)
    i = np.flatnonzero(~last)
    rest[i] = (coarse[i + 1] << 50) | (coarse[i + 2] << 46) | (steps[i] << 42) | (steps[i + 1] << COARSE_SHIFT)
    rest[i] |= (fine[i + 1] << 18) | (fine[i + 2] << 8)
    return np.stack([key | rest, np.round(1000 * times).astype(np.int64)], axis=1)
