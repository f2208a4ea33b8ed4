"""C3D files that hold joint centres: solved bodies, or models whose centres were written beside the markers.

Markers alone are refused: where a joint is follows from them only with a model of the person, which mocap software has.
"""

import re
from collections.abc import Iterable

import numpy as np

from motionlib.body import positions
from motionlib.ingest.c3d_file import Points, read_points
from motionlib.ingest.quality import BadMotionError
from motionlib.ingest.source import Source
from motionlib.ingest.upright import up_axis
from motionlib.rig.names import SIDES, limbs, told
from motionlib.rig.raw import FloatArray, RawMotion

LONGEST_GAP = 0.1  # s; a joint unseen for longer could have been anywhere
MAX_VALUE = 1e9  # file units
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "inch": 0.0254}  # metres by POINT:UNITS
LEG = (0.3, 1.4)  # m, hip to ankle in a straight line, at most over the take: outside it POINT:UNITS is not believed
# Joint: above it, direction of its bone in the rest pose (the subject's left is +x, up is +y, it faces +z).
BODY: dict[str, tuple[str, tuple[float, float, float]]] = {
    "pelvis": ("", (0, 0, 0)),
    "left_hip": ("pelvis", (1, 0, 0)),
    "left_knee": ("left_hip", (0, -1, 0)),
    "left_ankle": ("left_knee", (0, -1, 0)),
    "left_foot": ("left_ankle", (0, 0, 1)),
    "right_hip": ("pelvis", (-1, 0, 0)),
    "right_knee": ("right_hip", (0, -1, 0)),
    "right_ankle": ("right_knee", (0, -1, 0)),
    "right_foot": ("right_ankle", (0, 0, 1)),
    "neck": ("pelvis", (0, 1, 0)),
    "head": ("neck", (0, 1, 0)),
    "left_shoulder": ("neck", (1, 0, 0)),
    "left_elbow": ("left_shoulder", (1, 0, 0)),
    "left_wrist": ("left_elbow", (1, 0, 0)),
    "right_shoulder": ("neck", (-1, 0, 0)),
    "right_elbow": ("right_shoulder", (-1, 0, 0)),
    "right_wrist": ("right_elbow", (-1, 0, 0)),
}
_MIDDLE = {"pelvis": ("pelvis", "hips", "midhip", "hip"), "neck": ("neck",), "head": ("head", "skull")}
# Where no such joint is named: the mean of points by their label (OpenPose; Plug-in Gait's head and toe markers) or of
# other joints.
_MEANS: dict[str, tuple[tuple[str, ...], ...]] = {
    "pelvis": (("left_hip", "right_hip"),),
    "neck": (("left_shoulder", "right_shoulder"),),
    "head": (("LFHD", "RFHD", "LBHD", "RBHD"), ("LEar", "REar"), ("Nose",)),
    "left_foot": (("LBigToe",), ("LTOE",)),
    "right_foot": (("RBigToe",), ("RTOE",)),
}
_LETTERS = {"H": "hip", "K": "knee", "A": "ankle", "S": "shoulder", "E": "elbow", "W": "wrist"}
_SHORT = re.compile(r"(L|R|LEFT|RIGHT)?[_ .-]?([HKASEW])JC[_ .-]?(L|R|LEFT|RIGHT)?")
_CENTRE = re.compile(r"[_ .-]*(jc|jnt|(joint)?[_ .-]*cent(er|re)|joint)$", re.IGNORECASE)
_AXIS = re.compile(r"([+-]?)([XYZ])", re.IGNORECASE)


def read_c3d(source: Source) -> RawMotion:
    """Read the joint centres of a C3D file as a body of 17 joints, without twist.

    Raises:
        BadMotionError: `markers_only` where joints are missing, `points_missing` where one is unseen for too long; else
            as `read_points`.
    """
    points = read_points(source.data)
    parts = _parts(points.labels)
    missing = [joint for joint in BODY if joint not in parts]
    if missing:
        what = "all joint centres" if len(missing) > len(BODY) / 2 else f"no joint centre for {', '.join(missing)}"
        message = f"{what} missing among {len(points.labels)} points" if what.startswith("all") else what
        raise BadMotionError("markers_only", f"{message}; solve a skeleton in your mocap software, export BVH or glTF")
    tracks: dict[int, FloatArray] = {}
    filled: list[str] = []
    for point in sorted({point for used in parts.values() for point in used}):
        tracks[point], gaps = _whole_track(points, point)
        filled += [points.labels[point]] * gaps
    joints = np.stack([np.mean([tracks[point] for point in parts[joint]], axis=0) for joint in BODY], axis=1)
    names = tuple(BODY)
    posed = positions.pose(joints, names, _parents(), np.array([rest for _, rest in BODY.values()], dtype=np.float64))
    notes = {
        "gaps_filled": f"of {', '.join(filled)}" if filled else None,
        "rotations_from_positions": "",
        "parts_left_out": f"{len(points.labels) - len(tracks)} points" if len(points.labels) > len(tracks) else None,
    }
    told_of = {remark: note for remark, note in notes.items() if note is not None}
    return RawMotion(
        skeleton=posed.skeleton,
        root_pos=posed.root_pos,
        local_quat=posed.local_quat,
        fps=points.fps,
        stretch=posed.stretch,
        remarks=tuple(told_of),
        unit=_unit(points, joints),
        up=_up(points) or up_axis(joints, 0, names.index("head")),
        notes=told_of,
    )


def _parents() -> list[int]:
    names = list(BODY)
    return [names.index(above) if above else -1 for above, _ in BODY.values()]


def _parts(labels: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The points whose mean is each joint, for the joints that can be found."""
    plain = [label.rpartition(":")[2].strip() for label in labels]
    meanings = [_told(label) for label in plain]
    parts: dict[str, tuple[int, ...]] = {
        joint: (point,) for joint, point in limbs(meanings).items() if joint in BODY and joint != "head"
    }
    for part, words in _MIDDLE.items():
        found = [meanings.index(("", word)) for word in words if ("", word) in meanings]
        if found:
            parts[part] = (found[0],)
    for part, choices in _MEANS.items():
        means = _means(choices, plain, parts)
        if part not in parts and means:
            parts[part] = means[0]
    return parts


def _means(
    choices: Iterable[tuple[str, ...]], labels: list[str], parts: dict[str, tuple[int, ...]]
) -> list[tuple[int, ...]]:
    """The choices all of whose points are there."""
    found = []
    for choice in choices:
        points = [
            parts[name] if name in parts else tuple(i for i, n in enumerate(labels) if n == name)[:1] for name in choice
        ]
        if all(points):
            found.append(tuple(point for some in points for point in some))
    return found


def _told(label: str) -> tuple[str, str]:
    """Side and part of the body that a label names."""
    short = _SHORT.fullmatch(label.upper())
    if short:
        side = SIDES.get((short.group(1) or short.group(3) or "").lower(), "")
        return side, _LETTERS[short.group(2)] if side else ""
    return told(_CENTRE.sub("", label))


def _whole_track(points: Points, point: int) -> tuple[FloatArray, bool]:
    """(T, 3) of a point, and whether short gaps were bridged.

    Raises:
        BadMotionError: Naming the point and the frame where a gap is too long.
    """
    places, seen = points.track(point)
    label = points.labels[point]
    if not (np.abs(places[seen]) < MAX_VALUE).all():
        frame = int(np.flatnonzero(seen)[np.argmax(~(np.abs(places[seen]) < MAX_VALUE).all(axis=1))])
        raise BadMotionError("not_finite", f"frame {frame}: {label!r} is infinite or beyond {MAX_VALUE:g}")
    if seen.all():
        return places, False
    limit = max(1, round(LONGEST_GAP * points.fps))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ~seen, [0]])))
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    if not seen.any() or ends[longest] - starts[longest] > limit:
        length = (ends[longest] - starts[longest]) / points.fps
        message = (
            f"{label!r} is unseen for {length:.2f} s from frame {starts[longest]}, at most {LONGEST_GAP} s are bridged"
        )
        raise BadMotionError("points_missing", message)
    frames = np.arange(len(places))
    known = np.flatnonzero(seen)
    return np.stack([np.interp(frames, known, places[seen, axis]) for axis in range(3)], axis=1), True


def _unit(points: Points, joints: FloatArray) -> float | None:
    """Metres per unit as POINT:UNITS says, unless the legs speak against it."""
    unit = UNITS.get(points.text("POINT:UNITS").lower())
    names = list(BODY)
    leg = np.linalg.norm(joints[:, names.index("left_hip")] - joints[:, names.index("left_ankle")], axis=1).max()
    return unit if unit is not None and LEG[0] <= leg * unit <= LEG[1] else None


def _up(points: Points) -> str:
    """The axis that points up on the screen, where it is stated and not the one that points right."""
    across, up = (_AXIS.fullmatch(points.text(f"POINT:{name}_SCREEN").strip()) for name in "XY")
    if up is None or (across is not None and across.group(2).upper() == up.group(2).upper()):
        return ""
    return up.group(1).replace("+", "") + up.group(2).lower()
