"""The report of what the modes differ by names the faults that a take has, and none that it has not."""

import numpy as np
import pytest
from analytic import walk

from motionlib.artifacts import Report, read_clips, write_clips
from motionlib.body import rotations
from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_LENGTHS, CANONICAL_PARENTS
from motionlib.normalize.difference import HITS, MEANING, Difference, difference, picture, summary
from motionlib.normalize.difference_library import with_modes
from motionlib.rig.canonical import canonical_motion


def still(frames):
    """(frames, 22, 3) m: the canonical pose."""
    joints = np.zeros((frames, 22, 3))
    joints[:, 0, 1] = 0.95
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + CANONICAL_DIRECTIONS[joint] * CANONICAL_LENGTHS[joint]
    return joints


def compared(**asked):
    motion = canonical_motion(walk(20.0, **asked), 20.0)
    return difference(motion.joints, motion.world_quat)


def test_a_body_at_rest_has_no_fault():
    # Each canonical leg has its own length, so that size by the right one is size by both.
    found = difference(still(30))
    assert found.hit() == []
    assert found.rms["root_turn"] < 1e-6
    assert set(found.faults) == set(HITS) == set(MEANING)


def test_walking_in_circles_flips_a_sign_and_strays():
    found = compared(turns=2.0, seconds=15.0)
    assert found.faults["flips"] == 2.0
    assert found.faults["lost_metres"] > 0.1
    assert {"flips", "lost_metres"} <= set(found.hit())
    assert "flips" not in compared(turns=0.3, seconds=15.0).hit()


def test_a_twisted_trunk_shows_the_swapped_hips():
    joints = still(30)
    upper = [3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
    joints[:, upper] = rotations.rotate(rotations.from_yaw(0.5), joints[:, upper])  # shoulders 29 degrees to the left
    found = difference(joints)
    # Hips of 0.21 m at 0 degrees and shoulders of 0.36 m at 29 degrees: their sum and their difference face apart.
    assert "hips_degrees" in found.hit()
    assert 20.0 < found.faults["hips_degrees"] < 60.0
    assert found.faults["first_row_degrees"] > 5.0


@pytest.mark.parametrize(("fps", "percent"), [(20.0, 0.0), (120.0, 0.0), (150.0, 7.142857), (30.0, 50.0)])
def test_the_published_frame_rate_is_told(fps, percent):
    # 150 Hz: every 7th frame is 21.43 Hz; 30 Hz: every frame.
    assert difference(still(5), source_fps=fps).faults["rate_percent"] == pytest.approx(percent)


def test_a_bad_first_frame_shows_in_the_size():
    joints = still(40)
    joints[0, 8] -= [0.0, 0.2, 0.0]  # the right shin of the first frame is 20 cm too long
    assert difference(joints).faults["scale_percent"] > 10.0


def test_a_take_that_compat_refuses_is_told_as_such(golden):
    with np.load(golden / "quirks.npz") as quirks:
        found = difference(quirks["zerobone_joints"])
    assert "collar" in found.refused
    assert found.report() == {"refused": found.refused}


def test_a_library_is_counted_and_pictured_the_same_twice():
    found = [compared(turns=turns) for turns in (0.0, 1.5)] + [Difference(refused="no bone")]
    numbers = summary(found)
    assert (numbers["takes"], numbers["refused"]) == (3, 1)
    assert numbers["faults"]["flips"]["takes"] == 1
    assert picture(found).startswith(b"\x89PNG")
    assert picture(found) == picture(found)
    assert summary([])["takes"] == 0
    assert picture([]).startswith(b"\x89PNG")


def test_the_report_of_a_library_shows_both_modes(tmp_path):
    write_clips(tmp_path, [walk(30.0, turns=turns) for turns in (0.0,)])
    report = with_modes(Report({"clips": 1}, {"bodies.png": b""}), read_clips(tmp_path))
    assert report.numbers["clips"] == 1
    assert report.numbers["modes"]["takes"] == 1
    assert report.numbers["modes"]["faults"]["rate_percent"]["largest"] == 50.0
    assert set(report.pictures) == {"bodies.png", "modes.png"}
