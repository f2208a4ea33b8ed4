"""Left and right: what a caption says of one side and what the body does with it."""

import re

from motionlib.artifacts import Caption
from motionlib.params import Judging

OTHER = {"left": "right", "right": "left"}
WHOLE = 0.8  # of a take that a caption must speak of to be held against the measures of all of it

# A caption speaks of one side if these words follow `left` or `right`, and of nothing on the other side.
_ARM = r"(?:arm|hand|wrist|elbow|forearm|fist|palm|shoulder)"
_LEG = r"(?:leg|foot|knee|ankle|shin|heel)"
_NAMED = {
    "arm": re.compile(rf"\b(left|right)(?:[\s-]+(?:upper|lower))?[\s-]+{_ARM}\b", re.IGNORECASE),
    "leg": re.compile(rf"\b(left|right)(?:[\s-]+(?:upper|lower))?[\s-]+{_LEG}\b", re.IGNORECASE),
}
_TURNS = re.compile(
    r"\bturn(?:s|ing|ed)?(?:[\s-]+to)?(?:[\s-]+(?:the|his|her|their))?[\s-]+(left|right)\b", re.IGNORECASE
)
_BOTH = re.compile(
    r"\b(both|each|other|hands|arms|legs|feet|knees|alternat\w*|opposite|switch\w*|two)\b", re.IGNORECASE
)
# What a limb does when the sentence says that it is at rest, or holds on to something while the other one works.
_AT_REST = re.compile(r"\b(still|rest\w*|hold\w*|stand\w*|balanc\w*|support\w*|lean\w*|on (?:his|her|their|one))\b")


def named_side(text: str, limb: str) -> str:
    """`left` or `right` if a sentence names that `arm` or `leg` and no other one of its kind, else ""."""
    sides = {side.lower() for side in _NAMED[limb].findall(text)}
    if len(sides) != 1 or _BOTH.search(text) or _AT_REST.search(text.lower()):
        return ""
    return str(sides.pop())


def contradiction(captions: tuple[Caption, ...], measures: dict[str, float], settings: Judging, seconds: float) -> str:
    """A message if a caption of nearly the whole take names one side and clearly the other one moves, else "".

    Args:
        captions: Of the take.
        measures: With arm_left, arm_right, leg_left, leg_right and turn_net.
        settings: `ingest.judging`.
        seconds: Length of the take.
    """
    whole = [one for one in captions if not one.end_s or one.end_s - one.start_s >= WHOLE * seconds]
    for text in (caption.text for caption in whole):
        for limb in ("arm", "leg"):
            side = named_side(text, limb)
            if not side:
                continue
            other = OTHER[side]
            named, moved = measures[f"{limb}_{side}"], measures[f"{limb}_{other}"]
            if moved > settings.side_speed and moved > settings.side_ratio * named:
                return (
                    f"{text[:80]!r}, but the {side} {limb} moves at {named:.2f} m/s and the {other} one at {moved:.2f} "
                    f"m/s, over {settings.side_ratio:g} times as much"
                )
        turns = {side.lower() for side in _TURNS.findall(text)}
        net = measures["turn_net"] if turns == {"right"} else -measures["turn_net"]
        if len(turns) == 1 and net > settings.side_turn:
            return f"{text[:80]!r}, but the body turns by {net:.0f} degrees to the {OTHER[turns.pop()]}"
    return ""
