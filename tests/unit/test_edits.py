"""Editing, going on, long motions and texts in a row, with a bundle of tiny models and a real walk."""

import numpy as np
import pytest
from tiny_bundle import tiny_bundle

from motionlib.normalize import extract, recover
from motionlib.promotion.bundle import Bundle
from motionlib.promotion.edits import Change, edit, go_on


@pytest.fixture(scope="module")
def rows(golden):
    with np.load(golden / "t2m_cmu_002_01.npz") as archive:
        return extract(archive["joints"])


@pytest.fixture(scope="module")
def model(golden, tmp_path_factory):
    with np.load(golden / "t2m_cmu_002_01.npz") as archive:
        return Bundle.load(tiny_bundle(archive["joints"], tmp_path_factory.mktemp("bundle")))


def test_frames_outside_a_replaced_part_come_back_exactly_in_the_world_too(model, rows):
    (made,) = edit(model, rows, [Change(0.8, 1.6, "jump")])
    assert made.mask.tolist() == [16 <= frame < 32 for frame in range(len(rows))]
    np.testing.assert_array_equal(made.features[~made.mask], rows[~made.mask])
    np.testing.assert_array_equal(made.joints[~made.mask], recover(rows)[~made.mask])
    assert np.abs(made.joints[made.mask] - recover(rows)[made.mask]).max() > 0.01
    np.testing.assert_allclose(made.joints, recover(made.features), atol=1e-4)


def test_what_follows_may_go_on_from_where_the_new_part_ended(model, rows):
    stay, follow = (edit(model, rows, [Change(0.8, 1.6, "jump")], after=after)[0] for after in ("stay", "follow"))
    np.testing.assert_array_equal(follow.features[~follow.mask], rows[~follow.mask])
    np.testing.assert_array_equal(follow.joints[:16], stay.joints[:16])
    assert np.abs(follow.joints[32:] - stay.joints[32:]).max() > 0.01
    assert follow.led == 0.0


def test_several_parts_change_each_with_its_text_and_counts_differ(model, rows):
    changes = [Change(0.0, 0.5, "turn"), Change(2.0, 2.5, "")]
    one, two = edit(model, rows, changes, count=2)
    assert one.mask.sum() == two.mask.sum() == 20
    assert not np.array_equal(one.codes, two.codes)
    for made in (one, two):
        np.testing.assert_array_equal(made.features[~made.mask], rows[~made.mask])


def test_a_motion_goes_on_beyond_its_end_and_beyond_what_the_prior_writes_at_once(model, rows):
    (made,) = go_on(model, rows, ["walk", "run"], [6.0, 1.0])
    assert len(made.features) == len(rows) + 140
    np.testing.assert_array_equal(made.joints[: len(rows)], recover(rows))
    assert made.mask.sum() == 140


def test_a_motion_goes_on_from_a_single_pose(model, rows):
    (made,) = go_on(model, rows[:1], ["walk"], None)
    np.testing.assert_array_equal(made.features[0], rows[0])
    assert len(made.features) > 1


def test_a_motion_may_be_longer_than_the_prior_writes_at_once(model):
    (long,) = model.generate(["walk"], 30.0)
    assert long.features.shape == (600, 263)
    (again,) = model.generate(["walk"], 30.0)
    np.testing.assert_array_equal(long.codes, again.codes)


def test_texts_in_a_row_make_one_motion(model):
    one, two = model.in_a_row(["walk", "jump"], [2.0, 3.0], count=2)
    assert one.features.shape == two.features.shape == (100, 263)
    assert not np.array_equal(one.codes, two.codes)
    assert one.text == "walk, then jump"
    (own,) = model.in_a_row(["walk", "jump"], None)
    assert len(own.codes) == sum(len(motion.codes) for motion in model.generate(["walk", "jump"]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([], "nothing is to be changed"),
        ([Change(1.0, 1.05, "")], "shorter than 2 frames"),
        ([Change(-1.0, 1.0, "")], "begins before"),
        ([Change(0.0, 1.0, ""), Change(0.9, 2.0, "")], "overlaps"),
        ([Change(5.0, 6.0, "")], r"ends at 2\.8 s and nothing says what comes at 2\.8 s"),
    ],
)
def test_an_impossible_change_is_refused(model, rows, changes, words):
    with pytest.raises(ValueError, match=words):
        edit(model, rows, changes)
