"""What the quickstart clips are called: two or three sentences each, in the way people caption motion."""

import numpy as np

WHO = ("a person", "someone", "the person", "a figure", "the figure", "this person")
MAN, WOMAN = ("a man", "he", "the man"), ("a woman", "she", "the woman")  # said of persons of odd and of even number

# How a style is said; {how} in a sentence becomes one of these.
HOW: dict[str, tuple[str, ...]] = {
    "": ("", "", "", "at a normal pace", "calmly"),
    "happy": ("happily", "with a spring in their step", "cheerfully", "in a happy manner"),
    "sad": ("sadly", "with a lowered head", "in a sad manner", "gloomily"),
    "energetic": ("energetically", "with a lot of energy", "vigorously", "with big movements"),
    "slow": ("slowly", "at a slow pace", "without any hurry"),
    "quick": ("quickly", "at a fast pace", "in a hurry", "briskly"),
    "proud": ("proudly", "with the chest out", "in a proud manner"),
    "tired": ("tiredly", "wearily", "as if exhausted", "with heavy limbs"),
    "shy": ("shyly", "with small movements", "timidly"),
}

# Sentences by action; {side} is left or right, {times} once, twice ..., {turn} how far and to which side.
SENTENCES: dict[str, tuple[str, ...]] = {
    "walk": (
        "{who} walks forward {how}",
        "{who} is walking straight ahead {how}",
        "{who} takes several steps forward {how}",
        "{who} walks in a straight line {how}",
    ),
    "run": (
        "{who} runs forward {how}",
        "{who} is running straight ahead {how}",
        "{who} jogs forward in a straight line {how}",
        "{who} runs {how}",
    ),
    "turn": (
        "{who} walks forward and {turn} {how}",
        "{who} is walking and then {turn} {how}",
        "while walking {who} {turn} {how}",
        "{who} walks {how}, then {turn}",
    ),
    "circle": (
        "{who} walks in a circle to the {side} {how}",
        "{who} is walking {clock} in a circle {how}",
        "{who} walks along a {side} curve {how}",
        "{who} walks {how} in a {clock} circle",
    ),
    "walk_back": (
        "{who} walks backwards {how}",
        "{who} is stepping backward {how}",
        "{who} takes several steps back {how}",
    ),
    "sidestep": (
        "{who} steps sideways to the {side} {how}",
        "{who} is side stepping to their {side} {how}",
        "{who} moves to the {side} with side steps {how}",
    ),
    "jump": (
        "{who} jumps up {times} {how}",
        "{who} jumps on the spot {times} {how}",
        "{who} bends the knees and jumps straight up {times} {how}",
        "{who} is jumping in place {how}",
    ),
    "jump_forward": (
        "{who} jumps forward {times} {how}",
        "{who} hops ahead with both feet {times} {how}",
        "{who} makes a long jump forward {times} {how}",
    ),
    "squat": (
        "{who} does a squat {times} {how}",
        "{who} squats down and stands up again {times} {how}",
        "{who} bends the knees deeply {times} with both arms in front {how}",
    ),
    "wave": (
        "{who} waves with the {side} hand {how}",
        "{who} raises the {side} arm and waves {how}",
        "{who} is waving hello with their {side} hand {how}",
        "{who} lifts their {side} hand to wave {how}",
    ),
    "kick": (
        "{who} kicks with the {side} leg {times} {how}",
        "{who} kicks forward {times} with their {side} foot {how}",
        "{who} swings the {side} leg back and kicks {times} {how}",
    ),
    "throw": (
        "{who} throws something with the {side} hand {times} {how}",
        "{who} winds up and throws a ball with their {side} arm {times} {how}",
        "{who} is throwing an object {side} handed {times} {how}",
    ),
    "sit": (
        "{who} sits down {how}",
        "{who} sits down on a chair {how} and stays seated",
        "{who} lowers themselves onto a chair {how}",
    ),
    "sit_stand": (
        "{who} sits down and then stands up again {how}",
        "{who} sits on a chair {how} and gets back up",
        "{who} takes a seat {how}, then rises",
    ),
    "bow": (
        "{who} bows {times} {how}",
        "{who} bends forward in a bow {times} {how}",
        "{who} is bowing from the hips {times} {how}",
    ),
    "clap": (
        "{who} claps {how}",
        "{who} is clapping their hands in front of the chest {how}",
        "{who} claps both hands together {how}",
    ),
    "raise_arm": (
        "{who} raises the {side} arm over the head {times} {how}",
        "{who} lifts their {side} arm up and lowers it {times} {how}",
        "{who} is raising their {side} hand high {times} {how}",
    ),
    "raise_arms": (
        "{who} raises both arms over the head {times} {how}",
        "{who} lifts both arms up and lowers them {times} {how}",
        "{who} stretches both arms high {times} {how}",
    ),
}
TIMES = ("", "once", "twice", "three times", "four times")


def captions(
    action: str, style: str, person: int, *, side: int, times: int, turn: float, draw: np.random.Generator
) -> list[str]:
    """Two or three different sentences about a clip.

    Args:
        action: A key of SENTENCES. style: A key of HOW. person: Number of who acts.
        side: 1 left, -1 right, 0 neither. times: Repetitions, 0 if they do not matter.
        turn: radians turned while walking, to the left if positive.
        draw: Where choices come from.
    """
    templates = SENTENCES[action]
    chosen = draw.permutation(len(templates))[: int(draw.integers(2, 4))]
    names = WHO + (MAN if person % 2 else WOMAN)
    who = draw.permutation(len(names))
    words = {
        "side": "left" if side > 0 else "right",
        "clock": "counterclockwise" if side > 0 else "clockwise",
        "turn": turning(turn),
        "times": TIMES[times],
    }
    sentences = []
    for place, template in enumerate(templates[index] for index in chosen):
        how = HOW[style][int(draw.integers(len(HOW[style])))]
        said = template.format(who=names[who[place]], how=how, **words)
        sentences.append(" ".join(said.split()).replace(" ,", ","))
    return sentences


def turning(angle: float) -> str:
    """How a turn is said: which way and how far."""
    side = "left" if angle > 0 else "right"
    degrees = abs(np.rad2deg(angle))
    if degrees > 140:
        return f"turns around to the {side}"
    return f"turns slightly to the {side}" if degrees < 60 else f"turns {side}"
