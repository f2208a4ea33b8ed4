"""Every reader on a few hundred broken files: nothing leaves it but BadMotionError. `make fuzz` does it for hours."""

import random

import pytest
from fuzz_seeds import WORDS
from fuzz_targets import seeds, targets

MUTANTS = 300
EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01\0\0\0", b"\0\0\x80\x7f")


def mutate(seed: bytes, draw: random.Random, words: tuple[bytes, ...]) -> bytes:
    """One to four small changes: bits, cuts, repeats, words that lie."""
    data = bytearray(seed)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        length = min(draw.choice((1, 2, 4, 8, 40, 400)), len(data) - at)
        kind = draw.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length] * draw.choice((1, 2, 30))
        elif kind == 3:
            data[at : at + length] = draw.choice(words)
        elif kind == 4:
            data[at : at + 4] = draw.choice(EXTREMES)
        else:
            data = data[:at] if draw.random() < 0.3 else data
    return bytes(data)


@pytest.mark.parametrize("name", sorted(targets()))
def test_broken_files_are_refused_by_reason(name: str):
    run, draw = targets()[name], random.Random(name)
    words = (*WORDS[""], *WORDS.get(name, ()))
    for seed in seeds(name):
        run(seed)
    for number in range(MUTANTS):
        data = mutate(draw.choice(seeds(name)), draw, words)
        try:
            run(data)
        except Exception as error:
            error.add_note(f"mutant {number}: {data[:300]!r}")
            raise
