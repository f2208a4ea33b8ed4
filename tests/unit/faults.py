"""Faults as they happen to BVH files: what broke, how strongly, and which reasons say so."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from motionlib.ingest.captions import Label

Rng = np.random.Generator
LIMBS = ("LeftArm", "RightArm", "LeftForeArm", "LeftUpLeg", "RightLeg", "UpperArm_L", "LowerArm_R", "UpperLeg_L")
HINGES = ("LeftForeArm", "RightForeArm", "LowerArm_L", "LowerArm_R")


@dataclass(frozen=True, eq=False)
class Bvh:
    """A BVH file as numbers.

    Attributes:
        header: Text before `Frames:`.
        channels: (joint, channel) of each column.
        rows: (T, columns).
        frame_time: s.
        unit: Metres per unit of the file.
    """

    header: str
    channels: tuple[tuple[str, str], ...]
    rows: np.ndarray
    frame_time: float
    unit: float

    @staticmethod
    def read(data: bytes, unit: float) -> "Bvh":
        header, _, tail = data.decode().partition("Frames:")
        frame_time = float(tail.split("Frame Time:")[1].split("\n")[0])
        body = tail.split("Frame Time:")[1].partition("\n")[2]
        channels, joint = [], ""
        for line in header.splitlines():
            words = line.split()
            if words and words[0] in ("ROOT", "JOINT"):
                joint = words[1]
            elif words and words[0] == "CHANNELS":
                channels += [(joint, word) for word in words[2:]]
        rows = np.array(body.split(), dtype=float).reshape(-1, len(channels))
        return Bvh(header, tuple(channels), rows, frame_time, unit)

    def bytes(self) -> bytes:
        lines = [" ".join(f"{value:.6g}" for value in row) for row in self.rows]
        head = f"{self.header}Frames: {len(self.rows)}\nFrame Time: {self.frame_time:.8f}\n"
        return (head + "\n".join(lines) + "\n").encode()

    def columns(self, joint: str, kind: str) -> list[int]:
        return [i for i, (name, channel) in enumerate(self.channels) if name == joint and channel.endswith(kind)]

    def place(self) -> list[int]:
        """X, Y and Z of the joint that carries the body through space."""
        joints = dict.fromkeys(name for name, channel in self.channels if channel == "Xposition")
        spread = {name: np.ptp(self.rows[:, self.columns(name, "position")], axis=0).max() for name in joints}
        return self.columns("Hips" if "Hips" in spread else max(spread, key=lambda name: spread[name]), "position")

    def first(self, names: tuple[str, ...], rng: Rng) -> list[int]:
        known = [name for name in names if self.columns(name, "rotation")]
        return self.columns(known[int(rng.integers(len(known)))], "rotation")

    def with_rows(self, rows: np.ndarray) -> "Bvh":
        return replace(self, rows=rows)


Change = Callable[[Bvh, Rng], Bvh]


def pops(count: int) -> Change:
    """A limb turned by 40 to 90 degrees for one or two frames, `count` times."""

    def change(bvh: Bvh, rng: Rng) -> Bvh:
        rows = bvh.rows.copy()
        for start in np.linspace(5, len(rows) - 8, count).astype(int):
            columns, width = bvh.first(LIMBS, rng), int(rng.integers(1, 3))
            rows[start : start + width, columns[1:]] += rng.choice([-1, 1], size=2) * rng.uniform(40, 90)
        return bvh.with_rows(rows)

    return change


def jitter(bvh: Bvh, rng: Rng) -> Bvh:
    """2 degrees of noise on every rotation of every frame."""
    rows = bvh.rows.copy()
    turns = [i for i, (_, channel) in enumerate(bvh.channels) if channel.endswith("rotation")]
    rows[:, turns] += rng.normal(0, 2.0, (len(rows), len(turns)))
    return bvh.with_rows(rows)


def moved(metres: Callable[[np.ndarray], np.ndarray], axis: int) -> Change:
    """The whole body moved along an axis by a function of the time in s."""

    def change(bvh: Bvh, rng: Rng) -> Bvh:
        rows = bvh.rows.copy()
        time = np.arange(len(rows)) * bvh.frame_time
        rows[:, bvh.place()[axis]] += metres(time) / bvh.unit
        return bvh.with_rows(rows)

    return change


def sink(bvh: Bvh, rng: Rng) -> Bvh:
    """20 cm into the floor for half a second, in and out over a quarter."""
    middle = len(bvh.rows) * bvh.frame_time / 2
    return moved(lambda t: -0.25 * np.clip(2 - np.abs(t - middle) / 0.25, 0, 1), 1)(bvh, rng)


def leap(bvh: Bvh, rng: Rng) -> Bvh:
    """The body a metre aside from a third of the take on."""
    rows = bvh.rows.copy()
    rows[len(rows) // 3 :, bvh.place()[0]] += 1.0 / bvh.unit
    return bvh.with_rows(rows)


def rate(factor: float) -> Change:
    """A frame rate `factor` times too high."""
    return lambda bvh, rng: replace(bvh, frame_time=bvh.frame_time / factor)


def root_unit(factor: float) -> Change:
    """The root's place in another unit than the bones."""

    def change(bvh: Bvh, rng: Rng) -> Bvh:
        rows = bvh.rows.copy()
        rows[:, bvh.place()] *= factor
        return bvh.with_rows(rows)

    return change


def other_size(factor: float) -> Change:
    """Bones and root in a unit that nobody uses."""

    def change(bvh: Bvh, rng: Rng) -> Bvh:
        rows = bvh.rows.copy()
        rows[:, [i for i, (_, channel) in enumerate(bvh.channels) if channel.endswith("position")]] *= factor
        numbers = re.compile(r"(OFFSET)\s+(\S+)\s+(\S+)\s+(\S+)")
        header = numbers.sub(
            lambda m: " ".join([m[1], *(f"{float(m[i]) * factor:.6g}" for i in (2, 3, 4))]), bvh.header
        )
        return replace(bvh, rows=rows, header=header)

    return change


def t_pose(seconds: float, tail: bool = False) -> Change:
    """A T-pose of that length before the motion (0: one frame), or behind it."""

    def change(bvh: Bvh, rng: Rng) -> Bvh:
        pose = np.zeros((max(1, round(seconds / bvh.frame_time)), bvh.rows.shape[1]))
        pose[:, bvh.place()] = bvh.rows[-1 if tail else 0, bvh.place()]
        return bvh.with_rows(np.concatenate([bvh.rows, pose] if tail else [pose, bvh.rows]))

    return change


def held_tail(bvh: Bvh, rng: Rng) -> Bvh:
    """The last frame repeated for two seconds."""
    count = round(2.0 / bvh.frame_time)
    return bvh.with_rows(np.concatenate([bvh.rows, np.repeat(bvh.rows[-1:], count, axis=0)]))


def lost(bvh: Bvh, rng: Rng) -> Bvh:
    """One frame stands for half a second of the middle, as after a loss of data."""
    rows, start, count = bvh.rows.copy(), len(bvh.rows) // 2, round(0.5 / bvh.frame_time)
    rows[start : start + count] = rows[start]
    return bvh.with_rows(rows)


def frozen(bvh: Bvh, rng: Rng) -> Bvh:
    """One pose throughout."""
    return bvh.with_rows(np.repeat(bvh.rows[:1], len(bvh.rows), axis=0))


def stuck(bvh: Bvh, rng: Rng) -> Bvh:
    """An elbow that stays as it is for a second and a half."""
    rows, count = bvh.rows.copy(), round(1.5 / bvh.frame_time)
    columns, start = bvh.first(HINGES, rng), len(rows) // 3
    rows[start : start + count, columns] = rows[start, columns]
    return bvh.with_rows(rows)


def explosion(bvh: Bvh, rng: Rng) -> Bvh:
    """A forearm three times as long for a few frames."""
    rows, start = bvh.rows.copy(), int(rng.integers(5, len(bvh.rows) - 8))
    rows[start : start + 4, bvh.columns("Hand_L", "position")] *= 3
    return bvh.with_rows(rows)


def head_down(bvh: Bvh, rng: Rng) -> Bvh:
    """The root turned by half a turn about its own x axis in the rest pose's frame: head down."""
    header = re.sub(
        r"OFFSET\s+(\S+)\s+(\S+)\s+(\S+)", lambda m: f"OFFSET {m[1]} {-float(m[2]):g} {-float(m[3]):g}", bvh.header
    )
    rows = bvh.rows.copy()
    for i, (_, channel) in enumerate(bvh.channels):
        if channel in ("Yrotation", "Zrotation"):
            rows[:, i] *= -1
    return replace(bvh, header=header, rows=rows)


def other_names(bvh: Bvh, rng: Rng) -> Bvh:
    """Left called right and right called left."""
    names = {"Left": "Right", "Right": "Left", "LHip": "RHip", "RHip": "LHip", "LThumb": "RThumb", "RThumb": "LThumb"}
    header = re.sub("|".join(names), lambda m: names[m[0]], bvh.header)
    return replace(bvh, header=header)


def mirrored(bvh: Bvh, rng: Rng) -> Bvh:
    """The same motion as in a mirror; for bodies that are the same on both sides."""
    rows = bvh.rows.copy()
    swap = {"Left": "Right", "Right": "Left", "LHip": "RHip", "RHip": "LHip", "LThumb": "RThumb", "RThumb": "LThumb"}
    place = {channel: i for i, channel in enumerate(bvh.channels)}
    for i, (joint, channel) in enumerate(bvh.channels):
        other = re.sub("^(" + "|".join(swap) + ")", lambda m: swap[m[0]], joint)
        sign = -1.0 if channel in ("Yrotation", "Zrotation", "Xposition") else 1.0
        rows[:, i] = sign * bvh.rows[:, place[other, channel]]
    return bvh.with_rows(rows)


def crop(bvh: Bvh, rng: Rng) -> Bvh:
    """The take from a fifth to three quarters of it."""
    return bvh.with_rows(bvh.rows[len(bvh.rows) // 5 : len(bvh.rows) * 3 // 4])


def half_rate(bvh: Bvh, rng: Rng) -> Bvh:
    """Every second frame, and said so."""
    return replace(bvh, rows=bvh.rows[::2], frame_time=bvh.frame_time * 2)


def same(bvh: Bvh, rng: Rng) -> Bvh:
    """A copy."""
    return bvh


# Kind -> (what is done to the numbers, reasons that say so: any of them).
NUMBERS: dict[str, tuple[Change, tuple[str, ...]]] = {
    "rate x4": (rate(4), ("fps_doubtful",)),
    "rate x2": (rate(2), ("fps_doubtful",)),
    "rate /4": (rate(0.25), ("fps_doubtful",)),
    "root in mm": (root_unit(10), ("units_doubtful", "root_jumps")),
    "root in m": (root_unit(0.01), ("units_doubtful",)),
    "no known unit": (other_size(1 / 30), ("units_doubtful",)),
    "pops": (pops(3), ("spikes_removed",)),
    "many pops": (pops(25), ("spikes",)),
    "jitter": (jitter, ("jitter",)),
    "sunk 20 cm": (moved(lambda t: 0 * t - 0.25, 1), ("floor_offset",)),
    "sinks for 0.5 s": (sink, ("sinks",)),
    "skate": (moved(lambda t: 0.6 * t, 0), ("foot_skate",)),
    "leap": (leap, ("cut_at_jump", "root_jumps")),
    "T-pose, one frame": (t_pose(0), ("calibration_cut",)),
    "T-pose, 1 s": (t_pose(1.0), ("calibration_cut",)),
    "T-pose behind": (t_pose(1.0, tail=True), ("calibration_cut",)),
    "held tail": (held_tail, ("held_cut",)),
    "lost frames": (lost, ("frames_repeated",)),
    "frozen": (frozen, ("nothing_moves",)),
    "stuck elbow": (stuck, ("joint_frozen",)),
    "bone explodes": (explosion, ("bones_stretch",)),
    "head down": (head_down, ("upside_down", "axes_turned")),
    "left is right": (other_names, ("sides_swapped",)),
    "copy": (same, ("duplicate",)),
    "mirrored copy": (mirrored, ("mirrored_duplicate",)),
    "crop": (crop, ("overlaps",)),
    "half rate copy": (half_rate, ("duplicate",)),
}


def swapped_sides(label: Label) -> Label:
    """Captions with left and right exchanged."""
    other = {"left": "right", "right": "left"}
    captions = tuple(
        replace(caption, text=re.sub(r"left|right", lambda m: other[m[0]], caption.text)) for caption in label.captions
    )
    return replace(label, captions=captions)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


# Kind -> (what is done to the bytes, reasons that say so: any of them).
BYTES: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    "NaN": (lambda data: _half(data) + re.sub(rb" \S+ ", b" nan ", data[len(data) // 2 :], count=1),
            ("not_finite", "bad_number")),
    "cut file": (lambda data: data[: len(data) * 2 // 3].rsplit(b"\n", 1)[0] + b"\n", ("frame_count_mismatch",)),
    "cut header": (lambda data: data[:700], ("bad_hierarchy", "no_motion")),
    "empty": (lambda data: b"", ("empty_file",)),
    "decimal commas": (lambda data: data.replace(b".", b","), ("bad_number", "bad_hierarchy", "frame_count_mismatch")),
}  # fmt: skip
LABELS: dict[str, tuple[Callable[[Label], Label], tuple[str, ...]]] = {
    "sides of the caption": (swapped_sides, ("caption_contradicts",)),
    "no caption": (lambda label: replace(label, captions=()), ("caption_missing",)),
    "no licence": (lambda label: replace(label, licences=()), ("licence_missing",)),
}
COPIES = ("copy", "mirrored copy", "crop", "half rate copy")
