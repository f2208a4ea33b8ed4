"""Kinds of held-out clips, so that a model that got worse at one of them cannot hide behind its mean."""

import numpy as np

from motionlib.artifacts import FeatureClip, FeatureSet, Float32
from motionlib.evaluation.physics import horizontal_speed
from motionlib.normalize.humanml263 import recover
from motionlib.normalize.layout import ROOT_TURN

# m/s up to which a clip is called so; jogging and running as studios' shot lists part them (walk <= 2, jog 2 to 4).
SPEEDS = (("standing", 0.2), ("walking", 2.0), ("jogging", 4.0), ("running", np.inf))
# degrees per second of mean absolute turning: a curve is walked at 15 to 45, a turn on the spot takes 90.
TURNS = (("straight", 15.0), ("curved", 45.0), ("turning", np.inf))


def slices(features: FeatureSet, clips: list[FeatureClip]) -> dict[str, dict[str, str]]:
    """Of each clip id: its delivery, rig, subject, action, style, speed and turn; what is not known is left out."""
    return {clip.id: _slices_of(clip, features.of(clip), features.fps) for clip in clips}


def _slices_of(clip: FeatureClip, rows: Float32, fps: float) -> dict[str, str]:
    speed = horizontal_speed(recover(np.array(rows)), fps)
    turn = float(np.degrees(2.0 * np.abs(rows[:, ROOT_TURN]).mean() * fps))  # the feature is half the heading change
    known = {name: getattr(clip, name) for name in ("delivery", "rig", "subject", "action", "style")}
    known |= {"speed": _band(SPEEDS, speed), "turn": _band(TURNS, turn)}
    return {name: value for name, value in known.items() if value}


def _band(bands: tuple[tuple[str, float], ...], value: float) -> str:
    return next(name for name, most in bands if value <= most)
