"""Animations of a glTF file: key frames, the even rate that they have, and what lies between them.

Source: Khronos glTF 2.0 specification, section 3.11 and appendix C (interpolation).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionlib.body import rotations
from motionlib.ingest.gltf_accessors import Accessors
from motionlib.ingest.gltf_document import Document, Item
from motionlib.ingest.quality import BadMotionError
from motionlib.rig.raw import FloatArray

KINDS = {"translation": "VEC3", "rotation": "VEC4", "scale": "VEC3"}
INTERPOLATIONS = ("LINEAR", "STEP", "CUBICSPLINE")
UNEVEN = 0.02  # frames; a key that lies further from its frame is not on an even grid
NTSC = (24000 / 1001, 30000 / 1001, 60000 / 1001, 120000 / 1001)  # Hz
RATES = (30.0, 48.0, 50.0, 60.0, 72.0, 90.0, 100.0, 120.0, 144.0, 200.0, 240.0)  # Hz that uneven keys are sampled at
KEYED_BELOW = 10.0  # Hz; keys that lie further apart are poses of a hand-made animation, sampled at RATES[0] or more
MAX_RATE = 1000.0  # Hz
TINY_TURN = 1e-6  # length of a quaternion that says nothing


@dataclass(frozen=True, eq=False)
class Track:
    """Key frames of one property of one node.

    Attributes:
        times: (K,) s, rising.
        values: (K, W); (3 K, W) with CUBICSPLINE: tangent in, value, tangent out of each key.
        interpolation: One of INTERPOLATIONS.
        where: Place in the file.
    """

    times: FloatArray
    values: FloatArray
    interpolation: str
    where: str


@dataclass(frozen=True, eq=False)
class Animation:
    """Tracks by node and property."""

    name: str
    tracks: dict[tuple[int, str], Track]

    @property
    def seconds(self) -> float:
        """From the first key to the last."""
        ends = [track.times[[0, -1]] for track in self.tracks.values()]
        return float(max(end for _, end in ends) - min(start for start, _ in ends)) if ends else 0.0


@dataclass(frozen=True, eq=False)
class Grid:
    """The frames that an animation is read at.

    Attributes:
        start: s of frame 0.
        even: Whether every key lies on a frame.
    """

    start: float
    fps: float
    frames: int
    even: bool

    def place(self, track: Track) -> FloatArray:
        """(K,) frames of the keys of a track; whole ones if the grid is even."""
        places: FloatArray = (track.times - self.start) * self.fps
        return np.round(places) if self.even else places


def read_animation(document: Document, accessors: Accessors, item: Item) -> Animation:
    """The tracks of an animation that move nodes.

    Raises:
        BadMotionError: If a reference leads nowhere, key times do not rise, or lengths disagree.
    """
    samplers = list(item.items("samplers"))
    nodes = len(document.items("nodes"))
    tracks: dict[tuple[int, str], Track] = {}
    for channel in item.items("channels"):
        target = channel.item("target")
        path = target.text("path")
        if "node" not in target or path not in KINDS:
            continue  # morph weights and extensions move no joint
        key = (target.index("node", nodes), path)
        if key in tracks:
            channel.fail("target", f"a second track for the {path} of node {key[0]}")
        sampler = samplers[channel.index("sampler", len(samplers))]
        tracks[key] = _track(accessors, sampler, path)
    return Animation(item.text("name"), tracks)


def find_grid(animation: Animation) -> Grid:
    """The even rate on which the keys lie; if there is none, or it is too slow to be one, a common rate.

    Raises:
        BadMotionError: If there is only one key, or keys lie closer together than any camera sees.
    """
    clocks = {track.times.tobytes(): track.times for track in animation.tracks.values()}
    keys = np.unique(np.concatenate(list(clocks.values())))
    densest = max(clocks.values(), key=len)
    if len(keys) < 2:
        raise BadMotionError("not_motion", f"animation {animation.name!r} has a single key: a pose, no motion")
    gaps = np.diff(densest if len(densest) > 1 else keys)
    fps = _even_rate(keys, densest, gaps)
    even = fps is not None
    if fps is None:
        wanted = 1.0 / float(np.percentile(gaps, 5))
        fps = next((rate for rate in RATES if rate >= wanted), RATES[-1])
    elif fps < KEYED_BELOW:
        fps *= float(np.ceil(RATES[0] / fps))
    length = float(keys[-1] - keys[0]) * fps
    return Grid(float(keys[0]), fps, int(round(length) if even else np.floor(length + UNEVEN)) + 1, even)


def was_resampled(animation: Animation, grid: Grid) -> bool:
    """Whether most frames of the grid are no keys."""
    return not grid.even or 2 * max(len(track.times) for track in animation.tracks.values()) < grid.frames


def sample(track: Track, grid: Grid) -> FloatArray:
    """(frames, W) of a track, quaternions (x, y, z, w) of length 1; held before the first key and after the last."""
    turns = track.values.shape[1] == 4
    places = grid.place(track)
    cubic = track.interpolation == "CUBICSPLINE"
    values = track.values[1::3] if cubic else track.values
    if turns:
        values = _unit(values, track)
    if len(places) == grid.frames and (places == np.arange(grid.frames)).all():
        return values
    frames = np.arange(grid.frames, dtype=np.float64)
    before = np.clip(np.searchsorted(places, frames, side="right") - 1, 0, len(places) - 1)
    if track.interpolation == "STEP" or len(places) == 1:
        return values[before]
    after = np.minimum(before + 1, len(places) - 1)
    gap = np.maximum(places[after] - places[before], 1e-9)
    share = np.clip((frames - places[before]) / gap, 0.0, 1.0)
    if cubic:
        result = _hermite(track, before, after, share, gap / grid.fps)
        return _unit(result, track) if turns else result
    if turns:
        return rotations.slerp(values[before], values[after], share)
    return values[before] + share[:, None] * (values[after] - values[before])


def _track(accessors: Accessors, sampler: Item, path: str) -> Track:
    interpolation = sampler.text("interpolation", "LINEAR")
    if interpolation not in INTERPOLATIONS:
        sampler.fail("interpolation", f"{interpolation[:40]!r} is none of {', '.join(INTERPOLATIONS)}")
    times = accessors.read(sampler.index("input", accessors.count), "SCALAR")[:, 0]
    values = accessors.read(sampler.index("output", accessors.count), KINDS[path])
    if (np.diff(times) <= 0).any():
        sampler.fail("input", f"the time of key {int(np.argmax(np.diff(times) <= 0)) + 1} does not rise")
    if len(values) != len(times) * (3 if interpolation == "CUBICSPLINE" else 1):
        sampler.fail("output", f"{len(values)} values for {len(times)} keys ({interpolation})")
    return Track(times, values, interpolation, sampler.where)


def _even_rate(keys: FloatArray, densest: FloatArray, gaps: FloatArray) -> float | None:
    """The rate on whose frames all keys lie, each on its own; None if there is no such rate."""
    rough = [1.0 / float(np.median(gaps)), 1.0 / float(gaps.min())]
    if rough[0] > MAX_RATE:
        raise BadMotionError("bad_header", f"keys lie {gaps.min():.3g} s apart, which is above {MAX_RATE:g} Hz")
    span = float(densest[-1] - densest[0])
    if span > 0:
        rough.insert(0, (len(densest) - 1) / span)
    whole = [float(round(rate)) for rate in rough if round(rate) > 0]
    exact = [round(rate, 3) for rate in rough]
    candidates = [*whole, *(rate for rate in NTSC if abs(rate - rough[0]) < UNEVEN * rate), *exact, *rough]
    for fps in dict.fromkeys(candidates):
        places = (keys - keys[0]) * fps
        if 0 < fps <= MAX_RATE and _on_frames(places):
            return fps
    return None


def _on_frames(places: FloatArray) -> bool:
    frames = np.round(places)
    return bool(np.abs(places - frames).max() <= UNEVEN and (np.diff(frames) >= 1).all())


def _unit(values: FloatArray, track: Track) -> FloatArray:
    short = np.linalg.norm(values, axis=1) < TINY_TURN
    if short.any():
        raise BadMotionError("bad_number", f"{track.where}, key {int(np.argmax(short))}: a rotation without length")
    return rotations.normalise(values)


def _hermite(
    track: Track, before: NDArray[np.int64], after: NDArray[np.int64], share: FloatArray, seconds: FloatArray
) -> FloatArray:
    """Appendix C.5: cubic splines through the keys, with tangents per second."""
    tangent_in, value, tangent_out = track.values[0::3], track.values[1::3], track.values[2::3]
    t, duration = share[:, None], seconds[:, None]
    result: FloatArray = (
        (2 * t**3 - 3 * t**2 + 1) * value[before]
        + duration * (t**3 - 2 * t**2 + t) * tangent_out[before]
        + (-2 * t**3 + 3 * t**2) * value[after]
        + duration * (t**3 - t**2) * tangent_in[after]
    )
    return result
