"""A picture of a mapping: the source's bones in grey, over them the canonical joints, their sources and confidence."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlib.artifacts import Clip
from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS, Skeleton
from motionlib.figures import png
from motionlib.rig import alignment, pose
from motionlib.rig.mapping import Mapping

FloatArray = NDArray[np.float64]

DOTS_PER_INCH = 100
COLOURS = {"left": "#2563a8", "right": "#c2571a", "": "#2f7d4f"}
BONE, EXTRA, DOUBT = "#b8bcc2", "#8b9097", "#b00020"
DOUBTFUL = 0.7  # confidence below which a label is red
FRAMES = 32  # of a take, from which the most upright one is drawn where the rest pose is no pose
INCHES = 7.0  # height of a picture
# Of the body's height: from the body to its labels, width of a label, between two labels, above and below the body.
MARGIN, TEXT, STEP, BORDER = 0.15, 0.5, 0.12, 0.06
_HEAD = CANONICAL_NAMES.index("head")


def picture(skeleton: Skeleton, mapping: Mapping, positions: FloatArray | None = None) -> bytes:
    """PNG: front and side of a body, at one scale.

    Args:
        skeleton: J joints. mapping: of it.
        positions: (J, 3) joints with y up, any unit; None: the rest pose.
    """
    positions = pose.rest(skeleton) if positions is None else positions
    joints = alignment.places(positions, mapping)
    turn, centre = _turn(joints), joints[0]
    seen, joints = (rotations.rotate(turn, points - centre) for points in (positions, joints))
    size = float(np.ptp(seen[:, 1])) or 1.0
    seen, joints = seen / size, joints / size
    lowest, highest = float(seen[:, 1].min()), float(seen[:, 1].max())
    views = {"front, the body's left is on the right": [0, 1], "from its left side": [2, 1]}
    flats = [
        points[:, axes] * np.array([1.0 if axes[0] == 0 else -1.0, 1.0])
        for axes in views.values()
        for points in (seen, joints)
    ]
    widths = [2 * (np.abs(flats[1][:, 0]).max() + MARGIN + TEXT), np.ptp(flats[2][:, 0]) + 2 * MARGIN + TEXT]
    height = highest - lowest + 2 * BORDER
    figure = Figure(figsize=(INCHES * sum(widths) / height, INCHES))
    grid = figure.add_gridspec(1, 2, width_ratios=widths, left=0, right=1, bottom=0, top=0.93, wspace=0)
    for column, (title, start) in enumerate(zip(views, (-widths[0] / 2, flats[2][:, 0].min() - MARGIN), strict=True)):
        axes = figure.add_subplot(grid[0, column])
        _bones(axes, skeleton, mapping, flats[2 * column], flats[2 * column + 1])
        axes.set_xlim(start, start + widths[column])
        axes.set_ylim(lowest - BORDER, highest + BORDER)
        axes.set_title(title, fontsize=10)
        axes.axis("off")
        for side, place in ((("left", 1.0), ("right", -1.0)), (("", 1.0),))[column]:
            _labels(axes, skeleton, mapping, flats[2 * column + 1], side, place)
    figure.suptitle(f"{len(skeleton.names)} joints, confidence {mapping.overall:.2f}", fontsize=12, y=0.99)
    return png(figure, DOTS_PER_INCH)


def telling_pose(clip: Clip, mapping: Mapping) -> FloatArray:
    """(J, 3) joints in which a rig is best seen: its rest pose if that is a pose, else its most upright frame."""
    rest = pose.rest(clip.skeleton)
    if alignment.is_posed(alignment.places(rest, mapping)) or not clip.frame_count:
        return rest
    frames = np.unique(np.linspace(0, clip.frame_count - 1, FRAMES).astype(int))
    positions, _ = pose.world(clip.skeleton, clip.root_pos[frames], clip.local_quat[frames])
    joints = alignment.places(positions, mapping)
    best: FloatArray = positions[int((joints[:, _HEAD, 1] - joints[:, [7, 8], 1].max(axis=1)).argmax())]
    return best


def _turn(joints: FloatArray) -> FloatArray:
    """Quaternion (4,) that lets a body (22, 3) stand along y and face +z."""
    across = joints[1] - joints[2] + joints[16] - joints[17]
    trunk = joints[_HEAD] - joints[0]
    up = np.array([0.0, 1.0, 0.0])
    if abs(rotations.normalise(trunk) @ up) < 0.7:  # the rest pose stands along another axis
        up = trunk
    up = rotations.normalise(up)
    left = rotations.normalise(across - (across @ up) * up)
    return rotations.from_matrix(np.stack([left, up, np.cross(left, up)]))


def _bones(axes: Axes, skeleton: Skeleton, mapping: Mapping, seen: FloatArray, joints: FloatArray) -> None:
    """Bones of the source in grey and of the canonical body in colour, on one view."""
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        axes.plot(*seen[[parent, joint]].T, color=BONE, linewidth=4, solid_capstyle="round", zorder=1)
    extra = [joint for joint, name in enumerate(skeleton.names) if name in set(mapping.extra)]
    axes.scatter(seen[extra, 0], seen[extra, 1], s=7, color=EXTRA, zorder=2)
    for joint, parent in enumerate(CANONICAL_PARENTS):
        colour = _colour(joint)
        if parent >= 0:
            axes.plot(*joints[[parent, joint]].T, color=colour, linewidth=1.2, zorder=3)
        axes.scatter(joints[joint, 0], joints[joint, 1], s=26, color=colour, zorder=4)


def _labels(axes: Axes, skeleton: Skeleton, mapping: Mapping, joints: FloatArray, side: str, place: float) -> None:
    """Names of one side's joints in a column beside the body, each with a line to its joint."""
    own = [j for j, name in enumerate(CANONICAL_NAMES) if (name.partition("_")[0] if "_" in name else "") == side]
    own.sort(key=lambda joint: -joints[joint, 1])
    column = (joints[:, 0] * place).max() + MARGIN
    heights = np.linspace(joints[:, 1].max(), joints[:, 1].max() - STEP * (len(own) - 1), len(own))
    for joint, height in zip(own, heights, strict=True):
        sure = mapping.confidence[joint]
        axes.plot([joints[joint, 0], place * column], [joints[joint, 1], height], color=BONE, linewidth=0.6, zorder=0)
        axes.text(
            place * (column + 0.02),
            height,
            f"{CANONICAL_NAMES[joint]}: {place_name(skeleton, mapping, joint)}  {sure:.2f}",
            color=DOUBT if sure < DOUBTFUL else _colour(joint),
            fontsize=9,
            ha="left" if place > 0 else "right",
            va="center",
        )


def place_name(skeleton: Skeleton, mapping: Mapping, joint: int) -> str:
    """Where a canonical joint lies, in words: `Hips`, or `Spine 0.40 Chest` between two."""
    first, second = skeleton.names[mapping.first[joint]], skeleton.names[mapping.second[joint]]
    share = mapping.share[joint]
    return first if round(share, 2) == 0.0 or first == second else f"{first} {share:.2f} {second}"


def _colour(joint: int) -> str:
    name = CANONICAL_NAMES[joint]
    return COLOURS[name.partition("_")[0] if "_" in name else ""]
