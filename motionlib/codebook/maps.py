"""Pictures of codes as places: which code follows which, and a map on which codes that move alike lie together."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from motionlib.body.skeleton import CANONICAL_PARENTS
from motionlib.codebook.analysis import most_frequent
from motionlib.codebook.counts import Float64, Int64
from motionlib.codebook.order import Followers, followers, joined, transitions_among
from motionlib.codebook.pictures import BLUE, ORANGE, drawing
from motionlib.figures import png

TOP = 40  # codes shown in the pictures of transitions
LEAST_DRAWN = 0.08  # probability below which a transition is not drawn
DEPTH = 0.3  # how far arrows are drawn into the circle
FIGURES = 30  # bodies drawn on a map
FIGURE_SIZE = 0.075  # height of a body, of the map's larger side
FASTEST = 0.98  # share of the steps whose speed the colours of a map tell apart
NO_CODES: Int64 = np.zeros(0, dtype=np.int64)
Poses = NDArray[np.floating]
LEFT, RIGHT = (1, 4, 7, 10, 13, 16, 18, 20), (2, 5, 8, 11, 14, 17, 19, 21)


def transitions_png(sequences: Sequence[Int64], size: int, title: str = "") -> bytes:
    """Picture: which code follows which, among the most frequent codes, most frequent first."""
    codes, lengths = joined(sequences)
    top = most_frequent(np.bincount(codes, minlength=size), TOP)
    probability = transitions_among(followers(codes, lengths, size), top)
    figure = drawing(6.6, 5.8, title)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    image = axes.imshow(np.sqrt(probability), cmap="magma", vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=np.sqrt([0, 0.01, 0.1, 0.25, 0.5, 1]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "25 %", "50 %", "100 %"])
    axes.set_xticks(range(len(top)), [str(code) for code in top], fontsize=5, rotation=90)
    axes.set_yticks(range(len(top)), [str(code) for code in top], fontsize=5)
    axes.set(xlabel="next code", ylabel="code", title="Probability of the next code")
    return png(figure)


def graph_png(
    pairs: Followers, counts: Int64, title: str = "", codes: Int64 = NO_CODES, poses: Poses | None = None
) -> bytes:
    """Picture: the most frequent transitions, their codes on a circle, those that follow each other side by side.

    The order round the circle is that of the second eigenvector of the transitions' Laplacian (Fiedler 1973).

    Args:
        codes, poses: (K,) codes and a pose (K, 22, 3) of each in metres, drawn beside their numbers.
    """
    nodes = _travelled(pairs, counts)
    probability = transitions_among(pairs, nodes)
    flow = probability * (counts[nodes] / counts.sum())[:, None]
    angle = _round_the_circle(flow + flow.T)
    place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    figure = drawing(8.2, 8.4, title)
    axes = figure.add_subplot()
    for i, k in np.argwhere(probability >= LEAST_DRAWN):
        if i != k:
            _arrow(axes, place[i], place[k], float(probability[i, k]))
    share, stay = counts[nodes] / counts.sum(), np.diag(probability)
    size, (x, y) = 60 + 5000 * share, place.T
    axes.scatter(x, y, s=size, c=stay, cmap="YlGnBu", vmin=0, vmax=1, edgecolor="0.2", zorder=3)
    drawn = {int(code): k for k, code in enumerate(codes)}
    for code, one in zip(nodes, place, strict=True):
        axes.annotate(str(code), 1.09 * one, ha="center", va="center", fontsize=7.5)
        if poses is not None and int(code) in drawn:
            _body(axes, 1.23 * one - [0, 0.075], poses[drawn[int(code)]], 0.15)
    axes.set(xlim=(-1.38, 1.38), ylim=(-1.38, 1.38), aspect="equal")
    axes.set_axis_off()
    axes.set_title("The most frequent transitions", fontsize=11)
    figure.supxlabel(
        "Size: how often a code is used. Dark: it often repeats itself. Arrows: its likeliest successors, "
        "orange from 25 % on.",
        fontsize=7.5,
        color="0.35",
    )
    return png(figure)


def _travelled(pairs: Followers, counts: Int64) -> Int64:
    """At most TOP codes: those of the most frequent transitions from one code to another, else the most frequent."""
    moves = pairs.code != pairs.following
    order = np.argsort(-pairs.times[moves], kind="stable")
    ends = np.stack([pairs.code[moves][order], pairs.following[moves][order]], axis=1).reshape(-1)
    _, first = np.unique(ends, return_index=True)
    nodes: Int64 = ends[np.sort(first)][:TOP]
    return nodes if len(nodes) else most_frequent(counts, TOP)


def _round_the_circle(weights: Float64) -> Float64:
    """Angles of nodes so that those with heavy edges (n, n) between them lie side by side."""
    joined_up = weights * (1 - np.eye(len(weights))) + 1e-6
    degree = joined_up.sum(1)
    scaled = joined_up / np.sqrt(degree[:, None] * degree)
    _, vectors = np.linalg.eigh(np.eye(len(weights)) - scaled)
    second = vectors[:, min(1, len(weights) - 1)] / np.sqrt(degree)
    second = second * np.sign(second[np.abs(second).argmax()] or 1.0)
    order = np.argsort(np.argsort(second, kind="stable"), kind="stable")
    angles: Float64 = np.pi / 2 - 2 * np.pi * order / len(weights)
    return angles


def _arrow(axes: Axes, start: Float64, end: Float64, probability: float) -> None:
    """A curve from node to node, bent towards the middle; the darker and thicker, the likelier."""
    bend = (start + end) / 2 * (1.0 - DEPTH * float(np.linalg.norm(end - start)))
    tip = end - 0.045 * (end - bend) / max(float(np.linalg.norm(end - bend)), 1e-9)
    strength = float(np.sqrt(probability))
    path = Path([tuple(start), tuple(bend), tuple(tip)], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
    colour = ORANGE if probability >= 0.25 else BLUE
    look = {"edgecolor": colour, "alpha": 0.25 + 0.7 * strength, "linewidth": 0.6 + 3.2 * strength}
    axes.add_patch(PathPatch(path, facecolor="none", zorder=1, **look))
    way = tip - bend
    way = way / max(float(np.linalg.norm(way)), 1e-9)
    side = np.array([-way[1], way[0]])
    size = 0.022 + 0.02 * strength
    head = [tip, tip - size * way + 0.45 * size * side, tip - size * way - 0.45 * size * side]
    axes.fill(*np.array(head).T, color=colour, alpha=look["alpha"], zorder=2, linewidth=0)


def map_png(place: Float64, codes: Int64, counts: Int64, speed: Float64, poses: Poses, title: str = "") -> bytes:
    """Picture: codes on a map, those that move alike near each other, with the bodies of some of them.

    Args:
        place: (K, 2) mm. codes: (K,) which they are. counts: (K,) uses. speed: (K,) m/s, the colour.
        poses: (K, 22, 3) metres, facing +z.
    """
    figure = drawing(10.5, 8.6, title)
    axes = figure.add_subplot()
    used = counts > 0
    share = counts / max(int(counts.sum()), 1)
    fast = _quantile(speed, counts, FASTEST)
    area, (across, up), top = 10 + 9000 * share[used], place.T, max(fast, 0.1)
    dots = axes.scatter(
        across[used], up[used], s=area, c=speed[used], cmap="viridis", vmin=0, vmax=top, alpha=0.75, linewidth=0
    )
    axes.scatter(across[~used], up[~used], s=14, marker="x", color="0.6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.2)
    figure.colorbar(dots, ax=axes, shrink=0.5, aspect=30, extend="max", label="speed of the pelvis over the floor, m/s")
    size = FIGURE_SIZE * float(np.ptp(place, axis=0).max() or 1.0)
    for k in _spread_out(place, counts, FIGURES):
        _body(axes, place[k], poses[k], size)
        axes.annotate(str(codes[k]), place[k], (8, -4), textcoords="offset points", fontsize=7, color="0.25")
    low, high = place.min(0) - 0.4 * size, place.max(0) + np.array([0.6, 1.2]) * size
    axes.update_datalim([low, high])
    axes.set(aspect="equal", adjustable="datalim", xlabel="mm", ylabel="mm")
    axes.set_title("Codes that move alike lie together; size: how often they are used", fontsize=10)
    return png(figure)


def _quantile(values: Float64, counts: Int64, share: float) -> float:
    """The value that `share` of all uses do not exceed."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    return float(values[order[np.searchsorted(below, share * below[-1])]]) if below[-1] else 0.0


def _spread_out(place: Float64, counts: Int64, most: int) -> list[int]:
    """Codes far from each other, the most frequent first (farthest point sampling, Gonzalez 1985)."""
    known = np.flatnonzero(counts > 0)
    if not len(known):
        return []
    chosen = [int(known[counts[known].argmax()])]
    away = np.linalg.norm(place[known] - place[chosen[0]], axis=1)
    while len(chosen) < min(most, len(known)) and away.max() > 0:
        chosen.append(int(known[away.argmax()]))
        away = np.minimum(away, np.linalg.norm(place[known] - place[chosen[-1]], axis=1))
    return chosen


def _body(axes: Axes, middle: Float64, pose: Poses, size: float) -> None:
    """A body of 22 joints as lines, seen from ahead and to its left, standing on a place of the map."""
    turn = np.deg2rad(35.0)
    across = pose[:, 0] * np.cos(turn) - pose[:, 2] * np.sin(turn)
    up = pose[:, 1] + 0.18 * (pose[:, 2] * np.cos(turn) + pose[:, 0] * np.sin(turn))
    drawn = np.stack([across - across[0], up], axis=1) * (size / 1.7) + middle
    for joint, parent in enumerate(CANONICAL_PARENTS):
        if parent >= 0:
            colour = "#2f7de1" if joint in LEFT else "#e8743b" if joint in RIGHT else "0.2"
            axes.plot(*drawn[[parent, joint]].T, color="white", linewidth=3.6, zorder=4, solid_capstyle="round")
            axes.plot(*drawn[[parent, joint]].T, color=colour, linewidth=1.9, zorder=5, solid_capstyle="round")
    head = drawn[15] + 0.35 * (drawn[15] - drawn[12])
    axes.plot(*head, "o", color="0.2", markersize=4.2, zorder=6, markeredgecolor="white", markeredgewidth=0.7)
