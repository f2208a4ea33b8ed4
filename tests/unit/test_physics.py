import numpy as np
import pytest

from motionlib.body.skeleton import CANONICAL_DIRECTIONS, CANONICAL_LENGTHS, CANONICAL_PARENTS
from motionlib.evaluation.physics import (
    bone_drift,
    contact_consistency,
    horizontal_speed,
    jitter,
    penetration,
    physics,
    root_height_range,
    skate_ratio,
)

FPS = 20.0


@pytest.fixture
def standing():
    pose = np.zeros((22, 3))
    for joint, parent in enumerate(CANONICAL_PARENTS[1:], start=1):
        pose[joint] = pose[parent] + CANONICAL_LENGTHS[joint] * CANONICAL_DIRECTIONS[joint]
    pose[:, 1] -= pose[:, 1].min()
    return np.repeat(pose[None], 40, axis=0)


def test_standing_still_is_flawless(standing):
    assert physics(standing, FPS) == pytest.approx((0.0, 0.0, 0.0, 0.0), abs=1e-9)


def test_a_body_pushed_over_the_floor_skates(standing):
    seconds = np.arange(40)[:, None] / FPS
    pushed = standing.copy()
    pushed[..., 2] += 1.0 * seconds  # 1 m/s

    assert skate_ratio(pushed, FPS) == 1.0
    assert horizontal_speed(pushed, FPS) == pytest.approx(1.0)
    pushed[..., 1] += 0.2  # the same in the air
    assert skate_ratio(pushed, FPS) == 0.0


def test_slow_shuffling_is_not_skating(standing):
    shuffled = standing + np.arange(40)[:, None, None] * np.array([0.02, 0, 0])  # 0.4 m/s
    assert skate_ratio(shuffled, FPS) == 0.0


def test_jitter_is_the_third_derivative(standing):
    seconds = np.arange(40)[:, None] / FPS
    moved = standing.copy()
    moved[..., 0] += seconds**3  # jerk of t^3 is 6
    assert jitter(moved, FPS) == pytest.approx(6.0, rel=1e-6)
    assert jitter(moved[:3], FPS) == 0.0


def test_penetration_is_the_depth_of_the_lowest_joint(standing):
    assert penetration(standing - [0, 0.03, 0]) == pytest.approx(0.03)


def test_a_stretched_bone_is_found(standing):
    stretched = standing.copy()
    stretched[7, 20, :] += 0.5 * (stretched[7, 20] - stretched[7, 18])  # left wrist, half a forearm too far
    assert bone_drift(stretched) == pytest.approx(0.5)


def test_a_hop_of_thirty_centimetres(standing):
    hop = standing.copy()
    hop[10:20, :, 1] += 0.3
    assert root_height_range(hop) == pytest.approx(0.3)


def test_another_skeleton_is_refused():
    with pytest.raises(ValueError, match=r"\(5, 21, 3\)"):
        physics(np.zeros((5, 21, 3)), FPS)


def test_contacts_are_borne_out_by_feet_that_stand_and_belied_by_feet_that_move():
    feet = np.zeros((5, 4, 3))
    feet[:, 2:, 0] = 0.1 * np.arange(5)[:, None]  # the right foot moves 10 cm a frame: 0.01 m^2
    says = np.array([[1, 1, 0, 0]] * 5)
    assert contact_consistency(says, feet, 0.002) == 1.0
    assert contact_consistency(1 - says, feet, 0.002) == 0.0
    assert contact_consistency(np.ones((5, 4)), feet, 0.002) == 0.5
    assert contact_consistency(says[:1], feet[:1], 0.002) == 1.0
