"""What the names of joints tell: side and part of the body, whatever tool wrote them.

Known: CMU, LAFAN1, Mixamo, MotionBuilder's HIK, 3ds Max Biped, Unreal, VRM, Rokoko, Xsens, OptiTrack, SMPL, Bandai
Namco, SNU, Daz, iClone, Blender's Rigify, and what common tools export. Words that most names of a skeleton share
(`Character1_`, `J_Bip_`, `_JNT`) are no part of a name.
"""

import re
from collections import Counter
from collections.abc import Sequence

SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
LIMBS = {
    "hip": ("upleg", "upperleg", "thigh", "femur", "hip"),
    "knee": ("leg", "lowerleg", "lowleg", "calf", "shin", "tibia", "knee"),
    "ankle": ("ankle", "foot"),
    "foot": ("toe", "toes", "ball", "foot"),
    "shoulder": ("arm", "upperarm", "uparm", "uarm", "shldr", "humerus", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "farm", "elbow", "radius"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "shoulder"),
}
TRUNK = ("hip", "pelvis", "spine", "chest", "abdomen", "waist", "back", "torso", "neck", "head", "ab", "root")
SHARED = 0.6  # of a skeleton's names; a first or last word that so many have is the rig's, not the joint's
FEWEST = 10  # names, below which no word is taken for the rig's

_PARTS = {part for parts in LIMBS.values() for part in parts}
# Words that say nothing: prefixes of whole rigs, `base` also of the toes, `bend` beside a twist joint, `c` for centre.
_NOT_TOLD = {"cc", "base", "bip", "mixamorig", "def", "bend", "c", "j", "jnt", "bone", "bind", "skin"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_END = "_end"


def told(name: str) -> tuple[str, str]:
    """Side ("left", "right" or "") and part of the body that a joint's name tells, as in ("left", "upleg")."""
    return _meaning(_words(name))


def told_all(names: Sequence[str]) -> list[tuple[str, str]]:
    """`told` of each joint, without the words that most of the names begin or end with."""
    words = [_words(name) for name in names]
    for place in (0, -1):
        while shared := _shared(words, names, place):
            words = [_without(own, shared, place) for own in words]
    return [_meaning(own) for own in words]


def limbs(meanings: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Joint by canonical name. A word that could be two joints (shoulder, foot) is the one that has no other word."""
    parts: dict[tuple[str, str], int] = {}
    for joint, meaning in enumerate(meanings):
        parts.setdefault(meaning, joint)
    found: dict[str, int] = {}
    for side in ("left", "right"):
        taken: set[int] = set()
        for canonical, words in LIMBS.items():
            free = [parts[side, word] for word in words if parts.get((side, word), -1) not in {-1, *taken}]
            if free:
                found[f"{side}_{canonical}"] = free[0]
                taken.add(free[0])
    if ("", "head") in parts:
        found["head"] = parts["", "head"]
    return found


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name.rpartition(":")[2])]


def _shared(words: list[list[str]], names: Sequence[str], place: int) -> str:
    """The first (0) or last (-1) word that most names share, if it is no side and no part of a body."""
    own = [w for w, name in zip(words, names, strict=True) if place == 0 or not name.endswith(_END)]
    if len(own) < FEWEST:
        return ""
    counted = Counter(w[place] for w in own if len(w) > 1)
    word, count = max(counted.items(), key=lambda item: item[1], default=("", 0))
    return word if count >= SHARED * len(own) and word not in SIDES and word not in _PARTS else ""


def _without(words: list[str], shared: str, place: int) -> list[str]:
    if len(words) < 2 or words[place] != shared:
        return words
    return words[1:] if place == 0 else words[:-1]


def _meaning(words: list[str]) -> tuple[str, str]:
    side = next((SIDES[word] for word in words if word in SIDES), "")
    rest = [word for word in words if word not in SIDES]
    part = "".join(word for word in rest if word not in _NOT_TOLD) or "".join(rest)
    if not side:  # leftupleg, lhand
        for prefix in ("left", "right", "l", "r"):
            if part.startswith(prefix) and part.removeprefix(prefix).removesuffix("base") in _PARTS:
                return SIDES[prefix], part.removeprefix(prefix).removesuffix("base")
    return side, part
