"""Which actions captions speak of: verbs of motion, whatever their form. Counting needs no parser, only this list."""

import re
from collections.abc import Iterable

_WORD = re.compile(r"[a-z]+")
# Verbs of motion in their base form; what else a sentence says does not tell what the body does.
VERBS = _WORD.findall(
    "balance bend bounce bow box call carry catch chase clap climb crawl cross crouch dance dash dive dodge drag draw "
    "drink drive drop duck eat exercise face fall fight flap flip float flex fly gallop gesture golf grab hang hit "
    "hold hop hug hurry jog juggle jump kick kneel knock laugh lean leap lie lift limp lower lunge march mimic nod "
    "pace paddle pick pivot play point pose pour pull punch push put raise reach recover rest roll rotate row rub run "
    "rush salute scratch shake shiver shove shrug shuffle shout sidestep sit skate skip slap slide sleep slip sneak "
    "spin sprint squat squeeze stagger stamp stand step stir stomp stoop stop stretch stride stroll strut stumble "
    "sway sweep swerve swim swing tap throw tiptoe toss trip turn twirl twist type vault waddle wade walk wander wash "
    "wave wipe wobble write yawn zigzag cartwheel respond skid guide dribble bowl pitch"
)
# Forms that no rule gives.
IRREGULAR = {
    "caught": "catch", "drank": "drink", "drew": "draw", "drove": "drive", "ate": "eat", "fell": "fall",
    "fallen": "fall", "fought": "fight", "flew": "fly", "held": "hold", "knelt": "kneel", "leapt": "leap",
    "lying": "lie", "lay": "lie", "laid": "lie", "ran": "run", "shook": "shake", "sat": "sit", "slept": "sleep",
    "slid": "slide", "spun": "spin", "stood": "stand", "swept": "sweep", "swam": "swim", "swung": "swing",
    "threw": "throw", "thrown": "throw", "wrote": "write", "jumprope": "jump", "jogger": "jog", "runner": "run",
    "boxer": "box", "dancer": "dance", "walker": "walk", "handstand": "balance", "salsa": "dance", "waltz": "dance",
    "bye": "wave", "byebye": "wave", "swordplay": "fight",
}  # fmt: skip
# What a library for people in motion is expected to hold.
EXPECTED = (
    "walk", "run", "jump", "turn", "sit", "stand", "crouch", "kneel", "crawl", "climb", "fall", "lie", "kick",
    "punch", "throw", "catch", "pick", "carry", "push", "wave", "dance",
)  # fmt: skip
_VOWELS = "aeiou"


def action_words(texts: Iterable[str]) -> tuple[str, ...]:
    """Base forms of the verbs of motion in captions, each once, in alphabetical order."""
    return tuple(sorted({FORMS[word] for text in texts for word in _WORD.findall(text.lower()) if word in FORMS}))


def forms_of(verb: str) -> set[str]:
    """walk, walks, walked, walking; also carry, carries, carried, and hop, hopped, hopping."""
    forms = {verb, verb + "s", verb + "ed", verb + "ing"}
    if verb.endswith("e"):
        forms |= {verb + "d", verb[:-1] + "ing"}
    if verb.endswith(("s", "x", "ch", "sh", "ss")):
        forms.add(verb + "es")
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        forms |= {verb[:-1] + "ies", verb[:-1] + "ied"}
    if len(verb) > 2 and verb[-1] not in _VOWELS + "wxy" and verb[-2] in _VOWELS and verb[-3] not in _VOWELS:
        forms |= {verb + verb[-1] + "ed", verb + verb[-1] + "ing"}
    return forms


FORMS = {form: verb for verb in dict.fromkeys(VERBS) for form in sorted(forms_of(verb))} | IRREGULAR
