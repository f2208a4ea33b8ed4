"""Doubts: what the measures of a take say against it, each with its number and its threshold."""

import numpy as np
from numpy.typing import NDArray

from motionlib.ingest import frozen, spikes
from motionlib.ingest.calibration import held
from motionlib.ingest.contacts import runs
from motionlib.ingest.findings import Findings
from motionlib.ingest.mending import Take
from motionlib.params import Judging

FloatArray = NDArray[np.floating]

UPSIDE_DOWN = -0.5  # median cosine of the trunk to the vertical
HIGHEST = 3.5  # m the pelvis may go up and down: ladders and trampolines reach 2.5
MOVED = 0.01  # m that some joint must go within a take
FAR_FLOOR = -0.4  # m; the floor lies by most of a leg too low: the root stands at the origin, or in another unit


def doubt(take: Take, values: dict[str, float], settings: Judging, found: Findings) -> None:
    """Note all doubts about a take that has been mended.

    Args:
        take: Metres, y up.
        values: Its measures.
        settings: `ingest.judging`.
        found: Gets the reasons.
    """
    if float(np.ptp(take.joints, axis=0).max()) < MOVED:
        found.note("nothing_moves", f"no joint goes as far as {MOVED * 100:g} cm in {len(take.root)} frames")
        return
    _doubt_body(values, settings, found)
    _doubt_floor(values, settings, found)
    doubt_stillness(take, settings, found)
    if values["jitter"] > settings.jitter_mm:
        found.note("jitter", f"{values['jitter']:.2f} mm of noise from frame to frame (over {settings.jitter_mm:g})")


def rate_doubt(values: dict[str, float], fps: float, settings: Judging) -> str:
    """What speaks against the frame rate, strongest first; "" if nothing does."""
    fall, pull, tempo = values["fall"], values["pull"], values["tempo"]
    haste = tempo * np.sqrt(max(pull, 0.0))
    if haste > settings.haste:
        return (
            f"hands and feet swing at {tempo:.1f} Hz while the body is pulled down by {pull:.1f} times its weight: "
            f"together {haste:.1f} (over {settings.haste:g}): {fps:.4g} Hz is too high"
        )
    stride = values["step"] / values["cadence"]
    if fall > settings.fall_high or fall < settings.fall_low:
        near = fps / np.sqrt(fall)
        return (
            f"in flight the body falls with {fall:.2f} of gravity; at {near:.0f} Hz instead of {fps:.4g} it would be 1"
        )
    if pull > settings.pull:
        return (
            f"the body is pulled down by {pull:.1f} times its weight (over {settings.pull:g}): {fps:.4g} Hz is too high"
        )
    if not settings.stride_low < stride < settings.stride_high and stride == stride:
        what, bound = ("high", settings.stride_low) if stride < settings.stride_low else ("low", settings.stride_high)
        return (
            f"{values['cadence']:.2f} steps/s of {values['step']:.2f} m are {stride:.3f} m s a step, as nobody walks "
            f"(beyond {bound:g}): {fps:.4g} Hz is too {what}"
        )
    if tempo > settings.tempo_high:
        return f"hands and feet swing at {tempo:.1f} Hz (over {settings.tempo_high:g}): {fps:.4g} Hz is too high"
    if 0 < tempo < settings.tempo_low:
        return f"hands and feet swing at {tempo:.2f} Hz (under {settings.tempo_low:g}): {fps:.4g} Hz is too low"
    return ""


def doubt_root(share: float, settings: Judging, found: Findings, *, low_floor: bool = False) -> None:
    """Note a root whose place is in another unit than the bones; `share` is `contacts.root_share`."""
    if share > settings.root_high or (low_floor and share < settings.root_low):
        found.note("units_doubtful", f"the root goes {share:.3g} m where the standing foot under it goes 1 m")


def _doubt_body(values: dict[str, float], settings: Judging, found: Findings) -> None:
    doubt_root(values["root_share"], settings, found, low_floor=values["floor"] < FAR_FLOOR)
    if values["height_range"] > HIGHEST:
        found.note("units_doubtful", f"the pelvis goes up and down by {values['height_range']:.1f} m")
    if values["upright"] < UPSIDE_DOWN:
        found.note("upside_down", f"the trunk's cosine to the vertical is {values['upright']:.2f} in the median")


def _doubt_floor(values: dict[str, float], settings: Judging, found: Findings) -> None:
    if values["skate"] > settings.skate:
        speed = f"{values['skate']:.2f} m/s (over {settings.skate:g})"
        found.note("foot_skate", f"what touches the floor slides at {speed} or more in three quarters of the time")
    if values["penetration"] > settings.sink:
        found.note("sinks", f"a joint goes {values['penetration']:.2f} m below the floor (over {settings.sink:g})")
    if abs(values["floor"]) > settings.floor:
        found.note("floor_offset", f"the feet stand at {values['floor']:.2f} m (over {settings.floor:g} from 0)")
    if values["air_longest"] > settings.float_seconds:
        said = f"for {values['air_longest']:.2f} s (over {settings.float_seconds:g})"
        found.note("floats", f"no joint is within 12 cm of the lowest level of the feet {said}")


def doubt_stillness(take: Take, settings: Judging, found: Findings) -> None:
    """Note frames that repeat the one before, and hinges that do not bend."""
    steps = spikes.away(take.joints)
    still = held(steps)
    if still.mean() > settings.held_share:
        found.note("frames_repeated", f"{still.mean():.0%} of the frames repeat the one before")
    else:
        long = [(a, b) for a, b in runs(still) if b - a >= settings.pose_seconds * take.fps]
        if long:
            begin, until = max(long, key=lambda run: run[1] - run[0])
            found.note("frames_repeated", f"frames {begin} to {until} repeat one pose")
    stuck = frozen.frozen(take.joints, steps, take.fps, settings.frozen_seconds)
    if stuck:
        name, begin, until = stuck
        seconds = (until - begin) / take.fps
        found.note("joint_frozen", f"{name} does not bend at all in frames {begin} to {until} ({seconds:.2f} s)")
