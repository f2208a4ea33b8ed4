from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlib.evaluation.reconstruction import (
    acceleration_error,
    heading_free,
    jerk_error,
    mean_pose_error,
    mpjpe,
    mpjpe_unaligned,
    nearest_frame,
    nearest_frame_error,
    pa_mpjpe,
)

GOLDEN = Path(__file__).parent.parent / "golden"


def motion(seed, frames=6, joints=22):
    return np.random.default_rng(seed).normal(size=(frames, joints, 3))


def test_mpjpe_is_that_of_the_published_code():
    golden = np.load(GOLDEN / "metric_mpjpe.npz", allow_pickle=False)
    per_frame = mpjpe(golden["pred"], golden["gt"])

    np.testing.assert_allclose(per_frame, golden["per_frame_m"], rtol=1e-5)
    assert 1000 * per_frame.mean() == pytest.approx(float(golden["mean_mm"]), rel=1e-5)


def test_one_joint_of_two_off_by_a_metre_is_half_a_metre():
    real = np.zeros((1, 2, 3))
    predicted = np.array([[[5.0, 0, 0], [6.0, 0, 0]]])

    assert mpjpe(predicted, real).tolist() == [0.5]
    assert mpjpe_unaligned(predicted, real).tolist() == [5.5]


def test_a_constant_acceleration_is_seen_once_per_inner_frame():
    frames = np.arange(5.0)
    real, predicted = np.zeros((5, 1, 3)), np.zeros((5, 1, 3))
    predicted[:, 0, 1] = frames**2  # second difference of t^2 is 2

    assert acceleration_error(predicted, real).tolist() == [2.0, 2.0, 2.0]
    assert acceleration_error(predicted[:2], real[:2]).shape == (0,)


@given(seed=st.integers(0, 2**16), angle=st.floats(-3, 3), scale=st.floats(0.2, 5))
def test_procrustes_undoes_turning_moving_and_scaling(seed, angle, scale):
    real = motion(seed)
    c, s = np.cos(angle), np.sin(angle)
    turned = scale * real @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) + [1.0, 2.0, 3.0]

    np.testing.assert_allclose(pa_mpjpe(turned, real), 0.0, atol=1e-9)


@given(seed=st.integers(0, 2**16))
def test_procrustes_never_answers_with_a_mirror_image(seed):
    real = motion(seed)
    assert (pa_mpjpe(real * [-1.0, 1.0, 1.0], real) > 0.01).all()


def test_procrustes_of_a_pose_shrunk_to_a_point_is_finite():
    real = motion(0)
    expected = np.linalg.norm(real - real.mean(axis=1, keepdims=True), axis=-1).mean(axis=-1)
    np.testing.assert_allclose(pa_mpjpe(np.zeros_like(real), real), expected)


def test_a_remembered_frame_is_found_wherever_it_stands():
    training = motion(1, frames=300)
    real = training[[7, 250]] + [10.0, 0.0, -3.0]

    nearest = nearest_frame(real, training)
    assert nearest.frame.tolist() == [7, 250]
    np.testing.assert_allclose(nearest_frame_error(real, training), 0.0, atol=1e-6)


def test_the_mean_pose_answers_every_frame_alike():
    real = np.stack([np.zeros((2, 3)), np.array([[0.0, 0, 0], [0, 2.0, 0]])])
    assert mean_pose_error(real, np.array([[0.0, 0, 0], [0, 1.0, 0]])).tolist() == [0.5, 0.5]


def test_heading_free_joints_are_read_off_the_features():
    features = np.arange(2 * 263.0).reshape(2, 263)
    pose = heading_free(features)

    assert pose.shape == (2, 22, 3)
    assert pose[0, 0].tolist() == [0.0, 3.0, 0.0]
    assert pose[0, 1].tolist() == [4.0, 5.0, 6.0]
    assert pose[0, 21].tolist() == [64.0, 65.0, 66.0]


def test_unequal_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(3, 22, 3\)"):
        mpjpe(np.zeros((3, 22, 3)), np.zeros((4, 22, 3)))
    with pytest.raises(ValueError, match="cannot answer"):
        nearest_frame(np.zeros((3, 22, 3)), np.zeros((0, 22, 3)))


def test_jerk_is_the_change_of_acceleration_and_blind_to_constant_ones():
    time = np.arange(6.0)
    still, falling, jolted = (np.zeros((6, 1, 3)) for _ in range(3))
    falling[:, 0, 1] = time**2
    jolted[:, 0, 1] = time**3  # third differences of 6
    assert jerk_error(falling, still).tolist() == [0.0, 0.0, 0.0]
    assert jerk_error(jolted, still) == pytest.approx([6.0, 6.0, 6.0])
    assert len(jerk_error(still[:2], still[:2])) == 0
