"""What the two protocols say of a handful and of hundreds of motions."""

from types import SimpleNamespace

import numpy as np
import pytest

from motionlib.evaluation.likeness import halves_report, likeness_report
from motionlib.evaluation.scores import Protocol

SOUND = Protocol(repeats=3, pool=32, resamples=200, seed=0)
PUBLISHED = SOUND._replace(name="published")


def cases(count: int):
    """A test set in which every motion has one caption."""
    return SimpleNamespace(draw=lambda seed: list(range(count)))


def embeddings(seed: int, count: int, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def test_fid_of_fewer_motions_than_numbers_is_refused_and_said_so():
    found = likeness_report(cases(12), embeddings(0, 12), embeddings(1, 12), SOUND)
    assert "fid" not in found
    assert found["fid_refused"] == "FID of 12 motions in 16 dimensions says nothing; more than 16 are needed"
    assert {"kid", "density", "coverage", "diversity"} <= set(found)


def test_the_published_protocol_gives_fid_whatever_it_is_worth():
    found = likeness_report(cases(12), embeddings(0, 12), embeddings(1, 12), PUBLISHED)
    assert found["fid"]["mean"] > 1.0
    assert "fid_refused" not in found


@pytest.mark.parametrize("seed", range(3))
def test_three_hundred_motions_of_one_distribution_are_compatible_with_no_distance(seed):
    found = likeness_report(cases(300), embeddings(2 * seed, 300), embeddings(2 * seed + 1, 300), SOUND)
    assert found["fid"]["mean"] > 0.2
    for name in ("kid", "fid_extrapolated"):
        assert found[name]["low"] <= 0.0 <= found[name]["high"]
    assert found["coverage"]["mean"] > 0.9


def test_motion_that_stands_apart_is_told_from_real_motion():
    found = likeness_report(cases(300), embeddings(0, 300), embeddings(1, 300) + 0.5, SOUND)
    assert found["kid"]["low"] > 0.0
    assert found["fid_extrapolated"]["low"] > 0.0
    assert (
        found["coverage"]["mean"]
        < likeness_report(cases(300), embeddings(0, 300), embeddings(1, 300), SOUND)["coverage"]["mean"]
    )


def test_copies_of_the_real_motions_are_nearer_than_any_other_sample_could_be():
    found = likeness_report(cases(300), embeddings(0, 300), embeddings(0, 300), SOUND)
    assert found["kid"]["high"] < 0.0


def test_halves_of_a_small_set_have_no_fid_by_the_sound_protocol():
    assert set(halves_report(embeddings(0, 20), SOUND)) == {"n", "kid"}
    assert set(halves_report(embeddings(0, 20), PUBLISHED)) == {"n", "kid", "fid"}
    assert set(halves_report(embeddings(0, 40), SOUND)) == {"n", "kid", "fid"}


def test_what_decides_a_score_is_kept_with_it_and_another_seed_has_other_lists():
    pairs = type("Pairs", (), {"draw": lambda self, seed: [seed] * 40, "cases": [0] * 40, "__len__": lambda self: 40})()
    facts = SOUND.facts(pairs)
    assert (facts["name"], facts["n"], facts["repeats"]) == ("sound", 40, 3)
    assert facts == SOUND.facts(pairs)
    assert facts["lists"] != SOUND._replace(seed=9).facts(pairs)["lists"]
