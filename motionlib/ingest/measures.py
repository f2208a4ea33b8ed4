"""Numbers that say how a take moves: for the judge, for the report of a delivery and for the map of a library."""

import numpy as np
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.ingest import rate
from motionlib.ingest.contacts import contacts, root_share
from motionlib.ingest.movement import MOVEMENT, movement
from motionlib.rig.canonical import toes_ahead

FloatArray = NDArray[np.floating]

# Name -> unit and meaning. Every measured take has all of them; NaN where the motion does not tell, left out then.
MEASURES: dict[str, tuple[str, str]] = {
    "speed": ("m/s", "mean speed of the pelvis over the floor"),
    "speed_top": ("m/s", "speed of the pelvis over the floor that 5 % of the take exceed"),
    "travel": ("m", "way of the pelvis over the floor"),
    "turn": ("deg/s", "mean size of the turning of the hips about the vertical"),
    "turn_net": ("deg", "turning of the hips from the first frame to the last, to the left"),
    "turn_left": ("deg", "sum of the turning to the left"),
    "turn_right": ("deg", "sum of the turning to the right"),
    "height_range": ("m", "highest minus lowest pelvis"),
    "pelvis_low": ("m", "lowest pelvis above the floor"),
    "pelvis_high": ("m", "highest pelvis above the floor"),
    "contact_share": ("1", "share of the take in which some joint is within 5 cm of the floor"),
    "air_share": ("1", "share of the take in which every joint is 12 cm above the floor"),
    "air_longest": ("s", "longest stretch of that"),
    "floor": ("m", "height of the floor in the file: the lower quartile of the lower foot"),
    "penetration": ("m", "largest depth of a joint below that floor"),
    "skate": ("m/s", "speed over the floor of the slowest joint that touches it, lower quartile"),
    "root_share": ("1", "way of the root per way of the standing foot under it; 1 in sound data, 0 on a treadmill"),
    "joint_speed": ("m/s", "mean speed of all joints seen from the pelvis"),
    "joint_speed_top": ("m/s", "speed of a joint seen from the pelvis that 1 % exceed"),
    "arm_share": ("1", "share of the wrists in the speed of wrists and ankles seen from the pelvis"),
    "arm_left": ("m/s", "mean speed of the left wrist seen from the pelvis"),
    "arm_right": ("m/s", "mean speed of the right wrist seen from the pelvis"),
    "leg_left": ("m/s", "mean speed of the left ankle seen from the pelvis"),
    "leg_right": ("m/s", "mean speed of the right ankle seen from the pelvis"),
    "still_share": ("1", "share of the take in which no joint is faster than 0.1 m/s"),
    "upright": ("1", "median cosine of the trunk to the vertical; -1 is head down"),
    "toes_ahead": ("m", "how far the toes lie before the shins; below 0 left and right are swapped"),
    "jitter": ("mm", "noise from frame to frame of the median joint, from fourth differences"),
    "tempo": ("Hz", "rhythm of wrists and ankles"),
    "cadence": ("1/s", "steps in a second, where the feet walk or run for most of the take"),
    "step": ("m", "length of such a step"),
    "fall": ("1", "acceleration in flight as a share of gravity"),
    "pull": ("1", "downward acceleration that 1 % of the take exceed, as a share of gravity"),
    **MOVEMENT,
}

STILL = 0.1  # m/s
JITTER_DIFFERENCES = 4
JITTER_NORM = float(np.sqrt(70 * 3))  # of fourth differences (1, 4, 6, 4, 1) of white noise in three coordinates
JITTER_QUANTILE = 0.25  # of the frames: noise is always there, motion is not
_J = {name: joint for joint, name in enumerate(CANONICAL_NAMES)}


def measure(joints: FloatArray, fps: float) -> dict[str, float]:
    """All MEASURES of (T, 22, 3) joints (metres, y up) but those that need the take's own rate or sides; T >= 2."""
    held = contacts(joints, fps)
    cadence, length = rate.steps(joints, fps)
    air = _longest(held.flying) / fps
    slide = held.slide[~np.isnan(held.slide)]
    return {
        **_travel(joints, fps),
        **_turning(joints, fps),
        **_limbs(joints, fps),
        **movement(joints, fps),
        "height_range": float(np.ptp(joints[:, 0, 1])),
        "pelvis_low": float(joints[:, 0, 1].min()) - held.floor,
        "pelvis_high": float(joints[:, 0, 1].max()) - held.floor,
        "contact_share": float(held.touching.mean()),
        "air_share": float(held.flying.mean()),
        "air_longest": air,
        "floor": held.floor,
        "penetration": held.sunk,
        "skate": float(np.quantile(slide, 0.25)) if len(slide) else float("nan"),
        "root_share": root_share(joints, fps),
        "upright": _upright(joints),
        "cadence": cadence,
        "step": length,
        "fall": rate.fall(joints, fps, held),
    }


def measure_take(joints: FloatArray, own_fps: float, sparse: FloatArray, fps: float) -> dict[str, float]:
    """All MEASURES by name, NaN where the motion does not tell.

    Args:
        joints: (T, 22, 3) m at the take's own rate.
        own_fps: Hz of that.
        sparse: (T', 22, 3) of them at about 30 Hz.
        fps: Hz of `sparse`.
    """
    return {
        **measure(sparse, fps),
        "toes_ahead": toes_ahead(sparse.astype(np.float64)),
        "jitter": jitter(joints),
        "pull": rate.pull(joints, own_fps),
        "tempo": rate.tempo(joints, own_fps),
    }


def jitter(joints: FloatArray) -> float:
    """Noise of the median joint in mm, whatever the frame rate: fourth differences of its quieter frames.

    Noise is white from frame to frame and there all the time; motion at 30 Hz and more is smooth most of the time.
    """
    if len(joints) <= JITTER_DIFFERENCES:
        return 0.0
    rough = np.diff(joints, n=JITTER_DIFFERENCES, axis=0)
    size = np.sqrt(np.einsum("tjc,tjc->tj", rough, rough))
    return float(np.median(np.quantile(size, JITTER_QUANTILE, axis=0))) * 1000 / JITTER_NORM


def _travel(joints: FloatArray, fps: float) -> dict[str, float]:
    way = np.linalg.norm(np.diff(joints[:, 0, [0, 2]], axis=0), axis=1)
    return {
        "speed": float(way.mean()) * fps,
        "speed_top": float(np.quantile(way, 0.95)) * fps,
        "travel": float(way.sum()),
    }


def _turning(joints: FloatArray, fps: float) -> dict[str, float]:
    across = joints[:, _J["left_hip"]] - joints[:, _J["right_hip"]]
    heading = np.unwrap(np.arctan2(across[:, 0], across[:, 2]))  # grows to the left: +x towards which left lies
    turn = np.degrees(np.diff(heading))
    return {
        "turn": float(np.abs(turn).mean()) * fps,
        "turn_net": float(turn.sum()),
        "turn_left": float(turn[turn > 0].sum()),
        "turn_right": float(-turn[turn < 0].sum()),
    }


def _limbs(joints: FloatArray, fps: float) -> dict[str, float]:
    step = np.diff(joints - joints[:, :1], axis=0)
    speed = np.sqrt(np.einsum("tjc,tjc->tj", step, step)) * fps
    whole = np.diff(joints, axis=0)
    fastest = np.sqrt(np.einsum("tjc,tjc->tj", whole, whole)).max(axis=1) * fps
    mean = speed.mean(axis=0)
    ends = {name: float(mean[_J[name]]) for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle")}
    total = sum(ends.values())
    return {
        "joint_speed": float(mean[1:].mean()),
        "joint_speed_top": float(np.quantile(speed[:, 1:].max(axis=1), 0.99)),
        "arm_share": (ends["left_wrist"] + ends["right_wrist"]) / total if total > 0 else 0.0,
        "arm_left": ends["left_wrist"],
        "arm_right": ends["right_wrist"],
        "leg_left": ends["left_ankle"],
        "leg_right": ends["right_ankle"],
        "still_share": float((fastest < STILL).mean()),
    }


def _upright(joints: FloatArray) -> float:
    trunk = joints[:, _J["neck"]] - joints[:, _J["pelvis"]]
    return float(np.median(trunk[:, 1] / np.maximum(np.linalg.norm(trunk, axis=1), 1e-9)))


def _longest(mask: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
