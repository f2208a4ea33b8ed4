"""What the two modes of features differ by on a take, and which known faults of the published ones hit it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from motionlib.figures import png
from motionlib.normalize import exact
from motionlib.normalize.batched import exactly
from motionlib.normalize.batched_body import Body, angle, smoothed
from motionlib.normalize.humanml263 import aligned, extract, recover
from motionlib.normalize.layout import FEATURE_GROUPS, HUMANML3D, ROOT_TURN

FloatArray = NDArray[np.float64]

PUBLISHED_FPS = 20.0  # Hz that the published code calls every take
# Standard deviation of each group in HumanML3D (its released Std.npy), against which differences are told.
PUBLISHED_STD = {
    "root_turn": 0.012826,
    "root_velocity": 0.016927,
    "root_height": 0.153766,
    "ric": 0.122244,
    "rot6d": 0.299692,
    "velocity": 0.019470,
    "contacts": 0.355933,
}
# From which amount on a fault counts as having hit a take, and its unit.
HITS = {
    "flips": (1.0, "times"),
    "lost_metres": (0.01, "m"),
    "first_row_degrees": (5.0, "degrees"),
    "hips_degrees": (5.0, "degrees"),
    "scale_percent": (1.0, "%"),
    "rate_percent": (1.0, "%"),
}
MEANING = {
    "flips": "the heading passes half a turn and a sign flips",
    "lost_metres": "what is recovered strays from the take",
    "first_row_degrees": "row 0 is a jump of the heading, no velocity",
    "hips_degrees": "hips swapped in the heading",
    "scale_percent": "size taken from frame 0 and the right leg",
    "rate_percent": "published preparation: n-th frames called 20 Hz",
}
DOTS_PER_INCH = 110


class Difference(NamedTuple):
    """A take in both modes.

    Attributes:
        refused: Why it has no published features; "" if it has, and only then there is anything below.
        rms: Per group, root mean square of exact minus published, in the group's unit.
        faults: By the keys of HITS: how often the sign flips; metres by which recovered positions stray at most;
            degrees of heading in row 0 beyond those of row 1; degrees by which swapped hips turn the heading, mean over
            the take; percent by which size and frame rate are off.
    """

    refused: str = ""
    rms: Mapping[str, float] = {}
    faults: Mapping[str, float] = {}

    def hit(self) -> list[str]:
        """Faults that matter on this take."""
        return [fault for fault, (least, _) in HITS.items() if self.faults.get(fault, 0.0) >= least]

    def report(self) -> dict[str, Any]:
        """As JSON, rounded."""
        if self.refused:
            return {"refused": self.refused}
        shares = {group: round(value / PUBLISHED_STD[group], 4) for group, value in self.rms.items()}
        return {
            "rms": {group: round(value, 6) for group, value in self.rms.items()},
            "rms_over_published_std": shares,
            "faults": {fault: round(value, 4) for fault, value in self.faults.items()},
            "hit": self.hit(),
        }


def difference(joints: ArrayLike, world_quat: ArrayLike | None = None, source_fps: float = PUBLISHED_FPS) -> Difference:
    """Compare both modes on joints (T, 22, 3) m at 20 Hz and their rotations (T, 22, 4), if a file tells any.

    Args:
        source_fps: Hz of the source, which the published code would have thinned by a whole number.

    Raises:
        ValueError: If mode `exact` refuses the take too.
    """
    true = exact.extract(joints, world_quat)
    try:
        published = extract(joints)
    except ValueError as error:
        return Difference(refused=str(error))
    positions = np.asarray(joints, dtype=np.float64)
    apart = (true - published).astype(np.float64)
    rms = {group: float(np.sqrt((apart[:, part] ** 2).mean())) for group, part in FEATURE_GROUPS.items()}
    return Difference(rms=rms, faults=_faults(positions, published, source_fps))


def _faults(joints: FloatArray, published: NDArray[np.float32], source_fps: float) -> dict[str, float]:
    body = exactly(joints, HUMANML3D)
    heading = angle(smoothed(body.forward, np.array([0, len(joints)])))
    heading[0] = 0.0
    strays = np.linalg.norm(recover(published) - aligned(joints)[:-1], axis=-1)
    turn = np.abs(np.degrees(2.0 * published[:2, ROOT_TURN].astype(np.float64).ravel()))
    kept = source_fps / max(int(source_fps / PUBLISHED_FPS), 1)
    return {
        "flips": float((np.abs(np.diff(heading)) > np.pi).sum()),
        "lost_metres": float(strays.max()),
        "first_row_degrees": float(max(turn[0] - turn[-1], 0.0)),
        "hips_degrees": _hips(body),
        "scale_percent": _scale(joints),
        "rate_percent": 100.0 * abs(kept / PUBLISHED_FPS - 1.0),
    }


def _hips(body: Body) -> float:
    """Degrees, mean over the take, between the heading as published and with the hips the right way round."""
    true = exact.heading(body.pose.transpose(2, 1, 0))
    apart = angle(body.forward) - true
    return float(np.degrees(np.abs((apart + np.pi) % (2 * np.pi) - np.pi)).mean())


def _scale(joints: FloatArray) -> float:
    """Percent between the published scale and that of both legs over the whole take."""
    bones = {joint: joints[:, joint] - joints[:, HUMANML3D.parents[joint]] for joint in (4, 5, 7, 8)}
    lengths = {joint: np.sqrt((bone * bone).sum(-1)) for joint, bone in bones.items()}
    first = HUMANML3D.lengths[[5, 8]].sum() / (lengths[5][0] + lengths[8][0])
    mean = HUMANML3D.lengths[[4, 5, 7, 8]].sum() / sum(length.mean() for length in lengths.values())
    return float(100.0 * abs(first / mean - 1.0))


def summary(found: Sequence[Difference]) -> dict[str, Any]:
    """Counts over a library: takes, refused ones, and per group and fault how large the difference is."""
    compared = [one for one in found if not one.refused]
    groups = {group: np.array([one.rms[group] for one in compared]) for group in FEATURE_GROUPS}
    faults = {fault: np.array([one.faults[fault] for one in compared]) for fault in HITS}
    return {
        "takes": len(found),
        "refused": len(found) - len(compared),
        "rms": {group: _spread(values) for group, values in groups.items()},
        "rms_over_published_std": {group: _spread(values / PUBLISHED_STD[group]) for group, values in groups.items()},
        "faults": {
            fault: {"takes": int((values >= HITS[fault][0]).sum()), "from": HITS[fault][0], **_spread(values)}
            for fault, values in faults.items()
        },
    }


def picture(found: Sequence[Difference]) -> bytes:
    """PNG: which share of a library each fault hits, and by how much each group of features differs."""
    compared = [one for one in found if not one.refused]
    figure = Figure(figsize=(11.5, 3.6))
    left, right = figure.add_axes((0.24, 0.14, 0.3, 0.78)), figure.add_axes((0.64, 0.14, 0.34, 0.78))
    _draw_faults(left, compared)
    shares = [[one.rms[group] / PUBLISHED_STD[group] for one in compared] or [0.0] for group in FEATURE_GROUPS]
    right.boxplot(shares, orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.6)
    right.set_yticks(range(1, len(shares) + 1), list(FEATURE_GROUPS))
    right.invert_yaxis()
    right.set_xlabel("published std; box: half of the takes, whiskers: 5 and 95 %")
    right.set_title("exact minus compat, root mean square per take")
    return png(figure, DOTS_PER_INCH)


def _draw_faults(axes: Axes, compared: Sequence[Difference]) -> None:
    names = [f"{MEANING[fault]}\n(from {least:g} {unit})" for fault, (least, unit) in HITS.items()]
    hits = [sum(one.faults[fault] >= least for one in compared) for fault, (least, _) in HITS.items()]
    shares = [100.0 * hit / max(len(compared), 1) for hit in hits]
    axes.barh(range(len(names)), shares, color="#3b6ea5", height=0.6)
    for place, (fault, (_, unit)) in enumerate(HITS.items()):
        largest = max((one.faults[fault] for one in compared), default=0.0)
        axes.text(
            shares[place] + 1.5, place, f"{hits[place]} takes, up to {largest:.3g} {unit}", va="center", fontsize=8
        )
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0.0, 140.0)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel(f"% of {len(compared)} takes")
    axes.set_title("known faults of compat")


def _spread(values: FloatArray) -> dict[str, float]:
    if not len(values):
        return {"median": 0.0, "most_95": 0.0, "largest": 0.0}
    return {
        "median": round(float(np.median(values)), 6),
        "most_95": round(float(np.quantile(values, 0.95)), 6),
        "largest": round(float(values.max()), 6),
    }
